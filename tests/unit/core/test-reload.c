/* A configuration that changes, and stopping. */
#include "tests/unit/core/world.h"

static const char *const q_only[] = {"q"}, *const r_only[] = {"r"};

typedef struct Shape {
        uint32_t workers, slots;
        bool without_pool, other_pool, replace;
} Shape;

static void reload_to(World *w, const Shape *s) {
        CoreQueueConfig queues[] = {{.name = "q"}, {.name = "r"}};
        CorePoolConfig pools[2];
        size_t n = 0;
        CorePoolConfig p = {.name = "p",
                            .queues = q_only,
                            .queue_count = 1,
                            .kind = TASK_KIND_COMMAND,
                            .workers = s->workers,
                            .slots = s->slots ? s->slots : 1,
                            .credit = s->slots ? s->slots : 1,
                            .replace_workers = s->replace};
        if (!s->without_pool)
                pools[n++] = p;
        p.name = "other";
        p.queues = r_only;
        if (s->other_pool)
                pools[n++] = p;
        configure(w, &(CoreConfig){.queues = queues,
                                   .queue_count = s->other_pool ? 2 : 1,
                                   .pools = pools,
                                   .pool_count = n});
        turn(w);
}
#define reload(w, ...) reload_to(w, &(Shape){__VA_ARGS__})

Test(reload, a_pool_that_grows_spawns_what_is_missing) {
        World *w = world(.workers = 1);
        size_t spawns = w->spawns;
        reload(w, .workers = 4);
        cr_assert_eq(w->spawns, spawns + 3);
        pass(w, USEC_PER_MIN);
        cr_assert_eq(w->spawns, spawns + 3, "they are on their way");
        cr_assert_eq(pool_view(w, "p").wanted, 4);
        world_free(w);
}

Test(reload, a_pool_that_shrinks_drains_the_most_idle_first) {
        World *w = world(.workers = 2);
        submit(w, 0);
        uint64_t busy = last_push(w)->serial;
        reload(w, .workers = 1);
        cr_assert_eq(w->retires.count, 1);
        cr_assert_neq(w->retires.items[0].serial, busy);
        exited(w, w->retires.items[0].serial);
        cr_assert_eq(pool_view(w, "p").workers, 1);
        cr_assert_str_eq(pool_view(w, "p").last_exit, "", "it was asked to go");
        world_free(w);
}

Test(reload, a_worker_is_retired_only_when_its_run_has_ended_and_is_acked) {
        World *w = world(.workers = 1);
        submit(w, .count = 2);
        reload(w, .workers = 0);
        cr_assert_eq(w->retires.count, 0);
        w->hold_commits = true;
        end(w, 1, last_push(w)->run_id);
        cr_assert_eq(w->retires.count, 0);
        cr_assert_eq(w->pushes.count, 1);
        commit(w, 0);
        cr_assert_eq(w->retires.count, 1);
        cr_assert_eq(queue_view(w, "q").ready, 1, "no task is lost");
        world_free(w);
}

Test(reload, what_was_to_go_is_taken_back_when_it_is_wanted_again) {
        World *w = world(.workers = 2);
        submit(w, .count = 2);
        reload(w, .workers = 1);
        size_t spawns = w->spawns;
        reload(w, .workers = 2);
        cr_assert_eq(w->spawns, spawns);
        end(w, 1, w->pushes.items[0].run_id);
        end(w, 2, w->pushes.items[1].run_id);
        cr_assert_eq(w->retires.count, 0);
        submit(w, .count = 2);
        cr_assert_eq(w->pushes.count, 4);
        world_free(w);
}

Test(reload, a_handler_that_changed_replaces_workers_when_they_are_empty) {
        World *w = world(.workers = 2);
        submit(w, 0);
        size_t spawns = w->spawns;
        reload(w, .workers = 2, .replace = true);
        cr_assert_eq(w->retires.count, 1);
        exited(w, w->retires.items[0].serial);
        cr_assert_eq(w->spawns, spawns + 1);
        end(w, last_push(w)->serial, last_push(w)->run_id);
        cr_assert_eq(w->retires.count, 2);
        world_free(w);
}

Test(reload, a_stale_worker_gets_acks_and_no_runs) {
        World *w = world(.wanted = 1);
        core_worker_up(w->core, 4, "p", CORE_WORKER_STALE);
        turn(w);
        submit(w, 0);
        hello(w, 4, .unacked = {RUN_ID(2, 2)}, .unacked_tasks = {99});
        end(w, 4, RUN_ID(2, 2), .task_id = 99);
        cr_assert_eq(w->acks.count, 1);
        cr_assert_eq(w->pushes.count, 0);
        cr_assert_eq(w->retires.count, 1);
        world_free(w);
}

Test(reload, a_queue_that_is_gone_keeps_its_tasks_until_it_comes_back) {
        World *w = world(.workers = 1, .two_queues = true);
        submit(w, 0);
        submit(w, .queue = "r");
        reload(w, .workers = 1);
        end(w, 1, last_push(w)->run_id);
        cr_assert_eq(w->pushes.count, 1);
        cr_assert_eq(queue_view(w, "r").ready, 1);
        submit(w, .queue = "r");
        cr_assert_eq(last_reply(w)->code, EXIT_DATA);
        reload(w, .workers = 1, .other_pool = true);
        core_worker_up(w->core, 50, "other", CORE_WORKER_CURRENT);
        turn(w);
        hello(w, 50);
        cr_assert_str_eq(last_push(w)->queue, "r");
        end(w, 50, last_push(w)->run_id);
        reload(w, .workers = 1);
        cr_assert_null(queue_view(w, "r").name);
        world_free(w);
}

Test(reload, a_pool_that_is_gone_goes_with_its_last_worker) {
        World *w = world(.workers = 1);
        submit(w, 0);
        reload(w, .without_pool = true);
        cr_assert_eq(pool_view(w, "p").wanted, 0);
        end(w, 1, last_push(w)->run_id);
        cr_assert_eq(w->retires.count, 1);
        exited(w, 1);
        cr_assert_null(pool_view(w, "p").name);
        world_free(w);
}

Test(reload, more_slots_are_used_at_once) {
        World *w = world(.workers = 1);
        submit(w, .count = 3);
        cr_assert_eq(w->pushes.count, 1);
        reload(w, .workers = 1, .slots = 3);
        cr_assert_eq(w->pushes.count, 3);
        world_free(w);
}

/* ---- stopping ---- */

Test(stop, nothing_starts_any_more_and_submits_are_still_taken) {
        World *w = world(.workers = 1);
        core_stop_starting(w->core);
        turn(w);
        cr_assert_eq(submit(w, 0), 1);
        cr_assert_eq(w->pushes.count, 0);
        cr_assert(core_is_quiet(w->core));
        world_free(w);
}

Test(stop, what_waits_at_a_worker_behind_another_run_is_taken_back) {
        World *w = world(.workers = 1, .credit = 2);
        make_quick(w, 1);
        submit(w, .count = 2);
        cr_assert_eq(w->pushes.count, 2);
        uint64_t before = last_sync(w, 1);
        core_stop_starting(w->core);
        turn(w);
        cr_assert_eq(last_sync(w, 1), before + 1);
        hello(w, 1, .running = {w->pushes.items[0].run_id}, .running_tasks = {2});
        cr_assert_eq(state_of(w, 2), TASK_RUNNING);
        cr_assert_eq(state_of(w, 3), TASK_READY);
        world_free(w);
}

Test(stop, what_runs_is_interrupted_and_runs_again_next_time) {
        World *w = world(.workers = 1);
        submit(w, 0);
        core_stop_starting(w->core);
        turn(w);
        cr_assert_not(core_is_quiet(w->core));
        core_stop_running(w->core);
        turn(w);
        hello(w, 1, .running = {last_push(w)->run_id}, .running_tasks = {1});
        cr_assert_eq(w->stops.count, 1);
        cr_assert_eq(w->stops.items[0].why, STOP_INTERRUPT);
        end(w, 1, last_push(w)->run_id, .state = TASK_READY, .reason = REASON_INTERRUPTED);
        cr_assert(core_is_quiet(w->core));
        cr_assert_eq(state_of(w, 1), TASK_READY);
        cr_assert_eq(w->pushes.count, 1);
        world_free(w);
}

Test(stop, a_worker_that_does_not_answer_any_more_is_killed) {
        World *w = world(.workers = 2);
        submit(w, 0);
        core_stop_running(w->core);
        turn(w);
        for (usec_t t = 0; t < CORE_SILENT_KILL_USEC; t += 250 * USEC_PER_MSEC) {
                cr_assert_eq(w->kills.count, 0);
                pass(w, 250 * USEC_PER_MSEC);
        }
        cr_assert_eq(w->kills.count, 1, "the other one runs nothing");
        core_worker_exited(w->core, w->kills.items[0].serial, "killed by signal 9");
        turn(w);
        cr_assert(core_is_quiet(w->core));
        world_free(w);
}

Test(stop, it_knows_the_longest_grace_of_what_runs) {
        World *w = world(.workers = 1, .slots = 2);
        cr_assert_eq(core_longest_grace_msec(w->core), 0);
        submit(w, .grace_msec = 500);
        submit(w, .grace_msec = 90000);
        submit(w, .grace_msec = 600000); /* waits */
        cr_assert_eq(w->pushes.count, 2);
        cr_assert_eq(core_longest_grace_msec(w->core), 90000);
        world_free(w);
}

Test(stop, a_start_that_is_being_written_is_not_pushed) {
        World *w = world(.workers = 1);
        submit(w, 0);
        end(w, 1, last_push(w)->run_id);
        w->hold_commits = true;
        submit(w, .at_most_once = true);
        commit(w, 0);
        core_stop_starting(w->core);
        commit(w, 0);
        cr_assert_eq(w->pushes.count, 1);
        cr_assert(core_is_quiet(w->core));
        world_free(w);
}

Test(stop, it_is_not_quiet_before_every_worker_has_said_what_it_runs) {
        World *w = world(.workers = 1, .takeover = true);
        worker_is_up(w, 1);
        core_roster_end(w->core);
        core_stop_running(w->core);
        turn(w);
        cr_assert_not(core_is_quiet(w->core));
        hello(w, 1);
        cr_assert(core_is_quiet(w->core));
        world_free(w);
}
