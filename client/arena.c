/* See arena.h. */
#include "client/arena.h"

#include <errno.h>

void arena_done(Arena *a) {
        free(a->data);
        *a = (Arena){0};
}

int arena_reset(Arena *a, size_t size) {
        a->used = 0;
        if (a->data && size <= a->size)
                return 0;
        char *data = malloc(size + 1);
        if (!data)
                return -ENOMEM;
        free(a->data);
        a->data = data;
        a->size = size;
        return 0;
}

void *arena_take(Arena *a, size_t size) {
        size_t align = _Alignof(max_align_t), at = (a->used + align - 1) / align * align;
        ASSERT(at <= a->size && size <= a->size - at);
        a->used = at + size;
        return memset(a->data + at, 0, size);
}

const char *arena_text(Arena *a, WireText text) {
        ASSERT(text.size < a->size - a->used);
        char *copy = a->data + a->used;
        if (text.size)
                memcpy(copy, text.data, text.size);
        copy[text.size] = '\0';
        a->used += text.size + 1;
        return copy;
}
