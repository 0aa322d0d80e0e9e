/* See payload.h. Entries come from slabs with a free list: no allocation per task in steady state.
 */
#include "dispatcher/payload.h"

#include "common/table.h"

#define SLAB_ENTRIES 1024

typedef struct Entry {
        union {
                struct Entry *next_free;
                BlobSlice environment;
        };
        BlobSlice payload;
} Entry;

typedef struct Slab {
        struct Slab *next;
        Entry entries[SLAB_ENTRIES];
} Slab;

struct PayloadCache {
        Table entries; /* task id -> Entry */
        Entry *free;
        Slab *slabs;
        size_t bytes, bytes_max;
};

PayloadCache *payload_cache_new(size_t bytes_max) {
        PayloadCache *c = calloc(1, sizeof *c);
        if (c)
                c->bytes_max = bytes_max;
        return c;
}

static Entry *entry_new(PayloadCache *c) {
        if (!c->free) {
                Slab *slab = malloc(sizeof *slab);
                if (!slab)
                        return NULL;
                slab->next = c->slabs;
                c->slabs = slab;
                for (size_t i = 0; i < SLAB_ENTRIES; i++) {
                        slab->entries[i].next_free = c->free;
                        c->free = &slab->entries[i];
                }
        }
        Entry *e = c->free;
        c->free = e->next_free;
        return e;
}

static void entry_release(PayloadCache *c, Entry *e) {
        blob_slice_drop(&e->environment);
        blob_slice_drop(&e->payload);
        e->next_free = c->free;
        c->free = e;
}

static size_t entry_cost(BlobSlice environment, BlobSlice payload) {
        return sizeof(Entry) + environment.size + payload.size;
}

PayloadCache *payload_cache_free(PayloadCache *c) {
        if (!c)
                return NULL;
        uint64_t id = 0;
        for (Entry *e; (e = table_first_from(&c->entries, &id)); id++)
                entry_release(c, e);
        table_done(&c->entries);
        while (c->slabs) {
                Slab *slab = c->slabs;
                c->slabs = slab->next;
                free(slab);
        }
        free(c);
        return NULL;
}

void payload_cache_put(PayloadCache *c, uint64_t task_id, BlobSlice environment,
                       BlobSlice payload) {
        size_t cost = entry_cost(environment, payload);
        if (c->bytes + cost > c->bytes_max || table_get(&c->entries, task_id))
                return;
        Entry *e = entry_new(c);
        if (!e)
                return;
        e->environment = blob_slice_ref(environment);
        e->payload = blob_slice_ref(payload);
        if (table_put(&c->entries, task_id, e) < 0) {
                entry_release(c, e);
                return;
        }
        c->bytes += cost;
}

bool payload_cache_get(PayloadCache *c, uint64_t task_id, BlobSlice *ret_environment,
                       BlobSlice *ret_payload) {
        const Entry *e = table_get(&c->entries, task_id);
        if (!e)
                return false;
        *ret_environment = e->environment;
        *ret_payload = e->payload;
        return true;
}

void payload_cache_drop(PayloadCache *c, uint64_t task_id) {
        Entry *e = table_remove(&c->entries, task_id);
        if (!e)
                return;
        c->bytes -= entry_cost(e->environment, e->payload);
        entry_release(c, e);
}
