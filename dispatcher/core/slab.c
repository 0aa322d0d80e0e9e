/* See slab.h. A chunk begins with a link to the next one, then holds SLAB_OBJECTS objects. */
#include "dispatcher/core/slab.h"

#include "common/macro.h"

#include <string.h>

#define SLAB_OBJECTS 256u
#define SLAB_HEADER  16u /* keeps objects aligned */

#ifdef __has_feature
#define SLAB_CLANG_ASAN __has_feature(address_sanitizer)
#else
#define SLAB_CLANG_ASAN 0
#endif
#if defined(__SANITIZE_ADDRESS__) || SLAB_CLANG_ASAN
#define SLAB_IS_MALLOC 1
#else
#define SLAB_IS_MALLOC 0
#endif

static void *link_get(const void *object) {
        void *next;
        memcpy(&next, object, sizeof(next));
        return next;
}

static void link_set(void *object, void *next) {
        memcpy(object, &next, sizeof(next));
}

void slab_init(Slab *s, size_t object_size) {
        *s = (Slab){.object_size = (object_size + 7u) & ~(size_t)7u};
}

void slab_done(Slab *s) {
        for (void *chunk = s->chunks, *next; chunk; chunk = next) {
                next = link_get(chunk);
                free(chunk);
        }
        *s = (Slab){.object_size = s->object_size};
}

static int slab_grow(Slab *s) {
        char *chunk = malloc(SLAB_HEADER + SLAB_OBJECTS * s->object_size);
        if (!chunk)
                return -1;
        link_set(chunk, s->chunks);
        s->chunks = chunk;
        /* Last first, so that objects are given out in the order of their addresses. */
        for (size_t i = SLAB_OBJECTS; i-- > 0;) {
                void *object = chunk + SLAB_HEADER + i * s->object_size;
                link_set(object, s->free);
                s->free = object;
        }
        return 0;
}

void *slab_alloc(Slab *s) {
        void *object;
        if (SLAB_IS_MALLOC) {
                object = calloc(1, s->object_size);
                if (!object)
                        return NULL;
        } else {
                if (!s->free && slab_grow(s) < 0)
                        return NULL;
                object = s->free;
                s->free = link_get(object);
                memset(object, 0, s->object_size);
        }
        s->used++;
        return object;
}

void slab_free(Slab *s, void *object) {
        if (!object)
                return;
        ASSERT(s->used > 0);
        s->used--;
        if (SLAB_IS_MALLOC) {
                free(object);
                return;
        }
        link_set(object, s->free);
        s->free = object;
}
