/* Start, refusal, crash and end of an instance. */
#include "tests/unit/supervisor/world.h"

#include <criterion/criterion.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

TestSuite(instance, .timeout = 120);

static bool exists(const World *w, const char *name) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", w->run, name);
        return access(path, F_OK) == 0;
}

static mode_t mode_of(const World *w, const char *name) {
        char path[PATH_MAX];
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", w->run, name);
        cr_assert_eq(stat(path, &st), 0);
        return st.st_mode & 0777;
}

Test(instance, makes_its_sockets_and_removes_them) {
        World w = world_started();
        char endpoint[256], expected[256];
        cr_assert_eq(mode_of(&w, "control.sock"), 0600);
        cr_assert_eq(mode_of(&w, "events.sock"), 0600);
        cr_assert_eq(mode_of(&w, "results.sock"), 0600);
        cr_assert_eq(mode_of(&w, "w"), 0700);
        read_file(w.state, "endpoint", endpoint, sizeof endpoint);
        snprintf(expected, sizeof expected, "ipc://%s/control.sock\n", w.run);
        cr_assert_str_eq(endpoint, expected);
        dispatcher_spawn(&w, "obey");
        cr_assert(exists(&w, "w/1.sock"));
        world_stop(&w);
        cr_assert(!exists(&w, "control.sock") && !exists(&w, "events.sock") &&
                  !exists(&w, "results.sock"));
        cr_assert(!exists(&w, "w/1.sock"));
        world_done(&w);
}

Test(instance, second_one_is_refused_and_told_who_holds_the_lock) {
        World w = world_started(), second = w;
        char holder[64];
        snprintf(second.log, sizeof second.log, "%s/second.log", w.dir);
        world_start(&second);
        cr_assert_eq(world_wait_exit(&second), 75);
        snprintf(holder, sizeof holder, "runs as process %d", w.stintd);
        expect_logged(&second, holder);
        cr_assert(exists(&w, "control.sock"), "the first one's sockets are left alone");
        dispatcher_spawn(&w, "obey");
        world_stop(&w);
        world_done(&w);
}

Test(instance, that_is_killed_takes_its_children_with_it_and_the_next_waits_for_them) {
        World w = world_started();
        pid_t dispatcher = w.dispatcher;
        SuperviseMessage obey = dispatcher_spawn(&w, "obey"),
                         stubborn = dispatcher_spawn(&w, "stubborn");
        cr_assert_eq(kill(w.stintd, SIGKILL), 0);
        cr_assert_eq(world_wait_exit(&w), 128 + SIGKILL);
        expect_gone(dispatcher);
        expect_gone(obey.pid);
        world_start(&w);
        expect_notified(&w, "STATUS=waiting for processes of the instance before this one");
        cr_assert(exists(&w, "w/2.sock"), "nothing is touched before they are gone");
        cr_assert_eq(kill(stubborn.pid, SIGKILL), 0);
        dispatcher_take_over(&w);
        cr_assert(!exists(&w, "w/1.sock") && !exists(&w, "w/2.sock"));
        cr_assert_eq(dispatcher_spawn(&w, "obey").serial, stubborn.serial + 1,
                     "a serial is never used twice");
        world_stop(&w);
        world_start(&w);
        dispatcher_take_over(&w);
        cr_assert_eq(dispatcher_spawn(&w, "obey").serial, stubborn.serial + 2);
        world_stop(&w);
        world_done(&w);
}

Test(instance, feeds_the_watchdog_and_keeps_it_from_its_children) {
        World w = world_new();
        w.watchdog_usec = "400000";
        world_start(&w);
        dispatcher_take_over(&w);
        for (int i = 0; i < 3; i++)
                expect_notified(&w, "WATCHDOG=1");
        cr_assert(strstr(w.hello, "notify=0"));
        world_stop(&w);
        world_done(&w);
}

Test(instance, ends_although_a_child_that_was_there_before_lives_on) {
        World w = world_new();
        w.has_stranger = true;
        world_start(&w);
        dispatcher_take_over(&w);
        dispatcher_spawn(&w, "obey");
        world_stop(&w); /* nobody waits for it */
        world_done(&w);
}

Test(instance, does_not_guess_a_serial_that_it_cannot_read) {
        World w = world_new();
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/alive", w.state);
        FILE *f = fopen(path, "w");
        cr_assert(f && fputs("nonsense\n", f) >= 0 && fclose(f) == 0);
        world_start(&w);
        cr_assert_eq(world_wait_exit(&w), 65);
        expect_logged(&w, "cannot read the last worker serial");
        world_done(&w);
}

Test(instance, stop_ends_workers_that_ignore_it_and_what_they_left) {
        World w = world_started();
        SuperviseMessage obey = dispatcher_spawn(&w, "obey"),
                         ignore = dispatcher_spawn(&w, "ignore");
        dispatcher_spawn(&w, "orphan");
        char text[32];
        read_file(w.run, "orphan", text, sizeof text);
        pid_t grandchild = atoi(text);
        world_stop(&w);
        cr_assert(is_gone(obey.pid) && is_gone(ignore.pid) && is_gone(grandchild));
        expect_notified(&w, "STOPPING=1");
        world_done(&w);
}

Test(instance, stop_may_take_as_long_as_the_dispatcher_says) {
        World w = world_started();
        kill(w.stintd, SIGTERM);
        dispatcher_expect(&w, SUPERVISE_STOP);
        expect_notified(&w, "STOPPING=1");
        expect_notified(&w, "EXTEND_TIMEOUT_USEC=100000000"); /* stop_timeout 30 s, and some */
        DISPATCHER_SAY(&w, .type = SUPERVISE_STOP_TAKES, .serial = 3600000000);
        expect_notified(&w, "EXTEND_TIMEOUT_USEC=3670000000");
        DISPATCHER_SAY(&w, .type = SUPERVISE_STOP_TAKES, .serial = 1000000);
        DISPATCHER_SAY(&w, .type = SUPERVISE_STATUS, .text = "still there");
        expect_notified(&w, "STATUS=still there");
        cr_assert_null(strstr(w.notified, "EXTEND_TIMEOUT_USEC=71000000"), "less than was said");
        DISPATCHER_SAY(&w, .type = SUPERVISE_STOPPED);
        DISPATCHER_SAY(&w, .type = STUB_EXIT);
        cr_assert_eq(world_wait_exit(&w), 0);
        world_done(&w);
}

Test(instance, stop_is_asked_again_when_the_dispatcher_dies_over_it) {
        World w = world_started();
        SuperviseMessage roster[2];
        dispatcher_spawn(&w, "obey");
        kill(w.stintd, SIGTERM);
        dispatcher_expect(&w, SUPERVISE_STOP);
        kill(w.stintd, SIGTERM); /* does not hurt */
        world_kill_dispatcher(&w);
        dispatcher_accept(&w);
        cr_assert_eq(dispatcher_roster(&w, roster, 2), 1);
        dispatcher_expect(&w, SUPERVISE_STOP);
        DISPATCHER_SAY(&w, .type = STUB_EXIT); /* without STOPPED: it did not flush */
        dispatcher_accept(&w);
        dispatcher_roster(&w, NULL, 0);
        dispatcher_expect(&w, SUPERVISE_STOP);
        DISPATCHER_SAY(&w, .type = SUPERVISE_READY);
        DISPATCHER_SAY(&w, .type = SUPERVISE_STOPPED);
        DISPATCHER_SAY(&w, .type = STUB_EXIT);
        cr_assert_eq(world_wait_exit(&w), 0);
        world_done(&w);
}

Test(instance, stop_gives_up_on_a_dispatcher_that_cannot_start_any_more) {
        World w = world_started();
        SuperviseMessage obey = dispatcher_spawn(&w, "obey");
        world_use_helper(&w, "stint-dispatcher", "/bin/false"); /* not looked at: it is open */
        kill(w.stintd, SIGTERM);
        dispatcher_expect(&w, SUPERVISE_STOP);
        for (int deaths = 0; deaths < 5; deaths++) {
                DISPATCHER_SAY(&w, .type = STUB_EXIT, .error = 74);
                if (deaths < 4) {
                        dispatcher_accept(&w);
                        dispatcher_roster(&w, NULL, 0);
                        dispatcher_expect(&w, SUPERVISE_STOP);
                }
        }
        cr_assert_eq(world_wait_exit(&w), 74);
        cr_assert(is_gone(obey.pid));
        world_done(&w);
}

Test(instance, of_the_system_shares_its_sockets_with_its_group) {
        World w = world_new();
        char text[2048];
        const struct group *group = getgrgid(getegid());
        cr_assert(group);
        w.instance = INSTANCE_SYSTEM;
        cr_assert_eq(chmod(w.run, 0755), 0);
        snprintf(text, sizeof text, "%scontrol = { group = \"%s\"; };\n", WORLD_POOLS,
                 group->gr_name);
        world_configure(&w, text);
        world_start(&w);
        dispatcher_take_over(&w);
        cr_assert_str_eq(w.numbers, "1 1 system");
        cr_assert_eq(mode_of(&w, "control.sock"), 0660);
        cr_assert_eq(mode_of(&w, "events.sock"), 0660);
        cr_assert_eq(mode_of(&w, "results.sock"), 0600);
        cr_assert_eq(mode_of(&w, "w"), 0700);
        world_stop(&w);
        world_done(&w);
}

static int listening_at(const World *w, const char *name) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        snprintf(address.sun_path, sizeof address.sun_path, "%.80s/%.20s", w->run, name);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
        cr_assert_eq(listen(fd, 8), 0);
        return fd;
}

Test(instance, takes_the_socket_that_systemd_holds_and_leaves_it_there) {
        World w = world_new();
        int fd = listening_at(&w, "control.sock");
        struct stat before, after;
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/control.sock", w.run);
        cr_assert_eq(stat(path, &before), 0);
        world_start_with(&w, (char *[]){"--config", w.config, NULL}, fd);
        dispatcher_take_over(&w);
        cr_assert_str_eq(w.hello, "fds=sffLLL blocked=0 ignored=0 leader=1 notify=0");
        world_stop(&w);
        cr_assert_eq(stat(path, &after), 0);
        cr_assert_eq(before.st_ino, after.st_ino);
        cr_assert(!exists(&w, "events.sock"));
        close(fd);
        world_done(&w);
}

Test(instance, socket_in_use_is_refused_a_stale_one_replaced) {
        World w = world_new();
        int fd = listening_at(&w, "control.sock");
        world_start(&w);
        cr_assert_eq(world_wait_exit(&w), 74);
        expect_logged(&w, "another program listens there");
        close(fd); /* stale now */
        world_start(&w);
        dispatcher_take_over(&w);
        world_stop(&w);
        world_done(&w);
}

static void expect_refused(const char *control, int code, const char *reason) {
        World w = world_new();
        char text[2048];
        snprintf(text, sizeof text, "%scontrol = { socket = \"%s\"; };\n", WORLD_POOLS, control);
        world_configure(&w, text);
        world_start(&w);
        cr_assert_eq(world_wait_exit(&w), code);
        expect_logged(&w, reason);
        world_done(&w);
}

Test(instance, socket_that_cannot_be_made_is_explained) {
        expect_refused("/proc/version", 74, "what is there is no socket");
        expect_refused("/nonexistent/control.sock", 74, "check that the directory exists");
}

static void expect_answer(char *const arguments[], int code, const char *reason) {
        World w = world_new();
        world_start_with(&w, arguments, -1);
        cr_assert_eq(world_wait_exit(&w), code);
        expect_logged(&w, reason);
        world_done(&w);
}

Test(options, are_checked) {
        expect_answer((char *[]){"--forground", NULL}, 64, "did you mean --foreground?");
        expect_answer((char *[]){"--config", NULL}, 64, "lacks its value");
        expect_answer((char *[]){"start", NULL}, 64, "unknown argument 'start'");
        expect_answer((char *[]){"--help", NULL}, 0, "Usage: stintd");
        expect_answer((char *[]){"--version", NULL}, 0, "stintd " STINT_VERSION);
        expect_answer((char *[]){"--config", "/nonexistent.conf", NULL}, 78, "nonexistent.conf");
}

Test(options, check_config_shows_every_finding) {
        World w = world_new();
        char *arguments[] = {"--check-config", "--config", w.config, NULL};
        world_start_with(&w, arguments, -1);
        cr_assert_eq(world_wait_exit(&w), 0);
        expect_logged(&w, " is fine\nqueues: 1, pools: 5, store: ");
        world_configure(&w, "queus = ();\ndaemon = { stop_timeout = \"soon\"; };\n");
        world_start_with(&w, arguments, -1);
        cr_assert_eq(world_wait_exit(&w), 78);
        expect_logged(&w, "queus");
        expect_logged(&w, "stop_timeout");
        world_done(&w);
}
