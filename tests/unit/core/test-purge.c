/* PURGE: done once, with its answer in the same ticket; what the core holds is left alone. */
#include "tests/unit/core/world.h"

#include <errno.h>

Test(purge, is_said_only_when_it_is_durable) {
        World *w = world(0);
        w->hold_commits = true;
        purge(w, .ids = {7, 8}, .found = {CORE_PURGE_ENDED, CORE_PURGE_ENDED});
        cr_assert_eq(writes_of(w, STORE_PURGE), 2);
        cr_assert_eq(writes_of(w, STORE_PUT_CLIENT), 1);
        cr_assert_eq(last_write(w, STORE_PURGE)->ticket, last_write(w, STORE_PUT_CLIENT)->ticket);
        cr_assert_eq(w->replies.count, 0);
        commit(w, 0);
        cr_assert_eq(last_reply(w)->type, WIRE_TYPE_PURGED);
        cr_assert_eq(last_reply(w)->first_id, 2);
        world_free(w);
}

Test(purge, leaves_alone_what_has_not_ended_and_tells_the_unknown_and_denied) {
        World *w = world(0);
        uint64_t waiting = submit(w, 0);
        purge(w, .ids = {waiting, 50, 51, 52, 53},
              .found = {CORE_PURGE_ENDED, CORE_PURGE_UNENDED, CORE_PURGE_UNKNOWN, CORE_PURGE_DENIED,
                        CORE_PURGE_ENDED});
        cr_assert_eq(last_reply(w)->first_id, 1);
        cr_assert_eq(last_reply(w)->count, 2);
        cr_assert_eq(last_reply(w)->unknown[0], 51);
        cr_assert_eq(last_reply(w)->denied[0], 52);
        cr_assert_eq(writes_of(w, STORE_PURGE), 1);
        cr_assert_eq(state_of(w, waiting), TASK_READY);
        world_free(w);
}

Test(purge, another_users_waiting_task_is_denied) {
        World *w = world(0);
        uint64_t waiting = submit(w, .uid = 2000, .client = 2);
        purge(w, .ids = {waiting}, .found = {CORE_PURGE_UNENDED}, .uid = 3000, .client = 3);
        cr_assert_eq(last_reply(w)->denied_count, 1);
        world_free(w);
}

Test(purge, sent_again_is_answered_again_and_not_done_again) {
        World *w = world(0);
        purge(w, .ids = {7, 8}, .found = {CORE_PURGE_ENDED, CORE_PURGE_UNENDED}, .seq = 1);
        purge(w, .ids = {7, 8}, .found = {CORE_PURGE_UNKNOWN, CORE_PURGE_ENDED}, .seq = 1);
        cr_assert_eq(writes_of(w, STORE_PURGE), 1);
        cr_assert_eq(w->replies.count, 2);
        cr_assert_eq(last_reply(w)->first_id, 1);
        cr_assert_eq(last_reply(w)->count, 1);
        world_free(w);
}

Test(purge, that_could_not_be_written_is_refused) {
        World *w = world(0);
        w->hold_commits = true;
        purge(w, .ids = {7}, .found = {CORE_PURGE_ENDED}, .seq = 1);
        commit(w, -ENOSPC);
        cr_assert_eq(last_reply(w)->type, WIRE_TYPE_ERROR);
        cr_assert_eq(last_reply(w)->code, EXIT_TRY_AGAIN);
        world_free(w);
}
