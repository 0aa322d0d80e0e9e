/* CANCEL: durable before it is said, at once for what waits, by a stop for what runs. */
#include "tests/unit/core/world.h"

Test(cancel, what_waits_is_gone_at_once_and_for_good) {
        World *w = world(0);
        uint64_t ready = submit(w, 0), delayed = submit(w, .delay_usec = USEC_PER_MIN);
        w->hold_commits = true;
        cancel(w, .ids = {ready, delayed}, .uid = 1000);
        cr_assert_eq(queue_view(w, "q").ready + queue_view(w, "q").delayed, 0);
        cr_assert_neq(last_reply(w)->type, WIRE_TYPE_CANCELLED);
        commit(w, 0);
        cr_assert_eq(last_reply(w)->type, WIRE_TYPE_CANCELLED);
        cr_assert_eq(last_reply(w)->first_id, 2);
        cr_assert_eq(writes_of(w, STORE_PUT_END), 2);
        cr_assert_eq(last_write(w, STORE_PUT_END)->state, TASK_CANCELLED);
        cr_assert_eq(last_write(w, STORE_PUT_END)->reason, REASON_CANCELLED);
        cr_assert_eq(last_write(w, STORE_PUT_END)->code, 1000);
        cr_assert_eq(events_of(w, TASK_CANCELLED), 2);
        world_free(w);
}

Test(cancel, what_runs_is_stopped_only_when_the_wish_is_durable) {
        World *w = world(.workers = 1);
        uint64_t id = submit(w, .retries = 3);
        run_id_t run = last_push(w)->run_id;
        w->hold_commits = true;
        cancel(w, .ids = {id}, .signal = 2);
        cr_assert_eq(writes_of(w, STORE_PUT_CANCEL), 1);
        cr_assert_eq(w->stops.count, 0);
        commit(w, 0);
        cr_assert_eq(w->stops.count, 1);
        cr_assert_eq(w->stops.items[0].run_id, run);
        cr_assert_eq(w->stops.items[0].why, STOP_CANCEL);
        cr_assert_eq(w->stops.items[0].signal, 2);
        cr_assert_eq(last_reply(w)->first_id, 1);
        end(w, 1, run, .state = TASK_CANCELLED, .reason = REASON_SIGNAL, .code = 2);
        commit(w, 0);
        cr_assert_eq(last_write(w, STORE_PUT_END)->state, TASK_CANCELLED);
        world_free(w);
}

Test(cancel, the_default_signal_is_term) {
        World *w = world(.workers = 1);
        cancel(w, .ids = {submit(w, 0)});
        cr_assert_eq(w->stops.items[0].signal, 15);
        world_free(w);
}

Test(cancel, a_failed_attempt_of_a_cancelled_task_is_not_retried) {
        World *w = world(.workers = 1);
        cancel(w, .ids = {submit(w, .retries = 3)});
        end(w, 1, last_push(w)->run_id, .state = TASK_FAILED, .reason = REASON_SIGNAL, .code = 15);
        cr_assert_eq(last_write(w, STORE_PUT_END)->state, TASK_CANCELLED);
        cr_assert_eq(writes_of(w, STORE_PUT_ATTEMPT), 0);
        world_free(w);
}

Test(cancel, so_is_an_interrupted_or_lost_one) {
        World *w = world(.workers = 2);
        submit(w, .count = 2);
        cancel(w, .ids = {1, 2});
        end(w, w->pushes.items[0].serial, w->pushes.items[0].run_id, .state = TASK_READY);
        exited(w, w->pushes.items[1].serial);
        cr_assert_eq(events_of(w, TASK_CANCELLED), 2);
        cr_assert_eq(w->pushes.count, 2);
        world_free(w);
}

Test(cancel, between_two_attempts_there_is_no_other_one) {
        World *w = world(.workers = 1);
        uint64_t id = submit(w, .retries = 3);
        w->hold_commits = true;
        end(w, 1, last_push(w)->run_id, .state = TASK_FAILED);
        cancel(w, .ids = {id});
        commit(w, 0);
        commit(w, 0);
        cr_assert_eq(events_of(w, TASK_CANCELLED), 1);
        cr_assert_eq(last_reply(w)->first_id, 1);
        world_free(w);
}

Test(cancel, of_a_task_whose_end_is_being_written_changes_nothing) {
        World *w = world(.workers = 1);
        uint64_t id = submit(w, 0);
        w->hold_commits = true;
        end(w, 1, last_push(w)->run_id);
        cancel(w, .ids = {id});
        cr_assert_neq(last_reply(w)->type, WIRE_TYPE_CANCELLED);
        commit(w, 0); /* the end */
        commit(w, 0); /* the answer, which waited for it */
        cr_assert_eq(last_reply(w)->type, WIRE_TYPE_CANCELLED);
        cr_assert_eq(last_reply(w)->first_id, 0);
        cr_assert_eq(last_reply(w)->count, 1);
        cr_assert_eq(events_of(w, TASK_SUCCEEDED), 1);
        world_free(w);
}

Test(cancel, says_what_had_ended_what_is_unknown_and_what_is_not_ones_own) {
        World *w = world(.workers = 1);
        uint64_t ended = submit(w, 0);
        end(w, 1, last_push(w)->run_id);
        uint64_t others = submit(w, .uid = 77, .client = 2);
        cancel(w, .ids = {ended, 500, others}, .unknown = {500}, .uid = 88, .client = 3);
        const Reply *r = last_reply(w);
        cr_assert_eq(r->first_id, 0);
        cr_assert_eq(r->count, 1);
        cr_assert_eq(r->unknown_count, 1);
        cr_assert_eq(r->unknown[0], 500);
        cr_assert_eq(r->denied_count, 1);
        cr_assert_eq(r->denied[0], others);
        world_free(w);
}

Test(cancel, the_owner_of_the_instance_may_cancel_every_task) {
        World *w = world(0);
        uint64_t others = submit(w, .uid = 77, .client = 2);
        cancel(w, .ids = {others}, .uid = 1000);
        cr_assert_eq(last_reply(w)->first_id, 1);
        world_free(w);
}

Test(cancel, an_id_whose_submit_failed_is_unknown) {
        World *w = world(0);
        w->hold_commits = true;
        submit(w, .count = 2);
        commit(w, -28);
        w->hold_commits = false;
        uint64_t id = submit(w, 0);
        cr_assert_eq(id, 3);
        cancel(w, .ids = {1, 2, 3, 4});
        cr_assert_eq(last_reply(w)->first_id, 1);
        cr_assert_eq(last_reply(w)->unknown_count, 3);
        world_free(w);
}

Test(cancel, is_repeated_to_a_worker_that_lists_the_run_again) {
        World *w = world(.workers = 1, .slots = 2);
        uint64_t id = submit(w, 0);
        started(w, 1, last_push(w)->run_id);
        submit(w, 0);
        cancel(w, .ids = {id});
        cr_assert_eq(w->stops.count, 1);
        pass(w, CORE_NO_SHOW_USEC); /* the other one makes it ask */
        hello(w, 1, .running = {w->pushes.items[0].run_id}, .running_tasks = {id});
        cr_assert_eq(w->stops.count, 2);
        world_free(w);
}

Test(cancel, of_a_start_that_is_being_written_prevents_it) {
        World *w = world(.workers = 1);
        submit(w, 0);
        end(w, 1, last_push(w)->run_id);
        w->hold_commits = true;
        submit(w, .at_most_once = true);
        commit(w, 0);
        cancel(w, .ids = {2}, .client = 2);
        commit(w, 0);
        cr_assert_eq(w->pushes.count, 1);
        cr_assert_eq(events_of(w, TASK_CANCELLED), 1);
        world_free(w);
}

static void recover_cancelled(World *w, uint64_t id) {
        RecoveredTask t = {.id = id,
                           .queue = "q",
                           .policy = {.kind = TASK_KIND_COMMAND},
                           .cancel_requested = true,
                           .cancel_uid = 1000,
                           .cancel_signal = 9};
        cr_assert_eq(core_recover_task(w->core, &t), 0);
}

Test(cancel, survives_a_restart) {
        World *w = world(.workers = 1, .takeover = true, .next_task_id = 10);
        recover_cancelled(w, 3);
        recover_cancelled(w, 4);
        worker_is_up(w, 7);
        core_roster_end(w->core);
        turn(w);
        cr_assert_eq(writes_of(w, STORE_PUT_END), 0, "both may be running");
        hello(w, 7, .running = {RUN_ID(4, 1)}, .running_tasks = {3});
        cr_assert_eq(w->stops.count, 1);
        cr_assert_eq(w->stops.items[0].signal, 9);
        cr_assert_eq(last_write(w, STORE_PUT_END)->task_id, 4);
        world_free(w);
}

Test(cancel, during_a_take_over_waits_for_what_the_workers_say) {
        World *w = world(.workers = 1, .takeover = true, .next_task_id = 10);
        RecoveredTask t = {.id = 3, .queue = "q", .policy = {.kind = TASK_KIND_COMMAND}};
        cr_assert_eq(core_recover_task(w->core, &t), 0);
        worker_is_up(w, 7);
        core_roster_end(w->core);
        turn(w);
        cancel(w, .ids = {3}, .uid = 0);
        cr_assert_eq(writes_of(w, STORE_PUT_CANCEL), 1);
        cr_assert_eq(last_reply(w)->type, WIRE_TYPE_CANCELLED);
        hello(w, 7);
        cr_assert_eq(last_write(w, STORE_PUT_END)->task_id, 3);
        cr_assert_eq(w->pushes.count, 0);
        world_free(w);
}
