/* What is said about files that cannot be read, parsed or included, and where. */
#include "tests/unit/config/harness.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEST(suite, name) Test(suite, name, .init = harness_start, .fini = harness_end)

/* ---- files that cannot be read ---- */

TEST(file, a_required_one_that_is_missing_is_reported) {
        const char *line;

        cr_assert_eq(load_bad(CONFIG_REQUIRED, &line), -ENOENT);
        cr_assert_str_eq(line,
                         "stintd.conf: cannot read the configuration: No such file or directory");
}

TEST(file, a_directory_a_fifo_and_a_device_are_refused_at_once) {
        const char *line;

        cr_assert_eq(mkdir(path_of("stintd.conf"), 0700), 0);
        load_bad(CONFIG_OPTIONAL, &line);
        cr_assert_str_eq(line, "stintd.conf: cannot read the configuration: it is a directory, not"
                               " a file");
        cr_assert_eq(rmdir(path_of("stintd.conf")), 0);
        cr_assert_eq(mkfifo(path_of("stintd.conf"), 0600), 0);
        load_bad(CONFIG_OPTIONAL, &line);
        cr_assert_str_eq(line, "stintd.conf: cannot read the configuration: it is not a regular"
                               " file");
        cr_assert_eq(unlink(path_of("stintd.conf")), 0);
        cr_assert_eq(symlink("/dev/zero", path_of("stintd.conf")), 0);
        load_bad(CONFIG_OPTIONAL, &line);
        cr_assert_str_eq(line, "stintd.conf: cannot read the configuration: it is not a regular"
                               " file");
}

TEST(file, one_without_permission_is_refused) {
        const char *line;

        if (geteuid() == 0 && seteuid(65534) != 0)
                cr_skip_test("root may read everything");
        InstancePaths *paths = harness_paths();
        strcpy(paths->config, "/proc/1/environ");
        paths->config_d[0] = '\0';
        cr_assert_eq(load_bad(CONFIG_OPTIONAL, &line), -EACCES);
        cr_assert_str_eq(line, "/proc/1/environ: cannot read the configuration: Permission denied");
        cr_assert(geteuid() != 65534 || seteuid(0) == 0);
}

TEST(file, a_huge_one_is_refused_and_one_at_the_bound_is_read) {
        size_t size = 1024 * 1024;
        _cleanup_(freep) char *blanks = malloc(size + 1);
        const char *line;

        memset(blanks, '\n', size + 1);
        write_bytes("stintd.conf", blanks, size);
        load_good();
        write_bytes("stintd.conf", blanks, size + 1);
        cr_assert_eq(load_bad(CONFIG_OPTIONAL, &line), -EFBIG);
        cr_assert_str_eq(line,
                         "stintd.conf: cannot read the configuration: it is larger than 1 MiB");
}

TEST(file, a_nul_character_is_reported_with_its_line) {
        static const char text[] = "daemon: {};\n\n a\0b";

        write_bytes("stintd.conf", text, sizeof text - 1);
        expect_findings("stintd.conf:3: contains a NUL character: this is no text file", NULL);
        expect_finding_of("control: { group = \"a\\x00b\"; };",
                          "stintd.conf:1: a string must not contain a NUL character");
}

TEST(file, broken_parts_of_conf_d_are_reported_together) {
        write_file("stintd.conf", "daemon: { log_level = 3; };");
        write_file("conf.d/1.conf", "(");
        write_file("conf.d/3.conf", "daemon: { x = 3; };");
        cr_assert_eq(symlink("/nowhere/at/all", path_of("conf.d/2.conf")), 0);
        expect_findings("stintd.conf:1: daemon.log_level: must be \"error\", \"warning\","
                        " \"notice\", \"info\" or \"debug\", not 3",
                        "conf.d/1.conf:1: syntax error here or just before",
                        "conf.d/2.conf: cannot read the configuration: No such file or directory",
                        "conf.d/3.conf:1: daemon.x: unknown key; remove it or see stintd.conf(5)",
                        NULL);
}

TEST(file, conf_d_that_is_no_directory_is_reported) {
        write_file("conf.d", "");
        expect_findings("conf.d: cannot read the directory: Not a directory", NULL);
}

/* ---- syntax ---- */

TEST(syntax, the_first_error_is_reported_with_its_line) {
        expect_finding_of("daemon: {\n  log_level \"info\";\n};\n(",
                          "stintd.conf:2: syntax error here or just before");
        expect_finding_of("daemon: {\r\n\r\n  = ;\r\n};\r\n",
                          "stintd.conf:3: syntax error here or just before");
        expect_finding_of(
                "daemon: { log_level = \"info\" \"x\" ( };\n", /* libconfig loses strings */
                "stintd.conf:1: syntax error here or just before");
        expect_finding_of("daemon: {\n", "stintd.conf:1: syntax error here or just before");
}

TEST(syntax, what_libconfig_takes_or_explains_badly_is_explained) {
        expect_finding_of("queues: (\n  { name = \"a\"; },\n);\n",
                          "stintd.conf:3: a comma stands before the closing ): remove the comma");
        expect_finding_of("pools: ( { name = \"p\"; queues = [ \"a\", /* b */ ]; } );\n",
                          "stintd.conf:1: a comma stands before the closing ]: remove the comma");
        expect_finding_of("\ndaemon: { log_level = \"info; };\n\n",
                          "stintd.conf:2: a string starts here and never ends: add the closing"
                          " quote");
        expect_finding_of("daemon: { };\n/* store: { };\n\n",
                          "stintd.conf:2: a comment starts here and never ends: add */");
        expect_finding_of("daemon: { };\nstore: { };\ndaemon: { };\n",
                          "stintd.conf:3: a key is given twice in one group, probably daemon:"
                          " remove one or put both together");
        expect_finding_of("pools: ( { queues = [\"a\", 1]; } );",
                          "stintd.conf:1: the elements of an array [ … ] must all be of one type");
}

TEST(syntax, depth_is_bounded) {
        char text[100001];

        memset(text, '(', 100000);
        text[100000] = '\0';
        expect_finding_of(text, "stintd.conf:1: brackets are nested more than 32 deep");
}

/* ---- include ---- */

TEST(include, findings_name_the_included_file) {
        write_file("stintd.conf", "\n@include \"a.inc\"\ndaemon: { x = 1; };\n");
        write_file("a.inc", "# a\nstore: { y = 1; };");
        expect_findings("a.inc:2: store.y: unknown key; remove it or see stintd.conf(5)",
                        "stintd.conf:3: daemon.x: unknown key; remove it or see stintd.conf(5)",
                        NULL);
        write_file("a.inc", "# a\n\n)\n");
        expect_findings("a.inc:3: syntax error here or just before", NULL);
}

TEST(include, a_mistake_at_the_end_of_an_included_file_is_not_blamed_on_the_includer_alone) {
        write_file("stintd.conf", "@include \"a.inc\"\n\n# next\nstore: { };\n");
        write_file("a.inc", "events: { };\ndaemon\n# end\n");
        expect_findings("stintd.conf:4: syntax error here, or at the end of what is included before"
                        " it (a.inc:2)",
                        NULL);
        write_file("a.inc", "daemon: { log_level = \"info\n");
        expect_findings("a.inc:1: a string starts here and never ends: add the closing quote",
                        NULL);
}

TEST(include, what_cannot_be_read_is_reported_at_the_include) {
        expect_finding_of("\n@include \"nowhere\"\n",
                          "stintd.conf:2: @include: cannot read nowhere:"
                          " No such file or directory");
        expect_finding_of(
                "@include \"/dev/zero\"\n",
                "stintd.conf:1: @include: cannot read /dev/zero: it is not a regular file");
        expect_finding_of("@include nowhere\n",
                          "stintd.conf:1: @include: needs the name of a file in"
                          " quotes on the same line");
        expect_finding_of("@include \"nowhere\n\"",
                          "stintd.conf:1: @include: needs the name of a file"
                          " in quotes on the same line");
        expect_finding_of("@include", "stintd.conf:1: @include: needs the name of a file in quotes"
                                      " on the same line");
}

TEST(include, a_file_that_includes_itself_ends) {
        expect_finding_of("@include \"stintd.conf\"\n",
                          "stintd.conf:1: @include: stintd.conf: files include each other more than"
                          " 8 deep");
}

TEST(include, the_whole_is_bounded) {
        _cleanup_(freep) char *blanks = malloc(600000);

        memset(blanks, ' ', 600000);
        write_bytes("a.inc", blanks, 600000);
        expect_finding_of("@include \"a.inc\"\n\n@include \"a.inc\"\n",
                          "stintd.conf:3: larger than 1048576 bytes with all that it includes");
}
