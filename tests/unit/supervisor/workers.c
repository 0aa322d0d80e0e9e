/* The roster through deaths: of dispatchers, of workers, of what workers leave behind. */
#include "tests/unit/supervisor/world.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(workers, .timeout = 120);

Test(workers, children_find_what_is_promised_and_nothing_else) {
        World w = world_started();
        char text[256];
        SuperviseMessage spawned = dispatcher_spawn(&w, "obey");
        char name[64];
        snprintf(name, sizeof name, "worker.%lu", spawned.serial);
        read_file(w.run, name, text, sizeof text);
        cr_assert_str_eq(text, "fds=pffL blocked=0 ignored=0 leader=1 notify=0");
        cr_assert_str_eq(w.hello, "fds=sffLLL blocked=0 ignored=0 leader=1 notify=0");
        cr_assert_str_eq(w.numbers, "1 1 user");
        cr_assert_eq(spawned.generation, 1);
        cr_assert_eq(spawned.binary, 1);
        world_stop(&w);
        world_done(&w);
}

Test(workers, stay_while_the_dispatcher_is_killed_200_times) {
        enum { WORKERS = 3 };
        World w = world_started();
        SuperviseMessage mine[WORKERS], roster[WORKERS + 1];
        for (int i = 0; i < WORKERS; i++)
                mine[i] = dispatcher_spawn(&w, "obey");
        unsigned fds = 0;
        for (int kills = 0; kills < 200; kills++) {
                world_kill_dispatcher(&w);
                dispatcher_accept(&w);
                cr_assert_eq(dispatcher_roster(&w, roster, WORKERS + 1), WORKERS);
                for (int i = 0; i < WORKERS; i++) {
                        cr_assert_eq(roster[i].serial, mine[i].serial);
                        cr_assert_eq(roster[i].pid, mine[i].pid);
                        cr_assert_eq(roster[i].state, SUPERVISE_WORKER_ALIVE);
                        cr_assert_str_eq(roster[i].pool, "obey");
                }
                dispatcher_serve(&w);
                fds = fds ? fds : fd_count(w.stintd);
                expect_at_most_fds(w.stintd, fds);
        }
        world_stop(&w);
        for (int i = 0; i < WORKERS; i++)
                cr_assert(is_gone(mine[i].pid));
        world_done(&w);
}

Test(workers, exited_comes_only_after_every_remnant_is_dead) {
        World w = world_started();
        for (int round = 0; round < 20; round++) {
                SuperviseMessage orphan = dispatcher_spawn(&w, "orphan"),
                                 bystander = dispatcher_spawn(&w, "obey");
                char text[32], path[PATH_MAX];
                read_file(w.run, "orphan", text, sizeof text);
                pid_t grandchild = atoi(text);
                cr_assert_eq(kill(grandchild, 0), 0);
                DISPATCHER_SAY(&w, .type = SUPERVISE_SIGNAL, .serial = orphan.serial,
                               .signal = SIGKILL);
                SuperviseMessage exited = dispatcher_expect(&w, SUPERVISE_EXITED);
                cr_assert(is_gone(grandchild), "reported while process %d lives", grandchild);
                cr_assert_eq(exited.serial, orphan.serial);
                cr_assert(WIFSIGNALED(exited.status) && WTERMSIG(exited.status) == SIGKILL);
                cr_assert_str_eq(exited.pool, "orphan");
                cr_assert_gt(exited.usage.ru_maxrss, 0);
                snprintf(path, sizeof path, "%s/w/%lu.sock", w.run, orphan.serial);
                cr_assert_eq(access(path, F_OK), -1);
                cr_assert_eq(kill(bystander.pid, 0), 0, "a living worker is no remnant");
                snprintf(path, sizeof path, "%s/orphan", w.run);
                unlink(path);
        }
        world_stop(&w);
        world_done(&w);
}

Test(workers, child_that_was_there_before_us_is_no_remnant) {
        World w = world_new();
        char text[32];
        w.has_stranger = true;
        world_start(&w);
        dispatcher_take_over(&w);
        SuperviseMessage orphan = dispatcher_spawn(&w, "orphan");
        read_file(w.run, "orphan", text, sizeof text);
        DISPATCHER_SAY(&w, .type = SUPERVISE_SIGNAL, .serial = orphan.serial, .signal = SIGKILL);
        dispatcher_expect(&w, SUPERVISE_EXITED);
        cr_assert(is_gone(atoi(text)));
        cr_assert(!is_gone(stranger(&w)));
        cr_assert_eq(kill(stranger(&w), SIGKILL), 0);
        expect_gone(stranger(&w)); /* it is reaped, too */
        world_stop(&w);
        world_done(&w);
}

Test(workers, end_is_in_every_roster_until_it_is_confirmed) {
        World w = world_started();
        SuperviseMessage quick = dispatcher_spawn(&w, "quick"), roster[4];
        dispatcher_expect(&w, SUPERVISE_EXITED);
        for (int i = 0; i < 2; i++) {
                world_kill_dispatcher(&w);
                dispatcher_accept(&w);
                cr_assert_eq(dispatcher_roster(&w, roster, 4), 1);
                cr_assert_eq(roster[0].serial, quick.serial);
                cr_assert_eq(roster[0].state, SUPERVISE_WORKER_EXITED);
                cr_assert(WIFEXITED(roster[0].status) && WEXITSTATUS(roster[0].status) == 7);
                dispatcher_serve(&w);
        }
        DISPATCHER_SAY(&w, .type = SUPERVISE_EXIT_SEEN, .serial = quick.serial);
        dispatcher_spawn(&w, "obey"); /* answered after it: the confirmation has been read */
        world_kill_dispatcher(&w);
        dispatcher_accept(&w);
        cr_assert_eq(dispatcher_roster(&w, roster, 4), 1);
        cr_assert_str_eq(roster[0].pool, "obey");
        world_done(&w);
}

Test(workers, roster_is_whole_when_it_is_larger_than_a_socket_buffer) {
        enum { MANY = 600 };
        static SuperviseMessage roster[MANY + 1];
        World w = world_started();
        for (int i = 0; i < MANY; i++) {
                SuperviseMessage m = {
                        .version = SUPERVISE_VERSION, .type = SUPERVISE_SPAWN, .pool = "quick"};
                dispatcher_say(&w, m);
                dispatcher_expect(&w, SUPERVISE_SPAWNED);
                dispatcher_expect(&w, SUPERVISE_EXITED);
        }
        world_kill_dispatcher(&w);
        dispatcher_accept(&w);
        cr_assert_eq(dispatcher_roster(&w, roster, MANY + 1), MANY);
        for (int i = 0; i < MANY; i++)
                cr_assert_eq(roster[i].serial, (uint64_t)i + 1);
        dispatcher_serve(&w);
        world_stop(&w);
        world_done(&w);
}

Test(workers, spawn_that_fails_is_answered) {
        World w = world_started();
        SuperviseMessage spawn = {
                .version = SUPERVISE_VERSION, .type = SUPERVISE_SPAWN, .pool = "nowhere"};
        dispatcher_say(&w, spawn);
        SuperviseMessage failed = dispatcher_expect(&w, SUPERVISE_SPAWN_FAILED);
        cr_assert_eq(failed.error, EINVAL);
        cr_assert_str_eq(failed.pool, "nowhere");
        world_stop(&w);
        world_done(&w);

        w = world_new();
        world_use_helper(&w, "stint-worker", w.config);
        cr_assert_eq(chmod(w.config, 0700), 0); /* no program at all */
        world_start(&w);
        dispatcher_take_over(&w);
        spawn = (SuperviseMessage){
                .version = SUPERVISE_VERSION, .type = SUPERVISE_SPAWN, .pool = "obey"};
        dispatcher_say(&w, spawn);
        cr_assert_eq(dispatcher_expect(&w, SUPERVISE_SPAWN_FAILED).error, ENOEXEC);
        unsigned fds = fd_count(w.stintd);
        dispatcher_say(&w, spawn);
        dispatcher_expect(&w, SUPERVISE_SPAWN_FAILED);
        expect_at_most_fds(w.stintd, fds);
        world_stop(&w);
        world_done(&w);
}
