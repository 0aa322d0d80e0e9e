/* See digest.h. A block of 512 tasks with names and labels of their own fills a quarter of its 8192
 * bits, two for each text: then one in 16 blocks is looked at in vain. */
#include "dispatcher/store/digest.h"

#include <errno.h>
#include <string.h>

#define BLOCK_IDS  512u
#define BLOOM_BITS 8192u

typedef struct Block {
        uint32_t tasks, unended;
        uint32_t end_states; /* 1 << TaskState; bits stay when tasks are forgotten */
        usec_t newest_usec;
        uint64_t bits[BLOOM_BITS / 64];
} Block;

void digest_done(Digest *d) {
        uint64_t key = 0;
        for (Block *b; (b = table_first_from(&d->blocks, &key)); key++)
                free(b);
        table_done(&d->blocks);
}

/* Of an end_state as it is stored, whatever that is; 0: none. */
static uint32_t state_bit(uint8_t end_state) {
        return end_state && end_state < 32 ? 1u << end_state : 0;
}

/* FNV-1a; `what` keeps a name and a queue apart. */
static uint64_t hash_text(char what, const void *data, size_t size) {
        const unsigned char *bytes = data;
        uint64_t h = (UINT64_C(0xcbf29ce484222325) ^ (unsigned char)what) * 0x100000001b3;
        for (size_t i = 0; i < size; i++)
                h = (h ^ bytes[i]) * 0x100000001b3;
        return h ^ h >> 32;
}

static void block_add(Block *b, char what, const void *data, size_t size) {
        uint64_t h = hash_text(what, data, size);
        for (unsigned i = 0; i < 2; i++, h >>= 16)
                b->bits[h % BLOOM_BITS / 64] |= UINT64_C(1) << h % 64;
}

static bool block_has(const Block *b, char what, const void *data, size_t size) {
        uint64_t h = hash_text(what, data, size);
        for (unsigned i = 0; i < 2; i++, h >>= 16)
                if (!(b->bits[h % BLOOM_BITS / 64] & UINT64_C(1) << h % 64))
                        return false;
        return true;
}

static bool block_has_text(const Block *b, char what, const char *text) {
        return !text || block_has(b, what, text, strlen(text));
}

static void block_add_labels(Block *b, const FilterRow *row) {
        const char *at = row->labels, *end = row->labels + row->labels_size;
        for (size_t size; at < end; at += size + 1) {
                const char *stop = memchr(at, row->label_end, (size_t)(end - at));
                size = (size_t)((stop ? stop : end) - at);
                block_add(b, 'l', at, size);
        }
}

static Block *block_get(Digest *d, uint64_t id) {
        return table_get(&d->blocks, id / BLOCK_IDS);
}

static Block *block_new(Digest *d, uint64_t id) {
        Block *b = calloc(1, sizeof *b);
        if (b && table_put(&d->blocks, id / BLOCK_IDS, b) == 0)
                return b;
        free(b);
        return NULL;
}

int digest_add(Digest *d, uint64_t id, const FilterRow *row) {
        Block *b = block_get(d, id);
        if (!b)
                b = block_new(d, id);
        if (!b)
                return -ENOMEM;
        b->tasks++;
        b->unended += !row->end_state;
        b->end_states |= state_bit(row->end_state);
        b->newest_usec = MAX_OF(b->newest_usec, row->submitted_usec);
        block_add(b, 'u', &row->uid, sizeof row->uid);
        block_add(b, 'q', row->queue, row->queue_size);
        block_add(b, 'n', row->name, row->name_size);
        block_add(b, 'g', row->group, row->group_size);
        block_add_labels(b, row);
        return 0;
}

void digest_end(Digest *d, uint64_t id, uint8_t end_state) {
        Block *b = block_get(d, id);
        if (!b)
                return;
        b->unended -= b->unended > 0;
        b->end_states |= state_bit(end_state);
}

void digest_forget(Digest *d, uint64_t id) {
        Block *b = block_get(d, id);
        if (b && --b->tasks == 0)
                free(table_remove(&d->blocks, id / BLOCK_IDS));
}

static bool block_may_match(const Block *b, const StoreFilter *f) {
        bool any_state = !f->end_states && !f->unended;
        return b->newest_usec >= f->since_usec &&
               (any_state || b->end_states & f->end_states || (f->unended && b->unended)) &&
               (f->any_uid || block_has(b, 'u', &f->uid, sizeof f->uid)) &&
               block_has_text(b, 'q', f->queue) && block_has_text(b, 'n', f->name) &&
               block_has_text(b, 'g', f->group) && block_has_text(b, 'l', f->label);
}

bool digest_next(const Digest *d, const StoreFilter *f, uint64_t *id, uint64_t *ret_first) {
        uint64_t key = *id / BLOCK_IDS;
        for (const Block *b; (b = table_last_to(&d->blocks, &key)); key--) {
                if (block_may_match(b, f)) {
                        *ret_first = key * BLOCK_IDS;
                        *id = MIN_OF(*id, *ret_first + BLOCK_IDS - 1);
                        return true;
                }
                if (key == 0)
                        break;
        }
        return false;
}
