/* One block of memory that is filled once: measured first, then taken from piece by piece, so that
 * what a function returns is one allocation, and a page of a list costs none when the block of the
 * page before is large enough. */
#pragma once

#include "common/wire.h"

/* Zero is empty. */
typedef struct Arena {
        char *data; /* calloc()ed or realloc()ed: the owner may take it out and free it */
        size_t used, size;
} Arena;

void arena_done(Arena *a);

/* Makes room for size bytes, forgetting what was in it. 0 or -ENOMEM. */
int arena_reset(Arena *a, size_t size);

/* What arena_take needs for size bytes, at most. */
static inline size_t arena_need(size_t size) {
        return size + _Alignof(max_align_t);
}

/* Zeroed and aligned for anything. The room must have been reserved. */
void *arena_take(Arena *a, size_t size);

/* A copy with a NUL behind it, which takes size + 1 bytes. */
const char *arena_text(Arena *a, WireText text);
