/* The ledger's promises: what SYNC answers, which RUN is taken, how long an end is kept. */
#include "worker/ledger.h"

#include <criterion/criterion.h>
#include <errno.h>

static int dropped[5]; /* by LedgerRunState */
static void *last_dropped;

static void count_drop(void *owner, LedgerRunState state, void *userdata) {
        cr_assert_eq(userdata, dropped);
        dropped[state]++;
        last_dropped = owner;
}

static Ledger *ledger(void) {
        Ledger *l = NULL;
        memset(dropped, 0, sizeof dropped);
        cr_assert_eq(ledger_new(17, count_drop, dropped, &l), 0);
        return l;
}

static LedgerSync sync_from(Ledger *l, const char *store, uint64_t epoch, uint64_t n) {
        WireSync sync = {.epoch = epoch, .n = n, .store = wire_text(store)};
        return ledger_on_sync(l, &sync);
}

/* Run id = task id + 1000, owner = the run id. */
static LedgerEntry *add(Ledger *l, uint64_t epoch, uint64_t n, uint64_t task_id) {
        uint64_t run_id = task_id + 1000;
        cr_assert_eq(ledger_add(l, epoch, n, run_id, task_id, (void *)(uintptr_t)run_id), 0);
        return ledger_get(l, run_id);
}

static LedgerEntry *add_started(Ledger *l, uint64_t epoch, uint64_t n, uint64_t task_id) {
        LedgerEntry *e = add(l, epoch, n, task_id);
        ledger_started(l, e);
        return e;
}

Test(ledger, takes_nothing_before_the_first_sync) {
        _cleanup_(ledger_freep) Ledger *l = ledger();
        WireHello hello;
        cr_assert_eq(ledger_add(l, 0, 0, 1, 1, NULL), -ESTALE);
        cr_assert_not(ledger_hello(l, &hello));
        cr_assert_eq(sync_from(l, "store-a", 1, 0), LEDGER_SYNC_ANSWER);
        cr_assert_eq(ledger_add(l, 1, 0, 1, 1, NULL), 0);
}

Test(ledger, takes_only_runs_of_the_last_sync) {
        _cleanup_(ledger_freep) Ledger *l = ledger();
        sync_from(l, "store-a", 2, 5);
        cr_assert_eq(ledger_add(l, 2, 4, 1, 1, NULL), -ESTALE);
        cr_assert_eq(ledger_add(l, 1, 5, 1, 1, NULL), -ESTALE);
        cr_assert_eq(ledger_add(l, 2, 6, 1, 1, NULL), -ESTALE);
        cr_assert_eq(ledger_add(l, 2, 5, 1, 1, NULL), 0);
        cr_assert_eq(ledger_add(l, 2, 5, 1, 1, NULL), -EEXIST);
}

Test(ledger, ignores_older_and_repeated_syncs) {
        _cleanup_(ledger_freep) Ledger *l = ledger();
        cr_assert_eq(sync_from(l, "store-a", 2, 5), LEDGER_SYNC_ANSWER);
        add(l, 2, 5, 1);
        cr_assert_eq(sync_from(l, "store-a", 2, 5), LEDGER_SYNC_STALE);
        cr_assert_eq(sync_from(l, "store-a", 2, 4), LEDGER_SYNC_STALE);
        cr_assert_eq(sync_from(l, "store-a", 1, 9), LEDGER_SYNC_STALE);
        cr_assert_eq(ledger_count(l, LEDGER_QUEUED), 1, "a stale SYNC changes nothing");
        cr_assert_eq(sync_from(l, "store-a", 3, 0), LEDGER_SYNC_ANSWER);
}

Test(ledger, a_sync_drops_queued_runs_and_lists_the_others) {
        _cleanup_(ledger_freep) Ledger *l = ledger();
        WireHello hello;
        sync_from(l, "store-a", 1, 1);
        LedgerEntry *ended = add_started(l, 1, 1, 1);
        add_started(l, 1, 1, 2);
        add(l, 1, 1, 3);
        cr_assert(ledger_ended(l, ended));

        cr_assert_eq(sync_from(l, "store-a", 2, 0), LEDGER_SYNC_ANSWER);
        cr_assert_eq(dropped[LEDGER_QUEUED], 1);
        cr_assert_eq(last_dropped, (void *)1003);
        cr_assert(ledger_hello(l, &hello));
        cr_assert_eq(hello.serial, 17);
        cr_assert_eq(hello.epoch, 2);
        cr_assert_eq(hello.n, 0);
        cr_assert(wire_text_is(hello.store, "store-a"));
        cr_assert_eq(hello.running.count, 1);
        cr_assert_eq(hello.running.items[0], 1002);
        cr_assert_eq(hello.running_tasks.count, 1);
        cr_assert_eq(hello.running_tasks.items[0], 2);
        cr_assert_eq(hello.unacked.count, 1);
        cr_assert_eq(hello.unacked.items[0], 1001);
        cr_assert_eq(hello.unacked_tasks.count, 1);
        cr_assert_eq(hello.unacked_tasks.items[0], 1);
        cr_assert_eq(ledger_add(l, 1, 1, 9, 9, NULL), -ESTALE, "pushed before the new SYNC");
}

Test(ledger, an_end_is_kept_until_it_is_acked) {
        _cleanup_(ledger_freep) Ledger *l = ledger();
        sync_from(l, "store-a", 1, 1);
        LedgerEntry *started = add_started(l, 1, 1, 1);
        ledger_ack(l, 1001);
        cr_assert_eq(ledger_get(l, 1001), started, "an ack of what has not ended is ignored");
        ledger_ended(l, started);
        sync_from(l, "store-a", 1, 2);
        cr_assert_eq(ledger_count(l, LEDGER_ENDED), 1);
        ledger_ack(l, 1001);
        ledger_ack(l, 1001);
        ledger_ack(l, 4242);
        cr_assert_null(ledger_get(l, 1001));
        cr_assert_eq(dropped[LEDGER_ENDED], 1);
}

Test(ledger, a_queued_run_can_end_without_a_start) {
        _cleanup_(ledger_freep) Ledger *l = ledger();
        sync_from(l, "store-a", 1, 1);
        cr_assert(ledger_ended(l, add(l, 1, 1, 1)));
        cr_assert_null(ledger_next_queued(l));
        cr_assert_eq(ledger_count(l, LEDGER_ENDED), 1);
}

Test(ledger, queued_runs_start_in_order) {
        _cleanup_(ledger_freep) Ledger *l = ledger();
        sync_from(l, "store-a", 1, 1);
        for (uint64_t task = 5; task > 0; task--) /* run ids fall: the order of arrival counts */
                add(l, 1, 1, task);
        for (uint64_t task = 5; task > 0; task--) {
                LedgerEntry *e = ledger_next_queued(l);
                cr_assert_eq(e->task_id, task);
                ledger_started(l, e);
        }
        cr_assert_null(ledger_next_queued(l));
        cr_assert_eq(ledger_count(l, LEDGER_STARTED), 5);
}

static void expect_walk(Ledger *l, uint64_t *cursor, size_t n, const uint64_t *tasks) {
        for (size_t i = 0; i < n; i++) {
                LedgerEntry *e = ledger_next_ended(l, cursor);
                cr_assert_not_null(e);
                cr_assert_eq(e->task_id, tasks[i]);
        }
        cr_assert_null(ledger_next_ended(l, cursor));
}

Test(ledger, ends_are_walked_in_order_and_from_any_cursor) {
        _cleanup_(ledger_freep) Ledger *l = ledger();
        uint64_t cursor = 0, again = 0;
        sync_from(l, "store-a", 1, 1);
        for (uint64_t task = 1; task <= 9; task++)
                add_started(l, 1, 1, task);
        cr_assert_null(ledger_next_ended(l, &cursor));
        for (uint64_t task = 3; task >= 1; task--)
                ledger_ended(l, ledger_get(l, 1000 + task));
        expect_walk(l, &cursor, 3, (uint64_t[]){3, 2, 1});
        ledger_ended(l, ledger_get(l, 1005));
        ledger_ended(l, ledger_get(l, 1004));
        expect_walk(l, &cursor, 2, (uint64_t[]){5, 4});

        ledger_ack(l, 1004); /* the one that the cursor stands on */
        ledger_ack(l, 1002);
        ledger_ended(l, ledger_get(l, 1009));
        ledger_ended(l, ledger_get(l, 1008));
        expect_walk(l, &cursor, 2, (uint64_t[]){9, 8});
        expect_walk(l, &again, 5, (uint64_t[]){3, 1, 5, 9, 8});
        for (uint64_t task = 1; task <= 9; task++)
                ledger_ack(l, 1000 + task);
        ledger_ended(l, ledger_get(l, 1006));
        expect_walk(l, &cursor, 1, (uint64_t[]){6});
}

Test(ledger, another_store_waits_until_what_is_started_is_dead) {
        _cleanup_(ledger_freep) Ledger *l = ledger();
        WireHello hello;
        sync_from(l, "store-a", 7, 7);
        LedgerEntry *running = add_started(l, 7, 7, 1);
        ledger_ended(l, add_started(l, 7, 7, 2));
        add(l, 7, 7, 3);

        cr_assert_eq(sync_from(l, "store-b", 8, 0), LEDGER_SYNC_FOREIGN);
        cr_assert_eq(dropped[LEDGER_QUEUED], 1);
        cr_assert_eq(dropped[LEDGER_ENDED], 1);
        cr_assert_eq(ledger_add(l, 7, 7, 9, 9, NULL), -ESTALE);
        cr_assert_eq(sync_from(l, "store-b", 8, 1), LEDGER_SYNC_FOREIGN);
        cr_assert_eq(sync_from(l, "store-a", 7, 8), LEDGER_SYNC_FOREIGN, "they are being killed");
        cr_assert_not(ledger_ended(l, running), "nobody wants to know");
        cr_assert_eq(dropped[LEDGER_STARTED], 1);

        cr_assert_eq(sync_from(l, "store-b", 8, 2), LEDGER_SYNC_ANSWER);
        cr_assert(ledger_hello(l, &hello));
        cr_assert_eq(hello.epoch, 8);
        cr_assert_eq(hello.running.count + hello.unacked.count, 0);
        cr_assert_eq(ledger_add(l, 8, 2, 9, 9, NULL), 0);
}

Test(ledger, another_store_is_taken_at_once_when_nothing_is_started) {
        _cleanup_(ledger_freep) Ledger *l = ledger();
        sync_from(l, "store-a", 7, 7);
        ledger_ended(l, add_started(l, 7, 7, 2));
        cr_assert_eq(sync_from(l, "store-b", 8, 0), LEDGER_SYNC_ANSWER);
        cr_assert_eq(ledger_count(l, LEDGER_ENDED), 0);
}

Test(ledger, a_late_sync_of_an_older_dispatcher_with_another_store_is_ignored) {
        _cleanup_(ledger_freep) Ledger *l = ledger();
        sync_from(l, "store-b", 5, 1);
        add_started(l, 5, 1, 1);
        cr_assert_eq(sync_from(l, "store-a", 4, 1), LEDGER_SYNC_STALE);
        cr_assert_eq(ledger_count(l, LEDGER_STARTED), 1);
        cr_assert_eq(ledger_add(l, 5, 1, 9, 9, NULL), 0);
}

Test(ledger, holds_no_more_than_hello_can_list) {
        _cleanup_(ledger_freep) Ledger *l = ledger();
        WireHello hello;
        sync_from(l, "store-a", 1, 1);
        for (uint64_t task = 0; task < LEDGER_RUNS_MAX; task++)
                ledger_ended(l, add_started(l, 1, 1, task));
        cr_assert_eq(ledger_add(l, 1, 1, 1, 1, NULL), -ENOBUFS);
        cr_assert(ledger_hello(l, &hello));
        cr_assert_eq(hello.unacked.count, LEDGER_RUNS_MAX);
        ledger_ack(l, 1000);
        cr_assert_eq(ledger_add(l, 1, 1, 1, 1, NULL), 0);
}
