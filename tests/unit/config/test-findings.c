/* What is said about keys and values: every finding, where it is and what to do. */
#include "tests/unit/config/harness.h"

#include <errno.h>
#include <string.h>

#define TEST(suite, name) Test(suite, name, .init = harness_start, .fini = harness_end)

/* ---- keys ---- */

TEST(key, an_unknown_one_names_the_nearest) {
        write_file("stintd.conf", "demon: { };\n"
                                  "daemon: { loglevel = \"info\"; };\n"
                                  "store: { retention = { task = 1; }; retain = 1; };\n"
                                  "queues: ( { name = \"default\"; max-waiting = 1; } );\n"
                                  "log_level = \"info\";\n"
                                  "limits: ( );\n");
        expect_findings("stintd.conf:1: demon: unknown key; did you mean \"daemon\"?",
                        "stintd.conf:2: daemon.loglevel: unknown key; did you mean \"log_level\"?",
                        "stintd.conf:3: store.retention.task: unknown key; did you mean \"tasks\"?",
                        "stintd.conf:3: store.retain: unknown key; remove it or see stintd.conf(5)",
                        "stintd.conf:4: queues.default.max-waiting: unknown key; did you mean"
                        " \"max_waiting\"?",
                        "stintd.conf:5: log_level: unknown key here; it belongs to daemon",
                        "stintd.conf:6: limits: unknown key; remove it or see stintd.conf(5)",
                        NULL);
}

TEST(key, keys_of_later_versions_are_unknown_and_not_ignored) {
        write_file("stintd.conf",
                   "queues: ( { name = \"default\"; weight = 2; } );\n"
                   "pools: ( { name = \"p\"; queues = [\"default\"]; slots = 64; } );\n");
        expect_findings(
                "stintd.conf:1: queues.default.weight: unknown key; remove it or see "
                "stintd.conf(5)",
                "stintd.conf:2: pools.p.slots: unknown key; remove it or see stintd.conf(5)", NULL);
}

TEST(key, a_group_or_list_of_another_type_is_reported) {
        write_file("stintd.conf", "daemon = 5;\nstore: ( );\nqueues: { };\npools: ( );\n");
        expect_findings(
                "stintd.conf:1: daemon: must be a group { … }, not 5",
                "stintd.conf:2: store: must be a group { … }, not an empty list",
                "stintd.conf:3: queues: must be a list ( { name = \"…\"; … }, … ) of at least one,"
                " not a group { … }",
                "stintd.conf:4: pools: must be a list ( { name = \"…\"; … }, … ) of at least one,"
                " not an empty list",
                NULL);
}

/* ---- values ---- */

static void expect_value_refused(const char *group, const char *key, const char *value,
                                 const char *expected, const char *shown) {
        char text[512], finding[1024];

        snprintf(text, sizeof text, "%s: { %s = %s; };", group, key, value);
        snprintf(finding, sizeof finding, "stintd.conf:1: %s.%s: must be %s, not %s", group, key,
                 expected, shown);
        expect_finding_of(text, finding);
}

TEST(value, a_wrong_type_or_bound_is_refused_and_shown) {
        const char *duration = "a duration in quotes from \"0s\" to \"1d\"";
        const char *socket = "the absolute path of a socket in quotes, at most 107 bytes";
        const char *url = "\"memory:\" or \"sqlite:\" with the absolute path of a file";

        expect_value_refused("daemon", "stop_timeout", "30", duration, "30");
        expect_value_refused("daemon", "stop_timeout", "\"2d\"", duration, "\"2d\"");
        expect_value_refused("daemon", "stop_timeout", "\"-1s\"", duration, "\"-1s\"");
        expect_value_refused("daemon", "stop_timeout", "true", duration, "true");
        expect_value_refused("daemon", "stop_timeout", "1.5", duration, "1.5");
        expect_value_refused("daemon", "stop_timeout", "{ }", duration, "a group { … }");
        expect_value_refused("control", "socket", "\"run/x\"", socket, "\"run/x\"");
        expect_value_refused("control", "socket", "\"\"", socket, "\"\"");
        expect_value_refused("control", "socket", "\"/run/\"", socket, "\"/run/\"");
        expect_value_refused("control", "socket", "\"/a\\nb\"", socket, "\"/a\\nb\"");
        expect_value_refused("control", "group", "\"a b\"",
                             "a name in quotes of 0 to 63 letters, digits, \"_\", \".\" or \"-\"",
                             "\"a b\"");
        expect_value_refused("store", "url", "\"postgresql:\"", url, "\"postgresql:\"");
        expect_value_refused("store", "url", "\"sqlite:a.db\"", url, "\"sqlite:a.db\"");
        expect_value_refused("store", "url", "\"memory:x\"", url, "\"memory:x\"");
}

TEST(value, a_socket_path_has_at_most_107_bytes) {
        char text[256];

        snprintf(text, sizeof text, "control: { socket = \"/%0106d\"; };", 0);
        write_file("stintd.conf", text);
        cr_assert_eq(strlen(load_good()->control_socket), 107);
        snprintf(text, sizeof text, "control: { socket = \"/%0107d\"; };", 0);
        write_file("stintd.conf", text);
        const char *line;
        cr_assert_eq(load_bad(CONFIG_OPTIONAL, &line), -EINVAL);
}

TEST(value, retention_has_bounds_and_none) {
        write_file("stintd.conf", "store: { retention: {\n"
                                  "  age = \"0s\";\n"
                                  "  tasks = 0;\n"
                                  "  bytes = \"nome\";\n"
                                  "}; };\n");
        expect_findings(
                "stintd.conf:2: store.retention.age: must be a duration in quotes from \"1s\" to"
                " \"36500d\" or \"none\", not \"0s\"",
                "stintd.conf:3: store.retention.tasks: must be a number from 1 to 1000000000000 or"
                " \"none\", not 0",
                "stintd.conf:4: store.retention.bytes: must be a size in quotes from \"64K\" to"
                " \"1024T\" or \"none\", not \"nome\"; did you mean \"none\"?",
                NULL);
}

/* Each of these numbers is valid once it has wrapped at 32 or 64 bits. */
TEST(value, numbers_do_not_wrap) {
        expect_finding_of(
                "pools: ( { name = \"p\"; queues = [\"default\"]; workers = 4294967298; } );",
                "stintd.conf:1: pools.p.workers: must be a number from 1 to 1024 or"
                " \"auto\", not 4294967298");
        expect_finding_of(
                "pools: ( { name = \"p\"; queues = [\"default\"]; workers = 0x100000002; } );",
                "stintd.conf:1: pools.p.workers: must be a number from 1 to 1024 or"
                " \"auto\", not 4294967298");
        expect_finding_of("pools: ( { name = \"p\"; queues = [\"default\"];\n"
                          "workers = 18446744073709551618; } );",
                          "stintd.conf:2: the number 18446744073709551618 is too large");
        expect_finding_of("pools: ( { name = \"p\"; queues = [\"default\"]; workers = 3L; } );\n"
                          "store: { retention: { tasks = 99999999999999999999L; }; };",
                          "stintd.conf:2: the number 99999999999999999999L is too large");
}

TEST(value, workers_are_a_number_or_auto) {
        write_file("stintd.conf",
                   "pools: (\n"
                   "  { name = \"default\"; queues = [\"default\"]; workers = -3; },\n"
                   "  { name = \"a\"; queues = [\"default\"]; workers = 1025; },\n"
                   "  { name = \"b\"; queues = [\"default\"]; workers = \"Auto\"; },\n"
                   "  { name = \"c\"; queues = [\"default\"]; handler = \"ecko\"; }\n"
                   ");\n");
        expect_findings(
                "stintd.conf:2: pools.default.workers: must be a number from 1 to 1024 or \"auto\","
                " not -3",
                "stintd.conf:3: pools.a.workers: must be a number from 1 to 1024 or \"auto\", not"
                " 1025",
                "stintd.conf:4: pools.b.workers: must be a number from 1 to 1024 or \"auto\", not"
                " \"Auto\"; did you mean \"auto\"?",
                "stintd.conf:5: pools.c.handler: must be \"command\", \"noop\" or \"echo\", not"
                " \"ecko\"; did you mean \"echo\"?",
                NULL);
}

/* ---- entries ---- */

TEST(entry, what_is_missing_or_misnamed_is_reported) {
        write_file("stintd.conf", "queues: (\n"
                                  "  { name = \"default\"; },\n"
                                  "  { max_waiting = 1; },\n"
                                  "  { name = \"a b\"; },\n"
                                  "  \"mail\",\n"
                                  "  { name = 3; } );\n"
                                  "pools: (\n"
                                  "  { name = \"default\"; queues = [\"default\"]; },\n"
                                  "  { name = \"p\"; },\n"
                                  "  { name = \"q\"; queues = \"default\"; } );\n");
        const char *name = "a name in quotes of 1 to 64 letters, digits, \"_\", \".\" or \"-\"";
        char spaces[256], number[256];
        snprintf(spaces, sizeof spaces,
                 "stintd.conf:4: queues entry 3.name: must be %s, not \"a b\"", name);
        snprintf(number, sizeof number, "stintd.conf:6: queues entry 5.name: must be %s, not 3",
                 name);
        expect_findings("stintd.conf:3: queues entry 2: name is missing", spaces,
                        "stintd.conf:5: queues entry 4: must be a group { name = \"…\"; … }, not"
                        " \"mail\"",
                        number, "stintd.conf:9: pools.p: queues is missing",
                        "stintd.conf:10: pools.q.queues: must be 1 to 1024 names of queues, such as"
                        " [\"default\", \"mail\"], not \"default\"",
                        NULL);
}

TEST(entry, a_name_given_twice_names_both_places) {
        write_file("stintd.conf", "queues: (\n  { name = \"a\"; },\n  { name = \"a\"; } );\n");
        write_file("conf.d/x.conf", "queues: ( { max_waiting = 3;\n name = \"a\"; } );\n"
                                    "pools: ( { name = \"p\"; queues = [\"a\"]; } );\n");
        write_file("conf.d/y.conf", "\npools: ( { name = \"p\"; queues = [\"a\"]; } );\n");
        char first[2 * PATH_MAX], second[2 * PATH_MAX], third[2 * PATH_MAX];
        snprintf(first, sizeof first,
                 "stintd.conf:3: queues.a: the name is taken by %s; rename or"
                 " remove one of them",
                 "stintd.conf:2");
        snprintf(second, sizeof second,
                 "conf.d/x.conf:2: queues.a: the name is taken by %s; rename"
                 " or remove one of them",
                 "stintd.conf:2");
        snprintf(third, sizeof third,
                 "conf.d/y.conf:2: pools.p: the name is taken by %s; rename or"
                 " remove one of them",
                 "conf.d/x.conf:3");
        expect_findings(first, second, third, NULL);
}

TEST(entry, numbers_of_queues_and_pools_are_bounded) {
        char *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);
        const char *line;

        fputs("queues: (", f);
        for (int i = 0; i <= CONFIG_QUEUES_MAX; i++)
                fprintf(f, "%s{ name = \"q%d\"; }", i ? "," : "", i);
        fputs(");", f);
        fclose(f);
        write_file("stintd.conf", text);
        free(text);
        load_bad(CONFIG_OPTIONAL, &line);
        cr_assert_str_eq(line, "stintd.conf:1: queues.q1024: more than 1024 queues");
}

/* ---- the whole ---- */

TEST(whole, a_pool_names_only_queues_that_exist) {
        write_file("stintd.conf",
                   "queues: ( { name = \"mail\"; } );\n"
                   "pools: ( { name = \"p\";\n  queues = [\"mial\", \"mail\", \"zzz\","
                   " \"mail\"]; } );\n");
        expect_findings(
                "stintd.conf:3: pools.p.queues: there is no queue \"mial\"; did you mean"
                " \"mail\"?",
                "stintd.conf:3: pools.p.queues: there is no queue \"zzz\"; add it to queues",
                "stintd.conf:3: pools.p.queues: names queue \"mail\" twice; remove one", NULL);
}

TEST(whole, every_queue_is_served_by_a_pool) {
        expect_finding_of("queues: ( { name = \"a\"; },\n  { name = \"b\"; } );\n"
                          "pools: ( { name = \"p\"; queues = [\"a\"]; } );\n",
                          "stintd.conf:2: queues.b: no pool serves it; add \"b\" to the queues of a"
                          " pool");
        write_file("stintd.conf", "pools: ( { name = \"p\"; queues = [\"fetch\"]; } );\n");
        expect_findings("stintd.conf:1: pools.p.queues: there is no queue \"fetch\"; add it to"
                        " queues",
                        "stintd.conf:1: queues: no pool serves the built-in queue \"default\"; add"
                        " it to the queues of a pool, or give your own list of queues",
                        NULL);
}

TEST(whole, the_pools_of_a_queue_agree_on_commands_or_messages) {
        expect_finding_of(
                "pools: ( { name = \"a\"; queues = [\"default\"]; },\n"
                "  { name = \"b\"; queues = [\"default\"];\n    handler = \"noop\"; } );\n",
                "stintd.conf:3: pools.b.handler: \"noop\" cannot share queue \"default\""
                " with \"command\" of pools.a: a queue holds either commands or messages;"
                " give each its own queue");
}

TEST(whole, the_sockets_have_paths_of_their_own) {
        expect_finding_of("control: { socket = \"/x/s\"; };\nevents: { socket = \"/x/s\"; };\n",
                          "stintd.conf:2: events.socket: is the same path as control.socket; give"
                          " each its own");
        expect_finding_of("\ncontrol: { socket = \"/run/u/events.sock\"; };",
                          "stintd.conf:2: events.socket: is the same path as control.socket; give"
                          " each its own");
}

TEST(whole, many_findings_are_counted_and_not_all_printed) {
        char *text = NULL;
        size_t size = 0;
        ConfigFindings found = {0};
        Config *c = NULL;
        FILE *f = open_memstream(&text, &size);

        for (int i = 0; i < 1000; i++)
                fprintf(f, "x%d = 1;\n", i);
        fclose(f);
        write_file("stintd.conf", text);
        free(text);
        cr_assert_eq(config_load(harness_paths(), CONFIG_OPTIONAL, &found, &c), -EINVAL);
        cr_assert_eq(found.count, CONFIG_FINDINGS_MAX + 1);
        cr_assert_str_eq(found.lines[CONFIG_FINDINGS_MAX],
                         "and 900 more findings; correct these first");
        config_findings_done(&found);
}

TEST(whole, untrusted_text_in_findings_is_escaped) {
        expect_finding_of("daemon: { log_level = \"\x1b[31m\\n\"; };",
                          "stintd.conf:1: daemon.log_level: must be \"error\", \"warning\","
                          " \"notice\", \"info\" or \"debug\", not \"\\x1b[31m\\n\"");
}

/* ---- all findings as one text ---- */

static const char *text_of(char *const lines[], size_t count, char *buf, size_t size) {
        ConfigFindings f = {.lines = (char **)(uintptr_t)lines, .count = count};
        return config_findings_text(&f, buf, size);
}

Test(text, has_a_line_each_and_says_what_does_not_fit) {
        char *lines[100], line[] = "stintd.conf:1: x: unknown key", buf[1024];
        for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
                lines[i] = line;
        cr_assert_str_eq(text_of(lines, 1, buf, sizeof buf), line);
        cr_assert_str_eq(text_of(lines, 2, buf, sizeof buf),
                         "stintd.conf:1: x: unknown key\nstintd.conf:1: x: unknown key");
        cr_assert_str_eq(text_of(lines, 0, buf, sizeof buf), "out of memory");
        for (size_t size = 64; size < sizeof buf; size++) {
                size_t whole = 0, more = 0;
                const char *at = text_of(lines, ARRAY_SIZE(lines), buf, size);
                cr_assert_lt(strlen(at), size);
                for (; strncmp(at, line, sizeof line - 1) == 0; at += sizeof line)
                        whole++; /* each with its newline: one that says more follows */
                cr_assert_eq(sscanf(at, "… and %zu more", &more), 1, "%zu: %s", size, at);
                cr_assert_eq(whole + more, ARRAY_SIZE(lines));
                cr_assert_geq((whole + 1) * sizeof line + 48, size, "as many as fit");
        }
}

Test(text, of_all_findings_that_just_fit_is_whole) {
        char first[] = "a finding", last[] = "another, which ends at the end of the buffer, now!",
             *lines[] = {first, last}, buf[128];
        size_t whole = sizeof first + sizeof last;
        cr_assert_geq(whole, 60);
        cr_assert_null(strstr(text_of(lines, 2, buf, MAX_OF(whole, (size_t)64)), "more"));
        char longer[128];
        memset(longer, 'x', sizeof longer - 1);
        longer[sizeof longer - 1] = '\0';
        lines[0] = longer;
        cr_assert_str_eq(text_of(lines, 2, buf, 64), "… and 2 more");
}

TEST(whole, the_group_is_one_of_this_machine) {
        expect_finding_of("\ncontrol: { group = \"no-such-group\"; };",
                          "stintd.conf:2: control.group: this machine has no group"
                          " \"no-such-group\"; create it, or name another");
}
