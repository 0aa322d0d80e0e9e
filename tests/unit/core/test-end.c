/* How runs end: once, durable before it is said, retried as asked. */
#include "tests/unit/core/world.h"

Test(end, ack_event_and_wait_come_only_when_it_is_durable) {
        World *w = world(.workers = 1);
        submit(w, .wait = true);
        w->hold_commits = true;
        end(w, 1, last_push(w)->run_id);
        cr_assert_eq(w->acks.count, 0);
        cr_assert_eq(events_of(w, TASK_SUCCEEDED), 0);
        cr_assert_eq(last_reply(w)->type, WIRE_TYPE_SUBMITTED);
        cr_assert_eq(state_of(w, 1), TASK_RUNNING);
        commit(w, 0);
        cr_assert_eq(w->acks.count, 1);
        cr_assert_eq(events_of(w, TASK_SUCCEEDED), 1);
        cr_assert_eq(last_reply(w)->type, WIRE_TYPE_ENDED);
        cr_assert_eq(last_reply(w)->ends[0].id, 1);
        cr_assert_not(last_reply(w)->more);
        cr_assert_eq(state_of(w, 1), 0);
        cr_assert_eq(w->forgotten, 1);
        world_free(w);
}

Test(end, said_again_while_it_is_written_is_acked_once) {
        World *w = world(.workers = 1);
        submit(w, 0);
        w->hold_commits = true;
        run_id_t run = last_push(w)->run_id;
        end(w, 1, run);
        end(w, 1, run);
        commit(w, 0);
        cr_assert_eq(writes_of(w, STORE_PUT_END), 1);
        cr_assert_eq(w->acks.count, 1);
        world_free(w);
}

Test(end, said_again_later_changes_nothing_and_is_acked) {
        World *w = world(.workers = 1);
        submit(w, 0);
        run_id_t run = last_push(w)->run_id;
        end(w, 1, run);
        end(w, 1, run);
        cr_assert_eq(writes_of(w, STORE_PUT_END), 1);
        cr_assert_eq(w->acks.count, 2);
        CoreCounters counters;
        core_counters(w->core, &counters);
        cr_assert_eq(counters.late_ends, 1);
        world_free(w);
}

Test(end, an_unknown_one_is_acked_after_what_was_seen_before) {
        World *w = world(.workers = 1);
        w->hold_commits = true;
        submit(w, 0);
        end(w, 1, RUN_ID(3, 77), .task_id = 99);
        cr_assert_eq(w->acks.count, 0);
        commit(w, 0);
        cr_assert_eq(w->acks.count, 1);
        world_free(w);
}

Test(end, of_an_old_run_does_not_end_the_new_one) {
        World *w = world(.workers = 1);
        submit(w, .retries = 1);
        run_id_t first = last_push(w)->run_id;
        end(w, 1, first, .state = TASK_FAILED, .reason = REASON_EXIT, .code = 1);
        pass(w, 10 * USEC_PER_SEC);
        run_id_t second = last_push(w)->run_id;
        cr_assert_neq(first, second);
        end(w, 1, first, .task_id = 1);
        cr_assert_eq(state_of(w, 1), TASK_RUNNING);
        end(w, 1, second);
        cr_assert_eq(last_write(w, STORE_PUT_END)->run_id, second);
        world_free(w);
}

Test(end, a_failed_attempt_is_retried_after_growing_pauses) {
        World *w = world(.workers = 1);
        uint64_t id = submit(w, .retries = 3, .backoff_min_msec = 1000, .backoff_max_msec = 3000);
        usec_t pauses[3];
        for (uint32_t i = 0; i < 3; i++) {
                cr_assert_eq(last_push(w)->attempt, i + 1);
                end(w, 1, last_push(w)->run_id, .state = TASK_FAILED, .reason = REASON_EXIT,
                    .code = 1);
                cr_assert_eq(state_of(w, id), TASK_DELAYED);
                pauses[i] = last_write(w, STORE_PUT_ATTEMPT)->due_usec - w->now.realtime_usec;
                pass(w, pauses[i] - 1);
                cr_assert_eq(state_of(w, id), TASK_DELAYED);
                pass(w, 1);
        }
        cr_assert(pauses[0] >= USEC_PER_SEC && pauses[0] <= 1200 * USEC_PER_MSEC);
        cr_assert(pauses[1] >= 1600 * USEC_PER_MSEC && pauses[1] <= 2400 * USEC_PER_MSEC);
        cr_assert(pauses[2] >= 2400 * USEC_PER_MSEC && pauses[2] <= 3 * USEC_PER_SEC);
        end(w, 1, last_push(w)->run_id, .state = TASK_FAILED, .reason = REASON_EXIT, .code = 7);
        cr_assert_eq(last_write(w, STORE_PUT_END)->state, TASK_FAILED);
        cr_assert_eq(last_write(w, STORE_PUT_END)->attempt, 4);
        cr_assert_eq(last_write(w, STORE_PUT_END)->code, 7);
        cr_assert_eq(queue_view(w, "q").failed, 1);
        world_free(w);
}

Test(end, an_interrupted_attempt_uses_no_retry_and_starts_again_at_once) {
        World *w = world(.workers = 1);
        uint64_t id = submit(w, 0);
        end(w, 1, last_push(w)->run_id, .state = TASK_READY, .reason = REASON_INTERRUPTED);
        cr_assert_eq(writes_of(w, STORE_PUT_ATTEMPT), 1);
        cr_assert_eq(last_write(w, STORE_PUT_ATTEMPT)->state, TASK_READY);
        cr_assert_eq(state_of(w, id), TASK_RUNNING);
        cr_assert_eq(last_push(w)->attempt, 2);
        world_free(w);
}

Test(end, one_that_never_started_leaves_no_attempt) {
        World *w = world(.workers = 1);
        submit(w, .at_most_once = true);
        end(w, 1, last_push(w)->run_id, .state = TASK_READY, .never_started = true);
        cr_assert_eq(writes_of(w, STORE_PUT_ATTEMPT), 0);
        cr_assert_eq(writes_of(w, STORE_PUT_START), 2);
        cr_assert_eq(last_push(w)->attempt, 1);
        cr_assert_eq(w->acks.count, 1);
        world_free(w);
}

Test(end, an_interrupted_at_most_once_run_has_failed) {
        World *w = world(.workers = 1);
        submit(w, .at_most_once = true);
        end(w, 1, last_push(w)->run_id, .state = TASK_READY, .reason = REASON_INTERRUPTED);
        cr_assert_eq(last_write(w, STORE_PUT_END)->state, TASK_FAILED);
        cr_assert_eq(last_write(w, STORE_PUT_END)->reason, REASON_INTERRUPTED);
        cr_assert_eq(w->pushes.count, 1);
        world_free(w);
}

Test(end, nonsense_of_a_worker_counts_as_failed) {
        World *w = world(.workers = 1);
        submit(w, 0);
        end(w, 1, last_push(w)->run_id, .state = TASK_BLOCKED, .reason = 200);
        cr_assert_eq(last_write(w, STORE_PUT_END)->state, TASK_FAILED);
        cr_assert_leq(last_write(w, STORE_PUT_END)->reason, REASON_MAX);
        world_free(w);
}

Test(end, says_which_pool_and_worker_it_was) {
        World *w = world(.workers = 1, .messages = true);
        submit(w, .kind = TASK_KIND_MESSAGE);
        end(w, 1, last_push(w)->run_id);
        cr_assert_eq(queue_view(w, "q").succeeded, 1);
        world_free(w);
}

/* ---- dead workers ---- */

Test(worker_death, what_it_ran_runs_again_as_another_attempt) {
        World *w = world(.workers = 1);
        submit(w, 0);
        started(w, 1, last_push(w)->run_id);
        exited(w, 1);
        cr_assert_eq(last_write(w, STORE_PUT_ATTEMPT)->reason, REASON_WORKER_LOST);
        cr_assert_eq(last_write(w, STORE_PUT_ATTEMPT)->state, TASK_READY);
        cr_assert_str_eq(last_write(w, STORE_PUT_ATTEMPT)->detail, "killed by signal 9");
        w->next_serial = 2;
        worker_start(w);
        cr_assert_eq(last_push(w)->serial, 2);
        cr_assert_eq(last_push(w)->attempt, 2);
        world_free(w);
}

Test(worker_death, what_it_had_not_begun_keeps_its_attempt) {
        World *w = world(.workers = 1, .credit = 2);
        make_quick(w, 1);
        submit(w, .count = 2);
        cr_assert_eq(w->pushes.count, 2);
        exited(w, 1);
        cr_assert_eq(writes_of(w, STORE_PUT_ATTEMPT), 0);
        worker_start(w);
        cr_assert_eq(w->pushes.items[2].attempt, 1);
        end(w, last_push(w)->serial, last_push(w)->run_id);
        cr_assert_eq(w->pushes.items[3].attempt, 1);
        world_free(w);
}

Test(worker_death, a_task_that_kills_three_workers_fails) {
        World *w = world(.workers = 1);
        uint64_t id = submit(w, .retries = 9), serial = 1;
        for (unsigned i = 0; i < 3; i++) {
                cr_assert_eq(state_of(w, id), TASK_RUNNING);
                started(w, serial, last_push(w)->run_id);
                exited(w, serial);
                if (i < 2)
                        serial = worker_start(w);
        }
        cr_assert_eq(last_write(w, STORE_PUT_END)->state, TASK_FAILED);
        cr_assert_eq(last_write(w, STORE_PUT_END)->reason, REASON_WORKER_LOST);
        world_free(w);
}

Test(worker_death, so_does_one_that_kills_before_it_shows) {
        World *w = world(.workers = 1);
        submit(w, 0);
        for (uint64_t serial = 1; serial < 3; serial++) {
                exited(w, serial);
                worker_start(w);
        }
        exited(w, 3);
        cr_assert_eq(last_write(w, STORE_PUT_END)->reason, REASON_WORKER_LOST);
        world_free(w);
}

Test(worker_death, an_at_most_once_run_never_starts_again) {
        World *w = world(.workers = 1);
        submit(w, .at_most_once = true);
        exited(w, 1);
        cr_assert_eq(last_write(w, STORE_PUT_END)->state, TASK_FAILED);
        cr_assert_eq(last_write(w, STORE_PUT_END)->reason, REASON_WORKER_LOST);
        worker_start(w);
        cr_assert_eq(w->pushes.count, 1);
        world_free(w);
}

Test(worker_death, before_the_start_is_durable_nothing_was_lost) {
        World *w = world(.workers = 1);
        submit(w, 0);
        end(w, 1, last_push(w)->run_id);
        w->hold_commits = true;
        submit(w, .at_most_once = true);
        commit(w, 0);
        exited(w, 1);
        worker_start(w);
        commit_ticket(w, 0);
        cr_assert_eq(w->pushes.count, 1);
        commit_ticket(w, 0); /* another start, at the new worker */
        cr_assert_eq(last_push(w)->serial, 2);
        world_free(w);
}

Test(worker_death, young_ones_are_replaced_later_each_time) {
        World *w = world(.workers = 1);
        size_t spawns = w->spawns;
        exited(w, 1);
        cr_assert_eq(w->spawns, spawns);
        pass(w, CORE_SPAWN_BACKOFF_MIN_USEC);
        cr_assert_eq(w->spawns, spawns + 1);
        worker_start(w);
        exited(w, 2);
        pass(w, CORE_SPAWN_BACKOFF_MIN_USEC);
        cr_assert_eq(w->spawns, spawns + 1);
        cr_assert_eq(core_next_deadline(w->core),
                     w->now.monotonic_usec + CORE_SPAWN_BACKOFF_MIN_USEC);
        pass(w, CORE_SPAWN_BACKOFF_MIN_USEC);
        cr_assert_eq(w->spawns, spawns + 2);
        cr_assert(strstr(pool_view(w, "p").last_exit, "killed by signal 9"));
        world_free(w);
}

Test(worker_death, a_pool_whose_workers_work_is_refilled_at_once) {
        World *w = world(.workers = 1);
        exited(w, 1);
        pass(w, CORE_SPAWN_BACKOFF_MIN_USEC);
        worker_start(w);
        submit(w, 0);
        end(w, 2, last_push(w)->run_id);
        size_t spawns = w->spawns;
        pass(w, 10 * USEC_PER_SEC);
        exited(w, 2);
        cr_assert_eq(w->spawns, spawns + 1);
        world_free(w);
}

Test(worker_death, a_spawn_that_fails_is_tried_again_later) {
        World *w = world(0);
        core_spawn_failed(w->core, "p", "no such file");
        turn(w);
        cr_assert(strstr(pool_view(w, "p").last_exit, "no such file"));
        world_free(w);
}

/* ---- progress ---- */

static CoreTaskView view_of(const World *w, uint64_t id) {
        CoreTaskView v;
        cr_assert_eq(core_task_view(w->core, id, &v), 0);
        return v;
}

Test(progress, is_seen_until_the_run_ends) {
        World *w = world(.workers = 1);
        uint64_t id = submit(w, .retries = 1);
        run_id_t run = last_push(w)->run_id;
        cr_assert_eq(view_of(w, id).progress, 0);
        WireProgressItem p = {.run_id = run, .percent = 42, .text = wire_text("resizing")};
        core_on_progress(w->core, 1, &p);
        cr_assert_eq(view_of(w, id).progress, 43);
        cr_assert(wire_text_is(view_of(w, id).progress_text, "resizing"));
        p = (WireProgressItem){.run_id = run, .percent = 0};
        core_on_progress(w->core, 1, &p);
        cr_assert_eq(view_of(w, id).progress, 1);
        cr_assert_eq(view_of(w, id).progress_text.size, 0);
        end(w, 1, run, .state = TASK_FAILED, .reason = REASON_EXIT, .code = 1);
        core_on_progress(w->core, 1, &p);
        cr_assert_eq(view_of(w, id).progress, 0);
        world_free(w);
}

Test(progress, of_a_run_that_is_elsewhere_or_unknown_is_ignored) {
        World *w = world(.workers = 2);
        uint64_t id = submit(w, 0);
        WireProgressItem p = {.run_id = last_push(w)->run_id, .percent = 500};
        uint64_t here = last_push(w)->serial;
        core_on_progress(w->core, here == 1 ? 2 : 1, &p);
        cr_assert_eq(view_of(w, id).progress, 0);
        core_on_progress(w->core, here, &(WireProgressItem){.run_id = 1, .percent = 5});
        cr_assert_eq(view_of(w, id).progress, 0);
        core_on_progress(w->core, here, &p);
        cr_assert_eq(view_of(w, id).progress, 101, "at most 100 percent");
        world_free(w);
}
