/* Finding a dispatcher, starting one's own, and the greeting. */
#include "client/session-internal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>

#define BUSY_PATIENCE_USEC (10 * USEC_PER_SEC) /* for a backlog that is full */
#define BUSY_STEP_MSEC     20
#define LOOK_USEC          (500 * USEC_PER_MSEC) /* after one that we started, until it answers */
#define LOOKS_IN_VAIN      2u

static void peer_set(SessionPeer *p, const WireWelcome *w) {
        *p = (SessionPeer){
                .protocol = w->protocol, .epoch = w->epoch, .pid = w->pid, .uid = w->uid};
        snprintf(p->version, sizeof p->version, "%.*s", (int)w->version.size, w->version.data);
        snprintf(p->instance, sizeof p->instance, "%.*s", (int)w->instance.size, w->instance.data);
        snprintf(p->state_dir, sizeof p->state_dir, "%.*s", (int)w->state_dir.size,
                 w->state_dir.data);
        snprintf(p->events, sizeof p->events, "ipc://%.*s", (int)w->events.size, w->events.data);
}

typedef struct Greeting {
        Session *session;
        Error *error;
        int result; /* 1: no answer yet */
} Greeting;

static void on_welcome(void *userdata, const SessionAnswer *answer, const Error *error) {
        Greeting *g = userdata;
        g->result = 0;
        if (answer && answer->type == WIRE_TYPE_WELCOME) {
                peer_set(&g->session->peer, answer->body);
        } else if (answer) {
                g->result = error_set(g->error, EXIT_PROTOCOL,
                                      "the dispatcher answered a greeting with message %u: install "
                                      "the same version of both",
                                      answer->type);
        } else {
                if (error != g->error)
                        *g->error = *error;
                g->result = -error->code;
        }
}

/* The instance that we started listened, and ended again before it answered: its store cannot be
 * opened, say. 0: it is there, or may be; else -code. */
static int look_after(Session *s, usec_t *next_usec, unsigned *in_vain, Error *error) {
        usec_t now = time_now_monotonic();
        if (!s->started || now < *next_usec)
                return 0;
        *next_usec = now + LOOK_USEC;
        InstanceState state = instance_probe(&s->instance);
        bool gone = state == INSTANCE_ABSENT || state == INSTANCE_REFUSED;
        *in_vain = gone ? *in_vain + 1 : 0;
        if (*in_vain < LOOKS_IN_VAIN)
                return 0;
        return error_set(error, EXIT_NO_DISPATCHER,
                         "cannot start your own instance: it ended before it answered; "
                         "`stintd --user --foreground` shows why");
}

/* Nobody else is in the session yet. */
static int session_greet(Session *s, Error *error) {
        Greeting greeting = {s, error, 1};
        WireClientHello hello = {
                .client = wire_bytes(s->client, sizeof s->client),
                .protocol_min = WIRE_PROTOCOL,
                .protocol_max = WIRE_PROTOCOL,
                .version = wire_text(STINT_VERSION),
        };
        int64_t id = session_request(s, WIRE_TYPE_CLIENT_HELLO, &hello, (BlobSlice){0}, on_welcome,
                                     &greeting, error);
        if (id < 0)
                return (int)id;
        usec_t look_usec = s->started ? time_now_monotonic() + LOOK_USEC : USEC_INFINITY;
        unsigned in_vain = 0;
        while (greeting.result == 1) {
                int r = session_step(s, error);
                if (r == 0)
                        r = session_wait(s, look_usec, -1);
                int gone = greeting.result == 1 ? look_after(s, &look_usec, &in_vain, error) : 0;
                if (gone < 0)
                        return gone;
                if (r < 0 && r != -EINTR && r != -ETIMEDOUT && greeting.result == 1)
                        return error_set(error, EXIT_SOFTWARE, "cannot wait for an answer: %s",
                                         strerror(-r));
        }
        return greeting.result;
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
        s->started = r == 0;
        if (r == 0 && options->notices == SESSION_NOTICES)
                fprintf(stderr, "stint: started your own instance (%s)\n", s->instance.paths.state);
        return r;
}

static int session_connect(Session *s, Error *error) {
        int r = wire_reader_new(&s->reader);
        if (r == 0)
                r = link_open(s->instance.endpoint, &s->link);
        return r < 0 ? error_set(error, EXIT_NO_DISPATCHER, "cannot connect to %s: %s",
                                 s->instance.endpoint, strerror(-r))
                     : 0;
}

int session_open(const SessionOptions *options, Error *error, Session **ret) {
        _cleanup_(session_closep) Session *s = calloc(1, sizeof *s);
        if (!s || getrandom(s->client, sizeof s->client, 0) != (ssize_t)sizeof s->client)
                return error_set(error, EXIT_SOFTWARE, "cannot make a session: %s",
                                 strerror(errno));
        s->notices = options->notices;
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
        session_pending_done(s);
        zmessage_done(&s->message);
        link_close(s->link);
        wire_reader_free(s->reader);
        wire_buffer_done(&s->buffer);
        free(s);
        return NULL;
}
