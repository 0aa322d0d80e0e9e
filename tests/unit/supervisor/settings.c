/* Reload: the dispatcher's answer decides. */
#include "tests/unit/supervisor/world.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sys/socket.h>

TestSuite(settings, .timeout = 120);

static void hang_up(World *w) {
        cr_assert_eq(kill(w->stintd, SIGHUP), 0);
        expect_notified(w, "RELOADING=1\nMONOTONIC_USEC=");
}

static SuperviseMessage expect_reload(World *w) {
        SuperviseMessage reload = dispatcher_expect(w, SUPERVISE_RELOAD);
        SuperviseMessage text = dispatcher_expect(w, STUB_TEXT);
        cr_assert(strstr(text.text, "pools") || strstr(text.text, "queues") ||
                          strstr(text.text, "daemon"),
                  "the memfd holds a configuration: %s", text.text);
        return reload;
}

/* The generation that a dispatcher started now is given. */
static void expect_in_force(World *w, const char *numbers) {
        world_kill_dispatcher(w);
        dispatcher_take_over(w);
        cr_assert_str_eq(w->numbers, numbers);
}

Test(settings, good_one_is_in_force_once_the_dispatcher_accepts) {
        World w = world_started();
        unsigned fds = fd_count(w.stintd);
        for (uint64_t generation = 2; generation < 6; generation++) {
                hang_up(&w);
                SuperviseMessage reload = expect_reload(&w);
                cr_assert_eq(reload.generation, generation);
                DISPATCHER_SAY(&w, .type = SUPERVISE_RELOADED, .generation = generation);
                expect_notified(&w, "READY=1");
        }
        expect_at_most_fds(w.stintd, fds);
        cr_assert_eq(dispatcher_spawn(&w, "obey").generation, 5);
        expect_in_force(&w, "5 1 user");
        world_stop(&w);
        world_done(&w);
}

Test(settings, bad_one_is_logged_finding_by_finding_and_changes_nothing) {
        World w = world_started();
        world_configure(&w, "queus = ();\ndaemon = { stop_timeout = \"soon\"; };\n");
        hang_up(&w);
        expect_notified(&w, "READY=1");
        expect_notified(&w, "new configuration refused: 2 findings");
        expect_logged(&w, "queus");
        expect_logged(&w, "stop_timeout");
        DISPATCHER_SAY(&w, .type = SUPERVISE_STATUS, .text = "working");
        expect_notified(&w, "STATUS=working; new configuration refused");
        expect_in_force(&w, "1 1 user");
        world_configure(&w, WORLD_POOLS);
        hang_up(&w);
        expect_reload(&w);
        DISPATCHER_SAY(&w, .type = SUPERVISE_RELOADED, .generation = 2);
        expect_notified(&w, "STATUS=ready\n");
        world_stop(&w);
        world_done(&w);
}

Test(settings, one_that_the_dispatcher_refuses_changes_nothing) {
        World w = world_started();
        hang_up(&w);
        expect_reload(&w);
        DISPATCHER_SAY(&w, .type = SUPERVISE_RELOADED, .generation = 2, .error = EINVAL,
                       .text = "store differs");
        expect_notified(&w, "new configuration refused: store differs");
        expect_in_force(&w, "1 1 user");
        world_stop(&w);
        world_done(&w);
}

Test(settings, one_that_the_dispatcher_dies_over_is_not_tried_again) {
        World w = world_started();
        hang_up(&w);
        expect_reload(&w);
        expect_in_force(&w, "1 1 user");
        expect_logged(&w, "the dispatcher ended before it took it");
        dispatcher_spawn(&w, "obey"); /* nothing but this is said to the new one */
        world_stop(&w);
        world_done(&w);
}

Test(settings, hang_up_waits_for_a_dispatcher_that_can_answer) {
        World w = world_started();
        world_kill_dispatcher(&w);
        dispatcher_accept(&w);
        dispatcher_roster(&w, NULL, 0);
        hang_up(&w);
        hang_up(&w);
        DISPATCHER_SAY(&w, .type = SUPERVISE_READY);
        expect_reload(&w);
        hang_up(&w); /* while one is not answered */
        DISPATCHER_SAY(&w, .type = SUPERVISE_RELOADED, .generation = 2);
        cr_assert_eq(expect_reload(&w).generation, 3);
        DISPATCHER_SAY(&w, .type = SUPERVISE_RELOADED, .generation = 3);
        world_stop(&w);
        world_done(&w);
}

Test(settings, sockets_do_not_move_while_running) {
        World w = world_started();
        char text[2048];
        snprintf(text, sizeof text, "%scontrol = { socket = \"%s/other.sock\"; };\n", WORLD_POOLS,
                 w.run);
        world_configure(&w, text);
        hang_up(&w);
        expect_logged(&w, "control.socket: ");
        expect_logged(&w, "changes only with a restart");
        world_stop(&w);
        world_done(&w);
}

/* What was said of the reload that RELOAD_DONE answers; the text is the caller's to free. */
static char *expect_done(World *w, uint64_t serial, uint64_t generation) {
        char *text = calloc(1, SUPERVISE_REPORT_MAX + SUPERVISE_TEXT_MAX);
        for (;;) {
                SuperviseMessage m = {0};
                cr_assert_eq(recv(w->link, &m, sizeof m, 0), sizeof m);
                if (m.type == SUPERVISE_RELOAD_REPORT) {
                        cr_assert_lt(strlen(text), SUPERVISE_REPORT_MAX);
                        strcat(text, m.text);
                        continue;
                }
                cr_assert_eq(m.type, SUPERVISE_RELOAD_DONE);
                cr_assert_eq(m.serial, serial);
                cr_assert_eq(m.generation, generation);
                cr_assert_eq(m.error != 0, *text != '\0');
                return text;
        }
}

Test(settings, who_asks_for_a_reload_is_told_how_it_went) {
        World w = world_started();
        DISPATCHER_SAY(&w, .type = SUPERVISE_RELOAD_ASKED, .serial = 1);
        expect_notified(&w, "RELOADING=1\nMONOTONIC_USEC=");
        expect_reload(&w);
        DISPATCHER_SAY(&w, .type = SUPERVISE_RELOADED, .generation = 2);
        free(expect_done(&w, 1, 2));
        DISPATCHER_SAY(&w, .type = SUPERVISE_RELOAD_ASKED, .serial = 2);
        expect_reload(&w);
        DISPATCHER_SAY(&w, .type = SUPERVISE_RELOADED, .generation = 3, .error = EINVAL,
                       .text = "store differs");
        char *refusal = expect_done(&w, 2, 2);
        cr_assert_str_eq(refusal, "store differs");
        free(refusal);
        expect_in_force(&w, "2 1 user");
        world_stop(&w);
        world_done(&w);
}

Test(settings, every_finding_is_reported) {
        World w = world_started();
        char text[8192] = "";
        for (unsigned i = 0; i < 40; i++)
                snprintf(text + strlen(text), sizeof text - strlen(text),
                         "a_key_that_nobody_knows_%u = 1;\n", i);
        world_configure(&w, text);
        DISPATCHER_SAY(&w, .type = SUPERVISE_RELOAD_ASKED, .serial = 7);
        char *report = expect_done(&w, 7, 1), *line = report;
        cr_assert_gt(strlen(report), 3 * SUPERVISE_TEXT_MAX, "it needs several packets");
        for (unsigned i = 0; i < 40; i++, line = line ? line + 1 : NULL) {
                char place[160];
                snprintf(place, sizeof place, "%s:%u: ", w.config, i + 1);
                cr_assert_not_null(line);
                cr_assert_eq(strncmp(line, place, strlen(place)), 0, "%s", line);
                line = strchr(line, '\n');
        }
        cr_assert_null(line, "and nothing more");
        free(report);
        world_stop(&w);
        world_done(&w);
}

Test(settings, who_asks_while_a_reload_runs_is_answered_by_the_next_one) {
        World w = world_started();
        hang_up(&w);
        expect_reload(&w);
        DISPATCHER_SAY(&w, .type = SUPERVISE_RELOAD_ASKED, .serial = 1);
        DISPATCHER_SAY(&w, .type = SUPERVISE_RELOAD_ASKED, .serial = 2);
        DISPATCHER_SAY(&w, .type = SUPERVISE_RELOADED, .generation = 2);
        cr_assert_eq(expect_reload(&w).generation, 3, "and nobody is answered before");
        DISPATCHER_SAY(&w, .type = SUPERVISE_RELOADED, .generation = 3);
        free(expect_done(&w, 2, 3));
        world_stop(&w);
        world_done(&w);
}

Test(settings, who_asked_a_dead_dispatcher_is_not_answered_by_the_next_one) {
        World w = world_started();
        DISPATCHER_SAY(&w, .type = SUPERVISE_RELOAD_ASKED, .serial = 5);
        expect_reload(&w);
        world_kill_dispatcher(&w);
        dispatcher_take_over(&w);
        hang_up(&w);
        expect_reload(&w);
        DISPATCHER_SAY(&w, .type = SUPERVISE_RELOADED, .generation = 2);
        dispatcher_spawn(&w, "obey"); /* the next that is said to it */
        DISPATCHER_SAY(&w, .type = SUPERVISE_RELOAD_ASKED, .serial = 1);
        expect_reload(&w);
        DISPATCHER_SAY(&w, .type = SUPERVISE_RELOADED, .generation = 3);
        free(expect_done(&w, 1, 3));
        world_stop(&w);
        world_done(&w);
}

Test(settings, the_roster_tells_that_one_may_ask) {
        World w = world_started();
        world_kill_dispatcher(&w);
        dispatcher_accept(&w);
        cr_assert_eq(dispatcher_expect(&w, SUPERVISE_ROSTER_END).features, SUPERVISE_FEATURES);
        DISPATCHER_SAY(&w, .type = SUPERVISE_READY);
        world_stop(&w);
        world_done(&w);
}
