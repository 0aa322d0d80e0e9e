/* How a source hands messages to the loop: bounded turns, back pressure, draining in place, being
 * freed by its handler. */
#include "tests/unit/common/zsource-fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <zmq.h>

TestSuite(zsource, .init = fixture_set_up, .fini = fixture_tear_down, .timeout = 90);

/* A PULL in the loop and a PUSH that feeds it. */
typedef struct Flow {
        void *pull, *push;
        ZSource *source;
        unsigned received, malformed, in_turn, longest_turn;
        unsigned stop_after; /* switches the source off after that many, 0: never */
        Blob *taken[2];
} Flow;

static Flow flow;

static int on_post(sd_event_source *s, void *userdata) {
        flow.longest_turn = MAX_OF(flow.longest_turn, flow.in_turn);
        flow.in_turn = 0;
        return 0;
}

static void on_message(ZSource *s, ZMessage *m, void *userdata) {
        flow.received++;
        flow.in_turn++;
        flow.malformed += m->malformed;
        if (flow.received == flow.stop_after)
                cr_assert_eq(zsource_set_enabled(s, false), 0);
}

static void flow_start(ZSourceHandler handler) {
        sd_event_source *post = NULL;

        flow = (Flow){.pull = fixture_bound(ZMQ_PULL), .push = fixture_connected(ZMQ_PUSH)};
        cr_assert_eq(zsource_new(fx.event, flow.pull, 0, handler, NULL, &flow.source), 0);
        cr_assert_geq(sd_event_add_post(fx.event, &post, on_post, NULL), 0);
        cr_assert_geq(sd_event_source_set_priority(post, SD_EVENT_PRIORITY_IMPORTANT), 0);
        cr_assert_geq(sd_event_source_set_floating(post, 1), 0);
        sd_event_source_unref(post);
}

static void flow_stop(void) {
        zsource_free(flow.source);
        zsocket_free(flow.push);
        zsocket_free(flow.pull);
}

static void send_many(unsigned count) {
        for (unsigned i = 0; i < count; i++)
                fixture_send(flow.push, "m");
}

/* Until libzmq's own thread has brought something to the PULL; the socket may be asked, the loop
 * does the same. */
static void wait_for_input(void) {
        zmq_pollitem_t item = {.socket = flow.pull, .events = ZMQ_POLLIN};

        cr_assert_eq(zmq_poll(&item, 1, 60000), 1);
}

/* Runs the loop until nothing is pending; fails when that never happens. */
static void run_until_idle(void) {
        for (unsigned i = 0; i < 100; i++) {
                int r = sd_event_run(fx.event, 0);

                cr_assert_geq(r, 0);
                if (r == 0)
                        return;
        }
        cr_assert_fail("the loop never rests");
}

Test(zsource, a_turn_is_bounded) {
        flow_start(on_message);
        send_many(1000);
        fixture_run_until(&flow.received, 1000);
        on_post(NULL, NULL);
        cr_assert_leq(flow.longest_turn, ZSOURCE_BATCH);
        flow_stop();
}

Test(zsource, input_from_before_the_source_is_seen) {
        flow_start(on_message);
        flow.source = zsource_free(flow.source);
        send_many(3);
        wait_for_input();
        cr_assert_eq(zsource_new(fx.event, flow.pull, 0, on_message, NULL, &flow.source), 0);
        fixture_run_until(&flow.received, 3);
        flow_stop();
}

Test(zsource, the_loop_sleeps_when_there_is_nothing) {
        flow_start(on_message);
        send_many(10);
        fixture_run_until(&flow.received, 10);
        run_until_idle();
        flow_stop();
}

Test(zsource, switching_off_ends_the_turn_and_keeps_the_rest) {
        flow_start(on_message);
        flow.stop_after = 5;
        send_many(20);
        fixture_run_until(&flow.received, 5);
        wait_for_input();
        run_until_idle();
        cr_assert_eq(flow.received, 5);
        cr_assert_eq(zsource_set_enabled(flow.source, true), 0);
        fixture_run_until(&flow.received, 20);
        flow_stop();
}

Test(zsource, draining_reads_in_place_up_to_its_limit) {
        int drained = 0;

        flow_start(on_message);
        cr_assert_eq(zsource_drain(flow.source, 10), 0);
        cr_assert_eq(zsource_set_enabled(flow.source, false), 0);
        send_many(300);
        while (drained < 200) {
                wait_for_input();
                drained += zsource_drain(flow.source, (unsigned)(200 - drained));
        }
        cr_assert_eq(drained, 200);
        cr_assert_eq(flow.received, 200);
        cr_assert_eq(zsource_set_enabled(flow.source, true), 0);
        fixture_run_until(&flow.received, 300);
        flow_stop();
}

static void on_message_drain(ZSource *s, ZMessage *m, void *userdata) {
        char first = *(const char *)m->frames[0].data;

        flow.received++;
        if (flow.received == 1)
                zsource_drain(s, 50);
        cr_assert_eq(*(const char *)m->frames[0].data, first);
}

Test(zsource, a_handler_may_drain_its_own_source) {
        flow_start(on_message_drain);
        send_many(100);
        fixture_run_until(&flow.received, 100);
        flow_stop();
}

static void on_message_free(ZSource *s, ZMessage *m, void *userdata) {
        flow.received++;
        flow.source = zsource_free(s);
        cr_assert_eq(*(const char *)m->frames[0].data, 'm');
}

Test(zsource, a_handler_may_free_its_own_source) {
        flow_start(on_message_free);
        send_many(10);
        fixture_run_until(&flow.received, 1);
        run_until_idle();
        cr_assert_eq(flow.received, 1);
        flow_stop();
}

Test(zsource, a_message_of_too_many_frames_is_told_and_costs_only_itself) {
        flow_start(on_message);
        for (unsigned i = 0; i < 3 * ZSOURCE_FRAMES_MAX; i++)
                cr_assert_eq(zmq_send(flow.push, "x", 1, ZMQ_SNDMORE), 1);
        fixture_send(flow.push, "last");
        send_many(1);
        fixture_run_until(&flow.received, 2);
        cr_assert_eq(flow.malformed, 1);
        for (unsigned i = 1; i < ZSOURCE_FRAMES_MAX; i++)
                cr_assert_eq(zmq_send(flow.push, "x", 1, ZMQ_SNDMORE), 1);
        fixture_send(flow.push, "last");
        fixture_run_until(&flow.received, 3);
        cr_assert_eq(flow.malformed, 1, "as many frames as there may be");
        flow_stop();
}

static void on_message_take(ZSource *s, ZMessage *m, void *userdata) {
        cr_assert_eq(m->count, 2);
        for (unsigned i = 0; i < 2; i++) {
                flow.taken[i] = zframe_take(&m->frames[i]);
                cr_assert_not_null(flow.taken[i]);
                cr_assert_eq(m->frames[i].size, 0);
        }
        flow.received++;
}

Test(zsource, taken_bytes_outlive_message_source_and_socket) {
        static char large[1 << 20];

        memset(large, 'L', sizeof large);
        flow_start(on_message_take);
        cr_assert_eq(zmq_send(flow.push, "short", 5, ZMQ_SNDMORE), 5);
        cr_assert_eq(zmq_send(flow.push, large, sizeof large, 0), sizeof large);
        fixture_run_until(&flow.received, 1);
        flow_stop();
        cr_assert_eq(blob_size(flow.taken[0]), 5);
        cr_assert_eq(memcmp(blob_data(flow.taken[0]), "short", 5), 0);
        cr_assert_eq(blob_size(flow.taken[1]), sizeof large);
        cr_assert_eq(memcmp(blob_data(flow.taken[1]), large, sizeof large), 0);
        blob_unref(flow.taken[0]);
        blob_unref(flow.taken[1]);
}

Test(zsource, two_sources_share_a_loop) {
        void *push = fixture_socket(ZMQ_PUSH), *pull = fixture_socket(ZMQ_PULL);
        ZSource *second = NULL;
        char endpoint[NAME_SIZE];

        flow_start(on_message);
        fixture_bind_tcp(pull, endpoint);
        cr_assert_eq(zsocket_connect(push, endpoint), 0);
        cr_assert_eq(zsource_new(fx.event, pull, -5, on_message, NULL, &second), 0);
        for (unsigned i = 0; i < 500; i++) {
                fixture_send(flow.push, "a");
                fixture_send(push, "b");
        }
        fixture_run_until(&flow.received, 1000);
        zsource_free(second);
        zsocket_free(push);
        zsocket_free(pull);
        flow_stop();
}

Test(zsource, what_is_no_socket_is_refused) {
        ZSource *source = NULL;
        void *socket = fixture_bound(ZMQ_PULL);
        int no_socket[64] = {};

        cr_assert_lt(zsource_new(fx.event, no_socket, 0, on_message, NULL, &source), 0);
        cr_assert_null(source);
        zsource_free(NULL);
        zsocket_free(socket);
}
