/* stint_retry: everything of the old task is in the new one. */
#include "tests/unit/client/world.h"

#include <criterion/criterion.h>
#include <string.h>

#define CONFIG                                                                                     \
        "daemon: { stop_timeout = \"0s\"; };\n"                                                    \
        "queues: ({ name = \"default\"; }, { name = \"echo\"; });\n"                               \
        "pools: ({ name = \"default\"; queues = [\"default\"]; workers = 1; },\n"                  \
        "        { name = \"echo\"; queues = [\"echo\"]; handler = \"echo\"; workers = 1; });\n"

static StintClient *client;

static void set_up(void) {
        world_start_with(CONFIG);
        client = world_client();
}

static void tear_down(void) {
        stint_free(client);
        world_stop();
}

TestSuite(lib_retry, .init = set_up, .fini = tear_down, .timeout = 120);

static void expect_same_strings(const char *const *a, const char *const *b) {
        size_t i = 0;
        for (; a[i] && b[i]; i++)
                cr_assert_str_eq(a[i], b[i]);
        cr_assert(!a[i] && !b[i]);
}

static void expect_same(uint64_t old_id, uint64_t new_id) {
        StintDetails *a, *b;
        cr_assert_eq(stint_show(client, old_id, &a), 0, "%s", stint_error(client));
        cr_assert_eq(stint_show(client, new_id, &b), 0, "%s", stint_error(client));
        cr_assert_eq(a->info.kind, b->info.kind);
        cr_assert_str_eq(a->info.queue, b->info.queue);
        cr_assert_str_eq(a->info.name, b->info.name);
        cr_assert_str_eq(a->info.group, b->info.group);
        cr_assert_str_eq(a->info.summary, b->info.summary);
        expect_same_strings(a->info.labels, b->info.labels);
        cr_assert_eq(a->info.priority, b->info.priority);
        cr_assert_eq(a->info.flags, b->info.flags);
        cr_assert_eq(a->timeout_usec, b->timeout_usec);
        cr_assert_eq(a->grace_usec, b->grace_usec);
        cr_assert_eq(a->retries, b->retries);
        cr_assert_eq(a->backoff_min_usec, b->backoff_min_usec);
        cr_assert_eq(a->backoff_max_usec, b->backoff_max_usec);
        expect_same_strings(a->environment, b->environment);
        cr_assert_eq(a->payload_size, b->payload_size);
        cr_assert_eq(a->payload_size ? memcmp(a->payload, b->payload, a->payload_size) : 0, 0);
        cr_assert_eq(!a->argv, !b->argv);
        if (a->argv) {
                expect_same_strings(a->argv, b->argv);
                expect_same_strings(a->env, b->env);
                cr_assert_str_eq(a->cwd, b->cwd);
        }
        cr_assert_eq(b->info.retry_of, old_id);
        cr_assert_eq(a->info.retried_as, new_id);
        stint_details_free(a);
        stint_details_free(b);
}

static uint64_t retry(uint64_t id, unsigned flags) {
        uint64_t again = 0;
        cr_assert_eq(stint_retry(client, id, flags, &again), 0, "%s", stint_error(client));
        cr_assert_gt(again, id);
        return again;
}

Test(lib_retry, a_command_is_repeated_as_it_was) {
        const char *argv[] = {"/bin/sh", "-c", "echo \"$A\"; exit 3", "\xff", NULL};
        const char *env[] = {"A=b", NULL}, *labels[] = {"k=v", "l=", NULL};
        uint64_t id = world_task(
                client, &(StintTask){STINT_TASK, .argv = argv, .env = env, .name = "n",
                                     .group = "g", .labels = labels, .summary = "s", .priority = 7,
                                     .cwd = "/tmp", .timeout_usec = 5000000, .grace_usec = 3000000,
                                     .backoff_min_usec = 1000, .backoff_max_usec = 9000});
        world_end(client, id);
        uint64_t again = retry(id, 0);
        StintEnd end = world_end(client, again);
        cr_assert_eq(end.code, 3);
        expect_same(id, again);
        char text[8] = "";
        cr_assert_eq(stint_read(client, again, 0, STINT_STDOUT, 0, text, sizeof text, NULL), 2);
        cr_assert_str_eq(text, "b\n");
}

Test(lib_retry, a_message_keeps_every_byte) {
        StintTask task = {STINT_TASK, .queue = "echo", .payload = "a\0\xff\n", .payload_size = 4};
        uint64_t id = world_task(client, &task);
        world_end(client, id);
        uint64_t again = retry(id, 0);
        cr_assert_eq(world_end(client, again).state, STINT_SUCCEEDED);
        expect_same(id, again);
        char result[8];
        cr_assert_eq(stint_read(client, again, 0, STINT_RESULT, 0, result, sizeof result, NULL), 4);
        cr_assert_eq(memcmp(result, "a\0\xff\n", 4), 0);
}

Test(lib_retry, an_empty_message_is_a_message_too) {
        StintTask task = {STINT_TASK, .queue = "echo"};
        uint64_t id = world_task(client, &task);
        world_end(client, id);
        cr_assert_eq(world_end(client, retry(id, 0)).state, STINT_SUCCEEDED);
}

Test(lib_retry, once_unless_it_is_asked_for_again) {
        uint64_t id = world_script(client, "exit 1"), again;
        world_end(client, id);
        uint64_t first = retry(id, 0);
        cr_assert_eq(stint_retry(client, id, 0, &again), -STINT_TRY_AGAIN);
        cr_assert_not_null(strstr(stint_error(client), "retried"), "%s", stint_error(client));
        cr_assert_gt(retry(id, STINT_RETRY_AGAIN), first);
}

Test(lib_retry, what_has_not_ended_or_does_not_exist_cannot_be_retried) {
        Gate gate;
        uint64_t again;
        gate_make(&gate);
        uint64_t id = world_script(client, gate.script);
        cr_assert_eq(stint_retry(client, id, 0, &again), -STINT_TRY_AGAIN);
        cr_assert_not_null(strstr(stint_error(client), "not ended"), "%s", stint_error(client));
        cr_assert_eq(stint_retry(client, 999, 0, &again), -STINT_NOT_FOUND);
        gate_entered(&gate);
        gate_open(&gate);
        world_end(client, id);
        retry(id, 0);
}
