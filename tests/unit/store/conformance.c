/* What every backend of the store does alike: each test runs over sqlite: and memory:. */
#include "tests/unit/store/both.h"

#include <errno.h>
#include <poll.h>

BOTH(tickets_are_answered_in_order) {
        for (uint64_t i = 0; i < 200; i++)
                write_batch(f, task(i + 1, .payload = "x"));
        cr_assert_eq(await_ticket(f, 200), 0);
        cr_assert_eq(f->done, 200);
}

BOTH(the_eventfd_is_readable_exactly_while_answers_wait) {
        struct pollfd fd = {.fd = store_fd(f->store), .events = POLLIN};
        StoreDone d;
        while (next_completion(f, &d, 0))
                store_done_free(&d);
        cr_assert_eq(poll(&fd, 1, 0), 0);
        write_batch(f, task(1));
        cr_assert_eq(poll(&fd, 1, WAIT_MSEC), 1);
        cr_assert_eq(await_ticket(f, 1), 0);
        while (store_next(f->store, &d))
                store_done_free(&d);
        cr_assert_eq(poll(&fd, 1, 0), 0);
}

BOTH(an_empty_batch_is_answered) {
        cr_assert_eq(await_ticket(f, write_ops(f, NULL, 0)), 0);
}

BOTH(a_task_is_read_back_whole) {
        store_batch(f, task(7, .queue = "mail", .name = "nightly", .labels = "a=1,b=two words",
                            .summary = "cp a b", .environment = "HOME=/x", .payload = "argv",
                            .uid = 1234, .submitted = 5000000, .not_before = 6000000,
                            .priority = -100, .retries = 3, .at_most_once = true));
        StoreDone d = ask_task(f, 7);
        cr_assert_eq(d.error, 0);
        cr_assert_eq(d.task_count, 1);
        TaskRecord *t = &d.tasks[0].task;
        cr_assert_eq(t->id, 7);
        cr_assert_str_eq(t->queue, "mail");
        cr_assert(slice_is(t->name, "nightly"));
        cr_assert_eq(t->labels.size, 16);
        cr_assert_arr_eq(blob_slice_data(t->labels), "a=1\0b=two words", 16);
        cr_assert(slice_is(t->summary, "cp a b"));
        cr_assert(slice_is(t->environment, "HOME=/x"));
        cr_assert(slice_is(t->payload, "argv"));
        cr_assert_eq(t->uid, 1234);
        cr_assert_eq(t->submitted_usec, 5000000);
        cr_assert_eq(t->not_before_usec, 6000000);
        cr_assert_eq(t->policy.priority, -100);
        cr_assert_eq(t->policy.retries, 3);
        cr_assert_eq(t->policy.kind, TASK_KIND_COMMAND);
        cr_assert_eq(t->policy.timeout_usec, 5 * USEC_PER_SEC);
        cr_assert_eq(t->policy.grace_msec, 10000);
        cr_assert_eq(t->policy.backoff_min_msec, 2000);
        cr_assert_eq(t->policy.backoff_max_msec, 300000);
        cr_assert(t->policy.at_most_once);
        cr_assert_eq(d.tasks[0].end.state, 0);
        cr_assert_eq(d.tasks[0].attempts, 0);
        store_done_free(&d);
}

BOTH(groups_and_repetitions_are_kept_and_the_newest_repetition_is_found) {
        store_batch(f, task(1, .group = "night"), task(2), task(3, .retry_of = 1),
                    task(4, .retry_of = 77));
        store_batch(f, task(5, .group = "night", .retry_of = 1));
        StoreDone d = ask_task(f, 1);
        cr_assert(slice_is(d.tasks[0].task.group, "night"));
        cr_assert_eq(d.tasks[0].task.retry_of, 0);
        cr_assert_eq(d.tasks[0].retried_as, 5);
        store_done_free(&d);
        d = ask(f, (StoreRead){.kind = STORE_READ_ROWS, .filter = {.any_uid = true}});
        static const uint64_t retry_of[] = {1, 77, 1, 0, 0}, retried_as[] = {0, 0, 0, 0, 5};
        cr_assert_eq(d.task_count, 5);
        for (size_t i = 0; i < 5; i++) {
                cr_assert_eq(d.tasks[i].task.retry_of, retry_of[i]);
                cr_assert_eq(d.tasks[i].retried_as, retried_as[i]);
        }
        cr_assert_eq(d.tasks[1].task.group.size, 0);
        store_done_free(&d);
        StoreFilter filter = {.any_uid = true, .group = strdup("night")};
        cr_assert_str_eq(rows_of(f, filter), "5 1");
        filter.group = strdup("nigh");
        cr_assert_str_eq(rows_of(f, filter), "");
}

BOTH(bytes_of_every_value_survive) {
        char all[255];
        for (size_t i = 0; i < sizeof all; i++)
                all[i] = (char)(i + 1);
        StoreOp op = task(1);
        op.task.payload = (BlobSlice){.blob = blob_new_copy(all, sizeof all), .size = sizeof all};
        op.task.environment = blob_slice(op.task.payload.blob, 5, 200);
        store_batch(f, op);
        uint64_t *ids = malloc(sizeof *ids);
        ids[0] = 1;
        StoreDone d = ask(f, (StoreRead){.kind = STORE_READ_PAYLOADS, .ids = ids, .id_count = 1});
        cr_assert_eq(d.task_count, 1);
        cr_assert_eq(d.tasks[0].task.payload.size, sizeof all);
        cr_assert_arr_eq(blob_slice_data(d.tasks[0].task.payload), all, sizeof all);
        cr_assert_arr_eq(blob_slice_data(d.tasks[0].task.environment), all + 5, 200);
        store_done_free(&d);
}

BOTH(an_unknown_task_is_no_task) {
        StoreDone d = ask_task(f, 99);
        cr_assert_eq(d.error, -ENOENT);
        cr_assert_eq(d.task_count, 0);
        store_done_free(&d);
}

BOTH(a_read_sees_every_batch_before_it) {
        for (uint64_t i = 1; i <= 50; i++) {
                write_batch(f, task(i));
                cr_assert(task_exists(f, i));
        }
}

BOTH(an_end_is_kept_once_and_the_first_one_counts) {
        store_batch(f, task(1),
                    ended(1, .run = RUN(1), .state = TASK_FAILED, .code = 3, .detail = "why"));
        store_batch(f, ended(1, .run = RUN(2), .state = TASK_SUCCEEDED));
        StoreDone d = ask_task(f, 1);
        cr_assert_eq(d.tasks[0].end.state, TASK_FAILED);
        cr_assert_eq(d.tasks[0].end.code, 3);
        cr_assert_eq(d.tasks[0].end.run_id, RUN(1));
        cr_assert_eq(d.tasks[0].end.worker, 17);
        cr_assert_str_eq(d.tasks[0].end.pool, "default");
        cr_assert(slice_is(d.tasks[0].end.detail, "why"));
        store_done_free(&d);
}

BOTH(attempts_come_oldest_first) {
        store_batch(f, task(1), task(2));
        store_batch(f, attempt(1, .run = RUN(1), .attempt = 1, .code = 1), task(3));
        store_batch(f, attempt(1, .run = RUN(5), .attempt = 2, .code = 2, .detail = "twice"));
        store_batch(f, ended(1, .run = RUN(9), .attempt = 3, .out = "hello"));
        StoreDone d = ask_task(f, 1);
        cr_assert_eq(d.tasks[0].attempts, 2);
        cr_assert_eq(d.run_count, 2);
        cr_assert_eq(d.runs[0].attempt, 1);
        cr_assert_eq(d.runs[1].attempt, 2);
        cr_assert_eq(d.runs[1].code, 2);
        cr_assert(slice_is(d.runs[1].detail, "twice"));
        cr_assert_eq(d.tasks[0].end.out.size, 5);
        cr_assert_null(d.tasks[0].end.out.blob, "lists do not load output");
        store_done_free(&d);
}

BOTH(of_very_many_attempts_the_newest_are_given) {
        store_batch(f, task(1));
        for (uint32_t i = 1; i <= 300; i++)
                write_batch(f, attempt(1, .run = RUN(i), .attempt = i));
        StoreDone d = ask_task(f, 1);
        cr_assert_eq(d.tasks[0].attempts, 300);
        cr_assert_eq(d.run_count, 255);
        cr_assert_eq(d.runs[0].attempt, 46);
        cr_assert_eq(d.runs[254].attempt, 300);
        store_done_free(&d);
}

/* ---- PAYLOADS, ENDS ---- */

BOTH(payloads_come_in_the_order_asked_for_without_the_unknown) {
        store_batch(f, task(1, .payload = "one", .environment = "E"), task(2, .payload = "two"),
                    task(3, .environment = "E"));
        uint64_t *ids = malloc(4 * sizeof *ids);
        memcpy(ids, (uint64_t[]){3, 77, 1, 2}, 4 * sizeof *ids);
        StoreDone d = ask(f, (StoreRead){.kind = STORE_READ_PAYLOADS, .ids = ids, .id_count = 4});
        cr_assert_eq(d.error, 0);
        cr_assert_eq(d.task_count, 3);
        cr_assert_eq(d.tasks[0].task.id, 3);
        cr_assert_eq(d.tasks[0].task.payload.size, 0);
        cr_assert(slice_is(d.tasks[0].task.environment, "E"));
        cr_assert(slice_is(d.tasks[1].task.payload, "one"));
        cr_assert(slice_is(d.tasks[2].task.payload, "two"));
        cr_assert_eq(d.tasks[2].task.environment.size, 0);
        store_done_free(&d);
}

BOTH(ends_of_a_range_name_the_ended_and_the_unknown) {
        store_batch(f, task(10), task(11), task(13), task(16));
        store_batch(f, ended(11, .state = TASK_FAILED, .reason = REASON_SIGNAL, .code = 9),
                    ended(13));
        StoreDone d = ask(f, (StoreRead){.kind = STORE_READ_ENDS, .first = 9, .count = 9});
        cr_assert_eq(d.error, 0);
        cr_assert_eq(d.end_count, 2);
        cr_assert_eq(d.ends[0].id, 11);
        cr_assert_eq(d.ends[0].state, TASK_FAILED);
        cr_assert_eq(d.ends[0].reason, REASON_SIGNAL);
        cr_assert_eq(d.ends[0].code, 9);
        cr_assert_eq(d.ends[1].id, 13);
        uint64_t unknown[] = {9, 12, 14, 15, 17};
        cr_assert_eq(d.unknown_count, 5);
        cr_assert_arr_eq(d.unknown, unknown, sizeof unknown);
        cr_assert_eq(d.next_first, 0);
        store_done_free(&d);
}

BOTH(ends_of_a_huge_range_come_in_pieces) {
        StoreOp *ops = malloc(10000 * sizeof *ops);
        for (uint64_t i = 0; i < 5000; i++) {
                ops[2 * i] = task(i + 1);
                ops[2 * i + 1] = ended(i + 1);
        }
        cr_assert_eq(await_ticket(f, write_ops(f, ops, 10000)), 0);
        free(ops);
        size_t ends = 0, unknown = 0, answers = 0;
        for (uint64_t first = 1; first && answers < 10; answers++) {
                StoreDone d = ask(f, (StoreRead){.kind = STORE_READ_ENDS,
                                                 .first = first,
                                                 .count = 12001 - first});
                cr_assert_leq(d.end_count, WIRE_TASKS_MAX);
                cr_assert_leq(d.unknown_count, WIRE_TASKS_MAX);
                ends += d.end_count;
                unknown += d.unknown_count;
                first = d.next_first;
                store_done_free(&d);
        }
        cr_assert_eq(ends, 5000);
        cr_assert_eq(unknown, 7000);
        cr_assert_gt(answers, 1);
}

BOTH(ends_of_a_range_up_to_the_last_number_do_not_wrap) {
        store_batch(f, task(5), ended(5));
        StoreDone d = ask(f, (StoreRead){.kind = STORE_READ_ENDS, .first = 5, .count = UINT64_MAX});
        cr_assert_eq(d.end_count, 1);
        cr_assert_eq(d.unknown_count, WIRE_TASKS_MAX);
        cr_assert_eq(d.next_first, 6 + WIRE_TASKS_MAX);
        store_done_free(&d);
}

/* ---- ROWS ---- */

static void store_a_mixture(Fixture *f) {
        store_batch(f, task(1, .queue = "mail", .name = "n1", .labels = "k=v", .submitted = 100),
                    task(2, .uid = 7, .submitted = 200),
                    task(3, .labels = "k=v2,x=y", .submitted = 300),
                    task(5, .queue = "mail", .name = "n1", .labels = "x=y,k=v", .submitted = 400),
                    task(8, .uid = 7, .submitted = 500));
        store_batch(f, ended(1), ended(3, .state = TASK_FAILED),
                    ended(8, .state = TASK_CANCELLED, .reason = REASON_CANCELLED));
}

#define ANY .any_uid = true

BOTH(rows_come_newest_first) {
        store_a_mixture(f);
        cr_assert_str_eq(rows_of(f, (StoreFilter){ANY}), "8 5 3 2 1");
}

BOTH(rows_are_filtered_by_each_condition) {
        store_a_mixture(f);
        cr_assert_str_eq(rows_of(f, (StoreFilter){.uid = 7}), "8 2");
        cr_assert_str_eq(rows_of(f, (StoreFilter){ANY, .queue = strdup("mail")}), "5 1");
        cr_assert_str_eq(rows_of(f, (StoreFilter){ANY, .name = strdup("n1")}), "5 1");
        cr_assert_str_eq(rows_of(f, (StoreFilter){ANY, .name = strdup("n")}), "");
        cr_assert_str_eq(rows_of(f, (StoreFilter){ANY, .label = strdup("k=v")}), "5 1");
        cr_assert_str_eq(rows_of(f, (StoreFilter){ANY, .label = strdup("x=y")}), "5 3");
        cr_assert_str_eq(rows_of(f, (StoreFilter){ANY, .since_usec = 300}), "8 5 3");
        cr_assert_str_eq(rows_of(f, (StoreFilter){ANY, .first_id = 2, .last_id = 5}), "5 3 2");
        cr_assert_str_eq(rows_of(f, (StoreFilter){ANY, .unended = true}), "5 2");
        cr_assert_str_eq(rows_of(f, (StoreFilter){ANY, .end_states = 1u << TASK_FAILED}), "3");
        cr_assert_str_eq(
                rows_of(f, (StoreFilter){ANY, .unended = true, .end_states = 1u << TASK_CANCELLED}),
                "8 5 2");
}

BOTH(all_conditions_must_hold) {
        store_a_mixture(f);
        cr_assert_str_eq(rows_of(f, (StoreFilter){ANY, .queue = strdup("mail"),
                                                  .end_states = 1u << TASK_SUCCEEDED}),
                         "1");
        cr_assert_str_eq(rows_of(f, (StoreFilter){.uid = 7, .queue = strdup("mail")}), "");
}

BOTH(rows_are_paged) {
        store_a_mixture(f);
        cr_assert_str_eq(rows_of(f, (StoreFilter){ANY, .limit = 2}), "8 5 <4");
        cr_assert_str_eq(rows_of(f, (StoreFilter){ANY, .limit = 2, .before = 4}), "3 2 <2");
        cr_assert_str_eq(rows_of(f, (StoreFilter){ANY, .limit = 2, .before = 2}), "1");
        cr_assert_str_eq(rows_of(f, (StoreFilter){ANY, .before = 1}), "");
}

BOTH(a_scan_that_finds_nothing_stops_early_and_says_where_to_go_on) {
        enum { MANY = 45000 };
        StoreOp *ops = malloc(MANY * sizeof *ops);
        for (uint64_t i = 0; i < MANY; i++) /* of each block both texts are in, but in two tasks */
                ops[i] = task(i + 1, .name = i % 2 || i == 4 ? "needle" : NULL,
                              .queue = i % 2 ? "mail" : "hay");
        cr_assert_eq(await_ticket(f, write_ops(f, ops, MANY)), 0);
        free(ops);
        size_t found = 0, pages = 0;
        for (uint64_t before = 0; pages == 0 || before; pages++) {
                StoreDone d = ask(
                        f, (StoreRead){.kind = STORE_READ_ROWS,
                                       .filter = {ANY, .before = before, .name = strdup("needle"),
                                                  .queue = strdup("hay")}});
                found += d.task_count;
                before = d.before;
                store_done_free(&d);
        }
        cr_assert_eq(found, 1);
        cr_assert_gt(pages, 1);
}

static uint64_t *ids_of(const uint64_t *ids, size_t n) {
        uint64_t *copy = malloc(n * sizeof *copy);
        memcpy(copy, ids, n * sizeof *copy);
        return copy;
}

BOTH(rows_of_ids_are_those_that_match_in_their_order) {
        store_a_mixture(f);
        const uint64_t ids[] = {8, 5, 4, 2, 1};
        StoreDone d = ask(f, (StoreRead){.kind = STORE_READ_ROWS,
                                         .ids = ids_of(ids, ARRAY_SIZE(ids)),
                                         .id_count = ARRAY_SIZE(ids),
                                         .filter = {ANY, .unended = true}});
        cr_assert_eq(d.task_count, 2);
        cr_assert_eq(d.tasks[0].task.id, 5);
        cr_assert_eq(d.tasks[1].task.id, 2);
        cr_assert_eq(d.before, 0);
        store_done_free(&d);
        d = ask(f, (StoreRead){.kind = STORE_READ_ROWS, .ids = ids_of(ids, 1), .filter = {ANY}});
        cr_assert_eq(d.task_count, 0, "no ids are none, not all");
        store_done_free(&d);
}

BOTH(rows_of_which_only_ids_are_wanted_hold_nothing_else) {
        store_a_mixture(f);
        cr_assert_str_eq(rows_of(f, (StoreFilter){ANY, .ids_only = true}), "8 5 3 2 1");
        StoreDone d = ask(f, (StoreRead){.kind = STORE_READ_ROWS,
                                         .filter = {ANY, .name = strdup("n1"), .ids_only = true}});
        cr_assert_eq(d.task_count, 2);
        cr_assert_eq(d.tasks[0].end.state, 0, "5 has not ended");
        cr_assert_eq(d.tasks[1].end.state, TASK_SUCCEEDED);
        cr_assert_eq(d.tasks[1].task.name.size, 0);
        cr_assert_str_empty(d.tasks[1].task.queue);
        store_done_free(&d);
}

BOTH(a_row_tells_the_end_without_output) {
        store_batch(f, task(1, .payload = "p", .environment = "e"));
        store_batch(f, attempt(1, .run = RUN(1)),
                    ended(1, .run = RUN(2), .attempt = 2, .out = "xyz"));
        StoreDone d = ask(f, (StoreRead){.kind = STORE_READ_ROWS, .filter = {ANY}});
        cr_assert_eq(d.tasks[0].attempts, 1);
        cr_assert_eq(d.tasks[0].end.attempt, 2);
        cr_assert_eq(d.tasks[0].end.out_total, 3);
        cr_assert_eq(d.tasks[0].task.payload.size, 0);
        store_done_free(&d);
}

/* ---- OUTPUT ---- */

BOTH(output_is_read_by_stream_and_offset) {
        store_batch(f, task(1),
                    ended(1, .run = RUN(1), .out = "standard", .err = "error", .result = "result"));
        StoreDone d = ask_output(f, 1, 0, STREAM_STDOUT, 3);
        cr_assert_eq(d.error, 0);
        cr_assert(slice_is(d.bytes, "ndard"));
        cr_assert_eq(d.total, 8);
        cr_assert_eq(d.dropped, 0);
        cr_assert(d.complete);
        cr_assert_eq(d.attempt, 1);
        store_done_free(&d);
        d = ask_output(f, 1, 1, STREAM_STDERR, 0);
        cr_assert(slice_is(d.bytes, "error"));
        store_done_free(&d);
        d = ask_output(f, 1, 0, STREAM_RESULT, 0);
        cr_assert(slice_is(d.bytes, "result"));
        cr_assert_eq(d.total, 6);
        store_done_free(&d);
        d = ask_output(f, 1, 0, STREAM_STDOUT, 8);
        cr_assert_eq(d.error, 0);
        cr_assert_eq(d.bytes.size, 0);
        store_done_free(&d);
        d = ask_output(f, 1, 0, STREAM_STDOUT, UINT64_MAX);
        cr_assert_eq(d.bytes.size, 0);
        store_done_free(&d);
}

BOTH(output_of_an_attempt_is_found_by_its_number) {
        store_batch(f, task(1));
        store_batch(f, attempt(1, .run = RUN(1), .attempt = 1, .out = "first"));
        StoreDone d = ask_output(f, 1, 0, STREAM_STDOUT, 0);
        cr_assert(slice_is(d.bytes, "first"));
        store_done_free(&d);
        store_batch(f, attempt(1, .run = RUN(2), .attempt = 2, .state = TASK_READY, .out = "cut"));
        store_batch(f, attempt(1, .run = RUN(3), .attempt = 2, .out = "again"));
        store_batch(f, ended(1, .run = RUN(4), .attempt = 3, .out = "third"));
        const char *expected[] = {"third", "first", "again", "third"};
        for (uint32_t i = 0; i < 4; i++) {
                d = ask_output(f, 1, i, STREAM_STDOUT, 0);
                cr_assert(slice_is(d.bytes, expected[i]), "attempt %u", i);
                store_done_free(&d);
        }
        d = ask_output(f, 1, 9, STREAM_STDOUT, 0);
        cr_assert_eq(d.error, -ENOENT);
        store_done_free(&d);
}

BOTH(an_end_without_a_run_leaves_the_output_of_the_attempts) {
        store_batch(f, task(1), attempt(1, .run = RUN(1), .out = "first"));
        store_batch(f, ended(1, .state = TASK_CANCELLED, .reason = REASON_CANCELLED));
        StoreDone d = ask_output(f, 1, 0, STREAM_STDOUT, 0);
        cr_assert(slice_is(d.bytes, "first"));
        store_done_free(&d);
}

BOTH(output_in_files_is_read_and_a_vanished_file_is_told) {
        make_output_file(f, RUN(1), STREAM_STDOUT, "in the file");
        store_batch(f, task(1),
                    ended(1, .run = RUN(1), .files = WIRE_FILE_OUT, .out_kept = 11,
                          .out_total = 100, .err = "in the row"));
        StoreDone d = ask_output(f, 1, 0, STREAM_STDOUT, 7);
        cr_assert(slice_is(d.bytes, "file"));
        cr_assert_eq(d.total, 100);
        cr_assert_eq(d.dropped, 89);
        store_done_free(&d);
        d = ask_output(f, 1, 0, STREAM_STDERR, 0);
        cr_assert(slice_is(d.bytes, "in the row"));
        store_done_free(&d);
        store_batch(f, task(2), ended(2, .run = RUN(2), .files = WIRE_FILE_OUT, .out_kept = 11));
        d = ask_output(f, 2, 0, STREAM_STDOUT, 0);
        cr_assert_eq(d.error, -ENOENT);
        store_done_free(&d);
}

BOTH(output_of_a_running_run_is_what_its_file_has) {
        store_batch(f, task(1));
        StoreRead read = {.kind = STORE_READ_OUTPUT,
                          .first = 1,
                          .run_id = RUN(1),
                          .attempt = 1,
                          .stream = STREAM_STDOUT,
                          .max = 4};
        StoreDone d = ask(f, read);
        cr_assert_eq(d.error, -ENOENT);
        store_done_free(&d);
        make_output_file(f, RUN(1), STREAM_STDOUT, "growing");
        d = ask(f, read);
        cr_assert(slice_is(d.bytes, "grow"));
        cr_assert_eq(d.total, 7);
        cr_assert_eq(d.attempt, 1);
        cr_assert_not(d.complete);
        store_done_free(&d);
}

BOTH(one_answer_holds_at_most_256_kib) {
        char *big = malloc(300 * 1024 + 1);
        memset(big, 'x', 300 * 1024);
        big[300 * 1024] = '\0';
        store_batch(f, task(1), ended(1, .run = RUN(1), .result = big));
        StoreDone d = ask_output(f, 1, 0, STREAM_RESULT, 0);
        cr_assert_eq(d.bytes.size, WIRE_OUTPUT_MAX);
        cr_assert_eq(d.total, 300 * 1024);
        store_done_free(&d);
        d = ask_output(f, 1, 0, STREAM_RESULT, WIRE_OUTPUT_MAX);
        cr_assert_eq(d.bytes.size, 300 * 1024 - WIRE_OUTPUT_MAX);
        store_done_free(&d);
        free(big);
}
