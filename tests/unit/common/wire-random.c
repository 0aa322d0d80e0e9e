/* See wire-random.h. */
#include "tests/unit/common/wire-random.h"

#define SMALL_LIST 5

typedef struct Chunk {
        struct Chunk *next;
} Chunk;

struct Bodies {
        Chunk *chunks;
};

typedef struct List {
        const void *items;
        size_t count;
} List;

uint64_t random_next(Random *r) {
        /* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators" */
        r->state ^= r->state >> 12;
        r->state ^= r->state << 25;
        r->state ^= r->state >> 27;
        return r->state * 0x2545f4914f6cdd1dull;
}

uint64_t random_below(Random *r, uint64_t n) {
        return n == 0 ? 0 : random_next(r) % n;
}

Bodies *bodies_new(void) {
        return calloc(1, sizeof(Bodies));
}

Bodies *bodies_free(Bodies *b) {
        while (b && b->chunks) {
                Chunk *next = b->chunks->next;
                free(b->chunks);
                b->chunks = next;
        }
        free(b);
        return NULL;
}

static void *bodies_alloc(Bodies *b, size_t size) {
        Chunk *c = calloc(1, sizeof *c + size);

        ASSERT(c);
        c->next = b->chunks;
        b->chunks = c;
        return c + 1;
}

/* All widths of MessagePack's integers, and their edges. */
static uint64_t random_number(Random *r) {
        uint64_t v = random_next(r) >> random_below(r, 64);

        switch (random_below(r, 8)) {
        case 0:
                return 0;
        case 1:
                return UINT64_MAX;
        case 2:
                return 1ull << random_below(r, 64);
        case 3:
                return (1ull << random_below(r, 64)) - 1;
        default:
                return v;
        }
}

static int64_t random_signed(Random *r) {
        uint64_t v = random_number(r);
        int64_t s;

        memcpy(&s, &v, sizeof s);
        return s;
}

static WireText random_text(Bodies *b, Random *r, uint32_t max) {
        size_t size = random_below(r, 4) == 0 ? max : random_below(r, MIN_OF(max, 40u) + 1);
        char *data = bodies_alloc(b, size);

        for (size_t i = 0; i < size; i++)
                data[i] = (char)random_next(r);
        return wire_bytes(data, size);
}

static void random_struct(Bodies *b, Random *r, const WireSchema *s, Fullness full, char *at);

static void random_items(Bodies *b, Random *r, const WireFieldSchema *f, Fullness full, List *l) {
        size_t size = f->kind == WIRE_N   ? sizeof(uint64_t)
                      : f->kind == WIRE_S ? sizeof(WireText)
                                          : f->item->size;
        char *items = bodies_alloc(b, l->count * size);
        uint32_t text_max = full == FULL_BOUNDS ? MIN_OF(f->item_max, 3u) : f->item_max;

        for (size_t i = 0; i < l->count; i++) {
                void *at = items + i * size;

                if (f->kind == WIRE_N)
                        *(uint64_t *)at = random_number(r);
                else if (f->kind == WIRE_S)
                        *(WireText *)at = random_text(b, r, text_max);
                else
                        random_struct(b, r, f->item, full, at);
        }
        l->items = items;
}

static void random_field(Bodies *b, Random *r, const WireFieldSchema *f, Fullness full, void *at) {
        uint32_t text_max = full == FULL_BOUNDS ? MIN_OF(f->max, 3u) : f->max;
        List list = {};

        switch (f->kind) {
        case WIRE_U:
                *(uint64_t *)at = random_number(r);
                return;
        case WIRE_I:
                *(int64_t *)at = random_signed(r);
                return;
        case WIRE_T:
        case WIRE_B:
                *(WireText *)at = random_text(b, r, text_max);
                return;
        case WIRE_N:
        case WIRE_S:
        case WIRE_L:
                list.count = full == FULL_BOUNDS
                                     ? f->max
                                     : random_below(r, MIN_OF(f->max, (uint32_t)SMALL_LIST) + 1);
                random_items(b, r, f, full, &list);
                memcpy(at, &list, sizeof list);
                return;
        }
}

static void random_struct(Bodies *b, Random *r, const WireSchema *s, Fullness full, char *at) {
        for (size_t i = 0; i < s->field_count; i++)
                random_field(b, r, &s->fields[i], full, at + s->fields[i].offset);
}

void *random_body(Bodies *b, Random *r, const WireSchema *s, Fullness fullness) {
        char *body = bodies_alloc(b, s->size);

        random_struct(b, r, s, fullness, body);
        return body;
}

static bool texts_equal(const void *a, const void *b) {
        const WireText *x = a, *y = b;

        return x->size == y->size && (x->size == 0 || memcmp(x->data, y->data, x->size) == 0);
}

static bool lists_equal(const WireFieldSchema *f, const void *a, const void *b) {
        List x, y;

        memcpy(&x, a, sizeof x);
        memcpy(&y, b, sizeof y);
        if (x.count != y.count)
                return false;
        for (size_t i = 0; i < x.count; i++) {
                const char *p = x.items, *q = y.items;
                size_t u = i * sizeof(uint64_t), t = i * sizeof(WireText);

                if (f->kind == WIRE_N && memcmp(p + u, q + u, sizeof(uint64_t)) != 0)
                        return false;
                if (f->kind == WIRE_S && !texts_equal(p + t, q + t))
                        return false;
                if (f->kind == WIRE_L &&
                    !bodies_equal(f->item, p + i * f->item->size, q + i * f->item->size))
                        return false;
        }
        return true;
}

bool bodies_equal(const WireSchema *s, const void *a, const void *b) {
        for (size_t i = 0; i < s->field_count; i++) {
                const WireFieldSchema *f = &s->fields[i];
                const char *x = (const char *)a + f->offset, *y = (const char *)b + f->offset;
                bool equal;

                if (f->kind == WIRE_U || f->kind == WIRE_I)
                        equal = memcmp(x, y, sizeof(uint64_t)) == 0;
                else if (f->kind == WIRE_T || f->kind == WIRE_B)
                        equal = texts_equal(x, y);
                else
                        equal = lists_equal(f, x, y);
                if (!equal)
                        return false;
        }
        return true;
}
