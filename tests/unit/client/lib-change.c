/* What changes tasks: stint_cancel, stint_signal, stint_purge and stint_reload; and stint_show,
 * which tells what became of them. */
#include "tests/unit/client/world.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG                                                                                     \
        "daemon: { stop_timeout = \"0s\"; };\n"                                                    \
        "queues: ({ name = \"default\"; }, { name = \"bulk\"; });\n"                               \
        "pools: ({ name = \"default\"; queues = [\"default\"]; workers = 1; },\n"                  \
        "        { name = \"bulk\"; queues = [\"bulk\"]; handler = \"noop\"; workers = 1; });\n"

static StintClient *client;
static StintOutcome outcome;

static void set_up(void) {
        world_start_with(CONFIG);
        client = world_client();
}

static void tear_down(void) {
        stint_free(client);
        world_stop();
}

TestSuite(lib_change, .init = set_up, .fini = tear_down, .timeout = 120);

Test(lib_change, cancel_ends_what_waits_and_what_runs) {
        Gate gate;
        gate_make(&gate);
        uint64_t ids[] = {world_script(client, gate.script), 0, 999, 0};
        gate_entered(&gate);
        const char *argv[] = {"/bin/true", NULL};
        ids[1] = world_task(client,
                            &(StintTask){STINT_TASK, .argv = argv, .flags = STINT_AT_MOST_ONCE});
        ids[3] = world_messages(client, "bulk", 1);
        cr_assert_eq(stint_cancel(client, ids, 4, 0, &outcome), 0, "%s", stint_error(client));
        cr_assert_eq(outcome.done, 2);
        cr_assert_eq(outcome.other, 1);
        cr_assert_eq(outcome.unknown_count, 1);
        cr_assert_eq(outcome.unknown[0], 999);
        cr_assert_eq(outcome.denied_count, 0);
        for (size_t i = 0; i < 2; i++) {
                StintEnd end = world_end(client, ids[i]);
                cr_assert_eq(end.state, STINT_CANCELLED);
                cr_assert_eq(end.reason, STINT_REASON_CANCELLED);
        }
}

Test(lib_change, cancel_takes_any_number_of_ids) {
        enum { N = 9000 };
        uint64_t *ids = calloc(N, sizeof *ids);
        for (uint64_t i = 0; i < N; i++)
                ids[i] = 100000 + i;
        cr_assert_eq(stint_cancel(client, ids, N, 0, &outcome), 0, "%s", stint_error(client));
        cr_assert_eq(outcome.unknown_count, N);
        cr_assert_eq(outcome.unknown[N - 1], ids[N - 1]);
        cr_assert_eq(stint_cancel(client, NULL, 0, 0, &outcome), 0);
        cr_assert_eq(outcome.unknown_count, 0);
        free(ids);
}

Test(lib_change, there_is_no_such_signal) {
        uint64_t one = 1;
        cr_assert_eq(stint_cancel(client, &one, 1, -1, NULL), -STINT_INVALID);
        cr_assert_eq(stint_cancel(client, &one, 1, 1000, NULL), -STINT_INVALID);
        cr_assert_eq(stint_signal(client, &one, 1, 0, NULL), -STINT_INVALID);
}

Test(lib_change, what_has_gathered_is_submitted_before_it_is_changed) {
        const char *argv[] = {"/bin/true", NULL};
        StintTask task = {STINT_TASK, .argv = argv, .delay_usec = 3600000000};
        StintFuture *f;
        uint64_t next = world_messages(client, "bulk", 1) + 1;
        cr_assert_eq(stint_submit(client, &task, 1, 0, &f), 0);
        cr_assert_eq(stint_cancel(client, &next, 1, 0, &outcome), 0, "%s", stint_error(client));
        cr_assert_eq(outcome.done, 1);
        cr_assert_eq(stint_future_wait(f, -1), 0, "%s", stint_future_error(f));
        cr_assert_eq(stint_future_end(f)->state, STINT_CANCELLED);
        cr_assert_eq(stint_future_id(f), next);
}

Test(lib_change, a_signal_reaches_the_processes_of_a_run_which_goes_on) {
        char script[1024];
        Gate gate;
        gate_make(&gate);
        /* wait is what a trapped signal interrupts without a race; cat dies of it. */
        snprintf(script, sizeof script, "trap 'echo caught' USR1; : >%s.in; cat <%s & wait; %s",
                 gate.path, gate.path, gate.script);
        uint64_t ids[] = {world_script(client, script), 999, world_messages(client, "bulk", 1)};
        gate_entered(&gate);
        cr_assert_eq(stint_signal(client, ids, 3, SIGUSR1, &outcome), 0, "%s", stint_error(client));
        cr_assert_eq(outcome.done, 1);
        cr_assert_eq(outcome.other, 1);
        cr_assert_eq(outcome.unknown_count, 1);
        char text[16] = "";
        while (stint_read(client, ids[0], 0, STINT_STDOUT, 0, text, sizeof text - 1, NULL) == 0)
                cr_assert_eq(stint_ping(client, -1, NULL), 0);
        cr_assert_str_eq(text, "caught\n");
        cr_assert_eq(stint_cancel(client, ids, 1, SIGKILL, NULL), 0);
        cr_assert_eq(world_end(client, ids[0]).state, STINT_CANCELLED);
}

Test(lib_change, purge_forgets_what_has_ended_and_leaves_the_rest_alone) {
        enum { N = 5000 };
        Gate gate;
        gate_make(&gate);
        uint64_t first = world_messages(client, "bulk", N), *ids = calloc(N + 2, sizeof *ids);
        for (uint64_t i = 0; i < N; i++)
                ids[i] = first + i;
        ids[N] = world_script(client, gate.script);
        ids[N + 1] = 999999;
        gate_entered(&gate);
        cr_assert_eq(stint_purge(client, ids, N + 2, &outcome), 0, "%s", stint_error(client));
        cr_assert_eq(outcome.done, N);
        cr_assert_eq(outcome.other, 1);
        cr_assert_eq(outcome.not_now_count, 1);
        cr_assert_eq(outcome.not_now[0], ids[N]);
        cr_assert_eq(outcome.unknown_count, 1);
        cr_assert_eq(outcome.unknown[0], 999999);
        StintDetails *details;
        cr_assert_eq(stint_show(client, first, &details), -STINT_NOT_FOUND);
        gate_open(&gate);
        cr_assert_eq(world_end(client, ids[N]).state, STINT_SUCCEEDED);
        free(ids);
}

Test(lib_change, reload_counts_generations_and_tells_what_is_wrong) {
        uint64_t before, after;
        cr_assert_eq(stint_reload(client, &before, NULL), 0, "%s", stint_error(client));
        world_configure("queues: ({ name = \"default\"; }, { name = \"bulk\"; });\n"
                        "pools: ({ name = \"default\"; workers = 0; colour = 1; });\n");
        cr_assert_eq(stint_reload(client, &after, NULL), -STINT_BAD_CONFIG);
        cr_assert_not_null(strstr(stint_error(client), "colour"), "%s", stint_error(client));
        cr_assert_not_null(strstr(stint_error(client), "workers"), "%s", stint_error(client));
        world_configure("queues: ({ name = \"default\"; }, { name = \"more\"; });\n"
                        "pools: ({ name = \"default\"; queues = [\"default\", \"more\"]; });\n");
        char *changes = NULL;
        cr_assert_eq(stint_reload(client, &after, &changes), 0, "%s", stint_error(client));
        cr_assert_gt(after, before);
        cr_assert_not_null(strstr(changes, "queues.more: new ("), "%s", changes);
        free(changes);
        cr_assert_eq(stint_reload(client, NULL, &changes), 0, "%s", stint_error(client));
        cr_assert_str_eq(changes, "");
        free(changes);
}

static const StintSetting *setting_of(const StintConfig *config, const char *name) {
        for (const StintSetting *const *s = config->settings; *s; s++)
                if (strcmp((*s)->name, name) == 0)
                        return *s;
        return NULL;
}

/* More than fits into one answer: 12 pools with 1001 names of queues each. */
Test(lib_change, config_tells_every_setting_and_its_place) {
        char *text = NULL;
        size_t size, count = 0;
        FILE *f = open_memstream(&text, &size);
        fputs("queues: (\n", f);
        for (unsigned i = 0; i < 1000; i++)
                fprintf(f,
                        "{ name = \"a-queue-with-a-long-name-for-the-sake-of-many-bytes-%u\"; },\n",
                        i);
        fputs("{ name = \"last\"; } );\npools: (", f);
        for (unsigned p = 0; p < 12; p++) {
                fprintf(f, "{ name = \"p%u\"; workers = 1; queues = [\"last\"", p);
                for (unsigned i = 0; i < 1000; i++)
                        fprintf(f, ",\"a-queue-with-a-long-name-for-the-sake-of-many-bytes-%u\"",
                                i);
                fputs(p < 11 ? "]; },\n" : "]; }", f);
        }
        fputs(");\n", f);
        fclose(f);
        world_configure(text);
        free(text);

        StintConfig *config;
        uint64_t generation;
        cr_assert_eq(stint_reload(client, &generation, NULL), 0, "%s", stint_error(client));
        cr_assert_eq(stint_config(client, &config), 0, "%s", stint_error(client));
        cr_assert_eq(config->generation, generation);
        while (config->settings[count])
                count++;
        cr_assert_eq(count, 9 + 2 * 1001 + 4 * 12);
        const StintSetting *last = setting_of(config, "queues.last.name");
        cr_assert_str_eq(last->value, "\"last\"");
        cr_assert_eq(last->line, 1002);
        cr_assert_gt(strlen(setting_of(config, "pools.p11.queues")->value), 50000);
        cr_assert_null(setting_of(config, "daemon.log_level")->file);
        stint_config_free(config);
        cr_assert_null(stint_config_free(NULL));
}

Test(lib_change, show_tells_everything_about_a_command) {
        const char *argv[] = {"/bin/sh", "-c", "echo out; echo err >&2; exit $CODE", NULL};
        const char *env[] = {"CODE=3", "HOME", NULL}, *labels[] = {"k=v", NULL};
        StintDetails *d;
        uint64_t id = world_task(
                client,
                &(StintTask){STINT_TASK, .argv = argv, .name = "n", .labels = labels, .cwd = "/tmp",
                             .stdin_bytes = "a\0b", .stdin_size = 3,
                             .environment = STINT_ENVIRONMENT_NONE, .env = env,
                             .flags = STINT_UMASK | STINT_OUTPUT_LIMIT, .umask = 027,
                             .output_limit = 1000, .nice = 3, .timeout_usec = 60000000,
                             .retries = 1, .backoff_min_usec = 1000, .backoff_max_usec = 2000});
        world_end(client, id);
        cr_assert_eq(stint_show(client, id, &d), 0, "%s", stint_error(client));
        cr_assert_eq(d->info.id, id);
        cr_assert_str_eq(d->info.name, "n");
        cr_assert_str_eq(d->info.labels[0], "k=v");
        for (size_t i = 0; i < 4; i++)
                cr_assert(argv[i] ? strcmp(argv[i], d->argv[i]) == 0 : !d->argv[i]);
        cr_assert_str_eq(d->cwd, "/tmp");
        cr_assert_str_eq(d->stdin_file, "");
        cr_assert_eq(d->stdin_size, 3);
        cr_assert_eq(memcmp(d->stdin_bytes, "a\0b", 3), 0);
        cr_assert_str_eq(d->env[0], "CODE=3");
        cr_assert_str_eq(d->env[1], "HOME");
        cr_assert_null(d->env[2]);
        cr_assert_eq(strncmp(d->environment[0], "PATH=", 5), 0);
        cr_assert_eq(d->umask, 027);
        cr_assert_eq(d->nice, 3);
        cr_assert_eq(d->output_limit, 1000);
        cr_assert_eq(d->timeout_usec, 60000000);
        cr_assert_eq(d->backoff_max_usec, 2000);
        cr_assert_null(d->payload);
        cr_assert_eq(d->attempts[0]->attempt, 1);
        cr_assert_eq(d->attempts[1]->attempt, 2);
        cr_assert_eq(d->attempts[1]->code, 3);
        cr_assert_eq(d->attempts[1]->out_total, 4);
        cr_assert_eq(d->attempts[1]->err_total, 4);
        cr_assert_null(d->attempts[2]);
        stint_details_free(d);
        stint_details_free(NULL);
}

Test(lib_change, show_gives_the_payload_of_a_message_and_knows_no_other_ids) {
        StintDetails *d;
        uint64_t id = world_messages(client, "bulk", 1);
        cr_assert_eq(stint_show(client, id, &d), 0, "%s", stint_error(client));
        cr_assert_null(d->argv);
        cr_assert_eq(d->payload_size, 1);
        cr_assert_eq(memcmp(d->payload, "x", 1), 0);
        cr_assert_null(d->env[0]);
        cr_assert_str_eq(d->cwd, "");
        stint_details_free(d);
        cr_assert_eq(stint_show(client, 999, &d), -STINT_NOT_FOUND);
        cr_assert_not_null(strstr(stint_error(client), "999"));
}
