/* What a good configuration means: defaults, values of every key, merging. */
#include "config/schema.h"
#include "tests/unit/config/harness.h"

#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#define TEST(suite, name) Test(suite, name, .init = harness_start, .fini = harness_end)

/* ---- defaults ---- */

TEST(load, no_file_at_all_is_a_working_set_up) {
        const Config *c = load_good();

        cr_assert_eq(c->log_level, LOG_INFO);
        cr_assert_eq(c->stop_timeout_usec, 30 * USEC_PER_SEC);
        cr_assert_str_eq(c->control_socket, "/run/u/control.sock");
        cr_assert_str_eq(c->control_group, "");
        cr_assert_str_eq(c->events_socket, "/run/u/events.sock");
        cr_assert_str_eq(c->store_url, "sqlite:/home/u/state/stint.db");
        cr_assert_eq(c->retention.age_usec, 7 * USEC_PER_DAY);
        cr_assert_eq(c->retention.tasks, 1000000);
        cr_assert_eq(c->retention.bytes, UINT64_C(2) << 30);
        cr_assert_eq(c->queue_count, 1);
        cr_assert_str_eq(c->queues[0].name, "default");
        cr_assert_eq(c->queues[0].max_waiting, 1000000);
        cr_assert_eq(c->pool_count, 1);
        cr_assert_str_eq(c->pools[0].name, "default");
        cr_assert_eq(c->pools[0].handler, HANDLER_COMMAND);
        cr_assert_eq(c->pools[0].workers, CONFIG_WORKERS_AUTO);
        cr_assert_eq(c->pools[0].queue_count, 1);
        cr_assert_str_eq(c->pools[0].queues[0], "default");
}

TEST(load, an_empty_file_is_the_same_as_none) {
        ConfigFindings none = {0};
        Config *defaults = NULL;

        cr_assert_eq(config_load(harness_paths(), CONFIG_OPTIONAL, &none, &defaults), 0);
        write_file("stintd.conf", "");
        expect_same_config(load_good(), defaults);
        write_file("stintd.conf", "# only a comment, no newline");
        expect_same_config(load_good(), defaults);
        write_file("stintd.conf", "\xef\xbb\xbf/* marked as UTF-8 */\r\n");
        expect_same_config(load_good(), defaults);
        config_free(defaults);
}

static char *sample(void) {
        static char text[16384];
        FILE *f = fopen(SAMPLE_CONFIG, "r");

        cr_assert_not_null(f);
        text[fread(text, 1, sizeof text - 1, f)] = '\0';
        fclose(f);
        return text;
}

TEST(load, the_shipped_sample_equals_the_defaults) {
        ConfigFindings none = {0};
        Config *defaults = NULL;

        cr_assert_eq(config_load(harness_paths(), CONFIG_OPTIONAL, &none, &defaults), 0);
        write_file("stintd.conf", sample());
        expect_same_config(load_good(), defaults);
        config_free(defaults);
}

/* With the comments of its commented keys taken off it is what a system instance has. */
TEST(load, the_shipped_sample_names_every_key) {
        InstancePaths *paths = harness_paths();
        char *text = sample(), *c = text;
        size_t n;
        const ConfigKey *keys = config_schema(&n);
        ConfigFindings none = {0}, changes = {0};
        Config *defaults = NULL;

        cr_assert_eq(config_load(paths, CONFIG_OPTIONAL, &none, &defaults), 0);
        while ((c = strchr(c, '#')))
                if (c[1] >= 'a' && c[1] <= 'z')
                        *c = ' ';
                else
                        c++;
        write_file("stintd.conf", text);
        strcpy(paths->control, "/wrong");
        strcpy(paths->events, "/wrong");
        const Config *config = load_good();
        cr_assert_str_eq(config->control_socket, "/run/stint/control.sock");
        cr_assert_str_eq(config->events_socket, "/run/stint/events.sock");
        cr_assert_str_eq(config->store_url, "sqlite:/var/lib/stint/stint.db");
        cr_assert_eq(config_changes(defaults, config, &changes), 0);
        cr_assert_eq(changes.count, 0, "%s", changes.count ? changes.lines[0] : "");
        config_free(defaults);
        for (size_t i = 0; i < n; i++) {
                char line[64];
                snprintf(line, sizeof line, " %s = ", keys[i].name);
                cr_assert_not_null(strstr(text, line), "the sample lacks %s", line);
        }
}

/* ---- values ---- */

TEST(load, every_key_takes_effect) {
        write_file(
                "stintd.conf",
                "daemon: { log_level = \"debug\"; stop_timeout = \"1h30m\"; };\n"
                "control: { socket = \"/a/c\"; group = \"root\"; };\n"
                "events: { socket = \"/a/e\"; };\n"
                "store: { url = \"memory:\";\n"
                "  retention = { age = \"2d\"; tasks = 5000000000; bytes = \"64K\"; }; };\n"
                "queues: ( { name = \"default\"; }, { name = \"m.a-i_l\"; max_waiting = 7; } );\n"
                "pools: ( { name = \"p\"; queues = [\"default\"]; workers = 3; },\n"
                "  { name = \"q\"; queues = ( \"m.a-i_l\" ); handler = \"echo\"; } );\n");
        const Config *c = load_good();

        cr_assert_eq(c->log_level, LOG_DEBUG);
        cr_assert_eq(c->stop_timeout_usec, 90 * USEC_PER_MIN);
        cr_assert_str_eq(c->control_socket, "/a/c");
        cr_assert_str_eq(c->control_group, "root");
        cr_assert_str_eq(c->events_socket, "/a/e");
        cr_assert_str_eq(c->store_url, "memory:");
        cr_assert_eq(c->retention.age_usec, 2 * USEC_PER_DAY);
        cr_assert_eq(c->retention.tasks, UINT64_C(5000000000), "must not wrap at 32 bits");
        cr_assert_eq(c->retention.bytes, 65536);
        cr_assert_eq(config_queue(c, "m.a-i_l")->max_waiting, 7);
        cr_assert_eq(config_queue(c, "default")->max_waiting, 1000000);
        cr_assert_null(config_queue(c, "none"));
        cr_assert_eq(config_pool(c, "p")->workers, 3);
        cr_assert_eq(config_pool(c, "q")->handler, HANDLER_ECHO);
        cr_assert_str_eq(config_pool(c, "q")->queues[0], "m.a-i_l");
        cr_assert_null(config_pool(c, "none"));
}

TEST(load, none_switches_a_bound_of_retention_off) {
        write_file("stintd.conf", "store: { retention: { age = \"none\"; tasks = \"none\"; "
                                  "bytes = \"none\"; }; };");
        const Config *c = load_good();

        cr_assert_eq(c->retention.age_usec, USEC_INFINITY);
        cr_assert_eq(c->retention.tasks, UINT64_MAX);
        cr_assert_eq(c->retention.bytes, UINT64_MAX);
}

TEST(load, queues_without_pools_are_all_served_by_the_built_in_pool) {
        write_file("stintd.conf", "queues: ( { name = \"a\"; }, { name = \"b\"; } );");
        const Config *c = load_good();

        cr_assert_eq(c->queue_count, 2, "the built-in queue is replaced by a list of queues");
        cr_assert_eq(c->pool_count, 1);
        cr_assert_str_eq(c->pools[0].name, "default");
        cr_assert_eq(c->pools[0].queue_count, 2);
        cr_assert_str_eq(c->pools[0].queues[1], "b");
}

TEST(load, several_pools_of_one_kind_may_share_a_queue) {
        write_file("stintd.conf",
                   "queues: ( { name = \"m\"; } );"
                   "pools: ( { name = \"a\"; queues = [\"m\"]; handler = \"echo\"; },"
                   "{ name = \"b\"; queues = [\"m\"]; handler = \"noop\"; } );");
        cr_assert_eq(load_good()->pool_count, 2);
}

TEST(pool, workers_are_the_given_number_or_the_usable_processors) {
        PoolConfig p = {.workers = 5};
        cpu_set_t one;

        cr_assert_eq(pool_config_workers(&p), 5);
        p.workers = CONFIG_WORKERS_AUTO;
        cr_assert_geq(pool_config_workers(&p), 1);
        CPU_ZERO(&one);
        CPU_SET((size_t)sched_getcpu(), &one);
        cr_assert_eq(sched_setaffinity(0, sizeof one, &one), 0);
        cr_assert_eq(pool_config_workers(&p), 1);
}

TEST(pool, a_worker_serves_another_pool_with_the_same_handler) {
        PoolConfig a = {.handler = HANDLER_NOOP, .workers = 1}, b = a;

        b.workers = 9;
        cr_assert(pool_config_equal(&a, &b));
        b.handler = HANDLER_ECHO;
        cr_assert_not(pool_config_equal(&a, &b));
        cr_assert_str_eq(handler_name(a.handler), "noop");
        cr_assert_str_eq(handler_name(HANDLER_COMMAND), "command");
}

/* ---- several files ---- */

TEST(merge, conf_d_adds_entries_and_replaces_scalars_in_order_of_names) {
        write_file("stintd.conf", "daemon: { log_level = \"error\"; stop_timeout = \"1s\"; };\n"
                                  "queues: ( { name = \"a\"; } );\n");
        write_file("conf.d/20.conf", "daemon: { log_level = \"debug\"; };\n"
                                     "queues: ( { name = \"c\"; } );\n");
        write_file("conf.d/10.conf", "daemon: { log_level = \"notice\"; };\n"
                                     "queues: ( { name = \"b\"; } );\n");
        const Config *c = load_good();

        cr_assert_eq(c->log_level, LOG_DEBUG);
        cr_assert_eq(c->stop_timeout_usec, USEC_PER_SEC);
        cr_assert_eq(c->queue_count, 3);
        cr_assert_str_eq(c->queues[1].name, "b");
        cr_assert_str_eq(c->queues[2].name, "c");
}

TEST(merge, a_pool_may_serve_a_queue_of_a_later_file) {
        write_file("stintd.conf", "pools: ( { name = \"p\"; queues = [\"late\"]; } );");
        write_file("conf.d/z.conf", "queues: ( { name = \"late\"; } );");
        cr_assert_eq(load_good()->queue_count, 1);
}

TEST(merge, conf_d_alone_works_and_other_files_in_it_are_ignored) {
        write_file("conf.d/a.conf", "daemon: { log_level = \"debug\"; };");
        write_file("conf.d/a.conf~", "nonsense");
        write_file("conf.d/.a.conf", "nonsense");
        write_file("conf.d/README", "nonsense");
        write_file("conf.d/.conf", "nonsense");
        cr_assert_eq(load_good()->log_level, LOG_DEBUG);
}

TEST(include, is_found_beside_the_file_that_includes_it) {
        write_file("stintd.conf", "  @include \"sub/one.inc\"\n@include\t\"sub/two.inc\" # why\n");
        write_file("sub/one.inc", "queues: (\n@include \"three.inc\"\n)");
        write_file("sub/two.inc", "daemon: { log_level = \"debug\"; }");
        write_file("sub/three.inc", "{ name = \"deep\"; }");
        const Config *c = load_good();

        cr_assert_str_eq(c->queues[0].name, "deep");
        cr_assert_eq(c->log_level, LOG_DEBUG);
}

TEST(include, takes_absolute_paths) {
        char text[PATH_MAX];

        snprintf(text, sizeof text, "@include \"%s\"\n", path_of("x.inc"));
        write_file("stintd.conf", text);
        write_file("x.inc", "daemon: { log_level = \"debug\"; };");
        cr_assert_eq(load_good()->log_level, LOG_DEBUG);
}

TEST(include, in_a_comment_or_a_string_is_none) {
        write_file("stintd.conf", "/*\n@include \"x\"\n*/\n# @include \"x\"\n// @include \"x\"\n"
                                  "events: { socket = \"/a/@include\"; };\n");
        cr_assert_str_eq(load_good()->events_socket, "/a/@include");
}
