/* The list of settings, and what is told of the way from one configuration to another. */
#include "config/schema.h"
#include "tests/unit/config/harness.h"

#include <errno.h>
#include <string.h>

#define TEST(suite, name) Test(suite, name, .init = harness_start, .fini = harness_end)

#define QUEUES "queues: ( { name = \"a\"; }, { name = \"b\"; max_waiting = 5; } );\n"

/* A configuration of its own, which lives on beside the harness's. */
static Config *load_text(const char *text) {
        ConfigFindings found = {0};
        Config *c = NULL;

        write_file("stintd.conf", text);
        cr_assert_eq(config_load(harness_paths(), CONFIG_REQUIRED, &found, &c), 0, "%s",
                     found.count ? found.lines[0] : "");
        return c;
}

static void expect_lines(const ConfigFindings *f, const char *const *expected) {
        size_t n = 0;

        for (; expected[n]; n++) {
                cr_assert_lt(n, f->count, "missing: %s", expected[n]);
                cr_assert_str_eq(f->lines[n], expected[n]);
        }
        cr_assert_eq(f->count, n, "one more: %s", n < f->count ? f->lines[n] : "");
}

static void expect_changes(const char *from, const char *to, const char *const *expected) {
        _cleanup_(config_freep) Config *a = load_text(from);
        _cleanup_(config_freep) Config *b = load_text(to);
        _cleanup_(config_findings_done) ConfigFindings changes = {0}, refusals = {0};

        cr_assert_eq(config_changes(a, b, &changes), 0);
        cr_assert_eq(config_refusals(a, b, &refusals), 0);
        cr_assert_eq(refusals.count, 0);
        expect_lines(&changes, expected);
}
#define CHANGES(...) ((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

TEST(settings, are_all_keys_of_all_records_in_order) {
        ConfigSettings s = {0};
        size_t keys, n = 0;

        config_schema(&keys);
        write_file("stintd.conf", QUEUES);
        cr_assert_eq(config_settings(load_good(), &s), 0);
        cr_assert_eq(s.count, keys + 2, "two keys more for a second queue");
        for (size_t i = 0; i < s.count; i++)
                if (s.items[i].place.file)
                        n++;
        cr_assert_eq(n, 3, "what is given");
        cr_assert_str_eq(s.items[0].name, "daemon.log_level");
        cr_assert_str_eq(s.items[0].value, "\"info\"");
        cr_assert_str_eq(s.items[12].name, "queues.b.max_waiting");
        cr_assert_str_eq(s.items[12].value, "5");
        cr_assert_str_eq(s.items[14].name, "pools.default.queues");
        cr_assert_str_eq(s.items[14].value, "[\"a\", \"b\"]");
        config_settings_done(&s);
}

TEST(changes, of_the_same_are_none) {
        expect_changes(QUEUES, "# other words\n\n" QUEUES "daemon: { log_level = \"info\"; };",
                       CHANGES());
}

TEST(changes, say_when_they_take_effect) {
        expect_changes(
                QUEUES,
                "daemon: { log_level = \"debug\"; stop_timeout = \"1m\"; };"
                "store: { retention: { tasks = \"none\"; }; };"
                "queues: ( { name = \"b\"; max_waiting = 6; }, { name = \"a\"; } );"
                "pools: ( { name = \"default\"; queues = [\"b\", \"a\"]; workers = 3;"
                " handler = \"echo\"; } );",
                CHANGES("daemon.log_level: \"info\" → \"debug\" (at once)",
                        "daemon.stop_timeout: \"30s\" → \"1m\" (at once: a stop that has begun "
                        "keeps"
                        " the old one)",
                        "store.retention.tasks: 1000000 → \"none\" (at once: what is beyond it is"
                        " forgotten)",
                        "queues.b.max_waiting: 5 → 6 (for tasks that are submitted from now on)",
                        "pools.default.queues: [\"a\", \"b\"] → [\"b\", \"a\"] (at once: a worker"
                        " still does what it has been given)",
                        "pools.default.handler: \"command\" → \"echo\" (at once: workers that are "
                        "busy"
                        " are replaced when they have finished)",
                        "pools.default.workers: \"auto\" → 3 (at once: new ones start now, those"
                        " too many finish what they do first)"));
}

TEST(changes, of_queues_and_pools_that_come_and_go_are_one_line_each) {
        expect_changes(QUEUES,
                       "queues: ( { name = \"a\"; }, { name = \"c\"; max_waiting = 9; } );"
                       "pools: ( { name = \"p\"; queues = [\"a\", \"c\"]; } );",
                       CHANGES("queues.c: new (at once)",
                               "queues.b: gone (at once: a queue that is gone keeps its waiting"
                               " tasks, which nobody executes until it is back)",
                               "pools.p: new (at once)",
                               "pools.default: gone (at once: the workers of a pool that is gone"
                               " finish what they do first)"));
}

/* Each is a finding with its place, whatever else would change. */
TEST(refusals, are_the_keys_that_need_a_restart) {
        _cleanup_(config_freep) Config *a = load_text("control: { socket = \"/a\"; };");
        _cleanup_(config_freep) Config *b =
                load_text("daemon: { log_level = \"debug\"; };\n"
                          "store: { url = \"memory:\"; };\ncontrol: { group = \"root\"; };\n");
        _cleanup_(config_findings_done) ConfigFindings refusals = {0}, changes = {0};
        char line[PATH_MAX];

        cr_assert_eq(config_refusals(a, b, &refusals), -EBUSY);
        cr_assert_eq(refusals.count, 3);
        cr_assert_eq(strncmp(refusals.lines[0], "built-in defaults: control.socket: \"/a\" → ",
                             strlen("built-in defaults: control.socket: \"/a\" → ")),
                     0, "%s", refusals.lines[0]);
        snprintf(line, sizeof line,
                 "%s:3: control.group: \"\" → \"root\": changes only with a restart; restart "
                 "stintd, or put the old value back to reload the rest",
                 path_of("stintd.conf"));
        cr_assert_str_eq(refusals.lines[1], line);
        cr_assert_not_null(strstr(refusals.lines[2], "stintd.conf:2: store.url: "));
        cr_assert_eq(config_changes(a, b, &changes), 0);
        cr_assert_eq(changes.count, 1, "the rest");
}
