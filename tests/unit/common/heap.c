/* The heap against a plain search for the smallest. */
#include "common/heap.h"

#include "common/macro.h"
#include "tests/unit/common/random.h"

#include <signal.h>

#define ITEMS 400

typedef struct Item {
        HeapNode node;
        unsigned key, id;
} Item;

static const Item *item_of(const HeapNode *n) {
        return CONTAINER_OF(n, Item, node);
}

static int by_key(const HeapNode *a, const HeapNode *b) {
        unsigned x = item_of(a)->key, y = item_of(b)->key;
        return (x > y) - (x < y);
}

static int by_key_then_id(const HeapNode *a, const HeapNode *b) {
        int r = by_key(a, b);
        return r ? r : (item_of(a)->id > item_of(b)->id) - (item_of(a)->id < item_of(b)->id);
}

static Item items[ITEMS];

static void items_init(void) {
        for (unsigned i = 0; i < ITEMS; i++) {
                items[i] = (Item){.id = i};
                heap_node_init(&items[i].node);
        }
}

static const Item *smallest(HeapCompare compare) {
        const Item *found = NULL;
        for (unsigned i = 0; i < ITEMS; i++)
                if (heap_node_queued(&items[i].node) &&
                    (!found || compare(&items[i].node, &found->node) < 0))
                        found = &items[i];
        return found;
}

static unsigned queued_count(void) {
        unsigned n = 0;
        for (unsigned i = 0; i < ITEMS; i++)
                n += heap_node_queued(&items[i].node) ? 1 : 0;
        return n;
}

static void check_places(Random *r, const Heap *h) {
        for (uint32_t i = 0; i < h->count; i++) {
                CHECK(r, h->nodes[i]->index == i);
                CHECK(r, i == 0 || h->compare(h->nodes[(i - 1) / 2], h->nodes[i]) <= 0);
        }
}

static void step(Random *r, Heap *h, unsigned keys) {
        Item *item = &items[random_below(r, ITEMS)];
        if (!heap_node_queued(&item->node)) {
                item->key = (unsigned)random_below(r, keys);
                CHECK(r, heap_push(h, &item->node) == 0);
                return;
        }
        switch (random_below(r, 3)) {
        case 0:
                heap_remove(h, &item->node);
                CHECK(r, !heap_node_queued(&item->node));
                break;
        case 1:
                item->key = (unsigned)random_below(r, keys);
                heap_update(h, &item->node);
                break;
        default: {
                const Item *expected = smallest(h->compare);
                CHECK(r, heap_peek(h) && h->compare(heap_peek(h), &expected->node) == 0);
                const HeapNode *popped = heap_pop(h);
                CHECK(r, h->compare(popped, &expected->node) == 0);
                CHECK(r, !heap_node_queued(popped));
        }
        }
}

static void run_steps(HeapCompare compare, unsigned keys) {
        Random r = random_start();
        Heap h;
        items_init();
        heap_init(&h, compare);
        for (int i = 0; i < 20000; i++) {
                step(&r, &h, keys);
                CHECK(&r, h.count == queued_count());
                if (i % 100 == 0)
                        check_places(&r, &h);
        }
        heap_done(&h);
}

Test(heap, agrees_with_a_search_when_keys_differ) {
        run_steps(by_key_then_id, 1000000);
}

Test(heap, agrees_with_a_search_when_most_keys_tie) {
        run_steps(by_key_then_id, 4);
}

Test(heap, stays_ordered_when_ties_are_left_open) {
        run_steps(by_key, 3);
}

Test(heap, ties_leave_in_the_order_that_the_comparison_gives) {
        Heap h;
        items_init();
        heap_init(&h, by_key_then_id);
        for (unsigned i = 0; i < ITEMS; i++)
                cr_assert_eq(heap_push(&h, &items[(i * 7) % ITEMS].node), 0);
        for (unsigned i = 0; i < ITEMS; i++)
                cr_assert_eq(item_of(heap_pop(&h))->id, i);
        cr_assert_null(heap_pop(&h));
        heap_done(&h);
}

Test(heap, empty_heap_has_nothing) {
        Heap h;
        heap_init(&h, by_key);
        cr_assert_null(heap_peek(&h));
        cr_assert_null(heap_pop(&h));
        heap_done(&h);
}

Test(heap, zeroed_heap_can_be_done) {
        Heap h = {0};
        heap_done(&h);
        cr_assert_null(h.nodes);
}

Test(heap, pushing_a_queued_node_is_a_broken_invariant, .signal = SIGABRT) {
        Heap h;
        items_init();
        heap_init(&h, by_key);
        heap_push(&h, &items[0].node);
        heap_push(&h, &items[0].node);
}

Test(heap, removing_a_node_that_is_not_queued_is_a_broken_invariant, .signal = SIGABRT) {
        Heap h;
        items_init();
        heap_init(&h, by_key);
        heap_remove(&h, &items[0].node);
}
