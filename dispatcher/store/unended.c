/* See unended.h. Ids come in order and leave about so: they share chunks of consecutive ids, and a
 * chunk goes when its last id does. One lonely old task costs a chunk, a million waiting ones four
 * bytes each. */
#include "dispatcher/store/unended.h"

#include "common/macro.h"

#include <errno.h>

#define CHUNK_IDS 256u

typedef struct Chunk {
        uint32_t count;
        uint32_t weight[CHUNK_IDS]; /* bytes + 1, 0: not in the set */
} Chunk;

void unended_done(Unended *u) {
        uint64_t key = 0;
        for (Chunk *c; (c = table_first_from(&u->chunks, &key)); key++)
                free(c);
        table_done(&u->chunks);
}

static uint32_t weight_of(uint64_t bytes) {
        return bytes < UINT32_MAX - 1 ? (uint32_t)bytes + 1 : UINT32_MAX;
}

int unended_add(Unended *u, uint64_t id, uint64_t bytes) {
        Chunk *c = table_get(&u->chunks, id / CHUNK_IDS);
        if (!c) {
                c = calloc(1, sizeof *c);
                if (!c || table_put(&u->chunks, id / CHUNK_IDS, c) < 0) {
                        free(c);
                        return -ENOMEM;
                }
        }
        c->count += !c->weight[id % CHUNK_IDS];
        c->weight[id % CHUNK_IDS] = weight_of(bytes);
        return 0;
}

void unended_grow(Unended *u, uint64_t id, uint64_t bytes) {
        Chunk *c = table_get(&u->chunks, id / CHUNK_IDS);
        uint32_t *weight = c ? &c->weight[id % CHUNK_IDS] : NULL;
        if (weight && *weight)
                *weight = weight_of(*weight - 1 + bytes);
}

uint64_t unended_take(Unended *u, uint64_t id) {
        Chunk *c = table_get(&u->chunks, id / CHUNK_IDS);
        if (!c || !c->weight[id % CHUNK_IDS])
                return 0;
        uint64_t bytes = c->weight[id % CHUNK_IDS] - 1;
        c->weight[id % CHUNK_IDS] = 0;
        if (--c->count == 0)
                free(table_remove(&u->chunks, id / CHUNK_IDS));
        return bytes;
}

uint64_t unended_first(const Unended *u, uint64_t otherwise) {
        uint64_t key = 0;
        const Chunk *c = table_first_from(&u->chunks, &key);
        for (uint32_t i = 0; c && i < CHUNK_IDS; i++)
                if (c->weight[i])
                        return key * CHUNK_IDS + i;
        return otherwise;
}
