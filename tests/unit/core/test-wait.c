/* Waiting for tasks to end. */
#include "tests/unit/core/world.h"

static uint64_t wait_for(World *w, uint64_t request, uint64_t first, uint64_t count) {
        CoreOrigin o = origin_of(request, 1);
        WireRange range = {.first = first, .count = count};
        uint64_t number = core_wait(w->core, &o, 1000, &range, 1);
        turn(w);
        return number;
}

static void found(World *w, uint64_t number, const WireEndedTask *ends, size_t n,
                  uint64_t unknown) {
        core_wait_found(w->core, number, ends, n, &unknown, unknown != 0, CORE_WAIT_FOUND_ALL);
        turn(w);
}

Test(wait, is_answered_as_tasks_end_and_says_when_it_is_over) {
        World *w = world(.workers = 1);
        submit(w, .count = 2);
        cr_assert_eq(wait_for(w, 9, 1, 2), 0);
        end(w, 1, last_push(w)->run_id, .state = TASK_FAILED, .reason = REASON_EXIT, .code = 3);
        cr_assert_eq(last_reply(w)->to.request_id, 9);
        cr_assert_eq(last_reply(w)->ends[0].state, TASK_FAILED);
        cr_assert_eq(last_reply(w)->ends[0].code, 3);
        cr_assert(last_reply(w)->more);
        end(w, 1, last_push(w)->run_id);
        cr_assert_eq(last_reply(w)->ends[0].id, 2);
        cr_assert_not(last_reply(w)->more);
        world_free(w);
}

Test(wait, ends_of_one_turn_come_together) {
        World *w = world(.workers = 2);
        submit(w, .count = 2);
        wait_for(w, 9, 1, 2);
        w->hold_commits = true;
        end(w, 1, w->pushes.items[0].run_id);
        end(w, 2, w->pushes.items[1].run_id);
        size_t replies = w->replies.count;
        commit(w, 0);
        cr_assert_eq(w->replies.count, replies + 1);
        cr_assert_eq(last_reply(w)->end_count, 2);
        cr_assert_not(last_reply(w)->more);
        world_free(w);
}

Test(wait, for_what_is_not_held_the_shell_is_asked) {
        World *w = world(.workers = 1);
        submit(w, .count = 2);
        end(w, 1, last_push(w)->run_id);
        uint64_t number = wait_for(w, 9, 1, 2);
        cr_assert_gt(number, 0);
        WireEndedTask one = {.id = 1, .state = TASK_SUCCEEDED};
        found(w, number, &one, 1, 0);
        cr_assert_eq(last_reply(w)->end_count, 1);
        cr_assert(last_reply(w)->more);
        end(w, 1, last_push(w)->run_id);
        cr_assert_not(last_reply(w)->more);
        world_free(w);
}

Test(wait, an_end_that_the_shell_finds_too_is_told_once) {
        World *w = world(.workers = 1);
        submit(w, .count = 2);
        end(w, 1, last_push(w)->run_id);
        uint64_t number = wait_for(w, 9, 1, 2);
        end(w, 1, last_push(w)->run_id);
        cr_assert_eq(last_reply(w)->ends[0].id, 2);
        cr_assert(last_reply(w)->more);
        WireEndedTask both[] = {{.id = 1, .state = TASK_SUCCEEDED},
                                {.id = 2, .state = TASK_SUCCEEDED}};
        found(w, number, both, 2, 0);
        cr_assert_eq(last_reply(w)->end_count, 1);
        cr_assert_eq(last_reply(w)->ends[0].id, 1);
        cr_assert_not(last_reply(w)->more);
        world_free(w);
}

Test(wait, ids_that_were_never_given_out_are_unknown_at_once) {
        World *w = world(0);
        cr_assert_eq(wait_for(w, 9, 50, 2), 0);
        cr_assert_eq(last_reply(w)->unknown_count, 2);
        cr_assert_not(last_reply(w)->more);
        world_free(w);
}

Test(wait, what_the_store_does_not_know_is_unknown) {
        World *w = world(.next_task_id = 100);
        uint64_t number = wait_for(w, 9, 7, 1);
        found(w, number, NULL, 0, 7);
        cr_assert_eq(last_reply(w)->unknown[0], 7);
        cr_assert_not(last_reply(w)->more);
        world_free(w);
}

Test(wait, for_nothing_is_over_at_once) {
        World *w = world(0);
        wait_for(w, 9, 1, 0);
        cr_assert_eq(last_reply(w)->type, WIRE_TYPE_ENDED);
        cr_assert_not(last_reply(w)->more);
        world_free(w);
}

Test(wait, forgotten_it_says_nothing_more) {
        World *w = world(.workers = 1);
        submit(w, 0);
        wait_for(w, 9, 1, 1);
        CoreOrigin o = origin_of(9, 1);
        core_forget_wait(w->core, &o);
        size_t replies = w->replies.count;
        end(w, 1, last_push(w)->run_id);
        cr_assert_eq(w->replies.count, replies);
        world_free(w);
}

Test(wait, asked_twice_under_one_number_it_is_answered_once) {
        World *w = world(.workers = 1);
        submit(w, 0);
        wait_for(w, 9, 1, 1);
        wait_for(w, 9, 1, 1);
        size_t replies = w->replies.count;
        end(w, 1, last_push(w)->run_id);
        cr_assert_eq(w->replies.count, replies + 1);
        world_free(w);
}

Test(wait, too_many_are_refused) {
        World *w = world(.next_task_id = 2000000);
        wait_for(w, 9, 1, CORE_WAITS_MAX + 1);
        cr_assert_eq(last_reply(w)->type, WIRE_TYPE_ERROR);
        wait_for(w, 9, UINT64_MAX - 1, 5);
        world_free(w);
}

Test(wait, a_submit_that_is_repeated_after_its_end_is_looked_up) {
        World *w = world(.workers = 1);
        submit(w, .seq = 1, .wait = true);
        end(w, 1, last_push(w)->run_id);
        submit(w, .seq = 1, .wait = true, .route = 2);
        cr_assert_eq(last_reply(w)->type, WIRE_TYPE_SUBMITTED);
        cr_assert_eq(w->lookups, 1);
        WireEndedTask one = {.id = 1, .state = TASK_SUCCEEDED};
        found(w, w->lookup_wait, &one, 1, 0);
        cr_assert_eq(last_reply(w)->type, WIRE_TYPE_ENDED);
        cr_assert_eq(last_reply(w)->to.route[0], 2);
        cr_assert_not(last_reply(w)->more);
        world_free(w);
}
