/* See zsource.h. Two sd-event sources per socket: *io* watches ZMQ_FD only to end a poll, and its
 * prepare callback asks the socket itself, before every poll, whether there is input; *defer* then
 * runs one turn.
 *
 *      a handler sends ──► the edge of ZMQ_FD is gone, input may wait
 *      before the poll: prepare ── ZMQ_EVENTS has POLLIN ──► arm defer ──► the poll does not sleep
 *      defer: one turn, at most ZSOURCE_BATCH messages
 *
 * Invariant: when sd-event sleeps, every enabled source's ZMQ_EVENTS was read after the last
 * operation on its socket and had no input. It holds as long as nobody uses the socket from within
 * a prepare callback. */
#include "common/zsource.h"

#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <zmq.h>

struct ZSource {
        void *socket;
        sd_event_source *io, *defer;
        ZSourceHandler handler;
        void *userdata;
        ZMessage message; /* reused by every turn that is not nested in another */
        unsigned turns;   /* how many turns are on the stack */
        bool enabled;
        bool freed; /* by its own handler: the outermost turn releases it */
};

typedef enum Turn { TURN_OF_LOOP, TURN_OF_DRAIN } Turn;

static void zsource_release(ZSource *s) {
        zmessage_done(&s->message);
        free(s);
}

/* Handles up to limit messages; a turn of the loop also ends when the handler switches the source
 * off. */
static unsigned zsource_turn(ZSource *s, unsigned limit, Turn turn) {
        ZMessage own = {}, *m = s->turns == 0 ? &s->message : &own;
        unsigned done = 0;

        s->turns++;
        while (done < limit && !s->freed && (turn == TURN_OF_DRAIN || s->enabled)) {
                if (zsocket_receive_now(s->socket, m) < 0)
                        break;
                done++;
                s->handler(s, m, s->userdata);
        }
        s->turns--;

        zmessage_clear(m);
        zmessage_done(&own);
        if (s->freed && s->turns == 0)
                zsource_release(s);
        return done;
}

static int on_io(sd_event_source *io, int fd, uint32_t revents, void *userdata) {
        return 0;
}

static int on_prepare(sd_event_source *io, void *userdata) {
        ZSource *s = userdata;
        int events = 0, r;
        size_t size = sizeof events;

        do
                r = zmq_getsockopt(s->socket, ZMQ_EVENTS, &events, &size);
        while (r < 0 && errno == EINTR);
        if (r < 0)
                return -errno;
        return events & ZMQ_POLLIN ? sd_event_source_set_enabled(s->defer, SD_EVENT_ONESHOT) : 0;
}

static int on_defer(sd_event_source *defer, void *userdata) {
        zsource_turn(userdata, ZSOURCE_BATCH, TURN_OF_LOOP);
        return 0;
}

static int zsource_attach(ZSource *s, sd_event *event, int64_t priority) {
        size_t size = sizeof(int);
        int fd, r;

        if (zmq_getsockopt(s->socket, ZMQ_FD, &fd, &size) < 0)
                return -errno;
        r = sd_event_add_io(event, &s->io, fd, EPOLLIN, on_io, s);
        if (r < 0)
                return r;
        r = sd_event_add_defer(event, &s->defer, on_defer, s);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(s->defer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        r = sd_event_source_set_priority(s->io, priority);
        if (r < 0)
                return r;
        r = sd_event_source_set_priority(s->defer, priority);
        if (r < 0)
                return r;
        return sd_event_source_set_prepare(s->io, on_prepare);
}

int zsource_new(sd_event *event, void *socket, int64_t priority, ZSourceHandler handler,
                void *userdata, ZSource **ret) {
        ZSource *s = calloc(1, sizeof *s);
        int r;

        if (!s)
                return -ENOMEM;
        *s = (ZSource){.socket = socket, .handler = handler, .userdata = userdata, .enabled = true};
        r = zsource_attach(s, event, priority);
        if (r < 0) {
                zsource_free(s);
                return r;
        }
        *ret = s;
        return 0;
}

ZSource *zsource_free(ZSource *s) {
        if (!s)
                return NULL;
        s->io = sd_event_source_disable_unref(s->io);
        s->defer = sd_event_source_disable_unref(s->defer);
        s->freed = true;
        if (s->turns == 0)
                zsource_release(s);
        return NULL;
}

int zsource_set_enabled(ZSource *s, bool enabled) {
        int r = sd_event_source_set_enabled(s->io, enabled ? SD_EVENT_ON : SD_EVENT_OFF);

        if (r >= 0 && !enabled)
                r = sd_event_source_set_enabled(s->defer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        s->enabled = enabled;
        return 0;
}

int zsource_drain(ZSource *s, unsigned limit) {
        return (int)zsource_turn(s, MIN_OF(limit, (unsigned)INT_MAX), TURN_OF_DRAIN);
}
