/* The dispatcher as a process: early deaths, hangs, other versions, upgrades. */
#include "tests/unit/supervisor/world.h"

#include <criterion/criterion.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(dispatcher, .timeout = 120);
TestSuite(upgrade, .timeout = 120);

Test(dispatcher, that_dies_five_times_before_the_first_ready_ends_the_service) {
        World w = world_new();
        world_start(&w);
        for (int deaths = 0; deaths < 5; deaths++) {
                dispatcher_accept(&w);
                dispatcher_roster(&w, NULL, 0);
                DISPATCHER_SAY(&w, .type = STUB_EXIT, .error = deaths < 4 ? 1 : 78);
        }
        cr_assert_eq(world_wait_exit(&w), 78, "the code of the last death");
        expect_logged(&w, "5 dispatchers ended before they were ready, the last with exit code 78");
        world_done(&w);
}

Test(dispatcher, that_cannot_be_executed_ends_the_service) {
        World w = world_new();
        world_use_helper(&w, "stint-dispatcher", w.config);
        cr_assert_eq(chmod(w.config, 0700), 0);
        world_start(&w);
        cr_assert_eq(world_wait_exit(&w), 70);
        expect_logged(&w, "Exec format error");
        world_done(&w);
}

Test(dispatcher, is_started_for_ever_once_one_was_ready) {
        World w = world_started();
        expect_notified(&w, "READY=1");
        for (int deaths = 0; deaths < 8; deaths++) {
                world_kill_dispatcher(&w);
                dispatcher_accept(&w);
                dispatcher_roster(&w, NULL, 0);
        }
        expect_notified(&w, "STATUS=dispatcher ended (signal 9 (KILL)), starting another in");
        dispatcher_serve(&w);
        expect_notified(&w, "STATUS=ready");
        world_stop(&w);
        world_done(&w);
}

Test(dispatcher, that_is_stopped_is_replaced) {
        World w = world_started();
        SuperviseMessage worker = dispatcher_spawn(&w, "obey"), roster[2];
        pid_t hung = w.dispatcher;
        cr_assert_eq(kill(hung, SIGSTOP), 0);
        dispatcher_accept(&w);
        cr_assert_neq(w.dispatcher, hung);
        cr_assert(is_gone(hung));
        cr_assert_eq(dispatcher_roster(&w, roster, 2), 1);
        cr_assert_eq(roster[0].pid, worker.pid);
        expect_logged(&w, "hangs: aborting it");
        dispatcher_serve(&w);
        world_stop(&w);
        world_done(&w);
}

Test(dispatcher, that_pings_is_left_alone_however_long_it_loads) {
        World w = world_new();
        world_start(&w);
        dispatcher_accept(&w);
        dispatcher_roster(&w, NULL, 0);
        pid_t loading = w.dispatcher;
        expect_alive_for(loading, SUPERVISE_HANG_USEC + 2000000);
        dispatcher_serve(&w);
        cr_assert(!logged(&w, "hangs"));
        world_stop(&w);
        world_done(&w);
}

Test(dispatcher, of_another_version_is_ended) {
        World w = world_started();
        pid_t old = w.dispatcher;
        dispatcher_say(
                &w, (SuperviseMessage){.version = SUPERVISE_VERSION + 1, .type = SUPERVISE_PING});
        dispatcher_accept(&w);
        cr_assert(is_gone(old));
        expect_logged(&w, "speaks another version");
        dispatcher_roster(&w, NULL, 0);
        dispatcher_serve(&w);
        world_stop(&w);
        world_done(&w);
}

Test(dispatcher, unknown_messages_cost_nothing) {
        World w = world_started();
        DISPATCHER_SAY(&w, .type = 77);
        DISPATCHER_SAY(&w, .type = SUPERVISE_ROSTER);
        DISPATCHER_SAY(&w, .type = SUPERVISE_SIGNAL, .serial = 99, .signal = SIGKILL);
        DISPATCHER_SAY(&w, .type = SUPERVISE_STOPPED); /* nobody asked */
        DISPATCHER_SAY(&w, .type = SUPERVISE_STATUS, .text = "3 tasks\nrunning");
        expect_notified(&w, "STATUS=3 tasks running");
        expect_logged(&w, "unknown message (type 77)");
        world_stop(&w);
        world_done(&w);
}

/* ---- SIGUSR2 ---- */

static void expect_handover(World *w) {
        cr_assert_eq(kill(w->stintd, SIGUSR2), 0);
        dispatcher_expect(w, SUPERVISE_HANDOVER);
        DISPATCHER_SAY(w, .type = STUB_EXIT);
}

Test(upgrade, starts_the_new_binaries_and_keeps_the_workers) {
        World w = world_started();
        SuperviseMessage old = dispatcher_spawn(&w, "obey"), roster[2];
        unsigned fds = fd_count(w.stintd);
        expect_handover(&w);
        dispatcher_accept(&w);
        cr_assert_str_eq(w.numbers, "1 2 user");
        cr_assert_eq(dispatcher_roster(&w, roster, 2), 1);
        cr_assert_eq(roster[0].pid, old.pid);
        cr_assert_eq(roster[0].binary, 1);
        cr_assert_eq(roster[1].binary, 2, "the one in force");
        dispatcher_serve(&w);
        cr_assert_eq(dispatcher_spawn(&w, "obey").binary, 2);
        expect_at_most_fds(w.stintd, fds + 1);
        world_stop(&w);
        world_done(&w);
}

Test(upgrade, returns_to_the_old_binary_when_the_new_one_dies) {
        World w = world_started();
        world_use_helper(&w, "stint-dispatcher", "/bin/false");
        expect_handover(&w);
        dispatcher_accept(&w);
        cr_assert_str_eq(w.numbers, "1 1 user", "the old binary although /bin/false is installed");
        dispatcher_roster(&w, NULL, 0);
        dispatcher_serve(&w);
        expect_logged(&w, "the old one comes back");
        world_kill_dispatcher(&w);
        dispatcher_take_over(&w);
        cr_assert_str_eq(w.numbers, "1 1 user");
        world_stop(&w);
        world_done(&w);
}

Test(upgrade, returns_to_the_old_binary_when_the_new_one_is_no_program) {
        World w = world_started();
        world_use_helper(&w, "stint-dispatcher", w.config);
        cr_assert_eq(chmod(w.config, 0700), 0);
        expect_handover(&w);
        dispatcher_take_over(&w);
        cr_assert_str_eq(w.numbers, "1 1 user");
        world_stop(&w);
        world_done(&w);
}

Test(upgrade, returns_to_the_old_binary_when_the_new_one_is_not_ready_in_time) {
        World w = world_started();
        expect_handover(&w);
        dispatcher_accept(&w); /* it pings and loads for ever */
        cr_assert_str_eq(w.numbers, "1 2 user");
        dispatcher_roster(&w, NULL, 0);
        dispatcher_accept(&w);
        cr_assert_str_eq(w.numbers, "1 1 user");
        dispatcher_roster(&w, NULL, 0);
        dispatcher_serve(&w);
        expect_logged(&w, "is not ready in time");
        expect_handover(&w); /* a later one has a number of its own */
        dispatcher_take_over(&w);
        cr_assert_str_eq(w.numbers, "1 3 user");
        world_stop(&w);
        world_done(&w);
}

Test(upgrade, replaces_an_old_one_that_does_not_hand_over) {
        World w = world_started();
        kill(w.stintd, SIGUSR2);
        dispatcher_expect(&w, SUPERVISE_HANDOVER);
        dispatcher_take_over(&w);
        cr_assert_str_eq(w.numbers, "1 2 user");
        expect_logged(&w, "does not exit: aborting it");
        world_stop(&w);
        world_done(&w);
}

Test(upgrade, without_binaries_changes_nothing) {
        World w = world_started();
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/stint-worker", w.libexec);
        cr_assert_eq(unlink(path), 0);
        cr_assert_eq(kill(w.stintd, SIGUSR2), 0);
        expect_logged(&w, "no upgrade: cannot open");
        cr_assert_eq(dispatcher_spawn(&w, "obey").binary, 1, "a binary that is gone is still open");
        world_stop(&w);
        world_done(&w);
}
