/* A client's conversation against a dispatcher that is played by the test: a ROUTER in a thread of
 * its own would hide who does what when, so a child process plays it from a script of answers. */
#include "client/session.h"

#include "common/zsocket.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

/* What the peer does with a request of each kind. */
typedef struct Script {
        unsigned submits_ignored; /* these are not answered: the connection is lost instead */
        uint64_t welcome_code;    /* not 0: HELLO is refused with it */
        enum { PROTOCOL_OURS, PROTOCOL_OTHER } protocol;
} Script;

/* What it saw, in memory that both share by a pipe: one record a SUBMIT or WAIT. */
typedef struct Seen {
        uint32_t type;
        uint64_t request_id, seq, held;
        uint8_t client[WIRE_UUID];
} Seen;

static char directory[] = "/tmp/stint-session-XXXXXX", endpoint[128];
static pid_t peer_pid;
static int seen_fd;

/* ---- the peer ---- */

typedef struct Peer {
        void *context, *router;
        WireReader *reader;
        WireBuffer buffer;
        ZMessage message;
        int report_fd;
        const Script *script;
} Peer;

static void peer_open(Peer *p) {
        cr_assert_eq(zcontext_new(&p->context), 0);
        cr_assert_eq(zsocket_new(p->context, ZMQ_ROUTER, &(ZSocketOptions){.linger_msec = 500},
                                 &p->router),
                     0);
        cr_assert_eq(zsocket_bind(p->router, endpoint), 0);
}

static void peer_close(Peer *p) {
        zsocket_free(p->router);
        zmessage_done(&p->message);
        zcontext_free(p->context);
}

static void peer_answer(Peer *p, WireType type, uint64_t request_id, const void *body) {
        ZFrame *route = &p->message.frames[0];
        cr_assert_eq(wire_encode(&p->buffer, type, request_id, body), 0);
        if (p->script->protocol == PROTOCOL_OTHER)
                p->buffer.data[1] = WIRE_PROTOCOL + 1; /* [array header, protocol, …] */
        zsocket_send_to(p->router, route->data, route->size, p->buffer.data, p->buffer.size,
                        (BlobSlice){0});
}

static void peer_report(const Peer *p, const WireMessage *m, const WireSubmit *submit) {
        Seen seen = {.type = m->type, .request_id = m->request_id};
        if (submit) {
                seen.seq = submit->seq;
                seen.held = submit->held;
                memcpy(seen.client, submit->client.data, sizeof seen.client);
        }
        cr_assert_eq(write(p->report_fd, &seen, sizeof seen), (ssize_t)sizeof seen);
}

static void on_hello(Peer *p, const WireMessage *m) {
        WireWelcome welcome = {.protocol = WIRE_PROTOCOL,
                               .version = wire_text("test"),
                               .instance = wire_text("user")};
        WireError refusal = {.code = p->script->welcome_code, .text = wire_text("go away")};
        if (p->script->welcome_code)
                peer_answer(p, WIRE_TYPE_ERROR, m->request_id, &refusal);
        else
                peer_answer(p, WIRE_TYPE_WELCOME, m->request_id, &welcome);
}

/* Answers SUBMIT with ids from 7, and WAIT with their ends. Returns true to lose the connection. */
static bool peer_handle(Peer *p, const WireMessage *m, unsigned *ignored) {
        static const WireEndedTask end = {.id = 7, .state = TASK_SUCCEEDED, .reason = REASON_EXIT};
        if (m->type == WIRE_TYPE_CLIENT_HELLO) {
                on_hello(p, m);
        } else if (m->type == WIRE_TYPE_SUBMIT) {
                peer_report(p, m, m->body);
                if (*ignored < p->script->submits_ignored) {
                        ++*ignored;
                        return true;
                }
                peer_answer(p, WIRE_TYPE_SUBMITTED, m->request_id,
                            &(WireSubmitted){.first_id = 7, .count = 1});
                return ((const WireSubmit *)m->body)->flags & WIRE_SUBMIT_WAIT;
        } else if (m->type == WIRE_TYPE_WAIT) {
                peer_report(p, m, NULL);
                peer_answer(p, WIRE_TYPE_ENDED, m->request_id, &(WireEnded){.ends = {&end, 1}});
        } else if (m->type == WIRE_TYPE_PING) {
                peer_answer(p, WIRE_TYPE_PONG, m->request_id, &(WirePong){.epoch = 5});
        }
        return false;
}

_Noreturn static void peer_main(const Script *script, int report_fd, int ready_fd) {
        Peer p = {.report_fd = report_fd, .script = script};
        unsigned ignored = 0;
        cr_assert_eq(wire_reader_new(&p.reader), 0);
        peer_open(&p);
        cr_assert_eq(write(ready_fd, "", 1), 1);
        for (;;) {
                WireMessage m;
                if (zsocket_receive(p.router, -1, &p.message) < 0 || p.message.count < 2)
                        continue;
                if (wire_decode(p.reader, p.message.frames[1].data, p.message.frames[1].size, &m))
                        continue;
                if (peer_handle(&p, &m, &ignored)) {
                        peer_close(&p);
                        peer_open(&p);
                }
        }
}

static void peer_start(const Script *script) {
        int report[2], ready[2];
        char byte;
        cr_assert_not_null(mkdtemp(directory));
        snprintf(endpoint, sizeof endpoint, "ipc://%s/s", directory);
        cr_assert_eq(pipe(report), 0);
        cr_assert_eq(pipe(ready), 0);
        peer_pid = fork();
        if (peer_pid == 0)
                peer_main(script, report[1], ready[1]);
        close(report[1]);
        close(ready[1]);
        cr_assert_eq(read(ready[0], &byte, 1), 1);
        close(ready[0]);
        seen_fd = report[0];
}

static void peer_stop(void) {
        char path[sizeof directory + 8];
        if (peer_pid > 0) {
                kill(peer_pid, SIGKILL);
                waitpid(peer_pid, NULL, 0);
        }
        snprintf(path, sizeof path, "%s/s", directory);
        unlink(path);
        rmdir(directory);
}

TestSuite(session, .fini = peer_stop, .timeout = 60);

/* ---- the client ---- */

static Error error;

static int open_session(Session **ret) {
        return session_open(&(SessionOptions){.endpoint = endpoint}, &error, ret);
}

static Seen next_seen(void) {
        Seen seen;
        struct pollfd fd = {.fd = seen_fd, .events = POLLIN};
        cr_assert_eq(poll(&fd, 1, 30000), 1, "the peer saw nothing");
        cr_assert_eq(read(seen_fd, &seen, sizeof seen), (ssize_t)sizeof seen);
        return seen;
}

/* What a request was answered with, so far. */
typedef struct Answered {
        uint64_t request_id;
        unsigned count;
        WireType types[4];
        uint64_t epoch; /* of a PONG */
        int code;       /* not 0: it failed */
        char text[ERROR_TEXT_MAX];
} Answered;

static void on_answer(void *userdata, const SessionAnswer *answer, const Error *failure) {
        Answered *a = userdata;
        if (failure) {
                a->code = failure->code;
                snprintf(a->text, sizeof a->text, "%s", failure->text);
                return;
        }
        cr_assert_eq(answer->request_id, a->request_id);
        if (answer->type == WIRE_TYPE_PONG)
                a->epoch = ((const WirePong *)answer->body)->epoch;
        a->types[a->count++] = answer->type;
}

static void request(Session *s, WireType type, const void *body, Answered *ret) {
        *ret = (Answered){0};
        int64_t id = session_request(s, type, body, (BlobSlice){0}, on_answer, ret, &error);
        cr_assert_gt(id, 0, "%s", error.text);
        ret->request_id = (uint64_t)id;
}

static void submit(Session *s, uint64_t flags, Answered *ret) {
        WireTask task = {.kind = TASK_KIND_MESSAGE};
        WireSubmit body = {.flags = flags, .tasks = {&task, 1}};
        session_number(s, &body.client, &body.seq, &body.held);
        request(s, WIRE_TYPE_SUBMIT, &body, ret);
}

static void receive(Session *s, const Answered *a, unsigned count) {
        usec_t deadline = time_now_monotonic() + 60 * USEC_PER_SEC;
        while (a->count < count && !a->code)
                if (session_step(s, &error) == 0)
                        cr_assert_eq(session_wait(s, deadline, -1), 0, "there is no answer");
}

Test(session, greets_and_calls) {
        _cleanup_(session_closep) Session *s = NULL;
        Answered answered;
        peer_start(&(Script){0});
        cr_assert_eq(open_session(&s), 0, "%s", error.text);
        cr_assert_str_eq(session_peer(s)->version, "test");
        cr_assert_eq(session_instance(s)->owner_uid, geteuid());
        request(s, WIRE_TYPE_PING, &(WirePing){0}, &answered);
        receive(s, &answered, 1);
        cr_assert_eq(answered.types[0], WIRE_TYPE_PONG);
        cr_assert_eq(answered.epoch, 5);
}

Test(session, sends_again_under_the_same_number_after_a_lost_connection) {
        _cleanup_(session_closep) Session *s = NULL;
        peer_start(&(Script){.submits_ignored = 2});
        cr_assert_eq(open_session(&s), 0, "%s", error.text);
        Answered answered;
        submit(s, 0, &answered);
        receive(s, &answered, 1);
        cr_assert_eq(answered.types[0], WIRE_TYPE_SUBMITTED);
        Seen first = next_seen(), second = next_seen(), third = next_seen();
        cr_assert_eq(first.seq, 1);
        cr_assert_eq(second.seq, 1);
        cr_assert_eq(third.seq, 1);
        cr_assert_eq(memcmp(first.client, third.client, sizeof first.client), 0);
        cr_assert_eq(first.request_id, third.request_id);
}

Test(session, what_is_acknowledged_is_waited_for_and_not_submitted_again) {
        _cleanup_(session_closep) Session *s = NULL;
        peer_start(&(Script){0});
        cr_assert_eq(open_session(&s), 0, "%s", error.text);
        Answered answered;
        submit(s, WIRE_SUBMIT_WAIT, &answered); /* the peer goes away after SUBMITTED */
        receive(s, &answered, 2);
        cr_assert_eq(answered.types[0], WIRE_TYPE_SUBMITTED);
        cr_assert_eq(answered.types[1], WIRE_TYPE_ENDED);
        cr_assert_eq(next_seen().type, WIRE_TYPE_SUBMIT);
        cr_assert_eq(next_seen().type, WIRE_TYPE_WAIT);
}

Test(session, tells_which_answers_it_holds) {
        _cleanup_(session_closep) Session *s = NULL;
        peer_start(&(Script){0});
        cr_assert_eq(open_session(&s), 0, "%s", error.text);
        for (uint64_t i = 0; i < 3; i++) {
                Answered answered;
                submit(s, 0, &answered);
                receive(s, &answered, 1);
                Seen seen = next_seen();
                cr_assert_eq(seen.seq, i + 1);
                cr_assert_eq(seen.held, i);
        }
}

Test(session, is_told_why_it_is_refused) {
        Session *s = NULL;
        peer_start(&(Script){.welcome_code = EXIT_PROTOCOL});
        cr_assert_eq(open_session(&s), -EXIT_PROTOCOL);
        cr_assert_str_eq(error.text, "go away");
        cr_assert_null(s);
}

Test(session, another_protocol_is_an_error_at_once) {
        Session *s = NULL;
        peer_start(&(Script){.protocol = PROTOCOL_OTHER});
        cr_assert_eq(open_session(&s), -EXIT_PROTOCOL);
        cr_assert_not_null(strstr(error.text, "same version"), "%s", error.text);
}

Test(session, a_signal_that_came_before_the_wait_ends_it) {
        _cleanup_(session_closep) Session *s = NULL;
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        sigprocmask(SIG_BLOCK, &set, NULL); /* before there are threads, which would get it */
        peer_start(&(Script){0});
        cr_assert_eq(open_session(&s), 0, "%s", error.text);
        int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        kill(getpid(), SIGUSR1);
        cr_assert_eq(session_wait(s, USEC_INFINITY, fd), -ECANCELED);
        close(fd);
}

Test(session, nobody_there_says_so) {
        Session *s = NULL;
        snprintf(endpoint, sizeof endpoint, "ipc:///tmp/stint-no-such-directory/s");
        cr_assert_eq(open_session(&s), -EXIT_NO_DISPATCHER);
        cr_assert_not_null(strstr(error.text, "no dispatcher is running"), "%s", error.text);
}
