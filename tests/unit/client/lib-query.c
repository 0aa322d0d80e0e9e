/* stint_list, stint_list_ids and stint_status against a real instance. */
#include "tests/unit/client/world.h"

#include <criterion/criterion.h>
#include <string.h>

#define CONFIG                                                                                     \
        "daemon: { stop_timeout = \"0s\"; };\n"                                                    \
        "queues: ({ name = \"default\"; }, { name = \"other\"; }, { name = \"bulk\"; });\n"        \
        "pools: ({ name = \"default\"; queues = [\"default\", \"other\"]; workers = 1; },\n"       \
        "        { name = \"bulk\"; queues = [\"bulk\"]; handler = \"noop\"; workers = 1; });\n"

static StintClient *client;

static void set_up(void) {
        world_start_with(CONFIG);
        client = world_client();
}

static void tear_down(void) {
        stint_free(client);
        world_stop();
}

TestSuite(lib_query, .init = set_up, .fini = tear_down, .timeout = 120);

/* What a list gave, newest first. */
typedef struct Listed {
        uint64_t ids[8192];
        size_t count, pages, stop_at; /* stop_at: the handler stops the list after so many */
} Listed;

static int on_info(void *userdata, const StintInfo *info) {
        Listed *l = userdata;
        l->ids[l->count++] = info->id;
        return l->count == l->stop_at ? 7 : 0;
}

static int on_ids(void *userdata, const uint64_t *ids, size_t n) {
        Listed *l = userdata;
        memcpy(l->ids + l->count, ids, n * sizeof *ids);
        l->count += n;
        l->pages++;
        return 0;
}

static Listed listed;

static int list(StintQuery query, uint64_t *ret_before) {
        query.size = sizeof query;
        listed = (Listed){.stop_at = listed.stop_at};
        return stint_list(client, &query, on_info, &listed, ret_before);
}

static void expect_ids(const uint64_t *ids, size_t n) {
        cr_assert_eq(listed.count, n, "%zu tasks, expected %zu", listed.count, n);
        for (size_t i = 0; i < n; i++)
                cr_assert_eq(listed.ids[i], ids[i]);
}
#define expect(...)                                                                                \
        expect_ids((const uint64_t[]){__VA_ARGS__},                                                \
                   sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

Test(lib_query, tasks_are_listed_newest_first_by_every_selector) {
        const char *argv[] = {"/bin/true", NULL}, *labels[] = {"k=v", "a=b c", NULL};
        uint64_t a = world_task(client, &(StintTask){STINT_TASK, .argv = argv, .name = "n"});
        uint64_t b = world_task(
                client, &(StintTask){STINT_TASK, .argv = argv, .labels = labels, .group = "g"});
        uint64_t c = world_task(client, &(StintTask){STINT_TASK, .argv = argv, .queue = "other"});
        uint64_t d = world_script(client, "exit 3");
        for (uint64_t id = a; id <= d; id++)
                world_end(client, id);
        cr_assert_eq(list((StintQuery){0}, NULL), 0);
        expect(d, c, b, a);
        cr_assert_eq(list((StintQuery){.selector = &(StintSelector){STINT_IDS, .first = a + 1,
                                                                    .count = 2}},
                          NULL),
                     0);
        expect(c, b);
        cr_assert_eq(list((StintQuery){.selector = &(StintSelector){STINT_LAST}}, NULL), 0);
        expect(d);
        cr_assert_eq(list((StintQuery){.selector = &(StintSelector){STINT_ALL}}, NULL), 0);
        expect(d, c, b, a);
        cr_assert_eq(list((StintQuery){.selector = &(StintSelector){STINT_IN_STATE,
                                                                    .state = STINT_TASK_FAILED}},
                          NULL),
                     0);
        expect(d);
        cr_assert_eq(
                list((StintQuery){.selector = &(StintSelector){STINT_IN_QUEUE, .text = "other"}},
                     NULL),
                0);
        expect(c);
        cr_assert_eq(
                list((StintQuery){.selector = &(StintSelector){STINT_NAMED, .text = "n"}}, NULL),
                0);
        expect(a);
        cr_assert_eq(
                list((StintQuery){.selector = &(StintSelector){STINT_LABELLED, .text = "a=b c"}},
                     NULL),
                0);
        expect(b);
        cr_assert_eq(
                list((StintQuery){.selector = &(StintSelector){STINT_GROUPED, .text = "g"}}, NULL),
                0);
        expect(b);
        cr_assert_eq(list((StintQuery){.states = 1 << STINT_TASK_FAILED}, NULL), 0);
        expect(d);
}

static int on_details(void *userdata, const StintInfo *info) {
        cr_assert_eq(info->kind, STINT_COMMAND);
        cr_assert_eq(info->state, STINT_TASK_FAILED);
        cr_assert_eq(info->reason, STINT_REASON_EXIT);
        cr_assert_eq(info->code, 3);
        cr_assert_eq(info->priority, -5);
        cr_assert_eq(info->attempt, 1);
        cr_assert_eq(info->flags, STINT_AT_MOST_ONCE);
        cr_assert_str_eq(info->queue, "default");
        cr_assert_str_eq(info->name, "n\xff"); /* bytes, not always UTF-8 */
        cr_assert_str_eq(info->group, "g");
        cr_assert_str_eq(info->summary, "a line");
        cr_assert_str_eq(info->labels[0], "k=v");
        cr_assert_str_eq(info->labels[1], "l=");
        cr_assert_null(info->labels[2]);
        cr_assert_eq(info->progress, -1);
        cr_assert_str_eq(info->progress_text, "");
        cr_assert(info->submitted_usec && info->started_usec && info->ended_usec);
        ++*(int *)userdata;
        return 0;
}

Test(lib_query, a_row_tells_what_was_submitted_and_how_it_ended) {
        const char *argv[] = {"/bin/sh", "-c", "exit 3", NULL}, *labels[] = {"k=v", "l=", NULL};
        int seen = 0;
        uint64_t id =
                world_task(client, &(StintTask){STINT_TASK, .argv = argv, .name = "n\xff",
                                                .group = "g", .labels = labels, .summary = "a line",
                                                .priority = -5, .flags = STINT_AT_MOST_ONCE});
        world_end(client, id);
        cr_assert_eq(stint_list(client, NULL, on_details, &seen, NULL), 0);
        cr_assert_eq(seen, 1);
}

Test(lib_query, pages_go_on_where_the_last_one_ended) {
        uint64_t first = world_messages(client, "bulk", 5000), before = 0;
        cr_assert_eq(list((StintQuery){0}, &before), 0);
        cr_assert_eq(listed.count, 5000);
        cr_assert_eq(before, 0);
        for (size_t i = 0; i < 5000; i++)
                cr_assert_eq(listed.ids[i], first + 4999 - i);
        cr_assert_eq(list((StintQuery){.limit = 4500}, &before), 0);
        cr_assert_eq(listed.count, 4500);
        cr_assert_eq(list((StintQuery){.before = before}, &before), 0);
        cr_assert_eq(listed.count, 500);
        cr_assert_eq(listed.ids[499], first);
        listed = (Listed){0};
        cr_assert_eq(stint_list_ids(client, NULL, on_ids, &listed), 0);
        cr_assert_eq(listed.count, 5000);
        cr_assert_geq(listed.pages, 2);
        cr_assert_eq(listed.ids[4999], first);
}

Test(lib_query, a_handler_stops_a_list_and_another_one_goes_on) {
        uint64_t first = world_messages(client, "bulk", 10), before = 0;
        listed.stop_at = 4;
        cr_assert_eq(list((StintQuery){0}, &before), 7);
        cr_assert_eq(listed.count, 4);
        cr_assert_eq(before, first + 6);
        listed.stop_at = 0;
        cr_assert_eq(list((StintQuery){.before = before}, &before), 0);
        cr_assert_eq(listed.count, 6);
        cr_assert_eq(listed.ids[0], first + 5);
}

/* A handler may use the client, also for what waits. */
static int on_info_show(void *userdata, const StintInfo *info) {
        StintDetails *details;
        cr_assert_eq(stint_show(client, info->id, &details), 0);
        cr_assert_eq(details->info.id, info->id);
        cr_assert_str_eq(details->info.queue, info->queue);
        stint_details_free(details);
        ++*(int *)userdata;
        return 0;
}

Test(lib_query, a_handler_may_ask_for_more) {
        int seen = 0;
        world_messages(client, "bulk", 3);
        cr_assert_eq(stint_list(client, NULL, on_info_show, &seen, NULL), 0);
        cr_assert_eq(seen, 3);
}

Test(lib_query, an_id_that_does_not_exist_is_an_error_and_one_that_is_filtered_out_is_not) {
        uint64_t id = world_messages(client, "bulk", 1);
        StintSelector one = {STINT_IDS, .first = id, .count = 1};
        cr_assert_eq(list((StintQuery){.selector = &one, .states = 1 << STINT_TASK_FAILED}, NULL),
                     0);
        cr_assert_eq(listed.count, 0);
        one.first = 999;
        cr_assert_eq(list((StintQuery){.selector = &one}, NULL), -STINT_NOT_FOUND);
        cr_assert_not_null(strstr(stint_error(client), "999"), "%s", stint_error(client));
        cr_assert_eq(stint_list_ids(client, &(StintQuery){STINT_QUERY, .selector = &one}, on_ids,
                                    &listed),
                     -STINT_NOT_FOUND);
}

Test(lib_query, what_can_never_be_right_is_refused_at_once) {
        char large[sizeof(StintQuery) + 8] = {0}, name[80] = {0};
        memset(name, 'x', sizeof name - 1);
        cr_assert_eq(list((StintQuery){.selector = &(StintSelector){0}}, NULL), -STINT_INVALID);
        cr_assert_eq(list((StintQuery){.selector = &(StintSelector){STINT_NAMED}}, NULL),
                     -STINT_INVALID);
        cr_assert_eq(list((StintQuery){.selector = &(StintSelector){STINT_IDS}}, NULL),
                     -STINT_INVALID);
        cr_assert_eq(list((StintQuery){.selector = &(StintSelector){STINT_IN_STATE}}, NULL),
                     -STINT_INVALID);
        cr_assert_eq(list((StintQuery){.queue = name}, NULL), -STINT_INVALID);
        *(size_t *)(void *)large = sizeof large; /* of a later version */
        cr_assert_eq(stint_list(client, (void *)large, on_info, &listed, NULL), 0);
        large[sizeof large - 1] = 1;
        cr_assert_eq(stint_list(client, (void *)large, on_info, &listed, NULL), -STINT_INVALID);
}

Test(lib_query, before_it_is_connected_a_client_can_ask_nothing) {
        StintClient *c = stint_new(NULL);
        StintStatus *status;
        uint64_t one = 1;
        cr_assert_eq(stint_list(c, NULL, on_info, &listed, NULL), -STINT_INVALID);
        cr_assert_eq(stint_status(c, &status), -STINT_INVALID);
        cr_assert_eq(stint_cancel(c, &one, 1, 0, NULL), -STINT_INVALID);
        cr_assert_eq(stint_retry(c, 1, 0, NULL), -STINT_INVALID);
        cr_assert_null(stint_watch_new(c, NULL, 0, NULL, NULL));
        stint_free(c);
}

Test(lib_query, status_tells_of_queues_pools_and_counters) {
        StintStatus *s;
        uint64_t submitted = 0;
        world_messages(client, "bulk", 20);
        cr_assert_eq(stint_status(client, &s), 0, "%s", stint_error(client));
        cr_assert_str_eq(s->health, "ok");
        cr_assert_str_eq(s->instance, "user");
        cr_assert_eq(s->pid, stint_peer(client)->pid);
        cr_assert_str_eq(s->version, stint_peer(client)->version);
        cr_assert_not_null(strstr(s->store, "sqlite:"));
        cr_assert_str_eq(s->queues[0]->name, "default");
        cr_assert_str_eq(s->queues[2]->name, "bulk");
        cr_assert_eq(s->queues[2]->succeeded, 20);
        cr_assert_null(s->queues[3]);
        cr_assert_str_eq(s->pools[0]->queues[1], "other");
        cr_assert_null(s->pools[0]->queues[2]);
        cr_assert_str_eq(s->pools[1]->handler, "noop");
        cr_assert_null(s->pools[2]);
        for (size_t i = 0; s->counters[i]; i++)
                if (strcmp(s->counters[i]->name, "submitted") == 0)
                        submitted = s->counters[i]->value;
        cr_assert_eq(submitted, 20);
        stint_status_free(s);
        stint_status_free(NULL);
}
