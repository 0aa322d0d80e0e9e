/* See event-link.h. XPUB reports the first and the last subscription of each topic, which is all
 * that is needed to know whether anybody listens. */
#include "dispatcher/event-link.h"

#include "common/zsource.h"
#include "dispatcher/connection-limit.h"

#include <errno.h>
#include <inttypes.h>
#include <zmq.h>

struct EventLink {
        void *xpub;
        ConnectionLimit *limit;
        ZSource *source;
        WireBuffer buffer;
        uint64_t subscriptions;
        EventRing *ring;
};

static void on_subscription(ZSource *source, ZMessage *m, void *userdata) {
        EventLink *l = userdata;
        if (m->count != 1 || m->frames[0].size < 1)
                return;
        const char *data = m->frames[0].data;
        if (data[0] == 1)
                l->subscriptions++;
        else if (data[0] == 0 && l->subscriptions > 0)
                l->subscriptions--;
}

const EventRing *event_link_ring(const EventLink *l) {
        return l->ring;
}

void event_link_publish(EventLink *l, uint32_t epoch, usec_t now_realtime, const CoreEvent *e) {
        char topic[WIRE_NAME_MAX + 64];
        event_ring_put(l->ring, now_realtime, e);
        if (!l->subscriptions)
                return;
        int size = snprintf(topic, sizeof topic, "task/%s/%" PRIu64 "/%s", e->queue, e->task_id,
                            task_state_name(e->state));
        WireEvent body = {
                .epoch = epoch,
                .seq = e->seq,
                .time_usec = now_realtime,
                .id = e->task_id,
                .queue = wire_text(e->queue),
                .state = e->state,
                .reason = e->reason,
                .code = e->code,
                .attempt = e->attempt,
        };
        if (wire_encode(&l->buffer, WIRE_TYPE_EVENT, 0, &body) == 0)
                zsocket_send_to(l->xpub, topic, (size_t)size, l->buffer.data, l->buffer.size,
                                (BlobSlice){0});
}

int event_link_new(sd_event *event, void *context, int events_fd, const char *path,
                   int64_t priority, EventLink **ret) {
        _cleanup_(event_link_freep) EventLink *l = calloc(1, sizeof *l);
        if (!l || !(l->ring = event_ring_new()))
                return -ENOMEM;
        int r = zsocket_new(context, ZMQ_XPUB, &(ZSocketOptions){.send_hwm = 10000}, &l->xpub);
        if (r == 0)
                r = connection_limit_new(event, context, l->xpub, events_fd, path, 0, priority,
                                         &l->limit);
        if (r == 0)
                r = zsource_new(event, l->xpub, priority, on_subscription, l, &l->source);
        if (r < 0)
                return r;
        *ret = take_ptr(l);
        return 0;
}

EventLink *event_link_free(EventLink *l) {
        if (!l)
                return NULL;
        event_ring_free(l->ring);
        zsource_free(l->source);
        connection_limit_free(l->limit);
        zsocket_free(l->xpub);
        wire_buffer_done(&l->buffer);
        free(l);
        return NULL;
}
