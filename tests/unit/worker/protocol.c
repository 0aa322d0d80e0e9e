/* SYNC, RUN, END and ACK as the real worker speaks them, and the handlers of messages. */
#include "tests/unit/worker/harness.h"

#include "common/time.h"

#include <sys/wait.h>
#include <unistd.h>

static void expect_hello(const Harness *h, size_t running, size_t unacked) {
        cr_assert_eq(h->running_count, running);
        cr_assert_eq(h->unacked_count, unacked);
}

Test(protocol, ends_are_sent_again_after_sync_until_acked) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        uint64_t first = harness_submit(h, (Job){.shell = "echo one; exit 1"});
        uint64_t second = harness_submit(h, (Job){.shell = "echo two; exit 2"});
        _cleanup_(end_done) End sent = harness_wait_end(h, second);
        cr_assert_eq(sent.item.code, 2);
        for (int round = 0; round < 3; round++) {
                harness_sync(h);
                expect_hello(h, 0, 2);
                cr_assert_eq(h->unacked[0], first);
                _cleanup_(end_done) End again = harness_wait_end(h, second);
                cr_assert_eq(again.item.code, 2);
                cr_assert_str_eq(again.out, "two\n");
        }
        harness_ack(h, first);
        harness_sync(h);
        expect_hello(h, 0, 1);
        cr_assert_eq(h->unacked[0], second);
        harness_ack(h, second);
        harness_ack(h, 4242);
        harness_sync(h);
        expect_hello(h, 0, 0);
}

Test(protocol, a_new_dispatcher_finds_what_runs) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        char text[128];
        (void)snprintf(text, sizeof text, "while [ ! -e %s/go ]; do sleep 0.01; done; exit 5",
                       h->dir);
        uint64_t running = harness_submit(h, (Job){.shell = text});
        (void)harness_submit(h, (Job){.shell = "exit 0"});
        harness_wait_started(h, running);
        h->epoch = 2;
        h->n = 0;
        harness_sync(h);
        expect_hello(h, 1, 0); /* the queued one is dropped: it is given out again */
        cr_assert_eq(h->running[0], running);
        (void)snprintf(text, sizeof text, "%s/go", h->dir);
        (void)fclose(fopen(text, "w"));
        _cleanup_(end_done) End e = harness_wait_end(h, running);
        cr_assert_eq(e.item.code, 5);
        _cleanup_(end_done) End next = harness_execute(h, (Job){.shell = "exit 6"});
        cr_assert_eq(next.item.code, 6, "and the dropped one never started");
}

Test(protocol, runs_of_an_older_sync_are_refused) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        harness_push_run(h, h->epoch, h->n + 1, 9001, (Job){.shell = "exit 1"});
        harness_push_run(h, h->epoch - 1, h->n, 9002, (Job){.shell = "exit 2"});
        harness_sync(h);
        harness_push_run(h, h->epoch, h->n - 1, 9003, (Job){.shell = "exit 3"});
        _cleanup_(end_done) End e = harness_execute(h, (Job){.shell = "exit 4"});
        cr_assert_eq(e.item.code, 4);
        harness_sync(h);
        for (WireMessage m; harness_try_receive(h, 50, &m);)
                cr_assert_neq(m.type, WIRE_TYPE_END);
        cr_assert_leq(h->unacked_count, 1);
}

Test(protocol, a_run_is_executed_once_however_often_it_comes) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        char text[128];
        (void)snprintf(text, sizeof text, "echo x >> %s/count", h->dir);
        for (int i = 0; i < 3; i++)
                harness_push_run(h, h->epoch, h->n, 1900, (Job){.shell = text});
        _cleanup_(end_done) End e = harness_wait_end(h, 1900);
        cr_assert_eq(e.item.code, 0);
        harness_push_run(h, h->epoch, h->n, 1900, (Job){.shell = text});
        (void)snprintf(text, sizeof text, "wc -l < %s/count", h->dir);
        _cleanup_(end_done) End count = harness_execute(h, (Job){.shell = text});
        cr_assert_str_eq(count.out, "1\n");
}

Test(protocol, another_store_kills_what_runs_and_takes_over) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        uint64_t running = harness_submit(h, (Job){.shell = "exec sleep 60"});
        harness_wait_started(h, running);
        usec_t until = time_now_monotonic() + 30 * USEC_PER_SEC;
        WireMessage m;
        bool answered = false;
        while (!answered) {
                cr_assert_lt(time_now_monotonic(), until);
                harness_sync_once(h, FOREIGN_STORE);
                while (!answered && harness_try_receive(h, 50, &m)) {
                        cr_assert_neq(m.type, WIRE_TYPE_END, "nobody's end");
                        answered = m.type == WIRE_TYPE_HELLO;
                }
        }
        expect_hello(h, 0, 0);
        cr_assert_eq(kill(h->started_pid, 0), -1);
}

Test(protocol, garbage_is_survived) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        WireRunItem item = {.run_id = 1, .kind = TASK_KIND_COMMAND, .payload_size = 1000};
        WireRun run = {.epoch = h->epoch, .n = h->n, .runs = {&item, 1}};
        cr_assert_eq(wire_encode(&h->buffer, WIRE_TYPE_RUN, 0, &run), 0);
        cr_assert_eq(zsocket_send(h->push, h->buffer.data, h->buffer.size, (BlobSlice){0}), 0);
        cr_assert_eq(zsocket_send(h->push, "\xc1garbage", 8, (BlobSlice){0}), 0);
        cr_assert_eq(wire_encode(&h->buffer, WIRE_TYPE_PING, 0, &(WirePing){0}), 0);
        cr_assert_eq(zsocket_send(h->push, h->buffer.data, h->buffer.size, (BlobSlice){0}), 0);
        _cleanup_(end_done) End e = harness_execute(h, (Job){.shell = "exit 4"});
        cr_assert_eq(e.item.code, 4);
}

Test(protocol, a_payload_that_is_no_command_could_not_start) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        WireRunItem item = {.run_id = 7, .task_id = 7, .kind = TASK_KIND_COMMAND};
        WireRun run = {.epoch = h->epoch, .n = h->n, .runs = {&item, 1}};
        cr_assert_eq(wire_encode(&h->buffer, WIRE_TYPE_RUN, 0, &run), 0);
        cr_assert_eq(zsocket_send(h->push, h->buffer.data, h->buffer.size, (BlobSlice){0}), 0);
        _cleanup_(end_done) End e = harness_wait_end(h, 7);
        cr_assert_eq(e.item.reason, REASON_COULD_NOT_START);
        cr_assert_str_eq(e.detail,
                         "the task's description of the command is not valid: Bad message");
}

Test(protocol, echo_answers_its_payload) {
        _cleanup_(harness_stopp) Harness *h = harness_start("loud");
        _cleanup_(end_done) End e =
                harness_execute(h, (Job){.payload = "a\0b\xff", .payload_size = 4});
        cr_assert_eq(e.item.state, TASK_SUCCEEDED);
        cr_assert_eq(e.result_size, 4);
        cr_assert_arr_eq(e.result, "a\0b\xff", 4);
        _cleanup_(end_done) End none = harness_execute(h, (Job){.payload = "", .payload_size = 0});
        cr_assert_eq(none.item.state, TASK_SUCCEEDED);
        cr_assert_eq(none.result_size, 0);
}

Test(protocol, what_ends_in_one_turn_comes_as_one_message) {
        _cleanup_(harness_stopp) Harness *h = harness_start("silent");
        static WireRunItem items[WIRE_RUNS_MAX];
        for (size_t i = 0; i < WIRE_RUNS_MAX; i++)
                items[i] =
                        (WireRunItem){.run_id = i + 1, .task_id = i + 1, .kind = TASK_KIND_MESSAGE};
        WireRun run = {.epoch = h->epoch, .n = h->n, .runs = {items, WIRE_RUNS_MAX}};
        cr_assert_eq(wire_encode(&h->buffer, WIRE_TYPE_RUN, 0, &run), 0);
        cr_assert_eq(zsocket_send(h->push, h->buffer.data, h->buffer.size, (BlobSlice){0}), 0);
        WireMessage m;
        harness_receive(h, &m);
        cr_assert_eq(m.type, WIRE_TYPE_END);
        const WireEnd *end = m.body;
        cr_assert_eq(end->runs.count, WIRE_RUNS_MAX);
        for (size_t i = 0; i < WIRE_RUNS_MAX; i++) {
                cr_assert_eq(end->runs.items[i].run_id, i + 1);
                cr_assert_eq(end->runs.items[i].state, TASK_SUCCEEDED);
        }
}

Test(protocol, large_results_are_split_below_the_bound_of_a_message) {
        _cleanup_(harness_stopp) Harness *h = harness_start("loud");
        size_t size = WIRE_PAYLOAD_MAX;
        _cleanup_(freep) char *payload = malloc(size);
        memset(payload, 'p', size);
        uint64_t runs[3];
        cr_assert_eq(kill(h->worker, SIGSTOP), 0); /* so that it finds all three in one turn */
        wait_until_state(h->worker, 'T');
        for (size_t i = 0; i < ARRAY_SIZE(runs); i++)
                runs[i] = harness_submit(h, (Job){.payload = payload,
                                                  .payload_size = size,
                                                  .environment = "",
                                                  .environment_size = 0});
        cr_assert_eq(kill(h->worker, SIGCONT), 0);
        for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
                _cleanup_(end_done) End e = harness_wait_end(h, runs[i]);
                cr_assert_eq(e.result_size, size);
                cr_assert_eq(memcmp(e.result, payload, size), 0);
        }
}

Test(protocol, a_pool_that_is_not_configured_is_refused) {
        Harness *h = harness_start_unsynced("missing");
        int status = -1;
        cr_assert_eq(waitpid(h->worker, &status, 0), h->worker);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILURE);
        h->worker = 0;
        harness_stop(h);
}
