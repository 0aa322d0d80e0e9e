/* SYNC, HELLO and taking over. */
#include "tests/unit/core/world.h"

Test(sync, is_sent_again_under_a_new_number_until_it_is_answered) {
        World *w = world(.wanted = 1);
        worker_is_up(w, 1);
        cr_assert_eq(last_sync(w, 1), 1);
        usec_t wait = CORE_SYNC_RETRY_MIN_USEC;
        for (uint64_t n = 2; n < 12; n++) {
                cr_assert_eq(core_next_deadline(w->core), w->now.monotonic_usec + wait);
                pass(w, wait);
                cr_assert_eq(last_sync(w, 1), n);
                wait = 2 * wait < CORE_SYNC_RETRY_MAX_USEC ? 2 * wait : CORE_SYNC_RETRY_MAX_USEC;
        }
        hello(w, 1);
        pass(w, USEC_PER_MIN);
        cr_assert_eq(last_sync(w, 1), 11);
        world_free(w);
}

Test(sync, only_the_last_one_can_be_answered) {
        World *w = world(.wanted = 1);
        worker_is_up(w, 1);
        pass(w, CORE_SYNC_RETRY_MIN_USEC);
        submit(w, 0);
        hello(w, 1, .n = 1);
        hello(w, 1, .n = 3);
        hello(w, 1, .epoch = 4);
        hello(w, 1, .other_store = true);
        cr_assert_eq(w->pushes.count, 0);
        hello(w, 1, .n = 2);
        cr_assert_eq(w->pushes.count, 1);
        world_free(w);
}

Test(sync, an_answer_said_twice_takes_nothing_back) {
        World *w = world(.workers = 1);
        submit(w, 0);
        hello(w, 1);
        cr_assert_eq(state_of(w, 1), TASK_RUNNING);
        cr_assert_eq(w->pushes.count, 1);
        world_free(w);
}

Test(sync, a_worker_that_stays_silent_is_killed) {
        World *w = world(.wanted = 1);
        worker_is_up(w, 1);
        for (usec_t t = 0; t < CORE_SILENT_KILL_USEC; t += 250 * USEC_PER_MSEC) {
                cr_assert_eq(w->kills.count, 0);
                pass(w, 250 * USEC_PER_MSEC);
        }
        cr_assert_eq(w->kills.count, 1);
        world_free(w);
}

Test(sync, a_push_without_a_sign_of_life_is_asked_about_and_given_again) {
        World *w = world(.workers = 1);
        submit(w, 0);
        run_id_t lost = last_push(w)->run_id;
        cr_assert_eq(core_next_deadline(w->core), w->now.monotonic_usec + CORE_NO_SHOW_USEC);
        pass(w, CORE_NO_SHOW_USEC);
        cr_assert_eq(last_sync(w, 1), 2);
        hello(w, 1);
        cr_assert_eq(w->pushes.count, 2);
        cr_assert_neq(last_push(w)->run_id, lost);
        cr_assert_eq(last_push(w)->attempt, 1);
        cr_assert_eq(last_push(w)->n, 2);
        world_free(w);
}

Test(sync, a_run_that_has_shown_itself_is_not_asked_about) {
        World *w = world(.workers = 1);
        submit(w, 0);
        started(w, 1, last_push(w)->run_id);
        pass(w, USEC_PER_MIN);
        cr_assert_eq(last_sync(w, 1), 1);
        world_free(w);
}

Test(sync, what_hello_lists_runs_on) {
        World *w = world(.workers = 1);
        submit(w, 0);
        run_id_t run = last_push(w)->run_id;
        pass(w, CORE_NO_SHOW_USEC);
        hello(w, 1, .running = {run}, .running_tasks = {1});
        cr_assert_eq(w->pushes.count, 1);
        end(w, 1, run);
        cr_assert_eq(writes_of(w, STORE_PUT_END), 1);
        world_free(w);
}

Test(sync, an_end_that_was_announced_and_does_not_come_is_asked_for_again) {
        World *w = world(.workers = 1);
        submit(w, 0);
        run_id_t run = last_push(w)->run_id;
        pass(w, CORE_NO_SHOW_USEC);
        hello(w, 1, .unacked = {run}, .unacked_tasks = {1});
        cr_assert_eq(w->pushes.count, 1);
        uint64_t n = last_sync(w, 1);
        pass(w, CORE_NO_SHOW_USEC);
        cr_assert_eq(last_sync(w, 1), n + 1);
        world_free(w);
}

Test(sync, an_at_most_once_run_that_a_living_worker_does_not_list_never_started) {
        World *w = world(.workers = 1);
        submit(w, .at_most_once = true);
        cr_assert_eq(writes_of(w, STORE_PUT_START), 1);
        pass(w, CORE_NO_SHOW_USEC);
        hello(w, 1);
        cr_assert_eq(writes_of(w, STORE_PUT_END), 0);
        cr_assert_eq(writes_of(w, STORE_PUT_START), 2);
        cr_assert_eq(w->pushes.count, 2);
        world_free(w);
}

Test(sync, an_at_most_once_start_that_meets_a_sync_is_not_pushed) {
        World *w = world(.workers = 1, .slots = 2);
        submit(w, 0);
        pass(w, CORE_NO_SHOW_USEC - 1);
        w->hold_commits = true;
        submit(w, .at_most_once = true);
        commit(w, 0);
        pass(w, 1);
        cr_assert_eq(last_sync(w, 1), 2);
        commit(w, 0); /* the start */
        cr_assert_eq(w->pushes.count, 1);
        hello(w, 1, .running = {w->pushes.items[0].run_id}, .running_tasks = {1});
        commit(w, 0); /* another start */
        cr_assert_eq(w->pushes.count, 2);
        world_free(w);
}

Test(sync, a_run_that_is_nobodys_is_stopped_and_keeps_its_slot_until_it_ends) {
        World *w = world(.wanted = 1);
        worker_is_up(w, 1);
        hello(w, 1, .running = {RUN_ID(2, 9)}, .running_tasks = {77});
        cr_assert_eq(w->stops.count, 1);
        submit(w, 0);
        cr_assert_eq(w->pushes.count, 0);
        end(w, 1, RUN_ID(2, 9), .task_id = 77, .state = TASK_READY);
        cr_assert_eq(w->acks.count, 1);
        world_free(w);
}

/* ---- taking over ---- */

static void recover(World *w, uint64_t id) {
        RecoveredTask t = {.id = id, .queue = "q", .policy = {.kind = TASK_KIND_COMMAND}};
        cr_assert_eq(core_recover_task(w->core, &t), 0);
}

static void roster_end(World *w) {
        core_roster_end(w->core);
        turn(w);
}

Test(takeover, recovered_tasks_wait_until_every_worker_has_answered) {
        World *w = world(.workers = 2, .takeover = true, .next_task_id = 10);
        recover(w, 3);
        worker_is_up(w, 1);
        worker_is_up(w, 2);
        roster_end(w);
        hello(w, 1);
        cr_assert_eq(w->pushes.count, 0);
        cr_assert_eq(state_of(w, 3), TASK_READY);
        hello(w, 2);
        cr_assert_eq(last_push(w)->task_id, 3);
        world_free(w);
}

Test(takeover, a_dead_worker_need_not_answer) {
        World *w = world(.workers = 2, .takeover = true, .next_task_id = 10);
        recover(w, 3);
        worker_is_up(w, 1);
        worker_is_up(w, 2);
        roster_end(w);
        hello(w, 1);
        exited(w, 2);
        cr_assert_eq(last_push(w)->task_id, 3);
        world_free(w);
}

Test(takeover, new_tasks_need_not_wait) {
        World *w = world(.workers = 2, .takeover = true, .next_task_id = 10);
        recover(w, 3);
        worker_is_up(w, 1);
        worker_is_up(w, 2);
        roster_end(w);
        hello(w, 1);
        submit(w, 0);
        cr_assert_eq(w->pushes.count, 1);
        cr_assert_eq(last_push(w)->task_id, 10);
        world_free(w);
}

Test(takeover, what_a_worker_runs_is_not_started_again) {
        World *w = world(.workers = 2, .takeover = true, .next_task_id = 10);
        recover(w, 3);
        recover(w, 4);
        worker_is_up(w, 1);
        roster_end(w);
        hello(w, 1, .running = {RUN_ID(4, 1)}, .running_tasks = {3});
        cr_assert_eq(state_of(w, 3), TASK_RUNNING);
        cr_assert_eq(state_of(w, 4), TASK_READY);
        end(w, 1, RUN_ID(4, 1), .task_id = 3);
        cr_assert_eq(last_write(w, STORE_PUT_END)->task_id, 3);
        cr_assert_eq(last_push(w)->task_id, 4);
        world_free(w);
}

Test(takeover, an_end_may_come_before_hello) {
        World *w = world(.workers = 1, .takeover = true, .next_task_id = 10);
        recover(w, 3);
        worker_is_up(w, 1);
        roster_end(w);
        end(w, 1, RUN_ID(4, 1), .task_id = 3);
        cr_assert_eq(last_write(w, STORE_PUT_END)->task_id, 3);
        hello(w, 1, .unacked = {RUN_ID(4, 1)}, .unacked_tasks = {3});
        cr_assert_eq(w->pushes.count, 0);
        world_free(w);
}

Test(takeover, an_end_that_is_on_record_is_not_accepted_again) {
        World *w = world(.workers = 2, .takeover = true, .next_task_id = 10);
        RecoveredTask t = {.id = 3,
                           .queue = "q",
                           .policy = {.kind = TASK_KIND_COMMAND, .retries = 3},
                           .attempts = 1,
                           .executions = 2,
                           .last_run = RUN_ID(4, 1)};
        cr_assert_eq(core_recover_task(w->core, &t), 0);
        worker_is_up(w, 1);
        worker_is_up(w, 2);
        roster_end(w);
        end(w, 1, RUN_ID(4, 1), .task_id = 3);
        cr_assert_eq(writes_of(w, STORE_PUT_END), 0);
        cr_assert_eq(w->acks.count, 1);
        hello(w, 2, .running = {RUN_ID(4, 2)}, .running_tasks = {3});
        hello(w, 1);
        cr_assert_eq(w->pushes.count, 0);
        end(w, 2, RUN_ID(4, 2), .task_id = 3);
        cr_assert_eq(last_write(w, STORE_PUT_END)->run_id, RUN_ID(4, 2));
        cr_assert_eq(last_write(w, STORE_PUT_END)->attempt, 3);
        world_free(w);
}

static void recover_started(World *w, uint64_t id, run_id_t run, uint64_t serial) {
        RecoveredTask t = {.id = id,
                           .queue = "q",
                           .policy = {.kind = TASK_KIND_COMMAND, .at_most_once = true},
                           .started_run = run,
                           .started_worker = serial,
                           .started_attempt = 1};
        cr_assert_eq(core_recover_task(w->core, &t), 0);
}

Test(takeover, an_at_most_once_start_at_a_dead_worker_is_lost) {
        World *w = world(.workers = 1, .takeover = true, .next_task_id = 10);
        recover_started(w, 3, RUN_ID(4, 1), 7);
        worker_is_up(w, 8);
        roster_end(w);
        hello(w, 8);
        cr_assert_eq(last_write(w, STORE_PUT_END)->reason, REASON_WORKER_LOST);
        cr_assert_eq(w->pushes.count, 0);
        world_free(w);
}

Test(takeover, an_at_most_once_start_that_its_living_worker_does_not_list_never_happened) {
        World *w = world(.workers = 1, .takeover = true, .next_task_id = 10);
        recover_started(w, 3, RUN_ID(4, 1), 7);
        worker_is_up(w, 7);
        roster_end(w);
        cr_assert_eq(w->pushes.count, 0);
        hello(w, 7);
        cr_assert_eq(writes_of(w, STORE_PUT_END), 0);
        cr_assert_eq(last_push(w)->task_id, 3);
        world_free(w);
}

Test(takeover, an_at_most_once_run_that_is_listed_runs_on) {
        World *w = world(.workers = 1, .takeover = true, .next_task_id = 10);
        recover_started(w, 3, RUN_ID(4, 1), 7);
        worker_is_up(w, 7);
        roster_end(w);
        hello(w, 7, .running = {RUN_ID(4, 1)}, .running_tasks = {3});
        cr_assert_eq(state_of(w, 3), TASK_RUNNING);
        cr_assert_eq(w->pushes.count, 0);
        end(w, 7, RUN_ID(4, 1));
        cr_assert_eq(last_write(w, STORE_PUT_END)->state, TASK_SUCCEEDED);
        world_free(w);
}

Test(takeover, a_recovered_delay_goes_on_by_the_monotonic_clock) {
        World *w = world(.workers = 1, .takeover = true, .next_task_id = 10);
        RecoveredTask t = {.id = 3,
                           .queue = "q",
                           .policy = {.kind = TASK_KIND_COMMAND},
                           .due_usec = w->now.realtime_usec + 5 * USEC_PER_SEC};
        cr_assert_eq(core_recover_task(w->core, &t), 0);
        roster_end(w);
        worker_start(w);
        cr_assert_eq(state_of(w, 3), TASK_DELAYED);
        pass(w, 5 * USEC_PER_SEC);
        cr_assert_eq(last_push(w)->task_id, 3);
        world_free(w);
}

Test(takeover, a_task_of_a_queue_that_is_gone_is_kept) {
        World *w = world(.workers = 1, .takeover = true, .next_task_id = 10);
        RecoveredTask t = {.id = 3, .queue = "old", .policy = {.kind = TASK_KIND_COMMAND}};
        cr_assert_eq(core_recover_task(w->core, &t), 0);
        roster_end(w);
        worker_start(w);
        cr_assert_eq(state_of(w, 3), TASK_READY);
        cr_assert_eq(queue_view(w, "old").ready, 1);
        cancel(w, .ids = {3});
        cr_assert_eq(state_of(w, 3), 0);
        cr_assert_null(queue_view(w, "old").name, "it goes with its last task");
        world_free(w);
}

Test(takeover, deaths_of_workers_are_remembered) {
        World *w = world(.workers = 1, .takeover = true, .next_task_id = 10);
        RecoveredTask t = {.id = 3,
                           .queue = "q",
                           .policy = {.kind = TASK_KIND_COMMAND},
                           .executions = 2,
                           .lost = 2,
                           .last_run = RUN_ID(4, 9)};
        cr_assert_eq(core_recover_task(w->core, &t), 0);
        roster_end(w);
        worker_start(w);
        cr_assert_eq(last_push(w)->attempt, 3);
        exited(w, 1);
        cr_assert_eq(last_write(w, STORE_PUT_END)->reason, REASON_WORKER_LOST);
        world_free(w);
}
