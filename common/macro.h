/* Small language helpers that every module may use: scope-bound clean-up, ownership transfer,
 * printf checking. Nothing here allocates or does I/O. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define _cleanup_(f)        __attribute__((__cleanup__(f)))
#define _printf_(fmt, args) __attribute__((__format__(__printf__, fmt, args)))
#define _unused_            __attribute__((__unused__))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define CONTAINER_OF(ptr, Type, member) ((Type *)(void *)((char *)(ptr)-offsetof(Type, member)))

/* MIN and MAX of two values of one type; each argument is evaluated once, and they nest: the names
 * of their temporaries are unique. */
#define MIN_OF(a, b)            PICK_OF(a, <, b, __COUNTER__)
#define MAX_OF(a, b)            PICK_OF(a, >, b, __COUNTER__)
#define PICK_OF(a, order, b, n) PICK_OF_NAMED(a, order, b, PASTE(_pick_a, n), PASTE(_pick_b, n))
#define PICK_OF_NAMED(a, order, b, x, y)                                                           \
        ({                                                                                         \
                __typeof__(a) x = (a);                                                             \
                __typeof__(b) y = (b);                                                             \
                x order y ? x : y;                                                                 \
        })
#define PASTE(a, b)  PASTE_(a, b)
#define PASTE_(a, b) a##b

/* Gives a pointer's value away and leaves NULL behind, so that its clean-up does nothing. */
#define take_ptr(p)                                                                                \
        ({                                                                                         \
                __typeof__(p) *_take_from = &(p);                                                  \
                __typeof__(p) _taken = *_take_from;                                                \
                *_take_from = NULL;                                                                \
                _taken;                                                                            \
        })

/* The same for a file descriptor, which leaves -1 behind. */
static inline int take_fd(int *fd) {
        int taken = *fd;
        *fd = -1;
        return taken;
}

/* An assertion on an invariant of ours: compiled in always, whatever NDEBUG says. Never used on
 * what a peer, the configuration, the disk or the database gave. */
#define ASSERT(expr)                                                                               \
        do {                                                                                       \
                if (__builtin_expect(!(expr), 0))                                                  \
                        assert_failed(#expr, __FILE__, __LINE__, __func__);                        \
        } while (0)

_Noreturn static inline void assert_failed(const char *expr, const char *file, int line,
                                           const char *function) {
        fprintf(stderr, "stint: invariant broken: %s (%s:%d, %s)\n", expr, file, line, function);
        abort();
}

/* Defines pointer_freep-style clean-up functions: DEFINE_CLEANUP(Task *, task_free) gives
 * task_freep. */
#define DEFINE_CLEANUP(Type, func)                                                                 \
        static inline void func##p(Type *p) {                                                      \
                if (*p)                                                                            \
                        func(*p);                                                                  \
        }

static inline void freep(void *p) {
        free(*(void **)p);
}
