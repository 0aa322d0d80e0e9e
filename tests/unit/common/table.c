/* The table against a sorted array. */
#include "common/table.h"

#include "tests/unit/common/random.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define REFERENCE_MAX 512

typedef struct Entry {
        uint64_t key;
        void *value;
} Entry;

typedef struct Reference {
        Entry entries[REFERENCE_MAX];
        size_t count;
} Reference;

/* The first place whose key is not below key. */
static size_t reference_place(const Reference *ref, uint64_t key) {
        size_t i = 0;
        while (i < ref->count && ref->entries[i].key < key)
                i++;
        return i;
}

static Entry *reference_get(Reference *ref, uint64_t key) {
        size_t i = reference_place(ref, key);
        return i < ref->count && ref->entries[i].key == key ? &ref->entries[i] : NULL;
}

static void reference_put(Reference *ref, uint64_t key, void *value) {
        size_t i = reference_place(ref, key);
        if (i == ref->count || ref->entries[i].key != key) {
                memmove(&ref->entries[i + 1], &ref->entries[i], (ref->count - i) * sizeof(Entry));
                ref->count++;
        }
        ref->entries[i] = (Entry){key, value};
}

static void reference_remove(Reference *ref, Entry *e) {
        size_t i = (size_t)(e - ref->entries);
        memmove(e, e + 1, (--ref->count - i) * sizeof(Entry));
}

/* Near keys, far keys and both ends of the range. */
static uint64_t some_key(Random *r) {
        switch (random_below(r, 4)) {
        case 0:
                return random_below(r, 300);
        case 1:
                return (uint64_t)7 << 32 | random_below(r, 100);
        case 2:
                return UINT64_MAX - random_below(r, 20);
        default:
                return random_any_size(r);
        }
}

static void check_neighbours(Random *r, const Table *t, Reference *ref, uint64_t key) {
        size_t i = reference_place(ref, key);
        uint64_t found = key;
        void *value = table_first_from(t, &found);
        if (i < ref->count)
                CHECK(r, value == ref->entries[i].value && found == ref->entries[i].key);
        else
                CHECK(r, !value && found == key);

        if (i == ref->count || ref->entries[i].key != key)
                i--; /* wraps when there is none */
        found = key;
        value = table_last_to(t, &found);
        if (i < ref->count)
                CHECK(r, value == ref->entries[i].value && found == ref->entries[i].key);
        else
                CHECK(r, !value && found == key);
}

static void step(Random *r, Table *t, Reference *ref) {
        uint64_t key = some_key(r);
        if (ref->count > 0 && random_below(r, 2))
                key = ref->entries[random_below(r, ref->count)].key;
        Entry *expected = reference_get(ref, key);
        CHECK(r, table_get(t, key) == (expected ? expected->value : NULL));
        check_neighbours(r, t, ref, key);
        if (ref->count == REFERENCE_MAX || random_below(r, 5) < 2) {
                CHECK(r, table_remove(t, key) == (expected ? expected->value : NULL));
                if (expected)
                        reference_remove(ref, expected);
        } else {
                void *value = (void *)(uintptr_t)(random_u64(r) | 1);
                CHECK(r, table_put(t, key, value) == 0);
                reference_put(ref, key, value);
        }
        CHECK(r, t->count == ref->count);
}

static void check_walk(Random *r, const Table *t, const Reference *ref) {
        uint64_t key = 0;
        size_t i = 0;
        for (void *v = table_first_from(t, &key); v; v = table_first_from(t, &key), i++) {
                CHECK(r,
                      i < ref->count && ref->entries[i].key == key && ref->entries[i].value == v);
                if (key++ == UINT64_MAX) {
                        i++;
                        break;
                }
        }
        CHECK(r, i == ref->count);
}

Test(table, agrees_with_a_sorted_array) {
        Random r = random_start();
        Table t = {0};
        static Reference ref;
        for (int i = 0; i < 50000; i++) {
                step(&r, &t, &ref);
                if (i % 500 == 0)
                        check_walk(&r, &t, &ref);
        }
        while (ref.count > 0) {
                CHECK(&r, table_remove(&t, ref.entries[0].key) == ref.entries[0].value);
                reference_remove(&ref, &ref.entries[0]);
        }
        CHECK(&r, t.count == 0);
        table_done(&t);
}

Test(table, empty_table_has_nothing) {
        Table t = {0};
        uint64_t key = 5;
        cr_assert_null(table_get(&t, 0));
        cr_assert_null(table_remove(&t, 0));
        cr_assert_null(table_first_from(&t, &key));
        cr_assert_null(table_last_to(&t, &key));
        cr_assert_eq(key, 5);
        table_done(&t);
}

Test(table, done_empties_and_leaves_a_usable_table) {
        Table t = {0};
        int a, b;
        cr_assert_eq(table_put(&t, 1, &a), 0);
        table_done(&t);
        cr_assert_eq(t.count, 0);
        cr_assert_null(table_get(&t, 1));
        cr_assert_eq(table_put(&t, 2, &b), 0);
        cr_assert_eq(table_get(&t, 2), &b);
        table_done(&t);
}

Test(table, putting_null_is_a_broken_invariant, .signal = SIGABRT) {
        Table t = {0};
        table_put(&t, 1, NULL);
}
