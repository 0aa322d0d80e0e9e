/* See channel.h. The SUB may lose anything at any time: before its subscription has arrived, while
 * the dispatcher is away, when its reader is slow. (epoch, seq) of each event shows a gap, and the
 * answer to EVENTS fills it. What nothing follows shows no gap: so the dispatcher is also asked
 * when the channel has just come up, and when it has been silent for a while, ever more rarely.
 *
 * An answer overtakes events that are still on their way, or that the program has not read yet. So
 * what the dispatcher has forgotten is lost only if the channel has told of something later, since
 * it keeps the order, or has told nothing for long.
 *
 *      event with the next seq ──────────────▶ told
 *      any other, channel up, long silence ──▶ EVENTS(epoch, seq) ──▶ its events told, then those
 *                                              that came meanwhile and were held */
#include "client/channel.h"

#define HELD_MAX      1024 /* events that wait for an answer; beyond it they make a new gap */
#define SILENCE_LEAST (200 * USEC_PER_MSEC)
#define SILENCE_MOST  (5 * USEC_PER_SEC)
#define SILENCES_MAX  3 /* reminders in a row, after which nothing is on its way any more */

/* An event that outlives its message. */
typedef struct HeldEvent {
        WireEvent event;
        char queue[WIRE_NAME_MAX];
} HeldEvent;

struct Channel {
        Session *session;
        ChannelHandler handler;
        void *userdata;
        uint64_t epoch, seq; /* of the last event that was told, or is lost for good */
        uint64_t remembered; /* seq at the last reminder */
        uint64_t request;    /* the EVENTS that is under way; 0: none */
        unsigned silences;   /* reminders since the last event */
        usec_t silence_usec; /* until the next reminder */
        bool doubt;          /* something may be lost since that request was sent */
        bool closed, busy;   /* busy: a handler runs, who closes must wait for its end */
        HeldEvent *held;     /* what came from behind a gap, in order */
        size_t held_first, held_count;
};

static void channel_ask(Channel *c);

static void tell(Channel *c, const WireEvent *event, uint64_t missed) {
        if (!c->closed)
                c->handler(c->userdata, event, missed);
}

/* ---- holding ---- */

static void hold(Channel *c, const WireEvent *e) {
        if (!c->held)
                c->held = calloc(HELD_MAX, sizeof *c->held);
        if (!c->held || c->held_count == HELD_MAX || e->queue.size > WIRE_NAME_MAX) {
                c->doubt = true;
                return;
        }
        HeldEvent *h = &c->held[c->held_count++];
        h->event = *e;
        memcpy(h->queue, e->queue.data, e->queue.size);
        h->event.queue.data = h->queue;
}

/* Tells an event if it is the next; false: there is a gap before it. */
static bool take(Channel *c, const WireEvent *e) {
        if (e->epoch < c->epoch || (e->epoch == c->epoch && e->seq <= c->seq))
                return true; /* told already */
        if (e->epoch != c->epoch || e->seq != c->seq + 1)
                return false;
        c->seq = e->seq;
        tell(c, e, 0);
        return true;
}

static void held_take(Channel *c) {
        while (c->held_first < c->held_count && take(c, &c->held[c->held_first].event))
                c->held_first++;
}

/* Those that are still behind a gap come again with the answer to the next question. */
static void held_drop(Channel *c) {
        if (c->held_first < c->held_count)
                c->doubt = true;
        c->held_first = c->held_count = 0;
}

/* ---- asking ---- */

static void lose(Channel *c, uint64_t next) {
        uint64_t missed = next - 1 - c->seq;
        c->seq = next - 1;
        tell(c, NULL, missed);
}

/* What lies between us and the first event that the dispatcher remembers: held or lost. false: it
 * may be on its way. */
static bool gap_close(Channel *c, uint64_t first) {
        while (first > c->seq + 1) {
                const WireEvent *held =
                        c->held_first < c->held_count ? &c->held[c->held_first].event : NULL;
                if (!held && c->silences < SILENCES_MAX)
                        return false;
                bool before = held && held->epoch == c->epoch && held->seq < first;
                lose(c, before ? held->seq : first);
                held_take(c);
        }
        return true;
}

static void answer_take(Channel *c, const WireEventsData *w) {
        uint64_t first = w->events.count ? w->events.items[0].seq : w->seq + 1;
        if (!w->epoch || w->epoch < c->epoch)
                return; /* of a dispatcher that is gone */
        if (w->epoch != c->epoch) {
                c->epoch = w->epoch;
                c->seq = first - 1;
                tell(c, NULL, UINT64_MAX);
        } else if (!gap_close(c, first)) {
                return;
        }
        for (size_t i = 0; i < w->events.count; i++) {
                const WireEventItem *e = &w->events.items[i];
                take(c, &(WireEvent){e->epoch, e->seq, e->time_usec, e->id, e->queue, e->state,
                                     e->reason, e->code, e->attempt});
        }
        if (c->seq < w->seq && w->events.count)
                c->doubt = true; /* there was no room for all of them */
}

static void channel_free(Channel *c) {
        free(c->held);
        free(c);
}

/* Runs around everything that tells; false: the channel is gone. */
static bool busy_end(Channel *c) {
        c->busy = false;
        if (!c->closed)
                return true;
        channel_free(c);
        return false;
}

static void on_answer(void *userdata, const SessionAnswer *answer, const Error *error) {
        Channel *c = userdata;
        c->request = 0;
        if (error)
                return; /* the reminder, or the channel when it is up again, asks anew */
        if (answer->type != WIRE_TYPE_EVENTS_DATA)
                return;
        c->busy = true;
        answer_take(c, answer->body);
        held_take(c);
        held_drop(c);
        if (busy_end(c) && c->doubt)
                channel_ask(c);
}

static void channel_ask(Channel *c) {
        WireEvents body = {.epoch = c->epoch, .seq = c->seq};
        c->doubt = c->request != 0;
        if (c->request)
                return;
        int64_t id = session_request(c->session, WIRE_TYPE_EVENTS, &body, (BlobSlice){0}, on_answer,
                                     c, NULL);
        if (id > 0)
                c->request = (uint64_t)id;
}

/* ---- what makes it ask ---- */

static void remind(Channel *c, usec_t silence_usec);

static void on_reminder(void *userdata) {
        Channel *c = userdata;
        if (c->seq != c->remembered) {
                remind(c, SILENCE_LEAST);
                return;
        }
        c->silences++;
        channel_ask(c);
        remind(c, MIN_OF(2 * c->silence_usec, SILENCE_MOST));
}

static void remind(Channel *c, usec_t silence_usec) {
        c->silence_usec = silence_usec;
        c->remembered = c->seq;
        session_remind(c->session, time_now_monotonic() + silence_usec, on_reminder, c);
}

static void on_event(void *userdata, const WireEvent *event) {
        Channel *c = userdata;
        if (!event) { /* up again, or for the first time */
                channel_ask(c);
                remind(c, SILENCE_LEAST);
                return;
        }
        c->silences = 0;
        c->busy = true;
        bool whole = take(c, event);
        if (!busy_end(c) || whole)
                return;
        hold(c, event);
        if (!c->request)
                channel_ask(c);
}

int channel_open(Session *s, uint64_t epoch, uint64_t seq, ChannelHandler handler, void *userdata,
                 Error *error, Channel **ret) {
        Channel *c = calloc(1, sizeof *c);
        if (!c)
                return error_set(error, EXIT_SOFTWARE, "out of memory");
        *c = (Channel){
                .session = s, .handler = handler, .userdata = userdata, .epoch = epoch, .seq = seq};
        int r = session_listen(s, on_event, c, error);
        if (r < 0) {
                channel_free(c);
                return r;
        }
        remind(c, SILENCE_LEAST);
        *ret = c;
        return 0;
}

Channel *channel_close(Channel *c) {
        if (!c)
                return NULL;
        session_forget(c->session, c->request);
        session_remind(c->session, 0, NULL, NULL);
        session_unlisten(c->session);
        c->closed = true;
        if (!c->busy)
                channel_free(c);
        return NULL;
}
