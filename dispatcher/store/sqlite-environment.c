/* Environments of `sqlite:` are stored once per distinct content: thousands of tasks of one user
 * share one.
 *
 * A batch of tasks shares one slice, which is recognised by its address; else one hash finds it in
 * a small cache, and a comparison of all bytes decides, so that a collision, made on purpose or
 * not, never gives a task the environment of somebody else. References are counted in memory (from
 * the background count at the start, see sqlite-retention.c), so that a submit updates nothing. */
#include "dispatcher/store/sqlite-internal.h"

#include <errno.h>
#include <string.h>

#define CACHED_SIZE_MAX (64u << 10)

/* A plain multiply-and-shift hash over words; only speed matters, see above. */
static uint64_t hash_of(const uint8_t *data, size_t size) {
        const uint64_t factor = 0x9e3779b97f4a7c15u;
        uint64_t h = size * factor, word;
        for (; size >= 8; data += 8, size -= 8) {
                memcpy(&word, data, 8);
                h = (h ^ word) * factor;
                h ^= h >> 29;
        }
        word = 0;
        memcpy(&word, data, size);
        h = (h ^ word) * factor;
        return h ^ (h >> 32);
}

static bool same_bytes(BlobSlice a, const void *data, size_t size) {
        return a.size == size && memcmp(blob_slice_data(a), data, size) == 0;
}

static CachedEnvironment *slot_of(Sqlite *s, uint64_t hash) {
        return &s->environments.slots[hash % ENVIRONMENT_CACHE_SLOTS];
}

static void keep(Sqlite *s, uint64_t id, uint64_t hash, BlobSlice content) {
        CachedEnvironment *c = slot_of(s, hash);
        Blob *copy = content.size <= CACHED_SIZE_MAX
                             ? blob_new_copy(blob_slice_data(content), content.size)
                             : NULL;
        blob_slice_drop(&c->content);
        *c = (CachedEnvironment){0};
        if (copy)
                *c = (CachedEnvironment){id, hash, {.blob = copy, .size = content.size}};
}

/* 1: found; 0: not there. */
static int find_stored(Sqlite *s, uint64_t hash, BlobSlice content, uint64_t *ret_id) {
        sqlite3_stmt *st = s->statements[ST_FIND_ENVIRONMENT];
        bind_u64(st, 1, hash);
        int r;
        while ((r = sqlite_next_row(s, ST_FIND_ENVIRONMENT)) > 0) {
                const void *data = sqlite3_column_blob(st, 1);
                if (!same_bytes(content, data ? data : "", (size_t)sqlite3_column_bytes(st, 1)))
                        continue;
                *ret_id = column_u64(st, 0);
                sqlite_reset(s, ST_FIND_ENVIRONMENT);
                return 1;
        }
        return r;
}

static int find_or_insert(Sqlite *s, uint64_t hash, BlobSlice content, uint64_t *ret_id) {
        int r = find_stored(s, hash, content, ret_id);
        if (r != 0)
                return r < 0 ? r : 0;
        bind_u64(s->statements[ST_PUT_ENVIRONMENT], 1, hash);
        bind_blob(s->statements[ST_PUT_ENVIRONMENT], 2, content);
        r = sqlite_run(s, ST_PUT_ENVIRONMENT);
        *ret_id = (uint64_t)sqlite3_last_insert_rowid(s->db);
        return r;
}

int environment_put(Sqlite *s, BlobSlice content, uint64_t *ret_id) {
        Environments *e = &s->environments;
        *ret_id = 0;
        if (content.size == 0)
                return 0;
        if (e->last.blob == content.blob && e->last.offset == content.offset &&
            e->last.size == content.size) {
                *ret_id = e->last_id;
                return 0;
        }
        uint64_t hash = hash_of(blob_slice_data(content), content.size);
        const CachedEnvironment *c = slot_of(s, hash);
        if (c->id && c->hash == hash &&
            same_bytes(c->content, blob_slice_data(content), content.size)) {
                *ret_id = c->id;
        } else {
                int r = find_or_insert(s, hash, content, ret_id);
                if (r < 0)
                        return r;
                keep(s, *ret_id, hash, content);
        }
        e->last = content;
        e->last_id = *ret_id;
        return 0;
}

int environment_get(Sqlite *s, uint64_t id, BlobSlice *ret) {
        for (size_t i = 0; i < ENVIRONMENT_CACHE_SLOTS; i++) {
                if (s->environments.slots[i].id == id && id != 0) {
                        *ret = blob_slice_ref(s->environments.slots[i].content);
                        return 0;
                }
        }
        *ret = (BlobSlice){0};
        bind_u64(s->statements[ST_GET_ENVIRONMENT], 1, id);
        int r = sqlite_next_row(s, ST_GET_ENVIRONMENT);
        if (r <= 0)
                return r;
        r = column_slice(s->statements[ST_GET_ENVIRONMENT], 0, ret);
        sqlite_reset(s, ST_GET_ENVIRONMENT);
        return r;
}

void environment_forget_last(Sqlite *s) {
        s->environments.last = (BlobSlice){0};
}

void environment_clear_cache(Sqlite *s) {
        environment_forget_last(s);
        for (size_t i = 0; i < ENVIRONMENT_CACHE_SLOTS; i++) {
                blob_slice_drop(&s->environments.slots[i].content);
                s->environments.slots[i] = (CachedEnvironment){0};
        }
}

/* ---- references ---- */

static uintptr_t references(const Sqlite *s, uint64_t id) {
        return (uintptr_t)table_get(&s->environments.references, id);
}

int environment_add_references(Sqlite *s, uint64_t id, uint64_t n) {
        uintptr_t count = references(s, id) + n;
        return table_put(&s->environments.references, id, (void *)count);
}

bool environment_drop_reference(Sqlite *s, uint64_t id) {
        uintptr_t count = references(s, id);
        if (count > 1) {
                /* Replacing what is there takes no memory. */
                (void)table_put(&s->environments.references, id, (void *)(count - 1));
                return false;
        }
        table_remove(&s->environments.references, id);
        return true;
}

int environment_remove(Sqlite *s, uint64_t id) {
        if (references(s, id) > 0)
                return 0;
        for (size_t i = 0; i < ENVIRONMENT_CACHE_SLOTS; i++) {
                CachedEnvironment *c = &s->environments.slots[i];
                if (c->id == id) {
                        blob_slice_drop(&c->content);
                        *c = (CachedEnvironment){0};
                }
        }
        bind_u64(s->statements[ST_DROP_ENVIRONMENT], 1, id);
        return sqlite_run(s, ST_DROP_ENVIRONMENT);
}

void environment_done(Sqlite *s) {
        environment_clear_cache(s);
        table_done(&s->environments.references);
        table_done(&s->environments.unused);
}
