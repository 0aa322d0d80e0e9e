/* stint_watch_new against a real instance: complete, in order, across everything that loses
 * events. */
#include "tests/unit/client/world.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG                                                                                     \
        "daemon: { stop_timeout = \"0s\"; };\n"                                                    \
        "queues: ({ name = \"default\"; }, { name = \"bulk\"; });\n"                               \
        "pools: ({ name = \"default\"; queues = [\"default\"]; workers = 1; },\n"                  \
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

TestSuite(lib_watch, .init = set_up, .fini = tear_down, .timeout = 120);

/* What a watch told. */
typedef struct Heard {
        uint64_t epoch, first_seq, seq, missed, restarts;
        uint64_t last_id;
        StintState last_state;
        size_t events, ended;
        size_t free_at; /* the handler frees its watch after so many events */
} Heard;

static void on_event(StintWatch *watch, const StintEvent *e, void *userdata) {
        Heard *h = userdata;
        if (e->missed) {
                cr_assert_eq(e->id, 0);
                if (e->missed == UINT64_MAX)
                        h->restarts++;
                else
                        h->missed += e->missed;
                return;
        }
        cr_assert(e->epoch > h->epoch || (e->epoch == h->epoch && e->seq > h->seq),
                  "events are in order, and none comes twice");
        if (!h->first_seq)
                h->first_seq = e->seq;
        h->epoch = e->epoch;
        h->seq = e->seq;
        h->last_id = e->id;
        h->last_state = e->state;
        h->events++;
        h->ended += (size_t)stint_state_is_end(e->state);
        if (h->events == h->free_at)
                stint_watch_free(watch);
}

static StintWatch *watch(const char *queue, uint64_t states, Heard *h) {
        StintWatch *w = stint_watch_new(client, queue, states, on_event, h);
        cr_assert_not_null(w, "%s", stint_error(client));
        return w;
}

/* Until the end of a task is heard. */
static void hear_end(const Heard *h, uint64_t id) {
        while (h->last_id < id || !stint_state_is_end(h->last_state))
                cr_assert_geq(stint_dispatch(client, 20000), 1, "%s", stint_error(client));
}

Test(lib_watch, every_change_is_told_with_its_reason) {
        Heard h = {0};
        watch(NULL, 0, &h);
        uint64_t id = world_script(client, "exit 3");
        hear_end(&h, id);
        cr_assert_eq(h.last_state, STINT_TASK_FAILED);
        cr_assert_geq(h.events, 2);
        cr_assert_eq(h.missed, 0);
        cr_assert_eq(h.restarts, 0);
}

Test(lib_watch, a_watch_hears_of_its_queue_and_states_only) {
        Heard all = {0}, bulk = {0}, failed = {0};
        watch(NULL, 0, &all);
        watch("bulk", 0, &bulk);
        watch(NULL, 1 << STINT_TASK_FAILED, &failed);
        world_messages(client, "bulk", 3);
        uint64_t id = world_script(client, "false");
        hear_end(&all, id);
        cr_assert_eq(all.ended, 4);
        cr_assert_eq(bulk.ended, 3);
        cr_assert_eq(failed.events, 1);
        cr_assert_eq(failed.last_id, id);
}

Test(lib_watch, only_what_happens_from_now_on) {
        world_messages(client, "bulk", 100);
        Heard h = {0};
        watch(NULL, 0, &h);
        uint64_t id = world_script(client, "true");
        hear_end(&h, id);
        cr_assert_eq(h.ended, 1);
}

Test(lib_watch, a_handler_may_free_its_watch_and_another_one_begins) {
        Heard first = {.free_at = 1}, second = {0};
        watch(NULL, 0, &first);
        uint64_t id = world_script(client, "true");
        world_end(client, id);
        cr_assert_eq(first.events, 1);
        watch(NULL, 0, &second);
        id = world_script(client, "true");
        hear_end(&second, id);
        cr_assert_eq(first.events, 1);
        cr_assert_null(stint_watch_free(NULL));
}

Test(lib_watch, what_the_restart_of_the_dispatcher_loses_is_told_and_the_rest_comes) {
        Gate gate;
        Heard h = {0};
        gate_make(&gate);
        watch(NULL, 0, &h);
        uint64_t id = world_script(client, gate.script), epoch = stint_peer(client)->epoch;
        gate_entered(&gate);
        world_kill_dispatcher();
        gate_open(&gate);
        hear_end(&h, id);
        cr_assert_eq(h.restarts, 1);
        cr_assert_eq(h.epoch, epoch + 1);
        uint64_t next = world_script(client, "true");
        hear_end(&h, next);
        cr_assert_eq(h.restarts, 1);
}

/* Each task has three events, one that is assigned again more. While nobody reads, 10,000 wait on
 * their way, some more in buffers; what comes then is dropped. The dispatcher remembers the last
 * 8192: together they are all. */
Test(lib_watch, a_reader_that_stopped_gets_what_the_channel_dropped) {
        enum { N = 5500, PART = 500 };
        Heard h = {0};
        watch("bulk", 0, &h);
        StintClient *other = world_client();
        uint64_t last = 0;
        for (size_t i = 0; i < N; i += PART)
                last = world_messages(other, "bulk", PART) + PART - 1;
        stint_free(other);
        while (h.ended + h.missed < N)
                cr_assert_geq(stint_dispatch(client, 20000), 1, "%s", stint_error(client));
        cr_assert_eq(h.missed, 0);
        cr_assert_eq(h.ended, N);
        cr_assert_geq(h.events, 3 * N);
        cr_assert_eq(h.last_id, last);
}

/* More than the dispatcher remembers: what is gone is counted. */
Test(lib_watch, what_is_gone_for_good_is_counted) {
        enum { N = 30000, PART = 1000 };
        Heard h = {0};
        watch("bulk", 0, &h);
        StintClient *other = world_client();
        uint64_t last = 0;
        for (size_t i = 0; i < N; i += PART)
                last = world_messages(other, "bulk", PART) + PART - 1;
        stint_free(other);
        hear_end(&h, last);
        cr_assert_eq(h.restarts, 0);
        cr_assert_leq(h.ended, N);
        cr_assert_eq(h.events + h.missed, h.seq + 1 - h.first_seq,
                     "whatever is not told is counted");
}

Test(lib_watch, a_client_is_freed_with_its_watches) {
        Heard h = {0};
        watch(NULL, 0, &h);
        watch("default", 0, &h);
        stint_free(client);
        client = world_client();
}

Test(lib_watch, the_name_of_a_queue_has_its_bound) {
        char name[80] = {0};
        memset(name, 'x', sizeof name - 1);
        cr_assert_null(stint_watch_new(client, name, 0, on_event, NULL));
        cr_assert_neq(stint_error(client)[0], '\0');
}
