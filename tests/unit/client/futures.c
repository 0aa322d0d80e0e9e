/* Submitting and waiting with libstint, against a real instance. */
#include "tests/unit/client/world.h"

#include <stdlib.h>

TestSuite(futures, .init = world_start, .fini = world_stop, .timeout = 120);

static StintTask message(const char *queue, const char *text) {
        return (StintTask){STINT_TASK, .queue = queue, .payload = text,
                           .payload_size = strlen(text)};
}

Test(futures, a_command_ends_with_its_code_and_output) {
        StintClient *c = world_client();
        StintFuture *f = world_command(c, "echo out; echo err >&2; exit 3");
        cr_assert_eq(stint_future_id(f), 0);
        cr_assert_null(stint_future_end(f));
        expect_ok(c, stint_future_wait(f, PATIENCE_MSEC));
        const StintEnd *end = stint_future_end(f);
        cr_assert_eq(end->id, 1);
        cr_assert_eq(end->state, STINT_TASK_FAILED);
        cr_assert_eq(end->reason, STINT_REASON_EXIT);
        cr_assert_eq(end->code, 3);
        const StintOutput *out = stint_future_output(f, STINT_STDOUT);
        cr_assert(out && out->size == 4 && memcmp(out->data, "out\n", 4) == 0 && out->complete);
        cr_assert_eq(out->attempt, 1);
        out = stint_future_output(f, STINT_STDERR);
        cr_assert(out && out->size == 4 && memcmp(out->data, "err\n", 4) == 0);
        cr_assert_str_eq(stint_future_error(f), "");
        stint_future_free(f);
        stint_free(c);
}

Test(futures, many_get_ids_in_their_order_and_all_end) {
        enum { N = 3000 };
        StintClient *c = world_client();
        StintTask task = message("echo", "payload");
        StintFuture *f[N];
        for (size_t i = 0; i < N; i++)
                f[i] = world_submit(c, &task, STINT_COLLECT);
        cr_assert_eq(stint_wait_all(c, f, N, PATIENCE_MSEC), 0, "%s", stint_error(c));
        cr_assert_eq(stint_unacknowledged(c), 0);
        for (size_t i = 0; i < N; i++) {
                const StintOutput *o = stint_future_output(f[i], STINT_RESULT);
                cr_assert_eq(stint_future_id(f[i]), i + 1);
                cr_assert_eq(stint_future_end(f[i])->state, STINT_SUCCEEDED);
                cr_assert(o && o->size == 7 && memcmp(o->data, "payload", 7) == 0 && o->complete);
                stint_future_free(f[i]);
        }
        stint_free(c);
}

Test(futures, one_call_takes_thousands_and_blocks_of_them_stay_in_order) {
        enum { N = 10000 };
        StintClient *c = world_client();
        StintTask *tasks = calloc(N, sizeof *tasks);
        StintFuture **f = calloc(N, sizeof(StintFuture *));
        for (size_t i = 0; i < N; i++)
                tasks[i] = message("noop", "");
        expect_ok(c, stint_submit(c, tasks, N, 0, f));
        expect_ok(c, stint_wait_all(c, f, N, PATIENCE_MSEC));
        for (size_t i = 0; i < N; i++)
                cr_assert_eq(stint_future_id(f[i]), i + 1);
        free(tasks);
        free(f);
        stint_free(c); /* frees the futures */
}

Test(futures, flush_waits_for_acknowledgements_and_needs_no_futures) {
        StintClient *c = world_client();
        StintTask task = message("noop", "x");
        for (size_t i = 0; i < 1000; i++)
                expect_ok(c, stint_submit(c, &task, 1, 0, NULL));
        cr_assert_gt(stint_unacknowledged(c), 0);
        expect_ok(c, stint_flush(c, PATIENCE_MSEC));
        cr_assert_eq(stint_unacknowledged(c), 0);
        StintFuture *last = stint_future_of(c, 1000, 0), *unknown = stint_future_of(c, 1001, 0);
        expect_ok(c, stint_future_wait(last, PATIENCE_MSEC));
        cr_assert_eq(stint_future_end(last)->state, STINT_SUCCEEDED);
        cr_assert_eq(stint_future_wait(unknown, PATIENCE_MSEC), -STINT_NOT_FOUND);
        cr_assert_not_null(strstr(stint_error(c), "1001"), "%s", stint_error(c));
        stint_free(c);
}

Test(futures, wait_any_names_one_that_is_over) {
        Gate gate;
        gate_make(&gate);
        StintClient *c = world_client();
        StintFuture *f[] = {
                world_submit(c, &(StintTask){STINT_TASK, .argv = gate.argv}, 0),
                world_command(c, "exit 0"),
        };
        size_t index = 9;
        expect_ok(c, stint_wait_any(c, f, 2, PATIENCE_MSEC, &index));
        cr_assert_eq(index, 1);
        cr_assert_eq(stint_future_wait(f[0], 1), -STINT_TIMED_OUT);
        cr_assert_eq(stint_wait_any(c, f, 1, 0, &index), -STINT_TIMED_OUT);
        gate_open(&gate);
        expect_ok(c, stint_wait_all(c, f, 2, PATIENCE_MSEC));
        expect_ok(c, stint_wait_any(c, f, 2, PATIENCE_MSEC, &index));
        stint_free(c);
}

Test(futures, one_may_be_waited_for_twice_in_a_call_and_by_id_as_well) {
        StintClient *c = world_client();
        StintFuture *f = world_command(c, "echo x");
        expect_ok(c, stint_future_wait_acknowledged(f, PATIENCE_MSEC));
        StintFuture *g = stint_future_of(c, stint_future_id(f), STINT_COLLECT);
        StintFuture *h = stint_future_of(c, stint_future_id(f), 0);
        StintFuture *all[] = {f, g, f, h, g};
        expect_ok(c, stint_wait_all(c, all, 5, PATIENCE_MSEC));
        cr_assert_eq(stint_future_output(g, STINT_STDOUT)->size, 2);
        cr_assert_null(stint_future_output(h, STINT_STDOUT));
        stint_free(c);
}

/* ---- handlers ---- */

static size_t told;

static void on_over_free(StintFuture *f, void *userdata) {
        cr_assert_eq(stint_future_wait(f, 0), -STINT_INVALID, "a handler may not wait");
        told++;
        stint_future_free(f);
}

static void on_over_submit(StintFuture *f, void *userdata) {
        StintClient *c = userdata;
        StintTask task = message("noop", "");
        if (++told < 100)
                stint_future_then(world_submit(c, &task, 0), on_over_submit, c);
        stint_future_free(f);
}

Test(futures, handlers_are_told_once_and_may_free_or_submit) {
        StintClient *c = world_client();
        StintTask task = message("noop", "");
        for (size_t i = 0; i < 100; i++)
                stint_future_then(world_submit(c, &task, 0), on_over_free, NULL);
        while (told < 100)
                expect_ok(c, stint_dispatch(c, PATIENCE_MSEC));
        told = 0;
        stint_future_then(world_submit(c, &task, 0), on_over_submit, c);
        while (told < 100)
                expect_ok(c, stint_dispatch(c, PATIENCE_MSEC));
        cr_assert_eq(stint_dispatch(c, 0), 0);
        stint_free(c);
}

Test(futures, then_on_one_that_is_over_is_told_at_once) {
        StintClient *c = world_client();
        StintFuture *f = world_command(c, "exit 0");
        expect_ok(c, stint_future_wait(f, PATIENCE_MSEC));
        stint_future_then(f, on_over_free, NULL);
        cr_assert_eq(told, 1);
        stint_free(c);
}

Test(futures, freed_in_every_state_and_a_client_freed_with_things_under_way) {
        StintClient *c = world_client();
        StintTask task = message("echo", "x");
        for (size_t i = 0; i < 2000; i++) {
                StintFuture *f = world_submit(c, &task, STINT_COLLECT);
                if (i % 3 == 0)
                        stint_future_free(f);
                else if (i % 3 == 1)
                        stint_future_then(f, on_over_free, NULL);
                if (i % 100 == 50)
                        stint_dispatch(c, 0);
        }
        world_command(c, "exit 0");
        stint_free(c);
        c = world_client();
        world_command(c, "exit 0");
        stint_flush(c, PATIENCE_MSEC);
        stint_free(c);
}

/* ---- cancelling ---- */

Test(futures, cancelled_before_and_after_the_acknowledgement) {
        Gate gate;
        gate_make(&gate);
        StintClient *c = world_client();
        StintTask task = {STINT_TASK, .argv = gate.argv};
        StintFuture *early = world_submit(c, &task, 0), *late = world_submit(c, &task, 0);
        expect_ok(c, stint_future_cancel(early));
        expect_ok(c, stint_future_wait_acknowledged(late, PATIENCE_MSEC));
        expect_ok(c, stint_future_cancel(late));
        expect_ok(c, stint_future_wait(early, PATIENCE_MSEC));
        expect_ok(c, stint_future_wait(late, PATIENCE_MSEC));
        cr_assert_eq(stint_future_end(early)->state, STINT_CANCELLED);
        cr_assert_eq(stint_future_end(late)->state, STINT_CANCELLED);
        stint_free(c);
}

/* ---- outputs ---- */

Test(futures, outputs_that_are_long_are_left_to_readers) {
        StintClient *c = world_client();
        StintFuture *f = world_command(c, "head -c 300000 /dev/zero; echo small >&2");
        char buffer[300001];
        uint64_t total;
        expect_ok(c, stint_future_wait(f, PATIENCE_MSEC));
        const StintOutput *out = stint_future_output(f, STINT_STDOUT);
        cr_assert(out && !out->complete && out->total == 300000, "%llu",
                  (unsigned long long)(out ? out->total : 0));
        cr_assert_eq(stint_future_output(f, STINT_STDERR)->size, 6);
        cr_assert_eq(stint_read(c, stint_future_id(f), 0, STINT_STDOUT, 0, buffer, sizeof buffer,
                                &total),
                     300000);
        cr_assert_eq(total, 300000);
        stint_free(c);
}

Test(futures, many_large_results_come_in_parts) {
        enum { N = 700 };
        StintClient *c = world_client();
        static char payload[60000];
        StintFuture *f[N];
        StintTask task = {STINT_TASK, .queue = "echo", .payload = payload,
                          .payload_size = sizeof payload};
        for (size_t i = 0; i < N; i++) {
                payload[0] = (char)i;
                f[i] = world_submit(c, &task, STINT_COLLECT);
        }
        expect_ok(c, stint_wait_all(c, f, N, PATIENCE_MSEC));
        for (size_t i = 0; i < N; i++) {
                const StintOutput *o = stint_future_output(f[i], STINT_RESULT);
                cr_assert(o && o->size == sizeof payload && *(const char *)o->data == (char)i);
        }
        stint_free(c);
}
