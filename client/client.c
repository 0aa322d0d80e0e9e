/* Opening, errors, the loop, and requests that wait for their one answer. */
#include "client/client.h"

#include "client/collect.h"
#include "client/future.h"
#include "client/reader.h"
#include "client/submit.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#define DISPATCH_MAX 1024 /* messages that one stint_dispatch handles */
#define LOOK_EVERY   64   /* messages, after which what waits looks up, however many there are */

/* ---- errors ---- */

int client_fail(StintClient *c, int code, const char *format, ...) {
        va_list ap;
        char text[ERROR_TEXT_MAX];
        va_start(ap, format);
        vsnprintf(text, sizeof text, format, ap);
        va_end(ap);
        return error_set(&c->error, code, "%s", text);
}

const char *stint_error(const StintClient *c) {
        return c ? c->error.text : "out of memory";
}

const char *stint_state_name(StintState state) {
        return task_state_name((TaskState)state);
}

int stint_state_is_end(StintState state) {
        return task_state_is_end((TaskState)state);
}

const char *stint_reason_name(StintReason reason) {
        return end_reason_name((EndReason)reason);
}

/* ---- opening ---- */

StintClient *stint_new(const StintOptions *options) {
        StintClient *c = calloc(1, sizeof *c);
        if (!c)
                return NULL;
        c->interrupt_fd = -1;
        c->over_end = &c->over;
        if (options)
                memcpy(&c->options, options, MIN_OF(options->size, sizeof c->options));
        if (c->options.endpoint) {
                c->endpoint = strdup(c->options.endpoint);
                c->options.endpoint = c->endpoint;
        }
        return options && options->endpoint && !c->endpoint ? stint_free(c) : c;
}

StintClient *stint_free(StintClient *c) {
        if (!c)
                return NULL;
        ASSERT(!c->handling); /* a handler must not end what called it */
        if (c->watches_free)
                c->watches_free(c);
        readers_free(c);
        submit_free(c);
        collect_free(c);
        futures_free(c);
        outcomes_done(&c->outcomes);
        session_close(c->session);
        free(c->endpoint);
        free(c);
        return NULL;
}

static void peer_set(StintClient *c) {
        const SessionPeer *p = session_peer(c->session);
        const Instance *i = session_instance(c->session);
        c->peer = (StintPeer){
                .version = p->version,
                .instance = p->instance,
                .state_dir = p->state_dir,
                .socket = i->path,
                .protocol = p->protocol,
                .epoch = p->epoch,
                .pid = p->pid,
                .uid = (uint32_t)p->uid,
                .owner_uid = i->owner_uid,
        };
}

int stint_connect(StintClient *c) {
        static const InstanceChoice choices[] = {
                [STINT_INSTANCE_CHOOSE] = INSTANCE_CHOOSE,
                [STINT_INSTANCE_OWN] = INSTANCE_OWN,
                [STINT_INSTANCE_SYSTEM] = INSTANCE_OF_SYSTEM,
        };
        const StintOptions *o = &c->options;
        c->error = (Error){0};
        if (c->session)
                return client_fail(c, STINT_INVALID, "the client is connected already");
        if ((unsigned)o->instance >= ARRAY_SIZE(choices))
                return client_fail(c, STINT_INVALID, "options: instance %d: there is no such",
                                   (int)o->instance);
        SessionOptions options = {
                .endpoint = o->endpoint,
                .choice = choices[o->instance],
                .start = o->flags & STINT_START_OWN ? SESSION_START_OWN : SESSION_CONNECT_ONLY,
                .notices = o->flags & STINT_NOTICES ? SESSION_NOTICES : SESSION_SILENT,
        };
        int r = session_open(&options, &c->error, &c->session);
        if (r < 0)
                return r;
        peer_set(c);
        return client_leave(c, 0);
}

const StintPeer *stint_peer(const StintClient *c) {
        return c->session ? &c->peer : NULL;
}

Session *client_session(StintClient *c) {
        return c->session;
}

Outcomes *client_outcomes(StintClient *c) {
        return &c->outcomes;
}

/* ---- calls ---- */

int client_enter_now(StintClient *c) {
        c->error = (Error){0};
        return c->session ? 0
                          : client_fail(c, STINT_INVALID,
                                        "the client is not connected: call stint_connect first");
}

int client_enter(StintClient *c) {
        int r = client_enter_now(c);
        if (r == 0 && c->handling)
                return client_fail(c, STINT_INVALID,
                                   "a handler may not call what waits: do it after stint_dispatch");
        return r;
}

int client_leave(StintClient *c, int r) {
        if (!c->handling) {
                if (c->gather || c->wanted_count || c->cancel_count || c->over || collect_is_due(c))
                        session_arm(c->session);
                session_settle(c->session);
        }
        return r;
}

usec_t client_deadline(int timeout_msec) {
        if (timeout_msec < 0)
                return USEC_INFINITY;
        return timeout_msec ? time_now_monotonic() + (usec_t)timeout_msec * USEC_PER_MSEC : 0;
}

/* What has gathered goes out. */
static void client_send(StintClient *c) {
        submit_send(c);
        futures_send(c);
        collect_send(c);
}

/* Calls the handlers of what is over, with what the last message did. */
static int client_handle(StintClient *c) {
        int r = session_step(c->session, &c->error);
        futures_tell(c);
        return r;
}

static int client_wait(StintClient *c, usec_t deadline) {
        int r = session_wait(c->session, deadline, c->interrupt_fd);
        if (r != 0 && r != -EINTR)
                return -STINT_TIMED_OUT;
        bool late = deadline && deadline != USEC_INFINITY && time_now_monotonic() >= deadline;
        return late ? -STINT_TIMED_OUT : 0;
}

int client_step(StintClient *c, usec_t deadline) {
        int r = client_handle(c);
        if (r < 0 || (r > 0 && ++c->unlooked < LOOK_EVERY))
                return r;
        c->unlooked = 0;
        client_send(c);
        futures_tell(c);
        return client_wait(c, deadline);
}

typedef struct Call {
        SessionAnswer *answer;
        StintClient *client;
        enum { CALL_WAITS, CALL_ANSWERED, CALL_FAILED } outcome;
} Call;

static void on_answer(void *userdata, const SessionAnswer *answer, const Error *error) {
        Call *call = userdata;
        call->outcome = answer ? CALL_ANSWERED : CALL_FAILED;
        if (answer)
                *call->answer = *answer;
        else
                call->client->error = *error;
}

int client_call_until(StintClient *c, WireType type, const void *body, BlobSlice payload,
                      WireType expected, usec_t deadline, SessionAnswer *ret) {
        Call call = {.answer = ret, .client = c};
        int r = client_enter(c);
        if (r < 0)
                return r;
        submit_send(c);
        int64_t id = session_request(c->session, type, body, payload, on_answer, &call, &c->error);
        if (id < 0)
                return client_leave(c, (int)id);
        while (call.outcome == CALL_WAITS) {
                r = client_step(c, deadline);
                if (r < 0 && call.outcome == CALL_WAITS) {
                        session_forget(c->session, (uint64_t)id);
                        return client_leave(c, r);
                }
        }
        if (call.outcome == CALL_FAILED)
                return client_leave(c, -c->error.code);
        if (ret->type != expected)
                return client_leave(
                        c, client_fail(c, STINT_MISMATCH,
                                       "the dispatcher answered with message %u where %u belongs: "
                                       "install the same version of both",
                                       ret->type, expected));
        return client_leave(c, 0);
}

int client_call(StintClient *c, WireType type, const void *body, BlobSlice payload,
                WireType expected, SessionAnswer *ret) {
        return client_call_until(c, type, body, payload, expected, USEC_INFINITY, ret);
}

int stint_ping(StintClient *c, int timeout_msec, uint64_t *ret_usec) {
        SessionAnswer answer;
        usec_t begin = time_now_monotonic();
        int r = client_call_until(c, WIRE_TYPE_PING, &(WirePing){0}, (BlobSlice){0}, WIRE_TYPE_PONG,
                                  client_deadline(timeout_msec), &answer);
        if (r == 0 && ret_usec)
                *ret_usec = time_now_monotonic() - begin;
        return r;
}

/* ---- loops ---- */

int stint_fd(const StintClient *c) {
        return c->session ? session_fd(c->session) : -STINT_INVALID;
}

void stint_set_interrupt(StintClient *c, int fd) {
        c->interrupt_fd = fd;
}

int stint_dispatch(StintClient *c, int timeout_msec) {
        int handled = 0, r = client_enter(c);
        if (r < 0)
                return r;
        usec_t deadline = client_deadline(timeout_msec);
        client_send(c);
        do {
                futures_tell(c);
                r = session_wait(c->session, deadline, c->interrupt_fd);
                if (r == -ECANCELED)
                        return client_leave(c, -STINT_TIMED_OUT);
                if (r < 0)
                        break;
                while (handled < DISPATCH_MAX && (r = client_handle(c)) > 0)
                        handled++;
                if (r < 0)
                        return client_leave(c, r);
                client_send(c);
        } while (handled == 0 && deadline);
        futures_tell(c);
        return client_leave(c, handled);
}
