/* Which task goes to which worker, and how many at once. */
#include "dispatcher/core/worker.h"
#include "tests/unit/core/world.h"

Test(schedule, higher_priority_starts_first_then_the_older_one) {
        World *w = world(.workers = 1);
        submit(w, 0); /* occupies the worker */
        submit(w, .priority = 1);
        submit(w, .priority = 9);
        submit(w, .priority = 9);
        static const uint64_t order[] = {3, 4, 2};
        for (size_t i = 0; i < 3; i++) {
                end(w, 1, last_push(w)->run_id);
                cr_assert_eq(last_push(w)->task_id, order[i]);
        }
        world_free(w);
}

Test(schedule, queues_of_a_pool_take_turns) {
        World *w = world(.workers = 1, .two_queues = true);
        submit(w, .queue = "q", .count = 3);
        submit(w, .queue = "r", .count = 3, .priority = 9);
        char order[7] = "";
        for (size_t i = 0; i < 6; i++) {
                order[i] = last_push(w)->queue[0];
                end(w, 1, last_push(w)->run_id);
        }
        cr_assert_str_eq(order, "qrqrqr");
        world_free(w);
}

Test(schedule, idle_workers_get_tasks_before_busy_ones_get_more) {
        World *w = world(.workers = 3, .slots = 2, .credit = 4);
        unsigned count[4] = {0};
        submit(w, .count = 3);
        for (size_t i = 0; i < 3; i++)
                count[w->pushes.items[i].serial]++;
        cr_assert(count[1] == 1 && count[2] == 1 && count[3] == 1);
        submit(w, .count = 3);
        for (size_t i = 3; i < 6; i++)
                count[w->pushes.items[i].serial]++;
        cr_assert(count[1] == 2 && count[2] == 2 && count[3] == 2);
        world_free(w);
}

Test(schedule, prefetch_fills_credit_only_when_all_slots_are_full) {
        World *w = world(.workers = 2, .slots = 1, .credit = 3);
        make_quick(w, 2);
        submit(w, .count = 10);
        cr_assert_eq(w->pushes.count, 6);
        cr_assert_eq(w->pushes.items[0].serial, 1);
        cr_assert_eq(w->pushes.items[1].serial, 2);
        world_free(w);
}

/* Where tasks take long, what is given beyond the slots would only be taken back, each time. */
Test(schedule, a_worker_gets_more_than_its_slots_only_after_a_short_run) {
        World *w = world(.workers = 1, .slots = 1, .credit = 3);
        submit(w, .count = 10);
        cr_assert_eq(w->pushes.count, 1, "nothing is known of it");
        end(w, 1, last_push(w)->run_id, .took_usec = WORKER_QUICK_USEC);
        cr_assert_eq(w->pushes.count, 2, "it took long");
        end(w, 1, last_push(w)->run_id, .took_usec = WORKER_QUICK_USEC - 1);
        cr_assert_eq(w->pushes.count, 5, "it was short");
        end(w, 1, w->pushes.items[2].run_id, .took_usec = WORKER_QUICK_USEC);
        cr_assert_eq(w->pushes.count, 5, "it has two still");
        world_free(w);
}

Test(schedule, starts_are_counted_when_they_are_known) {
        World *w = world(.workers = 1, .slots = 1, .credit = 3);
        CoreCounters counters;
        make_quick(w, 1);
        submit(w, .count = 3);
        core_counters(w->core, &counters);
        cr_assert_eq(counters.started, 1, "three more are at the worker");
        started(w, 1, w->pushes.items[0].run_id);
        core_counters(w->core, &counters);
        cr_assert_eq(counters.started, 2);
        hello(w, 1, .running = {w->pushes.items[0].run_id}, .running_tasks = {2});
        end(w, 1, w->pushes.items[0].run_id);
        core_counters(w->core, &counters);
        cr_assert_eq(counters.started, 2, "once each; the two were taken back");
        world_free(w);
}

Test(schedule, among_equally_free_workers_the_one_with_less_that_takes_long) {
        World *w = world(.workers = 2, .slots = 2);
        submit(w, .count = 2);
        started(w, 1, w->pushes.items[0].run_id);
        submit(w, 0);
        cr_assert_eq(last_push(w)->serial, 2);
        world_free(w);
}

Test(schedule, at_most_once_tasks_never_wait_at_a_worker) {
        World *w = world(.workers = 1, .slots = 1, .credit = 4);
        submit(w, 0);
        submit(w, .at_most_once = true);
        cr_assert_eq(w->pushes.count, 1);
        end(w, 1, last_push(w)->run_id);
        cr_assert_eq(last_push(w)->task_id, 2);
        world_free(w);
}

Test(schedule, nothing_is_put_before_an_at_most_once_run_that_has_yet_to_be_pushed) {
        World *w = world(.workers = 1, .slots = 1, .credit = 4);
        submit(w, .at_most_once = true);
        w->hold_commits = false;
        end(w, 1, last_push(w)->run_id);
        w->hold_commits = true;
        submit(w, .at_most_once = true);
        commit(w, 0); /* now its start is being written */
        submit(w, 0, .client = 2);
        commit_ticket(w, 0); /* the start */
        cr_assert_eq(last_push(w)->task_id, 2);
        world_free(w);
}

Test(schedule, what_is_behind_a_long_run_is_taken_back) {
        World *w = world(.workers = 1, .wanted = 2, .slots = 1, .credit = 3);
        make_quick(w, 1);
        submit(w, .count = 3);
        cr_assert_eq(w->pushes.count, 3);
        uint64_t n = last_sync(w, 1);
        started(w, 1, w->pushes.items[0].run_id);
        cr_assert_eq(last_sync(w, 1), n + 1);
        worker_start(w); /* a free one: serial 2 */
        hello(w, 1, .running = {w->pushes.items[0].run_id}, .running_tasks = {2});
        cr_assert_eq(w->pushes.count, 4, "nothing more behind the long one");
        cr_assert_eq(w->pushes.items[3].serial, 2);
        cr_assert_eq(w->pushes.items[3].task_id, 3);
        cr_assert_eq(w->pushes.items[3].attempt, 1);
        world_free(w);
}

Test(schedule, a_slot_is_free_as_soon_as_the_end_is_heard) {
        World *w = world(.workers = 1);
        submit(w, .count = 2);
        w->hold_commits = true;
        end(w, 1, last_push(w)->run_id);
        cr_assert_eq(last_push(w)->task_id, 2);
        cr_assert_eq(w->acks.count, 0);
        world_free(w);
}

Test(schedule, nothing_is_pushed_while_a_sync_is_unanswered) {
        World *w = world(.workers = 1, .wanted = 2);
        worker_is_up(w, 9);
        exited(w, 1);
        submit(w, 0);
        cr_assert_eq(w->pushes.count, 0);
        hello(w, 9);
        cr_assert_eq(last_push(w)->serial, 9);
        cr_assert_eq(last_push(w)->n, last_sync(w, 9));
        world_free(w);
}

Test(schedule, a_kind_at_the_head_does_not_block_the_other_kind) {
        World *w = world(.workers = 1);
        static const char *const q[] = {"q"};
        CoreQueueConfig queue = {.name = "q"};
        CorePoolConfig pools[] = {{.name = "p",
                                   .queues = q,
                                   .queue_count = 1,
                                   .kind = TASK_KIND_COMMAND,
                                   .workers = 1,
                                   .slots = 1,
                                   .credit = 1},
                                  {.name = "m",
                                   .queues = q,
                                   .queue_count = 1,
                                   .kind = TASK_KIND_MESSAGE,
                                   .workers = 0,
                                   .slots = 1,
                                   .credit = 1}};
        configure(w, &(CoreConfig){
                             .queues = &queue, .queue_count = 1, .pools = pools, .pool_count = 2});
        turn(w);
        submit(w, .kind = TASK_KIND_MESSAGE, .priority = 9);
        submit(w, 0);
        cr_assert_eq(last_push(w)->task_id, 2);
        world_free(w);
}

/* A worker lists what it holds in one message, and ignores what does not fit there. */
Test(schedule, a_worker_gets_no_more_than_it_can_hold_until_its_ends_are_written) {
        World *w = world(.workers = 1, .credit = 256);
        submit(w, .count = WIRE_TASKS_MAX);
        uint64_t serial = last_push(w)->serial;
        w->hold_commits = true;
        for (size_t i = 0; i < w->pushes.count; i++)
                end(w, serial, w->pushes.items[i].run_id);
        cr_assert_eq(w->pushes.count, WIRE_TASKS_MAX / 4 * 3);
        w->hold_commits = false;
        commit(w, 0);
        turn(w);
        cr_assert_gt(w->pushes.count, WIRE_TASKS_MAX / 4 * 3);
        world_free(w);
}
