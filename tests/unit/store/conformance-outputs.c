/* What every backend of the store does alike for requests about many ended tasks at once: their
 * outputs, and forgetting them. */
#include "tests/unit/store/both.h"

#include <inttypes.h>

static StoreDone ask_outputs(Fixture *f, const uint64_t *ids, size_t n, uint32_t max,
                             uint32_t uid) {
        uint64_t *copy = malloc(n * sizeof *copy);
        memcpy(copy, ids, n * sizeof *copy);
        return ask(f, (StoreRead){.kind = STORE_READ_OUTPUTS,
                                  .ids = copy,
                                  .id_count = n,
                                  .max = max,
                                  .filter = {.uid = uid, .any_uid = uid == 0}});
}

static void expect_sizes(const WireOutputsItem *o, uint64_t out, uint64_t err, uint64_t result) {
        cr_assert_eq(o->out_size, out, "task %" PRIu64, o->id);
        cr_assert_eq(o->err_size, err, "task %" PRIu64, o->id);
        cr_assert_eq(o->result_size, result, "task %" PRIu64, o->id);
}

BOTH(outputs_of_many_come_one_after_the_other) {
        store_batch(f, task(1), task(2), task(3), task(4));
        store_batch(f, ended(1, .run = RUN(1), .out = "one", .err = "e", .result = "r1"),
                    ended(2, .run = RUN(2), .attempt = 4, .result = "two"),
                    attempt(3, .run = RUN(3), .out = "of an unended task"),
                    ended(4, .state = TASK_CANCELLED));
        StoreDone d = ask_outputs(f, (uint64_t[]){2, 99, 1, 3, 4, UINT64_MAX}, 6, 100, 0);
        cr_assert_eq(d.error, 0);
        cr_assert_eq(d.output_count, 6);
        static const uint64_t ids[] = {2, 99, 1, 3, 4};
        static const uint64_t attempts[] = {4, 0, 1, 0, 0, 0};
        for (size_t i = 0; i < 6; i++)
                cr_assert_eq(d.outputs[i].attempt, attempts[i], "%zu", i);
        for (size_t i = 0; i < 5; i++)
                cr_assert_eq(d.outputs[i].id, ids[i]);
        expect_sizes(&d.outputs[0], 0, 0, 3);
        expect_sizes(&d.outputs[2], 3, 1, 2);
        cr_assert_eq(d.outputs[2].out_total, 3);
        cr_assert(slice_is(d.bytes, "twooneer1"));
        store_done_free(&d);
}

BOTH(outputs_that_are_long_or_in_files_are_left_out_and_flagged) {
        store_batch(f, task(1),
                    ended(1, .run = RUN(1), .out = "12345", .err = "1234", .result = "12345"));
        store_batch(f, task(2),
                    ended(2, .run = RUN(2), .files = WIRE_FILE_OUT, .out_kept = 3, .out_total = 10,
                          .err = "e"));
        StoreDone d = ask_outputs(f, (uint64_t[]){1, 2}, 2, 4, 0);
        cr_assert_eq(d.outputs[0].flags, WIRE_OUTPUTS_OUT | WIRE_OUTPUTS_RESULT);
        expect_sizes(&d.outputs[0], 0, 4, 0);
        cr_assert_eq(d.outputs[1].flags, WIRE_OUTPUTS_OUT);
        cr_assert_eq(d.outputs[1].out_total, 10);
        cr_assert_eq(d.outputs[1].out_dropped, 7);
        cr_assert(slice_is(d.bytes, "1234e"));
        store_done_free(&d);
}

BOTH(outputs_of_an_end_without_a_run_are_those_of_the_last_attempt) {
        store_batch(f, task(1), attempt(1, .run = RUN(1), .out = "first"));
        store_batch(f, attempt(1, .run = RUN(2), .attempt = 2, .out = "second"));
        store_batch(f, ended(1, .state = TASK_CANCELLED, .reason = REASON_CANCELLED));
        StoreDone d = ask_outputs(f, (uint64_t[]){1}, 1, 100, 0);
        cr_assert_eq(d.outputs[0].attempt, 2);
        cr_assert(slice_is(d.bytes, "second"));
        store_done_free(&d);
}

BOTH(outputs_of_others_are_unknown) {
        store_batch(f, task(1, .uid = 7), task(2, .uid = 8),
                    ended(1, .run = RUN(1), .result = "mine"),
                    ended(2, .run = RUN(2), .result = "not mine"));
        StoreDone d = ask_outputs(f, (uint64_t[]){1, 2}, 2, 100, 7);
        cr_assert_eq(d.outputs[0].attempt, 1);
        cr_assert_eq(d.outputs[1].attempt, 0);
        cr_assert(slice_is(d.bytes, "mine"));
        store_done_free(&d);
}

BOTH(an_end_that_is_durable_has_its_outputs) {
        for (uint64_t i = 1; i <= 50; i++) {
                write_batch(f, task(i), ended(i, .run = RUN(i), .result = "x"));
                StoreDone d = ask_outputs(f, &i, 1, 100, 0);
                cr_assert_eq(d.outputs[0].result_size, 1);
                store_done_free(&d);
        }
}

BOTH(outputs_stop_where_an_answer_is_full) {
        char *big = malloc(WIRE_OUTPUT_MAX + 1);
        memset(big, 'x', WIRE_OUTPUT_MAX);
        big[WIRE_OUTPUT_MAX] = '\0';
        uint64_t ids[40];
        for (uint64_t i = 0; i < 40; i++) {
                ids[i] = i + 1;
                store_batch(f, task(i + 1), ended(i + 1, .run = RUN(i + 1), .result = big));
        }
        StoreDone d = ask_outputs(f, ids, 40, UINT32_MAX, 0);
        cr_assert_eq(d.output_count, 16);
        cr_assert_eq(d.bytes.size, 16 * WIRE_OUTPUT_MAX);
        store_done_free(&d);
        uint64_t many[2000] = {0};
        d = ask_outputs(f, many, 2000, 1, 0);
        cr_assert_eq(d.output_count, 1024);
        store_done_free(&d);
        free(big);
}

/* ---- PURGE ---- */

static StoreOp purge(uint64_t id) {
        return make_mark(STORE_PURGE, id, 0);
}

BOTH(a_purged_task_is_gone_with_attempts_and_files) {
        make_output_file(f, RUN(1), STREAM_STDOUT, "first");
        make_output_file(f, RUN(2), STREAM_STDERR, "second");
        make_output_file(f, RUN(3), STREAM_STDOUT, "another task's");
        store_batch(f, task(1), attempt(1, .run = RUN(1), .files = WIRE_FILE_OUT), task(2), task(3),
                    ended(3, .run = RUN(3), .files = WIRE_FILE_OUT));
        store_batch(f, ended(1, .run = RUN(2), .files = WIRE_FILE_ERR), ended(2));
        store_batch(f, purge(1));
        cr_assert_not(task_exists(f, 1));
        cr_assert(task_exists(f, 2));
        cr_assert_not(output_file_exists(f, RUN(1), STREAM_STDOUT));
        cr_assert_not(output_file_exists(f, RUN(2), STREAM_STDERR));
        cr_assert(output_file_exists(f, RUN(3), STREAM_STDOUT));
        store_batch(f, purge(3), purge(3), purge(99));
        cr_assert_str_eq(rows_of(f, (StoreFilter){.any_uid = true}), "2");
}

BOTH(what_has_not_ended_is_not_purged) {
        store_batch(f, task(1), task(2), attempt(2, .run = RUN(1)));
        store_batch(f, purge(1), purge(2));
        StoreDone d = ask_task(f, 2);
        cr_assert_eq(d.run_count, 1);
        store_done_free(&d);
        store_batch(f, ended(1), ended(2), purge(2));
        cr_assert_str_eq(rows_of(f, (StoreFilter){.any_uid = true}), "1");
}

BOTH(retention_counts_no_purged_task) {
        store_batch(f, task(1, .environment = "E"), task(2, .environment = "E"), task(3), task(4));
        store_batch(f, ended(1), ended(2), ended(3));
        store_batch(f, purge(2));
        store_set_retention(f->store, USEC_INFINITY, 3, UINT64_MAX);
        store_batch(f, ended(4), task(5), ended(5));
        while (task_exists(f, 1))
                ;
        cr_assert_str_eq(rows_of(f, (StoreFilter){.any_uid = true}), "5 4 3");
}

BOTH(owners_tell_whose_a_task_is_and_whether_it_has_ended) {
        store_batch(f, task(1, .uid = 7), task(2, .uid = 8), ended(2, .state = TASK_FAILED));
        uint64_t *ids = malloc(3 * sizeof *ids);
        memcpy(ids, (uint64_t[]){1, 2, 9}, 3 * sizeof *ids);
        StoreDone d = ask(f, (StoreRead){.kind = STORE_READ_OWNERS, .ids = ids, .id_count = 3});
        cr_assert_eq(d.task_count, 2);
        cr_assert_eq(d.tasks[0].task.uid, 7);
        cr_assert_eq(d.tasks[0].end.state, 0);
        cr_assert_eq(d.tasks[1].task.uid, 8);
        cr_assert_eq(d.tasks[1].end.state, TASK_FAILED);
        store_done_free(&d);
}
