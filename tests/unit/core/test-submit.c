/* SUBMIT: what is accepted, what is refused, and when a task may be seen. */
#include "tests/unit/core/world.h"

Test(submit, is_answered_only_when_durable) {
        World *w = world(.workers = 1);
        w->hold_commits = true;
        cr_assert_eq(submit(w, 0), 0);
        cr_assert_eq(w->replies.count, 0);
        cr_assert_eq(w->pushes.count, 0);
        cr_assert_eq(state_of(w, 1), 0);
        commit(w, 0);
        cr_assert_eq(last_reply(w)->type, WIRE_TYPE_SUBMITTED);
        cr_assert_eq(last_reply(w)->first_id, 1);
        cr_assert_eq(last_push(w)->task_id, 1);
        world_free(w);
}

Test(submit, gives_consecutive_ids_in_order) {
        World *w = world(.next_task_id = 100);
        cr_assert_eq(submit(w, .count = 3), 100);
        cr_assert_eq(last_reply(w)->count, 3);
        cr_assert_eq(submit(w, 0), 103);
        cr_assert_eq(queue_view(w, "q").ready, 4);
        world_free(w);
}

Test(submit, policies_get_their_defaults) {
        World *w = world(0);
        submit(w, 0);
        const Written *task = last_write(w, STORE_PUT_TASK);
        cr_assert_eq(task->policy.grace_msec, CORE_GRACE_MSEC);
        cr_assert_eq(task->policy.backoff_min_msec, CORE_BACKOFF_MIN_MSEC);
        cr_assert_eq(task->policy.backoff_max_msec, CORE_BACKOFF_MAX_MSEC);
        cr_assert_eq(task->submitted_usec, w->now.realtime_usec);
        world_free(w);
}

static void expect_refused(World *w, uint64_t code, const char *word) {
        cr_assert_eq(last_reply(w)->type, WIRE_TYPE_ERROR);
        cr_assert_eq(last_reply(w)->code, code, "%s", last_reply(w)->text);
        cr_assert(strstr(last_reply(w)->text, word), "'%s' is not in '%s'", word,
                  last_reply(w)->text);
        cr_assert_eq(writes_of(w, STORE_PUT_TASK), 0);
}

Test(submit, an_unknown_queue_is_refused_by_name) {
        World *w = world(0);
        submit(w, .queue = "mial");
        expect_refused(w, EXIT_DATA, "mial");
        world_free(w);
}

Test(submit, a_kind_that_no_pool_of_the_queue_takes_is_refused) {
        World *w = world(0);
        submit(w, .kind = TASK_KIND_MESSAGE);
        expect_refused(w, EXIT_DATA, "message");
        world_free(w);
}

Test(submit, values_out_of_bounds_are_refused) {
        World *w = world(0);
        submit(w, .priority = 101);
        expect_refused(w, EXIT_DATA, "priority");
        submit(w, .priority = -101);
        expect_refused(w, EXIT_DATA, "priority");
        submit(w, .at_most_once = true, .retries = 1);
        expect_refused(w, EXIT_DATA, "at most once");
        submit(w, .backoff_min_msec = 10, .backoff_max_msec = 9);
        expect_refused(w, EXIT_DATA, "backoff");
        submit(w, .kind = 3);
        expect_refused(w, EXIT_DATA, "kind");
        world_free(w);
}

Test(submit, beyond_the_bound_of_the_queue_nothing_is_taken) {
        World *w = world(.max_waiting = 3);
        submit(w, .count = 4);
        expect_refused(w, EXIT_TRY_AGAIN, "full");
        cr_assert_eq(submit(w, .count = 3), 1);
        submit(w, 0);
        cr_assert_eq(last_reply(w)->code, EXIT_TRY_AGAIN);
        world_free(w);
}

Test(submit, tasks_that_are_being_written_count_against_the_bound) {
        World *w = world(.max_waiting = 3);
        w->hold_commits = true;
        submit(w, .count = 2, .client = 1);
        submit(w, .count = 2, .client = 2);
        cr_assert_eq(last_reply(w)->code, EXIT_TRY_AGAIN);
        world_free(w);
}

Test(submit, is_refused_while_the_disk_is_nearly_full) {
        World *w = world(0);
        core_refuse_submits(w->core, "the disk is nearly full");
        submit(w, 0);
        expect_refused(w, EXIT_TRY_AGAIN, "nearly full");
        core_refuse_submits(w->core, NULL);
        cr_assert_eq(submit(w, 0), 1);
        world_free(w);
}

Test(submit, a_delayed_task_waits_for_its_time_by_the_monotonic_clock) {
        World *w = world(.workers = 1);
        uint64_t id = submit(w, .delay_usec = 10 * USEC_PER_SEC);
        cr_assert_eq(state_of(w, id), TASK_DELAYED);
        cr_assert_eq(last_write(w, STORE_PUT_TASK)->due_usec,
                     w->now.realtime_usec + 10 * USEC_PER_SEC);
        cr_assert_eq(core_next_deadline(w->core), w->now.monotonic_usec + 10 * USEC_PER_SEC);
        w->now.realtime_usec += USEC_PER_DAY; /* somebody sets the clock */
        pass(w, 9 * USEC_PER_SEC);
        cr_assert_eq(w->pushes.count, 0);
        w->now.realtime_usec -= 2 * USEC_PER_DAY;
        pass(w, USEC_PER_SEC);
        cr_assert_eq(last_push(w)->task_id, id);
        world_free(w);
}

Test(submit, tells_observers_of_each_state) {
        World *w = world(.workers = 1);
        submit(w, 0);
        end(w, 1, last_push(w)->run_id);
        cr_assert_eq(w->events.count, 3);
        cr_assert_eq(w->events.items[0].state, TASK_READY);
        cr_assert_eq(w->events.items[1].state, TASK_RUNNING);
        cr_assert_eq(w->events.items[2].state, TASK_SUCCEEDED);
        world_free(w);
}

Test(submit, the_oldest_waiting_task_is_known) {
        World *w = world(.workers = 1);
        usec_t first = w->now.realtime_usec;
        submit(w, .priority = -5);
        cr_assert_eq(queue_view(w, "q").oldest_usec, 0);
        submit(w, .priority = -5);
        pass(w, USEC_PER_SEC);
        submit(w, .priority = 5);
        cr_assert_eq(queue_view(w, "q").oldest_usec, first);
        end(w, 1, last_push(w)->run_id);
        cr_assert_eq(last_push(w)->task_id, 3);
        cr_assert_eq(queue_view(w, "q").oldest_usec, first);
        end(w, 1, last_push(w)->run_id);
        cr_assert_eq(queue_view(w, "q").oldest_usec, 0);
        world_free(w);
}
