/* Paths: the rules of the environment, and directories that must not be trusted. */
#include "common/paths.h"

#include "tests/unit/common/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#define NOBODY 65534

/* An environment with nothing in it that matters here. */
static void clear_environment(void) {
        unsetenv("XDG_CONFIG_HOME");
        unsetenv("XDG_STATE_HOME");
        unsetenv("XDG_RUNTIME_DIR");
        unsetenv("STINT_STATE_DIR");
        unsetenv("STINT_RUN_DIR");
        unsetenv("STINT_LIBEXECDIR");
        setenv("HOME", "/home/me", 1);
}

TestSuite(find, .init = clear_environment);
TestSuite(prepare, .init = clear_environment);
TestSuite(endpoint, .init = clear_environment);

static InstancePaths find(InstanceKind kind) {
        InstancePaths p;
        Error e = {0};
        cr_assert_eq(paths_find(kind, &p, &e), 0, "%s", e.text);
        return p;
}

/* Each of the words must be in the error: what, why, the way out. */
static void expect_error(int r, const Error *e, int code, const char *const *words) {
        cr_assert_eq(r, -code, "%d: %s", r, e->text);
        cr_assert_eq(e->code, code);
        for (; *words; words++)
                cr_assert_not_null(strstr(e->text, *words), "\"%s\" is not in: %s", *words,
                                   e->text);
}
#define expect_error(r, e, code, ...) expect_error(r, e, code, (const char *[]){__VA_ARGS__, NULL})

/* ---- finding ---- */

Test(find, user_without_xdg_variables_has_the_defaults) {
        char run[64];
        snprintf(run, sizeof(run), "/tmp/stint-%u", geteuid());
        InstancePaths p = find(INSTANCE_USER);
        cr_assert_eq(p.kind, INSTANCE_USER);
        cr_assert_str_eq(p.config, "/home/me/.config/stint/stintd.conf");
        cr_assert_str_eq(p.config_d, "/home/me/.config/stint/conf.d");
        cr_assert_str_eq(p.state, "/home/me/.local/state/stint");
        cr_assert_str_eq(p.run, run);
}

Test(find, user_with_xdg_variables_follows_them) {
        setenv("XDG_CONFIG_HOME", "/c", 1);
        setenv("XDG_STATE_HOME", "/s/", 1);
        setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
        InstancePaths p = find(INSTANCE_USER);
        cr_assert_str_eq(p.config, "/c/stint/stintd.conf");
        cr_assert_str_eq(p.state, "/s/stint");
        cr_assert_str_eq(p.run, "/run/user/7/stint");
        cr_assert_str_eq(p.control, "/run/user/7/stint/control.sock");
        cr_assert_str_eq(p.events, "/run/user/7/stint/events.sock");
}

Test(find, system_ignores_the_xdg_variables) {
        setenv("XDG_CONFIG_HOME", "/c", 1);
        setenv("XDG_STATE_HOME", "relative", 1);
        setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
        unsetenv("HOME");
        InstancePaths p = find(INSTANCE_SYSTEM);
        cr_assert_str_eq(p.config, STINT_SYSCONF "/stintd.conf");
        cr_assert_str_eq(p.config_d, STINT_SYSCONF "/conf.d");
        cr_assert_str_eq(p.state, STINT_SYSTEM_STATE);
        cr_assert_str_eq(p.run, STINT_SYSTEM_RUN);
}

Test(find, own_variables_override_both_kinds) {
        setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
        setenv("STINT_STATE_DIR", "/my/state", 1);
        setenv("STINT_RUN_DIR", "/my/run//", 1);
        for (InstanceKind kind = INSTANCE_USER; kind <= INSTANCE_SYSTEM; kind++) {
                InstancePaths p = find(kind);
                cr_assert_str_eq(p.state, "/my/state");
                cr_assert_str_eq(p.run, "/my/run");
                cr_assert_str_eq(p.control, "/my/run/control.sock");
        }
}

Test(find, empty_variables_are_unset_ones) {
        setenv("XDG_CONFIG_HOME", "", 1);
        setenv("XDG_RUNTIME_DIR", "", 1);
        setenv("STINT_STATE_DIR", "", 1);
        InstancePaths p = find(INSTANCE_USER);
        cr_assert_str_eq(p.config, "/home/me/.config/stint/stintd.conf");
        cr_assert_eq(strncmp(p.run, "/tmp/stint-", 11), 0);
}

Test(find, home_comes_from_the_account_when_unset) {
        char expected[PATH_MAX];
        const struct passwd *account = getpwuid(geteuid());
        if (!account)
                cr_skip_test("this uid has no account");
        snprintf(expected, sizeof(expected), "%s/.local/state/stint", account->pw_dir);
        unsetenv("HOME");
        cr_assert_str_eq(find(INSTANCE_USER).state, expected);
}

Test(find, an_account_without_a_home_is_told_what_to_set) {
        InstancePaths p;
        Error e = {0};
        if (geteuid() != 0)
                cr_skip_test("needs root to be an account that does not exist");
        unsetenv("HOME");
        cr_assert_eq(seteuid(54321), 0);
        int r = paths_find(INSTANCE_USER, &p, &e);
        cr_assert_eq(seteuid(0), 0);
        expect_error(r, &e, EXIT_CONFIG, "uid 54321", "set HOME");
}

Test(find, relative_directories_are_refused_by_name) {
        static const char *const names[] = {"XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR",
                                            "STINT_STATE_DIR", "STINT_RUN_DIR",  "HOME"};
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                InstancePaths p = {0};
                Error e = {0};
                clear_environment();
                setenv(names[i], "some/dir", 1);
                expect_error(paths_find(INSTANCE_USER, &p, &e), &e, EXIT_CONFIG, names[i],
                             "\"some/dir\"", "absolute");
                cr_assert_eq(p.kind, 0, "%s wrote its result", names[i]);
        }
}

Test(find, a_run_directory_is_refused_as_soon_as_no_worker_socket_fits) {
        char run[128] = "/";
        InstancePaths p;
        Error e = {0};
        /* "/w/4294967295.sock" has 18 bytes and a socket's path 107 */
        memset(run + 1, 'r', 88);
        setenv("STINT_RUN_DIR", run, 1);
        p = find(INSTANCE_USER);
        cr_assert_eq(strlen(p.run) + strlen("/w/4294967295.sock"), 107);
        run[89] = 'r';
        setenv("STINT_RUN_DIR", run, 1);
        expect_error(paths_find(INSTANCE_USER, &p, &e), &e, EXIT_CONFIG, run, "108 bytes", "107",
                     "set STINT_RUN_DIR");
}

Test(find, endless_paths_are_refused_not_cut) {
        static const char *const names[] = {"XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR",
                                            "STINT_STATE_DIR", "STINT_RUN_DIR",  "HOME"};
        for (size_t length = PATH_MAX - 20; length < PATH_MAX + 20; length++) {
                char text[PATH_MAX + 32] = "/";
                memset(text + 1, 'x', length - 1);
                for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                        InstancePaths p;
                        Error e = {0};
                        clear_environment();
                        setenv(names[i], text, 1);
                        int r = paths_find(INSTANCE_USER, &p, &e);
                        if (r < 0)
                                cr_assert_eq(r, -EXIT_CONFIG);
                        else /* only these may be so long, and whole */
                                cr_assert(strncmp(p.state, text, length) == 0 ||
                                                  strncmp(p.config, text, length) == 0,
                                          "%s", names[i]);
                }
        }
}

/* ---- preparing ---- */

static mode_t mode_of(const char *path) {
        struct stat st;
        cr_assert_eq(lstat(path, &st), 0, "%s: %s", path, strerror(errno));
        return st.st_mode & 07777;
}

static InstancePaths paths_in(const Directory *d, InstanceKind kind) {
        setenv("STINT_STATE_DIR", below(d, "a/b/state"), 1);
        setenv("STINT_RUN_DIR", below(d, "run"), 1);
        return find(kind);
}

static void expect_prepared(const InstancePaths *p) {
        Error e = {0};
        cr_assert_eq(paths_prepare(p, &e), 0, "%s", e.text);
}

Test(prepare, makes_private_directories_with_their_parents) {
        Directory d = directory_new();
        umask(0);
        InstancePaths p = paths_in(&d, INSTANCE_USER);
        expect_prepared(&p);
        static const char *const made[] = {
                "a", "a/b", "a/b/state", "a/b/state/output", "a/b/state/log", "run", "run/w"};
        for (size_t i = 0; i < ARRAY_SIZE(made); i++)
                cr_assert_eq(mode_of(below(&d, made[i])), 0700, "%s", made[i]);
        directory_done(&d);
}

Test(prepare, system_run_can_be_reached_by_clients_and_its_workers_cannot) {
        Directory d = directory_new();
        umask(022);
        InstancePaths p = paths_in(&d, INSTANCE_SYSTEM);
        expect_prepared(&p);
        cr_assert_eq(mode_of(p.run), 0755);
        cr_assert_eq(mode_of(below(&d, "run/w")), 0700);
        cr_assert_eq(mode_of(p.state), 0700);
        directory_done(&d);
}

Test(prepare, what_is_there_is_kept) {
        Directory d = directory_new();
        InstancePaths p = paths_in(&d, INSTANCE_USER);
        expect_prepared(&p);
        int fd = open(below(&d, "run/w/17.sock"), O_CREAT | O_WRONLY, 0600);
        close(fd);
        expect_prepared(&p);
        cr_assert_eq(access(below(&d, "run/w/17.sock"), F_OK), 0);
        directory_done(&d);
}

Test(prepare, state_may_be_a_link_to_a_larger_disk) {
        Directory d = directory_new();
        InstancePaths p = paths_in(&d, INSTANCE_USER);
        setenv("STINT_STATE_DIR", below(&d, "link"), 1);
        p = find(INSTANCE_USER);
        mkdir(below(&d, "disk"), 0700);
        cr_assert_eq(symlink("disk", below(&d, "link")), 0);
        expect_prepared(&p);
        cr_assert_eq(mode_of(below(&d, "disk/output")), 0700);
        directory_done(&d);
}

Test(prepare, a_runtime_directory_that_does_not_exist_is_not_made) {
        Directory d = directory_new();
        Error e = {0};
        setenv("STINT_STATE_DIR", below(&d, "state"), 1);
        setenv("XDG_RUNTIME_DIR", below(&d, "run-user-7"), 1);
        InstancePaths p = find(INSTANCE_USER);
        expect_error(paths_prepare(&p, &e), &e, EXIT_IO, p.run, "No such file", "STINT_RUN_DIR");
        cr_assert_neq(access(below(&d, "run-user-7"), F_OK), 0);
        directory_done(&d);
}

Test(prepare, a_file_in_the_way_is_named) {
        Directory d = directory_new();
        Error e = {0};
        InstancePaths p = paths_in(&d, INSTANCE_USER);
        close(open(below(&d, "run"), O_CREAT | O_WRONLY, 0600));
        expect_error(paths_prepare(&p, &e), &e, EXIT_IO, p.run, "Not a directory", "STINT_RUN_DIR");
        directory_done(&d);
}

Test(prepare, a_directory_that_others_can_write_is_refused_and_left_as_it_is) {
        Directory d = directory_new();
        Error e = {0};
        umask(0);
        InstancePaths p = paths_in(&d, INSTANCE_USER);
        mkdir(p.run, 0770);
        expect_error(paths_prepare(&p, &e), &e, EXIT_NO_PERMISSION, p.run, "mode 0770",
                     "chmod 700");
        cr_assert_eq(mode_of(p.run), 0770);
        directory_done(&d);
}

/* ---- below a directory like /tmp ---- */

static Directory shared_directory(void) {
        Directory d = directory_new();
        cr_assert_eq(chmod(d.path, 01777), 0);
        mkdir(below(&d, "a"), 0700);
        umask(0);
        return d;
}

Test(prepare, the_fallback_is_made_private) {
        Directory d = shared_directory();
        InstancePaths p = paths_in(&d, INSTANCE_USER);
        expect_prepared(&p);
        cr_assert_eq(mode_of(p.run), 0700);
        directory_done(&d);
}

Test(prepare, a_link_in_place_of_the_fallback_is_refused) {
        Directory d = shared_directory();
        Error e = {0};
        InstancePaths p = paths_in(&d, INSTANCE_USER);
        mkdir(below(&d, "trap"), 0700);
        cr_assert_eq(symlink("trap", p.run), 0);
        expect_error(paths_prepare(&p, &e), &e, EXIT_NO_PERMISSION, p.run, "link", "STINT_RUN_DIR");
        cr_assert_neq(access(below(&d, "trap/w"), F_OK), 0);
        directory_done(&d);
}

Test(prepare, a_dangling_link_in_place_of_the_fallback_is_refused) {
        Directory d = shared_directory();
        Error e = {0};
        InstancePaths p = paths_in(&d, INSTANCE_USER);
        cr_assert_eq(symlink("nowhere", p.run), 0);
        expect_error(paths_prepare(&p, &e), &e, EXIT_NO_PERMISSION, p.run, "link", "STINT_RUN_DIR");
        cr_assert_neq(access(below(&d, "nowhere"), F_OK), 0);
        directory_done(&d);
}

Test(prepare, a_fallback_that_others_can_enter_is_refused) {
        Directory d = shared_directory();
        Error e = {0};
        InstancePaths p = paths_in(&d, INSTANCE_USER);
        mkdir(p.run, 0750);
        expect_error(paths_prepare(&p, &e), &e, EXIT_NO_PERMISSION, p.run, "mode 0750",
                     "chmod 700");
        directory_done(&d);
}

Test(prepare, a_fallback_of_somebody_else_is_refused) {
        Directory d = shared_directory();
        Error e = {0};
        if (geteuid() != 0)
                cr_skip_test("needs root to make a directory of somebody else's");
        InstancePaths p = paths_in(&d, INSTANCE_USER);
        mkdir(p.run, 0700);
        cr_assert_eq(chown(p.run, NOBODY, NOBODY), 0);
        expect_error(paths_prepare(&p, &e), &e, EXIT_NO_PERMISSION, p.run, "belongs to uid 65534",
                     "STINT_RUN_DIR");
        directory_done(&d);
}

Test(prepare, an_ordinary_user_gets_the_same_answers) {
        Directory d = shared_directory();
        Error e = {0};
        if (geteuid() != 0)
                cr_skip_test("needs root to become somebody else");
        InstancePaths p = paths_in(&d, INSTANCE_USER);
        mkdir(p.run, 0700); /* root's, in the way */
        cr_assert_eq(chown(below(&d, "a"), NOBODY, NOBODY), 0);
        cr_assert_eq(seteuid(NOBODY), 0);
        expect_error(paths_prepare(&p, &e), &e, EXIT_NO_PERMISSION, p.run, "Permission denied");
        cr_assert_eq(mode_of(p.state), 0700);
        cr_assert_eq(seteuid(0), 0);
        directory_done(&d);
}

/* ---- the endpoint file ---- */

Test(endpoint, is_read_back_and_replaced) {
        Directory d = directory_new();
        char url[PATH_MAX];
        Error e = {0};
        InstancePaths p = paths_in(&d, INSTANCE_USER);
        expect_prepared(&p);
        cr_assert_eq(paths_read_endpoint(&p, url, sizeof(url)), -ENOENT);
        cr_assert_eq(paths_write_endpoint(&p, "ipc:///first", &e), 0);
        cr_assert_eq(paths_write_endpoint(&p, "ipc:///second", &e), 0);
        cr_assert_eq(paths_read_endpoint(&p, url, sizeof(url)), 0);
        cr_assert_str_eq(url, "ipc:///second");
        cr_assert_eq(mode_of(below(&d, "a/b/state/endpoint")), 0600);
        directory_done(&d);
}

Test(endpoint, a_buffer_that_is_too_small_is_left_alone) {
        Directory d = directory_new();
        char url[13] = "untouched";
        InstancePaths p = paths_in(&d, INSTANCE_USER);
        expect_prepared(&p);
        paths_write_endpoint(&p, "ipc:///second", NULL);
        cr_assert_eq(paths_read_endpoint(&p, url, sizeof(url)), -ENOBUFS);
        cr_assert_str_eq(url, "untouched");
        directory_done(&d);
}

Test(endpoint, a_file_without_a_line_is_bad) {
        Directory d = directory_new();
        char url[64];
        InstancePaths p = paths_in(&d, INSTANCE_USER);
        expect_prepared(&p);
        FILE *f = fopen(below(&d, "a/b/state/endpoint"), "w");
        fclose(f);
        cr_assert_eq(paths_read_endpoint(&p, url, sizeof(url)), -EBADMSG);
        f = fopen(below(&d, "a/b/state/endpoint"), "w");
        fputs("ipc:///cut", f);
        fclose(f);
        cr_assert_eq(paths_read_endpoint(&p, url, sizeof(url)), -EBADMSG);
        directory_done(&d);
}

Test(endpoint, a_failed_write_says_what_it_means_and_leaves_nothing) {
        Directory d = directory_new();
        Error e = {0};
        InstancePaths p = paths_in(&d, INSTANCE_USER);
        expect_error(paths_write_endpoint(&p, "ipc:///x", &e), &e, EXIT_IO, p.state, "No such file",
                     "clients");
        expect_prepared(&p);
        mkdir(below(&d, "a/b/state/endpoint"), 0700); /* a rename cannot replace it */
        expect_error(paths_write_endpoint(&p, "ipc:///x", &e), &e, EXIT_IO, "directory");
        rmdir(below(&d, "a/b/state/endpoint"));
        rmdir(below(&d, "a/b/state/output"));
        rmdir(below(&d, "a/b/state/log"));
        cr_assert_eq(rmdir(p.state), 0, "something was left in STATE");
        directory_done(&d);
}
