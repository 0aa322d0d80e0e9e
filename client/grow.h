/* Arrays that grow by doubling. */
#pragma once

#include <errno.h>
#include <stdlib.h>

/* Makes room for count items of size bytes. 0 or -ENOMEM; the array is as it was then. */
static inline int grow(void **items, size_t *alloc, size_t count, size_t size) {
        size_t wanted = *alloc ? *alloc : 16;
        if (count <= *alloc)
                return 0;
        while (wanted < count)
                wanted *= 2;
        void *grown = realloc(*items, wanted * size);
        if (!grown)
                return -ENOMEM;
        *items = grown;
        *alloc = wanted;
        return 0;
}
