/* See session.h. The DEALER's socket monitor tells of lost and regained connections; what was sent
 * and not answered by then may be lost and goes out again. */
#include "client/session.h"

#include "common/table.h"
#include "common/time.h"
#include "common/zsocket.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include <zmq.h>

#define MONITOR_ENDPOINT "inproc://stint-monitor"
#define PATIENCE_USEC                                                                              \
        (60 * USEC_PER_SEC) /* for a dispatcher that is gone; far below the 10 minutes that it     \
                               remembers a client */
#define NOTICE_USEC        (2 * USEC_PER_SEC) /* after which a person is told that we wait */
#define POLL_STEP_MSEC     1000
#define BUSY_PATIENCE_USEC (10 * USEC_PER_SEC) /* for a backlog that is full */
#define BUSY_STEP_MSEC     20

/* A request that may have to go out again. */
typedef struct Pending {
        uint64_t id, seq; /* seq 0: changes nothing */
        WireType type;
        bool streams; /* SUBMIT that waits: ENDED follows SUBMITTED */
        char *header;
        size_t header_size;
        BlobSlice payload;
} Pending;

struct Session {
        Instance instance;
        SessionPeer peer;
        void *context, *dealer, *monitor;
        WireReader *reader;
        WireBuffer buffer;
        ZMessage message;
        Table pending;    /* request id -> Pending */
        Table unanswered; /* seq -> Pending, of those that change something */
        uint64_t last_id, last_seq, other_protocol;
        uint8_t client[WIRE_UUID];
        bool connected, told;
        int watched_fd;   /* see session_watch; -1: none */
        usec_t lost_usec; /* since when there is no connection */
};

static void pending_free(Session *s, Pending *p) {
        if (!p)
                return;
        if (p->seq)
                table_remove(&s->unanswered, p->seq);
        free(p->header);
        blob_slice_drop(&p->payload);
        free(p);
}

const Instance *session_instance(const Session *s) {
        return &s->instance;
}

const SessionPeer *session_peer(const Session *s) {
        return &s->peer;
}

/* ---- sending ---- */

static void pending_send(Session *s, const Pending *p) {
        /* What cannot be sent now is sent after the reconnect. */
        zsocket_send(s->dealer, p->header, p->header_size, p->payload);
}

static void pending_send_all(Session *s) {
        uint64_t id = 0;
        for (Pending *p; (p = table_first_from(&s->pending, &id)); id++)
                pending_send(s, p);
}

/* The highest seq such that it and all below are answered. */
static uint64_t held_seq(const Session *s) {
        uint64_t lowest = 0;
        return table_first_from(&s->unanswered, &lowest) ? lowest - 1 : s->last_seq;
}

void session_number(Session *s, WireText *ret_client, uint64_t *ret_seq, uint64_t *ret_held) {
        *ret_client = wire_bytes(s->client, sizeof s->client);
        *ret_held = held_seq(s);
        *ret_seq = ++s->last_seq;
}

static uint64_t body_seq(WireType type, const void *body) {
        switch (type) {
        case WIRE_TYPE_SUBMIT:
                return ((const WireSubmit *)body)->seq;
        case WIRE_TYPE_CANCEL:
                return ((const WireCancel *)body)->seq;
        default:
                return 0;
        }
}

int64_t session_send(Session *s, WireType type, const void *body, BlobSlice payload, Error *error) {
        int r = wire_encode(&s->buffer, type, s->last_id + 1, body);
        if (r == -EMSGSIZE)
                return error_set(error, EXIT_DATA,
                                 "request is too large: a name, a label or a list exceeds its "
                                 "limit; make it smaller");
        Pending *p = r == 0 ? calloc(1, sizeof *p) : NULL;
        if (p)
                p->header = malloc(s->buffer.size);
        uint64_t seq = body_seq(type, body);
        if (!p || !p->header || (seq && table_put(&s->unanswered, seq, p) < 0) ||
            table_put(&s->pending, s->last_id + 1, p) < 0) {
                table_remove(&s->unanswered, seq);
                pending_free(s, p);
                return error_set(error, EXIT_SOFTWARE, "out of memory");
        }
        memcpy(p->header, s->buffer.data, s->buffer.size);
        p->header_size = s->buffer.size;
        p->id = ++s->last_id;
        p->seq = seq;
        p->type = type;
        p->streams =
                type == WIRE_TYPE_SUBMIT && ((const WireSubmit *)body)->flags & WIRE_SUBMIT_WAIT;
        p->payload = blob_slice_ref(payload);
        pending_send(s, p);
        return (int64_t)p->id;
}

void session_forget(Session *s, uint64_t request_id) {
        Pending *p = table_remove(&s->pending, request_id);
        if (!p)
                return;
        if (p->type == WIRE_TYPE_WAIT || p->type == WIRE_TYPE_OUTPUT || p->streams) {
                WireForget forget = {.request = request_id};
                if (wire_encode(&s->buffer, WIRE_TYPE_FORGET, ++s->last_id, &forget) == 0)
                        zsocket_send(s->dealer, s->buffer.data, s->buffer.size, (BlobSlice){0});
        }
        pending_free(s, p);
}

/* ---- the connection ---- */

static int monitor_open(Session *s) {
        int linger = 0;
        if (zmq_socket_monitor(s->dealer, MONITOR_ENDPOINT,
                               ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED) < 0)
                return -errno;
        s->monitor = zmq_socket(s->context, ZMQ_PAIR);
        if (!s->monitor || zmq_setsockopt(s->monitor, ZMQ_LINGER, &linger, sizeof linger) < 0 ||
            zmq_connect(s->monitor, MONITOR_ENDPOINT) < 0)
                return -errno;
        return 0;
}

/* Reads what the monitor has to say; after a reconnect everything unanswered goes out again. */
static void monitor_read(Session *s) {
        uint16_t event;
        char data[6], address[ENDPOINT_MAX];
        while (zmq_recv(s->monitor, data, sizeof data, ZMQ_DONTWAIT) >= (int)sizeof event) {
                zmq_recv(s->monitor, address, sizeof address, ZMQ_DONTWAIT);
                memcpy(&event, data, sizeof event);
                if (event == ZMQ_EVENT_DISCONNECTED && s->lost_usec == 0) {
                        s->lost_usec = time_now_monotonic();
                } else if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
                        if (s->connected)
                                pending_send_all(s);
                        s->connected = true;
                        s->lost_usec = 0;
                        s->told = false;
                }
        }
}

/* While there is no connection: is there still hope? 0, or -code when the patience is over. */
static int connection_check(Session *s, Error *error) {
        usec_t now = time_now_monotonic();
        if (s->lost_usec == 0)
                return 0;
        if (now > s->lost_usec + PATIENCE_USEC) {
                InstanceState state = instance_probe(&s->instance);
                return state == INSTANCE_REACHABLE
                               ? instance_error(&s->instance, INSTANCE_BUSY, error)
                               : instance_error(&s->instance, state, error);
        }
        if (now > s->lost_usec + NOTICE_USEC && !s->told && isatty(STDERR_FILENO)) {
                fprintf(stderr,
                        "stint: the dispatcher at %s is away: waiting for it to come back\n",
                        s->instance.path);
                s->told = true;
        }
        return 0;
}

/* ---- receiving ---- */

/* Is the request done with this answer? */
static bool answer_is_last(const Pending *p, const SessionAnswer *a) {
        if (a->type == WIRE_TYPE_ENDED)
                return !((const WireEnded *)a->body)->more;
        return !(p->streams && a->type == WIRE_TYPE_SUBMITTED);
}

/* A SUBMIT that waits is acknowledged: after a reconnect only its ends are asked for, and the
 * dispatcher need not remember its answer any longer. */
static void pending_becomes_wait(Session *s, Pending *p, const WireSubmitted *submitted) {
        WireRange range = {.first = submitted->first_id, .count = submitted->count};
        if (wire_encode(&s->buffer, WIRE_TYPE_WAIT, p->id, &(WireWait){.ranges = {&range, 1}}) < 0)
                return; /* stays what it is: sent again it is answered again */
        char *header = malloc(s->buffer.size);
        if (!header)
                return;
        memcpy(header, s->buffer.data, s->buffer.size);
        free(p->header);
        blob_slice_drop(&p->payload);
        p->header = header;
        p->header_size = s->buffer.size;
        p->type = WIRE_TYPE_WAIT;
        table_remove(&s->unanswered, p->seq);
        p->seq = 0;
        p->streams = false;
}

/* Takes one message; 0 if it answers something that is outstanding, -EPROTONOSUPPORT if it would
 * and is of another protocol, else -EAGAIN. */
static int answer_take(Session *s, SessionAnswer *ret) {
        WireMessage m;
        if (s->message.malformed || s->message.count < 1)
                return -EAGAIN;
        int r = wire_decode(s->reader, s->message.frames[0].data, s->message.frames[0].size, &m);
        Pending *p = r == 0 || r == -EPROTONOSUPPORT ? table_get(&s->pending, m.request_id) : NULL;
        if (!p)
                return -EAGAIN; /* a late answer, or damage: what we need is asked again */
        s->other_protocol = m.protocol;
        if (r < 0)
                return r;
        *ret = (SessionAnswer){.request_id = m.request_id, .type = m.type, .body = m.body};
        if (s->message.count > 1) {
                ret->payload = s->message.frames[1].data;
                ret->payload_size = s->message.frames[1].size;
        }
        if (answer_is_last(p, ret))
                pending_free(s, table_remove(&s->pending, m.request_id));
        else if (m.type == WIRE_TYPE_SUBMITTED)
                pending_becomes_wait(s, p, m.body);
        return 0;
}

/* Reads until there is an answer: 0, -EAGAIN, or -code. */
static int answer_read(Session *s, SessionAnswer *ret, Error *error) {
        while (zsocket_receive_now(s->dealer, &s->message) == 0) {
                int r = answer_take(s, ret);
                if (r == -EPROTONOSUPPORT)
                        return error_set(error, EXIT_PROTOCOL,
                                         "the dispatcher at %s speaks protocol %llu, this client "
                                         "(stint " STINT_VERSION
                                         ") %d: install the same version of both",
                                         s->instance.path, (unsigned long long)s->other_protocol,
                                         WIRE_PROTOCOL);
                if (r == 0)
                        return 0;
        }
        return -EAGAIN;
}

void session_watch(Session *s, int fd) {
        s->watched_fd = fd;
}

/* Waits for a message or an event of the connection; 0: look again. */
static int session_poll(Session *s, long timeout_msec) {
        zmq_pollitem_t items[] = {{.socket = s->dealer, .events = ZMQ_POLLIN},
                                  {.socket = s->monitor, .events = ZMQ_POLLIN},
                                  {.fd = s->watched_fd, .events = ZMQ_POLLIN}};
        int n = (int)ARRAY_SIZE(items) - (s->watched_fd < 0);
        if (zmq_poll(items, n, timeout_msec) < 0)
                return -errno;
        return s->watched_fd >= 0 && items[2].revents ? -EINTR : 0;
}

int session_receive(Session *s, int timeout_msec, SessionAnswer *ret, Error *error) {
        usec_t deadline = timeout_msec < 0
                                  ? USEC_INFINITY
                                  : time_now_monotonic() + (usec_t)timeout_msec * USEC_PER_MSEC;
        for (;;) {
                monitor_read(s);
                int r = answer_read(s, ret, error);
                if (r != -EAGAIN)
                        return r;
                r = connection_check(s, error);
                if (r < 0)
                        return r;
                usec_t now = time_now_monotonic();
                if (now >= deadline)
                        return -ETIMEDOUT;
                usec_t left = (deadline - now + USEC_PER_MSEC - 1) / USEC_PER_MSEC;
                long step = s->lost_usec ? POLL_STEP_MSEC : -1;
                if (deadline != USEC_INFINITY && (step < 0 || left < (usec_t)step))
                        step = (long)left;
                r = session_poll(s, step);
                if (r < 0)
                        return r;
        }
}

int session_refused(const SessionAnswer *answer, Error *error) {
        const WireError *e = answer->body;
        int code = e->code >= EXIT_USAGE && e->code <= EXIT_CONFIG ? (int)e->code : EXIT_SOFTWARE;
        return error_set(error, code, "%.*s", (int)e->text.size, e->text.data);
}

int session_call(Session *s, WireType type, const void *body, BlobSlice payload, WireType expected,
                 SessionAnswer *ret, Error *error) {
        int64_t id = session_send(s, type, body, payload, error);
        if (id < 0)
                return (int)id;
        for (;;) {
                int r = session_receive(s, -1, ret, error);
                if (r == -EINTR)
                        continue;
                if (r < 0)
                        return r;
                if (ret->request_id != (uint64_t)id)
                        continue;
                if (ret->type == WIRE_TYPE_ERROR)
                        return session_refused(ret, error);
                if (ret->type != expected)
                        return error_set(error, EXIT_PROTOCOL,
                                         "the dispatcher answered with message %u where %u "
                                         "belongs: install the same version of both",
                                         ret->type, expected);
                return 0;
        }
}

/* ---- opening ---- */

static void peer_set(SessionPeer *p, const WireWelcome *w) {
        *p = (SessionPeer){
                .protocol = w->protocol, .epoch = w->epoch, .pid = w->pid, .uid = w->uid};
        snprintf(p->version, sizeof p->version, "%.*s", (int)w->version.size, w->version.data);
        snprintf(p->instance, sizeof p->instance, "%.*s", (int)w->instance.size, w->instance.data);
        snprintf(p->state_dir, sizeof p->state_dir, "%.*s", (int)w->state_dir.size,
                 w->state_dir.data);
}

static int session_greet(Session *s, Error *error) {
        SessionAnswer answer;
        WireClientHello hello = {
                .client = wire_bytes(s->client, sizeof s->client),
                .protocol_min = WIRE_PROTOCOL,
                .protocol_max = WIRE_PROTOCOL,
                .version = wire_text(STINT_VERSION),
        };
        int r = session_call(s, WIRE_TYPE_CLIENT_HELLO, &hello, (BlobSlice){0}, WIRE_TYPE_WELCOME,
                             &answer, error);
        if (r == 0)
                peer_set(&s->peer, answer.body);
        return r;
}

/* Reachable, or started, or an error. */
static int session_reach(Session *s, const SessionOptions *options, Error *error) {
        usec_t deadline = time_now_monotonic() + BUSY_PATIENCE_USEC;
        InstanceState state;
        while ((state = instance_probe(&s->instance)) == INSTANCE_BUSY &&
               time_now_monotonic() < deadline)
                poll(NULL, 0, BUSY_STEP_MSEC);
        if (state == INSTANCE_REACHABLE)
                return 0;
        bool absent = state == INSTANCE_ABSENT || state == INSTANCE_REFUSED;
        if (options->start != SESSION_START_OWN || !absent ||
            !instance_may_be_started(&s->instance))
                return instance_error(&s->instance, state, error);
        int r = instance_start(&s->instance, error);
        if (r == 0)
                fprintf(stderr, "stint: started your own instance (%s)\n", s->instance.paths.state);
        return r;
}

static int session_connect(Session *s, Error *error) {
        int r = zcontext_new(&s->context);
        if (r == 0)
                r = zsocket_new(s->context, ZMQ_DEALER, &(ZSocketOptions){.linger_msec = 1000},
                                &s->dealer);
        if (r == 0)
                r = monitor_open(s);
        if (r == 0)
                r = zsocket_connect(s->dealer, s->instance.endpoint);
        if (r == 0)
                r = wire_reader_new(&s->reader);
        return r < 0 ? error_set(error, EXIT_NO_DISPATCHER, "cannot connect to %s: %s",
                                 s->instance.endpoint, strerror(-r))
                     : 0;
}

int session_open(const SessionOptions *options, Error *error, Session **ret) {
        _cleanup_(session_closep) Session *s = calloc(1, sizeof *s);
        if (!s || getrandom(s->client, sizeof s->client, 0) != (ssize_t)sizeof s->client)
                return error_set(error, EXIT_SOFTWARE, "cannot make a session: %s",
                                 strerror(errno));
        s->watched_fd = -1;
        s->lost_usec = time_now_monotonic(); /* until the first handshake */
        int r = instance_find(options->endpoint, options->choice, &s->instance, error);
        if (r == 0)
                r = session_reach(s, options, error);
        if (r == 0)
                r = session_connect(s, error);
        if (r == 0)
                r = session_greet(s, error);
        if (r < 0)
                return r;
        *ret = take_ptr(s);
        return 0;
}

Session *session_close(Session *s) {
        if (!s)
                return NULL;
        uint64_t id = 0;
        for (Pending *p; (p = table_first_from(&s->pending, &id)); id++)
                pending_free(s, p);
        table_done(&s->pending);
        table_done(&s->unanswered);
        if (s->dealer)
                zmq_socket_monitor(s->dealer, NULL, 0);
        if (s->monitor)
                zmq_close(s->monitor);
        zmessage_done(&s->message);
        zsocket_free(s->dealer);
        zcontext_free(s->context);
        wire_reader_free(s->reader);
        wire_buffer_done(&s->buffer);
        free(s);
        return NULL;
}
