/* See session.h. The link tells of lost and regained connections; what was sent and not answered by
 * then may be lost and goes out again. Opening is in session-open.c. */
#include "client/session-internal.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_USEC                                                                              \
        (60 * USEC_PER_SEC) /* for a dispatcher that is gone; far below the 10 minutes that it     \
                               remembers a client */
#define NOTICE_USEC (2 * USEC_PER_SEC) /* after which a person is told that we wait */

/* A request that may have to go out again. */
typedef struct Pending {
        uint64_t id, seq; /* seq 0: changes nothing */
        WireType type;
        bool streams; /* SUBMIT that waits: ENDED follows SUBMITTED */
        char *header;
        size_t header_size;
        BlobSlice payload;
        SessionHandler handler;
        void *userdata;
} Pending;

static void pending_free(Session *s, Pending *p) {
        if (!p)
                return;
        if (p->seq)
                table_remove(&s->unanswered, p->seq);
        free(p->header);
        blob_slice_drop(&p->payload);
        free(p);
}

void session_pending_done(Session *s) {
        uint64_t id = 0;
        for (Pending *p; (p = table_first_from(&s->pending, &id)); id++)
                pending_free(s, p);
        table_done(&s->pending);
        table_done(&s->unanswered);
}

const Instance *session_instance(const Session *s) {
        return &s->instance;
}

const SessionPeer *session_peer(const Session *s) {
        return &s->peer;
}

int session_fd(const Session *s) {
        return link_fd(s->link);
}

void session_arm(Session *s) {
        link_arm(s->link);
}

void session_settle(Session *s) {
        link_settle(s->link);
}

/* ---- the connection ---- */

/* While there is no connection and somebody waits, the link's timer wakes us for the notice and for
 * the end of the patience; and always for the reminder. */
static void timer_update(Session *s) {
        usec_t at = s->remind_usec;
        if (s->lost_usec && s->pending.count) {
                usec_t patience =
                        s->told || s->notices == SESSION_SILENT ? PATIENCE_USEC : NOTICE_USEC;
                at = at ? MIN_OF(at, s->lost_usec + patience) : s->lost_usec + patience;
        }
        if (at != s->timer_usec)
                link_set_timer(s->link, at);
        s->timer_usec = at;
}

static void pending_send(Session *s, const Pending *p) {
        /* What is sent while the connection is away goes out with the rest when it is back; before
         * the first one ZeroMQ keeps it, which saves a turn. */
        if (!s->connected || !s->lost_usec)
                link_send(s->link, p->header, p->header_size, p->payload);
}

static void on_connection_up(Session *s) {
        bool again = s->connected;
        s->connected = true;
        s->lost_usec = 0;
        s->told = false;
        timer_update(s);
        if (!again)
                return;
        uint64_t id = 0;
        for (Pending *p; (p = table_first_from(&s->pending, &id)); id++)
                pending_send(s, p);
        if (s->on_event)
                s->on_event(s->event_userdata, NULL);
}

static void news_read(Session *s) {
        LinkNews news;
        while ((news = link_next_news(s->link)) != LINK_NEWS_NONE) {
                if (news == LINK_NEWS_UP) {
                        on_connection_up(s);
                } else if (news == LINK_NEWS_LOST && !s->lost_usec) {
                        s->lost_usec = time_now_monotonic();
                        timer_update(s);
                } else if (news == LINK_NEWS_CHANNEL_UP && s->on_event) {
                        s->on_event(s->event_userdata, NULL);
                }
        }
}

/* Gives every request up that there is now; handlers may make new ones. */
static int session_fail(Session *s, Error *error) {
        uint64_t id = 0, last = s->last_id;
        for (Pending *p; (p = table_first_from(&s->pending, &id)) && id <= last; id++) {
                table_remove(&s->pending, id);
                p->handler(p->userdata, NULL, error);
                pending_free(s, p);
        }
        timer_update(s);
        return -error->code;
}

/* While there is no connection: is there still hope? 0, or -code when the patience is over. */
static int connection_check(Session *s, Error *error) {
        usec_t now = time_now_monotonic();
        if (s->lost_usec == 0 || !s->pending.count)
                return 0;
        if (now >= s->lost_usec + PATIENCE_USEC) {
                InstanceState state = instance_probe(&s->instance);
                instance_error(&s->instance, state == INSTANCE_REACHABLE ? INSTANCE_BUSY : state,
                               error);
                return session_fail(s, error);
        }
        if (now >= s->lost_usec + NOTICE_USEC && !s->told) {
                if (s->notices == SESSION_NOTICES && isatty(STDERR_FILENO))
                        fprintf(stderr,
                                "stint: the dispatcher at %s is away: waiting for it to come "
                                "back\n",
                                s->instance.path);
                s->told = true;
        }
        timer_update(s);
        return 0;
}

/* ---- sending ---- */

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
        case WIRE_TYPE_PURGE:
                return ((const WirePurge *)body)->seq;
        default:
                return 0;
        }
}

int64_t session_request(Session *s, WireType type, const void *body, BlobSlice payload,
                        SessionHandler handler, void *userdata, Error *error) {
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
        p->handler = handler;
        p->userdata = userdata;
        pending_send(s, p);
        if (s->lost_usec)
                timer_update(s);
        return (int64_t)p->id;
}

void session_forget(Session *s, uint64_t request_id) {
        Pending *p = table_remove(&s->pending, request_id);
        if (!p)
                return;
        if (p->type == WIRE_TYPE_WAIT || p->type == WIRE_TYPE_OUTPUT || p->streams) {
                WireForget forget = {.request = request_id};
                if (wire_encode(&s->buffer, WIRE_TYPE_FORGET, ++s->last_id, &forget) == 0)
                        link_send(s->link, s->buffer.data, s->buffer.size, (BlobSlice){0});
        }
        pending_free(s, p);
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

static void answer_refusal(const SessionAnswer *answer, Error *ret) {
        const WireError *e = answer->body;
        int code = e->code >= EXIT_USAGE && e->code <= EXIT_CONFIG ? (int)e->code : EXIT_SOFTWARE;
        error_set(ret, code, "%.*s", (int)e->text.size, e->text.data);
}

/* Gives the answer to whoever waits for it; p may be gone afterwards. */
static void answer_give(Session *s, Pending *p, const SessionAnswer *answer) {
        Error error = {0};
        if (answer_is_last(p, answer)) {
                table_remove(&s->pending, p->id);
        } else {
                if (answer->type == WIRE_TYPE_SUBMITTED)
                        pending_becomes_wait(s, p, answer->body);
                p->handler(p->userdata, answer, NULL);
                return;
        }
        if (p->seq)
                table_remove(&s->unanswered, p->seq);
        p->seq = 0;
        if (answer->type == WIRE_TYPE_ERROR) {
                answer_refusal(answer, &error);
                p->handler(p->userdata, NULL, &error);
        } else {
                p->handler(p->userdata, answer, NULL);
        }
        pending_free(s, p);
}

/* Takes one message; -EPROTONOSUPPORT: it is an answer of another protocol. */
static int answer_take(Session *s, uint64_t *ret_protocol) {
        WireMessage m;
        if (s->message.malformed || s->message.count < 1)
                return 0;
        int r = wire_decode(s->reader, s->message.frames[0].data, s->message.frames[0].size, &m);
        Pending *p = r == 0 || r == -EPROTONOSUPPORT ? table_get(&s->pending, m.request_id) : NULL;
        if (!p)
                return 0; /* a late answer, or damage: what we need is asked again */
        *ret_protocol = m.protocol;
        if (r < 0)
                return r;
        SessionAnswer answer = {.request_id = m.request_id, .type = m.type, .body = m.body};
        if (s->message.count > 1) {
                answer.payload_frame = &s->message.frames[1];
                answer.payload = s->message.frames[1].data;
                answer.payload_size = s->message.frames[1].size;
        }
        answer_give(s, p, &answer);
        return 0;
}

static void event_take(Session *s) {
        WireMessage m;
        if (s->message.malformed || s->message.count < 2 || !s->on_event)
                return;
        if (wire_decode(s->reader, s->message.frames[1].data, s->message.frames[1].size, &m) == 0 &&
            m.type == WIRE_TYPE_EVENT)
                s->on_event(s->event_userdata, m.body);
}

static int message_take(Session *s, Error *error) {
        uint64_t protocol = 0;
        if (answer_take(s, &protocol) != -EPROTONOSUPPORT)
                return 1;
        error_set(error, EXIT_PROTOCOL,
                  "the dispatcher at %s speaks protocol %llu, this client (stint " STINT_VERSION
                  ") %d: install the same version of both",
                  s->instance.path, (unsigned long long)protocol, WIRE_PROTOCOL);
        return session_fail(s, error);
}

void session_remind(Session *s, usec_t at, void (*handler)(void *userdata), void *userdata) {
        s->remind_usec = at;
        s->on_reminder = handler;
        s->reminder_userdata = userdata;
        timer_update(s);
}

static int on_time(Session *s, Error *error) {
        s->timer_usec = 0;
        if (s->remind_usec && time_now_monotonic() >= s->remind_usec) {
                s->remind_usec = 0;
                s->on_reminder(s->reminder_userdata);
        }
        int r = connection_check(s, error);
        timer_update(s);
        return r;
}

int session_step(Session *s, Error *error) {
        unsigned ready = s->ready;
        s->ready = 0;
        if (ready & LINK_NEWS)
                news_read(s);
        if (ready & LINK_TIME) {
                int r = on_time(s, error);
                if (r < 0)
                        return r;
        }
        if (link_receive(s->link, &s->message) == 0)
                return message_take(s, error);
        if (s->on_event && link_hear(s->link, &s->message) == 0) {
                event_take(s);
                return 1;
        }
        return 0;
}

int session_wait(Session *s, usec_t deadline, int interrupt_fd) {
        int timeout_msec = -1;
        unsigned ready;
        if (deadline != USEC_INFINITY) {
                usec_t now = deadline ? time_now_monotonic() : 0;
                usec_t left = deadline > now ? deadline - now : 0;
                timeout_msec =
                        (int)MIN_OF((left + USEC_PER_MSEC - 1) / USEC_PER_MSEC, (usec_t)INT_MAX);
        }
        int r = link_poll(s->link, timeout_msec, interrupt_fd, &ready);
        s->ready |= ready;
        return r < 0 || ready ? r : -ETIMEDOUT;
}

/* ---- the event channel ---- */

int session_listen(Session *s, SessionEventHandler handler, void *userdata, Error *error) {
        int r = link_listen(s->link, s->peer.events);
        if (r < 0)
                return error_set(error, EXIT_NO_DISPATCHER, "cannot connect to %s: %s",
                                 s->peer.events, strerror(-r));
        s->on_event = handler;
        s->event_userdata = userdata;
        return 0;
}

void session_unlisten(Session *s) {
        link_unlisten(s->link);
        s->on_event = NULL;
}
