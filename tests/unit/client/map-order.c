/* What waits for its turn: first in, first out, however many; a deferred task is its id and input
 * again. */
#include "client/cli/map-order.h"

#include "tests/unit/common/random.h"

#include <string.h>

static MapOrder order;

static void begin(void) {
        map_order_init(&order);
}

static void clear(void) {
        map_order_done(&order);
}

TestSuite(map_order, .init = begin, .fini = clear);

/* A task is never looked into here. */
static MapTask *task(uint64_t i) {
        return (MapTask *)(uintptr_t)(i * 16 + 16);
}

/* The property: a queue, also while it grows at any fold of the ring. */
Test(map_order, is_a_queue_of_any_length) {
        Random random = random_start();
        uint64_t number;
        for (int round = 0; round < 200; round++) {
                for (uint64_t n = random_below(&random, 3000); n; n--) {
                        uint64_t next = order.next;
                        CHECK(&random, map_order_push(&order, task(next), &number) == 0);
                        CHECK(&random, number == next);
                }
                for (uint64_t n = random_below(&random, 3000); n; n--)
                        if (!map_order_is_empty(&order)) {
                                CHECK(&random,
                                      map_order_task(&order, order.first) == task(order.first));
                                map_order_pop(&order);
                        }
                for (uint64_t i = order.first; i < order.next; i++)
                        CHECK(&random, map_order_task(&order, i) == task(i));
        }
        cr_assert_gt(number, 1000);
}

Test(map_order, what_is_deferred_comes_back) {
        Random random = random_start();
        uint64_t number, id;
        char input[300], *back;
        size_t size;
        memset(input, 'i', sizeof input);
        for (uint64_t i = 0; i < 2000; i++) {
                CHECK(&random, map_order_push(&order, task(i), &number) == 0);
                if (i % 3 == 1)
                        CHECK(&random, map_order_defer(&order, i, i << 30, NULL, 0) == 0);
                if (i % 3 == 2)
                        CHECK(&random, map_order_defer(&order, i, i << 30, input, i % 300) == 0);
        }
        for (uint64_t i = 0; i < 2000; i++) {
                CHECK(&random, map_order_task(&order, i) == (i % 3 ? NULL : task(i)));
                if (i % 3 == 0)
                        continue;
                CHECK(&random, map_order_deferred(&order, i, &id, &back, &size) == 0);
                CHECK(&random, id == i << 30);
                CHECK(&random, !back == (i % 3 == 1));
                CHECK(&random, !back || (size == i % 300 && memcmp(back, input, size) == 0));
                free(back);
        }
        map_order_set(&order, 1, task(1));
        cr_assert_eq(map_order_task(&order, 1), task(1));
}

Test(map_order, a_directory_that_takes_no_file_is_an_error) {
        uint64_t number;
        setenv("TMPDIR", "/nowhere/at/all", 1);
        cr_assert_eq(map_order_push(&order, task(0), &number), 0);
        cr_assert_lt(map_order_defer(&order, number, 7, "x", 1), 0);
        cr_assert_eq(map_order_task(&order, number), task(0), "it is still there");
}
