/* Objects of one size from chunks with a free list: no malloc header or rounding per object, since
 * one is kept for every unended task, and no trip to malloc on the hot path. Memory of freed
 * objects is reused, and given back to the system only by slab_done. Built with AddressSanitizer
 * every object is a malloc of its own, so that a use after free is seen. */
#pragma once

#include <stddef.h>

typedef struct Slab {
        size_t object_size;
        void *free;   /* freed objects, linked through their first word */
        void *chunks; /* linked through their first word */
        size_t used;
} Slab;

void slab_init(Slab *s, size_t object_size);
void slab_done(Slab *s); /* every object is freed already, or is given up */

void *slab_alloc(Slab *s); /* zeroed; NULL: no memory */
void slab_free(Slab *s, void *object);
