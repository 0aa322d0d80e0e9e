/* Requests are done once, whatever is repeated; answers survive; failed commits. */
#include "tests/unit/core/world.h"

Test(client, a_request_sent_again_is_answered_again_and_not_done_twice) {
        World *w = world(0);
        uint64_t id = submit(w, .seq = 1);
        cr_assert_eq(submit(w, .seq = 1, .route = 2), id);
        cr_assert_eq(last_reply(w)->to.route[0], 2);
        cr_assert_eq(writes_of(w, STORE_PUT_TASK), 1);
        cancel(w, .seq = 2, .ids = {id}, .uid = 1000);
        cancel(w, .seq = 2, .ids = {id}, .uid = 1000);
        cr_assert_eq(last_reply(w)->first_id, 1);
        cr_assert_eq(writes_of(w, STORE_PUT_END), 1);
        world_free(w);
}

Test(client, sent_again_while_it_is_written_it_is_answered_everywhere) {
        World *w = world(0);
        w->hold_commits = true;
        submit(w, .seq = 1, .route = 1);
        submit(w, .seq = 1, .route = 2);
        cr_assert_eq(w->replies.count, 0);
        commit(w, 0);
        cr_assert_eq(w->replies.count, 2);
        cr_assert_eq(w->replies.items[0].first_id, w->replies.items[1].first_id);
        cr_assert_neq(w->replies.items[0].to.route[0], w->replies.items[1].to.route[0]);
        cr_assert_eq(writes_of(w, STORE_PUT_TASK), 1);
        world_free(w);
}

Test(client, a_request_that_is_repeated_many_times_is_answered_everywhere) {
        enum { MANY = 20 };
        World *w = world(0);
        bool heard[MANY + 1] = {false};
        w->hold_commits = true;
        for (uint8_t route = 1; route <= MANY; route++)
                submit(w, .seq = 1, .route = route);
        commit(w, 0);
        for (size_t i = 0; i < w->replies.count; i++)
                heard[w->replies.items[i].to.route[0]] = true;
        for (uint8_t route = 1; route <= MANY; route++)
                cr_assert(heard[route], "connection %u", route);
        world_free(w);
}

Test(client, later_requests_wait_for_the_ticket_of_earlier_ones) {
        World *w = world(0);
        w->hold_commits = true;
        submit(w, .seq = 1);
        submit(w, .seq = 2);
        submit(w, .seq = 3);
        submit(w, .seq = 2, .route = 9);
        cr_assert_eq(w->ticket, 1);
        cr_assert_eq(writes_of(w, STORE_PUT_TASK), 1);
        commit(w, 0);
        cr_assert_eq(w->ticket, 2);
        cr_assert_eq(writes_of(w, STORE_PUT_TASK), 3);
        cr_assert_eq(writes_of(w, STORE_PUT_CLIENT), 2, "one row a client and turn");
        commit(w, 0);
        cr_assert_eq(w->replies.count, 4, "two of them to the second request");
        world_free(w);
}

Test(client, other_clients_do_not_wait) {
        World *w = world(0);
        w->hold_commits = true;
        submit(w, .seq = 1, .client = 1);
        submit(w, .seq = 1, .client = 2);
        cr_assert_eq(w->ticket, 2);
        world_free(w);
}

Test(client, what_is_held_is_forgotten_and_refused) {
        World *w = world(0);
        submit(w, .seq = 1);
        submit(w, .seq = 2, .held = 1);
        uint32_t one_answer = last_write(w, STORE_PUT_CLIENT)->client.answers.size;
        submit(w, .seq = 3, .held = 2);
        cr_assert_eq(last_write(w, STORE_PUT_CLIENT)->client.answers.size, one_answer);
        cr_assert_eq(last_write(w, STORE_PUT_CLIENT)->client.held, 2);
        submit(w, .seq = 2);
        cr_assert_eq(last_reply(w)->type, WIRE_TYPE_ERROR);
        cr_assert_eq(writes_of(w, STORE_PUT_TASK), 3);
        world_free(w);
}

Test(client, an_id_belongs_to_one_user) {
        World *w = world(0);
        submit(w, .seq = 1, .uid = 7);
        submit(w, .seq = 1, .uid = 8);
        cr_assert_eq(last_reply(w)->code, EXIT_NO_PERMISSION);
        world_free(w);
}

Test(client, a_refusal_is_remembered) {
        World *w = world(.max_waiting = 1);
        submit(w, .seq = 1);
        submit(w, .seq = 2);
        cr_assert_eq(last_reply(w)->code, EXIT_TRY_AGAIN);
        cancel(w, .seq = 3, .ids = {1}, .uid = 1000);
        submit(w, .seq = 2);
        cr_assert_eq(last_reply(w)->code, EXIT_TRY_AGAIN);
        cr_assert_eq(submit(w, .seq = 4), 2);
        world_free(w);
}

static World *restarted(const World *old, CoreTime now) {
        World *w = world(.takeover = true, .next_task_id = 100, .epoch = old->epoch + 1,
                         .monotonic_usec = now.monotonic_usec, .realtime_usec = now.realtime_usec);
        cr_assert_eq(core_recover_client(w->core, &last_write(old, STORE_PUT_CLIENT)->client), 0);
        core_roster_end(w->core);
        turn(w);
        return w;
}

Test(client, answers_survive_a_restart) {
        World *old = world(0);
        uint64_t id = submit(old, .seq = 1, .count = 3);
        cancel(old, .seq = 2, .ids = {id, 700, 800}, .unknown = {700, 800}, .uid = 1000);
        submit(old, .seq = 3, .queue = "none"); /* a refusal is not stored */
        World *w = restarted(old, old->now);
        cr_assert_eq(submit(w, .seq = 1), id);
        cr_assert_eq(last_reply(w)->count, 3);
        cancel(w, .seq = 2, .ids = {id}, .uid = 1000);
        cr_assert_eq(last_reply(w)->type, WIRE_TYPE_CANCELLED);
        cr_assert_eq(last_reply(w)->first_id, 1);
        cr_assert_eq(last_reply(w)->unknown_count, 2);
        cr_assert_eq(last_reply(w)->unknown[1], 800);
        cr_assert_eq(writes_of(w, STORE_PUT_TASK), 0);
        cr_assert_eq(submit(w, .seq = 3), 100);
        world_free(old);
        world_free(w);
}

Test(client, a_damaged_row_does_not_stop_the_start) {
        World *w = world(.takeover = true);
        static const char bytes[] = "\1\2\3garbage of some length, surely";
        for (size_t size = 0; size < sizeof bytes; size++) {
                Blob *b = blob_new_copy(bytes, size);
                ClientRecord record = {.uid = 1, .answers = blob_slice(b, 0, size)};
                record.id.bytes[0] = (uint8_t)(size + 1);
                cr_assert_eq(core_recover_client(w->core, &record), 0);
                blob_slice_drop(&record.answers);
                blob_unref(b);
        }
        core_roster_end(w->core);
        turn(w);
        world_free(w);
}

Test(client, is_forgotten_after_ten_idle_minutes) {
        World *w = world(0);
        submit(w, .seq = 1);
        pass(w, CORE_CLIENT_IDLE_USEC / 2);
        submit(w, .seq = 2);
        pass(w, CORE_CLIENT_IDLE_USEC / 2);
        cr_assert_eq(writes_of(w, STORE_DROP_CLIENT), 0);
        pass(w, CORE_CLIENT_IDLE_USEC / 2);
        cr_assert_eq(writes_of(w, STORE_DROP_CLIENT), 1);
        world_free(w);
}

/* `stint submit` is a new client each time: who comes often must not be locked out. */
Test(client, beyond_the_limit_the_one_that_is_idle_for_longest_is_forgotten) {
        World *w = world(.clients_max = 3);
        for (uint8_t client = 1; client <= 3; client++)
                cr_assert_gt(submit(w, .client = client, .seq = 1), 0);
        cr_assert_eq(submit(w, .client = 4, .seq = 1), 0);
        cr_assert_eq(last_reply(w)->code, EXIT_TRY_AGAIN, "nobody is idle for long");
        pass(w, CORE_CLIENT_KEPT_USEC);
        submit(w, .client = 1, .seq = 2);
        cr_assert_gt(submit(w, .client = 4, .seq = 1), 0);
        cr_assert_eq(writes_of(w, STORE_DROP_CLIENT), 1, "one of 2 and 3");
        cr_assert_gt(submit(w, .client = 5, .seq = 1), 0);
        cr_assert_eq(submit(w, .client = 6, .seq = 1), 0, "1 came back, the others are new");
        world_free(w);
}

Test(client, beyond_the_limit_those_of_before_a_restart_go_first) {
        World *old = world(0);
        for (uint8_t client = 1; client <= 3; client++) {
                submit(old, .client = client, .seq = 1);
                pass(old, CORE_CLIENT_KEPT_USEC / 2);
        }
        World *w = world(.takeover = true, .next_task_id = 100, .clients_max = 3,
                         .monotonic_usec = old->now.monotonic_usec,
                         .realtime_usec = old->now.realtime_usec);
        for (size_t i = 0; i < old->writes.count; i++)
                if (old->writes.items[i].kind == STORE_PUT_CLIENT)
                        cr_assert_eq(core_recover_client(w->core, &old->writes.items[i].client), 0);
        core_roster_end(w->core);
        turn(w);
        cr_assert_eq(submit(w, .client = 4, .seq = 1), 0, "they may come back");
        pass(w, CORE_CLIENT_BACK_USEC);
        cr_assert_gt(submit(w, .client = 4, .seq = 1), 0);
        cr_assert_gt(submit(w, .client = 5, .seq = 1), 0);
        cr_assert_eq(submit(w, .client = 6, .seq = 1), 0, "3 was heard 40 seconds ago");
        cr_assert_gt(submit(w, .client = 3, .seq = 1), 0, "and is answered again");
        world_free(old);
        world_free(w);
}

Test(client, a_clock_that_jumps_does_not_make_it_forgotten) {
        World *old = world(0);
        uint64_t id = submit(old, .seq = 1);
        CoreTime later = old->now;
        later.realtime_usec += USEC_PER_DAY;
        World *w = restarted(old, later);
        cr_assert_eq(submit(w, .seq = 1), id);
        world_free(old);
        world_free(w);
}

/* ---- failed commits ---- */

Test(failed_commit, a_submit_is_refused_and_leaves_nothing) {
        World *w = world(.workers = 1);
        w->hold_commits = true;
        submit(w, .count = 3, .wait = true);
        commit(w, -28);
        cr_assert_eq(last_reply(w)->code, EXIT_TRY_AGAIN);
        cr_assert(strstr(last_reply(w)->text, "No space left"));
        cr_assert_eq(queue_view(w, "q").ready, 0);
        cr_assert_eq(w->pushes.count, 0);
        w->hold_commits = false;
        cr_assert_eq(submit(w, 0), 4, "ids are not used again");
        world_free(w);
}

Test(failed_commit, an_end_is_kept_and_written_again) {
        World *w = world(.workers = 1);
        submit(w, 0);
        w->hold_commits = true;
        end(w, 1, last_push(w)->run_id);
        for (unsigned i = 0; i < 3; i++) {
                commit(w, -28);
                cr_assert_eq(w->acks.count, 0);
                cr_assert_not(core_is_quiet(w->core));
                pass(w, CORE_RETRY_WRITE_USEC);
        }
        cr_assert_eq(writes_of(w, STORE_PUT_END), 4);
        commit(w, 0);
        cr_assert_eq(w->acks.count, 1);
        cr_assert_eq(events_of(w, TASK_SUCCEEDED), 1);
        cr_assert(core_is_quiet(w->core));
        world_free(w);
}

Test(failed_commit, an_at_most_once_start_is_not_pushed_and_tried_later) {
        World *w = world(.workers = 1);
        submit(w, 0);
        end(w, 1, last_push(w)->run_id);
        w->hold_commits = true;
        submit(w, .at_most_once = true);
        commit(w, 0);
        commit(w, -28); /* the start */
        cr_assert_eq(w->pushes.count, 1);
        cr_assert_eq(writes_of(w, STORE_PUT_START), 1);
        pass(w, CORE_RETRY_WRITE_USEC);
        cr_assert_eq(writes_of(w, STORE_PUT_START), 2);
        commit(w, 0);
        cr_assert_eq(last_push(w)->task_id, 2);
        world_free(w);
}

Test(failed_commit, a_cancel_is_kept_and_answered_when_it_is_durable) {
        World *w = world(.workers = 1);
        submit(w, .count = 2);
        w->hold_commits = true;
        cancel(w, .ids = {1, 2});
        commit(w, -28);
        cr_assert_eq(w->stops.count, 0);
        cr_assert_neq(last_reply(w)->type, WIRE_TYPE_CANCELLED);
        pass(w, CORE_RETRY_WRITE_USEC);
        commit(w, 0);
        cr_assert_eq(w->stops.count, 1);
        cr_assert_eq(last_reply(w)->type, WIRE_TYPE_CANCELLED);
        cr_assert_eq(last_reply(w)->first_id, 2);
        world_free(w);
}

/* The row of the client tells of all that is pending. */
Test(failed_commit, cancels_that_failed_together_wait_for_each_other) {
        World *w = world(.workers = 2);
        submit(w, .count = 2);
        w->hold_commits = true;
        submit(w, 0); /* both cancels wait for it, and are then done in one turn */
        cancel(w, .ids = {1});
        cancel(w, .ids = {2});
        commit(w, 0);
        commit(w, -28);
        end(w, w->pushes.items[0].serial, w->pushes.items[0].run_id);
        size_t rows = writes_of(w, STORE_PUT_CLIENT);
        pass(w, CORE_RETRY_WRITE_USEC);
        cr_assert_eq(writes_of(w, STORE_PUT_CLIENT), rows, "the end of task 1 is being written");
        commit(w, 0);
        pass(w, CORE_RETRY_WRITE_USEC);
        cr_assert_eq(writes_of(w, STORE_PUT_CLIENT), rows + 1);
        commit(w, 0);
        cr_assert_eq(last_reply(w)->type, WIRE_TYPE_CANCELLED);
        cr_assert_eq(last_reply(w)->first_id, 1);
        world_free(w);
}

Test(failed_commit, the_row_of_a_later_request_does_not_tell_of_it) {
        World *old = world(0);
        old->hold_commits = true;
        submit(old, .seq = 1);
        submit(old, .seq = 2);
        commit_ticket(old, -28);
        commit_ticket(old, 0);
        World *w = restarted(old, old->now);
        cr_assert_eq(submit(w, .seq = 1), 100, "it was not done");
        cr_assert_eq(submit(w, .seq = 2), 2, "it was");
        world_free(old);
        world_free(w);
}
