/* The lost edge: ZMQ_FD tells only of changes, and every send consumes what it had to tell. A loop
 * that drains on its word alone hangs sooner or later. Here two processes send 200,000 messages, at
 * most ZSOURCE_BATCH of which are read a turn. PUSH pours them; DEALER waits for answers within a
 * small window, so that the loop falls asleep again and again and must wake each time, while
 * another handler sends the answers on the very socket that is read. */
#include "tests/unit/common/zsource-fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#define SENDERS  2
#define MESSAGES 100000 /* of each sender */
#define WINDOW   50     /* of unanswered requests */
#define ROUTE    8

typedef enum Transport { IPC, TCP } Transport;

TestSuite(zsource_edge, .init = fixture_set_up, .fini = fixture_tear_down, .timeout = 110);

/* ---- senders: processes with contexts of their own ---- */

typedef void (*Sending)(void *socket);

typedef struct Sender {
        pid_t pid;
        int endpoint; /* a pipe that tells it where to connect */
} Sender;

static void send_all(void *socket) {
        for (unsigned i = 0; i < MESSAGES; i++)
                if (zmq_send(socket, &i, sizeof i, 0) < 0)
                        _exit(2);
}

/* Leaves with 0 only when every request was answered. */
static void request_all(void *socket) {
        unsigned sent = 0, answered = 0, answer;

        while (answered < MESSAGES) {
                while (sent < MESSAGES && sent - answered < WINDOW) {
                        if (zmq_send(socket, &sent, sizeof sent, 0) < 0)
                                _exit(2);
                        sent++;
                }
                if (zmq_recv(socket, &answer, sizeof answer, 0) != sizeof answer ||
                    answer != answered)
                        _exit(3);
                answered++;
        }
}

_Noreturn static void sender_main(int endpoint_fd, int type, Sending sending) {
        const ZSocketOptions options = {.linger_msec = -1};
        char endpoint[NAME_SIZE] = {};
        void *context, *socket;

        if (read(endpoint_fd, endpoint, sizeof endpoint - 1) <= 0 || zcontext_new(&context) < 0 ||
            zsocket_new(context, type, &options, &socket) < 0 ||
            zsocket_connect(socket, endpoint) < 0)
                _exit(1);
        sending(socket);
        zsocket_free(socket);
        zcontext_free(context);
        _exit(0);
}

static Sender sender_start(int type, Sending sending) {
        Sender s;
        int fds[2];

        cr_assert_eq(pipe(fds), 0);
        s.endpoint = fds[1];
        s.pid = fork();
        cr_assert_geq(s.pid, 0);
        if (s.pid == 0) {
                close(fds[1]);
                prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
                sender_main(fds[0], type, sending);
        }
        close(fds[0]);
        return s;
}

static void sender_connect(Sender *s, const char *endpoint) {
        cr_assert_eq(write(s->endpoint, endpoint, strlen(endpoint)), (ssize_t)strlen(endpoint));
        close(s->endpoint);
}

static void sender_expect_success(Sender *s) {
        int status = -1;

        cr_assert_eq(waitpid(s->pid, &status, 0), s->pid);
        cr_assert(WIFEXITED(status));
        cr_assert_eq(WEXITSTATUS(status), 0);
}

/* ---- receivers ---- */

typedef struct Receiver {
        unsigned received, sent;
        void *socket;
        sd_event_source *answering; /* a handler of its own: its sends eat the edge */
        unsigned waiting;
        struct {
                char route[ROUTE];
                size_t route_size;
                unsigned body;
        } answers[SENDERS * WINDOW];
} Receiver;

static void on_message(ZSource *s, ZMessage *m, void *userdata) {
        Receiver *r = userdata;

        cr_assert_eq(m->count, 1);
        cr_assert_eq(m->frames[0].size, sizeof(unsigned));
        r->received++;
}

static void on_request(ZSource *s, ZMessage *m, void *userdata) {
        Receiver *r = userdata;

        cr_assert_eq(m->count, 2);
        cr_assert_lt(r->waiting, SENDERS * WINDOW);
        cr_assert_leq(m->frames[0].size, ROUTE);
        memcpy(r->answers[r->waiting].route, m->frames[0].data, m->frames[0].size);
        r->answers[r->waiting].route_size = m->frames[0].size;
        memcpy(&r->answers[r->waiting].body, m->frames[1].data, sizeof(unsigned));
        r->waiting++;
        r->received++;
        cr_assert_geq(sd_event_source_set_enabled(r->answering, SD_EVENT_ONESHOT), 0);
}

static int on_answering(sd_event_source *source, void *userdata) {
        Receiver *r = userdata;

        for (unsigned i = 0; i < r->waiting; i++)
                cr_assert_eq(zsocket_send_to(r->socket, r->answers[i].route,
                                             r->answers[i].route_size, &r->answers[i].body,
                                             sizeof(unsigned), (BlobSlice){}),
                             0);
        r->sent += r->waiting;
        r->waiting = 0;
        return 0;
}

static void expect_all_arrive(int type, ZSourceHandler handler, Transport transport,
                              Sender senders[static SENDERS]) {
        _cleanup_(zsource_freep) ZSource *source = NULL;
        char endpoint[NAME_SIZE];
        Receiver r = {};

        r.socket = fixture_socket(type);
        if (transport == TCP)
                fixture_bind_tcp(r.socket, endpoint);
        else {
                memcpy(endpoint, fx.endpoint, NAME_SIZE);
                cr_assert_eq(zsocket_bind(r.socket, endpoint), 0);
        }
        cr_assert_geq(sd_event_add_defer(fx.event, &r.answering, on_answering, &r), 0);
        cr_assert_geq(sd_event_source_set_enabled(r.answering, SD_EVENT_OFF), 0);
        cr_assert_eq(
                zsource_new(fx.event, r.socket, SD_EVENT_PRIORITY_NORMAL, handler, &r, &source), 0);

        for (unsigned i = 0; i < SENDERS; i++)
                sender_connect(&senders[i], endpoint);
        fixture_run_until(&r.received, SENDERS * MESSAGES);
        if (handler == on_request)
                fixture_run_until(&r.sent, SENDERS * MESSAGES);
        for (unsigned i = 0; i < SENDERS; i++)
                sender_expect_success(&senders[i]);

        cr_assert_eq(r.received, SENDERS * MESSAGES);
        sd_event_source_disable_unref(r.answering);
        source = zsource_free(source);
        zsocket_free(r.socket);
}

static void expect_pull_takes_all(Transport transport) {
        Sender senders[SENDERS];

        for (unsigned i = 0; i < SENDERS; i++)
                senders[i] = sender_start(ZMQ_PUSH, send_all);
        expect_all_arrive(ZMQ_PULL, on_message, transport, senders);
}

static void expect_router_answers_all(Transport transport) {
        Sender senders[SENDERS];

        for (unsigned i = 0; i < SENDERS; i++)
                senders[i] = sender_start(ZMQ_DEALER, request_all);
        expect_all_arrive(ZMQ_ROUTER, on_request, transport, senders);
}

Test(zsource_edge, pull_takes_all_from_two_senders_over_ipc) {
        expect_pull_takes_all(IPC);
}

Test(zsource_edge, pull_takes_all_from_two_senders_over_tcp) {
        expect_pull_takes_all(TCP);
}

Test(zsource_edge, router_answers_all_of_two_senders_over_ipc) {
        expect_router_answers_all(IPC);
}

Test(zsource_edge, router_answers_all_of_two_senders_over_tcp) {
        expect_router_answers_all(TCP);
}
