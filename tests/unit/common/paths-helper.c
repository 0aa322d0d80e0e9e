/* Where programs find their helpers: the probe find-helper.c is copied into made-up trees. */
#include "common/paths.h"

#include "tests/unit/common/directory.h"

#include <string.h>
#include <sys/stat.h>

static void clear_environment(void) {
        unsetenv("STINT_LIBEXECDIR");
}

TestSuite(helper, .init = clear_environment);

/* Runs the probe that is at path; its answer is valid until the next call. */
static const char *probe(const char *path, const char *helper) {
        static char answer[PATH_MAX];
        char command[2 * PATH_MAX];
        snprintf(command, sizeof(command), "%s %s", path, helper);
        FILE *f = popen(command, "r");
        cr_assert_not_null(fgets(answer, sizeof(answer), f), "%s", command);
        pclose(f);
        answer[strcspn(answer, "\n")] = '\0';
        return answer;
}

static const char *install_probe(const Directory *d, const char *name) {
        char self[PATH_MAX] = "", command[3 * PATH_MAX];
        cr_assert_gt(readlink("/proc/self/exe", self, sizeof(self) - 1), 0);
        *strrchr(self, '/') = '\0';
        const char *path = below(d, name);
        snprintf(command, sizeof(command), "mkdir -p %s && rmdir %s && cp %s/find-helper %s", path,
                 path, self, path);
        cr_assert_eq(system(command), 0, "%s", command);
        return path;
}

static void expect_probe(const char *path, const char *helper, const char *verdict,
                         const char *where) {
        char expected[PATH_MAX + 16];
        snprintf(expected, sizeof(expected), "%s %s", verdict, where);
        cr_assert_str_eq(probe(path, helper), expected);
}

Test(helper, is_found_beside_the_program) {
        Directory d = directory_new();
        const char *program = install_probe(&d, "bin/stintd"),
                   *worker = install_probe(&d, "bin/stint-worker");
        expect_probe(program, "stint-worker", "found", worker);
        directory_done(&d);
}

Test(helper, is_found_in_the_build_tree_from_every_program_in_it) {
        static const struct {
                const char *name, *place;
        } programs[] = {{"stintd", "supervisor/stintd"},
                        {"stint-dispatcher", "dispatcher/stint-dispatcher"},
                        {"stint-worker", "worker/stint-worker"},
                        {"stint", "client/cli/stint"}};
        Directory d = directory_new();
        for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
                install_probe(&d, programs[i].place);
        for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
                for (size_t j = 0; j < ARRAY_SIZE(programs); j++)
                        expect_probe(below(&d, programs[i].place), programs[j].name, "found",
                                     below(&d, programs[j].place));
        directory_done(&d);
}

Test(helper, is_sought_where_it_is_installed_last) {
        Directory d = directory_new();
        const char *program = install_probe(&d, "elsewhere/stintd");
        install_probe(&d, "worker/stint-worker"); /* not a build tree's neighbour */
        if (access(STINT_LIBEXEC "/stint-worker", F_OK) == 0)
                cr_skip_test("stint is installed on this machine");
        expect_probe(program, "stint-worker", "missing", STINT_LIBEXEC "/stint-worker");
        expect_probe(program, "unknown", "missing", STINT_LIBEXEC "/unknown");
        directory_done(&d);
}

Test(helper, chosen_directory_is_the_only_one) {
        Directory d = directory_new();
        const char *program = install_probe(&d, "bin/stintd"),
                   *worker = install_probe(&d, "lib/stint-worker");
        install_probe(&d, "bin/stint-worker");
        install_probe(&d, "bin/stint-dispatcher");
        setenv("STINT_LIBEXECDIR", below(&d, "lib"), 1);
        expect_probe(program, "stint-worker", "found", worker);
        expect_probe(program, "stint-dispatcher", "missing", below(&d, "lib/stint-dispatcher"));
        directory_done(&d);
}

Test(helper, is_still_found_when_the_program_was_replaced) {
        Directory d = directory_new();
        const char *program = install_probe(&d, "bin/stintd"),
                   *worker = install_probe(&d, "bin/stint-worker");
        char command[PATH_MAX * 2];
        /* the shell opens the program, unlinks it, and runs what it holds */
        snprintf(command, sizeof(command), "exec 9<%s && rm %s && exec /proc/self/fd/9", program,
                 program);
        char script[PATH_MAX * 3];
        snprintf(script, sizeof(script), "sh -c '%s \"$0\"'", command);
        expect_probe(script, "stint-worker", "found", worker);
        directory_done(&d);
}

Test(helper, a_file_that_cannot_be_executed_is_none) {
        Directory d = directory_new();
        const char *program = install_probe(&d, "bin/stintd"),
                   *worker = install_probe(&d, "bin/stint-worker");
        chmod(worker, 0600);
        cr_assert_eq(strncmp(probe(program, "stint-worker"), "missing", 7), 0);
        directory_done(&d);
}
