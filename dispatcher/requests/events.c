/* EVENTS: what a reader of the event channel has missed, as far as it is still known. */
#include "dispatcher/requests/request.h"

#include <errno.h>

void request_events(RequestContext *x, ClientMessage *m) {
        const WireEvents *asked = m->body;
        const EventRing *ring = event_link_ring(x->events);
        uint32_t epoch = store_epoch(x->store);
        _cleanup_(freep) WireEventItem *events = calloc(WIRE_EVENTS_MAX, sizeof *events);
        if (!events) {
                request_read_failed(x, &m->origin, -ENOMEM);
                return;
        }
        WireEventsData body = {.epoch = epoch, .seq = event_ring_last(ring)};
        uint64_t behind = asked->epoch == epoch ? asked->seq : 0;
        if (asked->epoch) {
                body.events.items = events;
                body.events.count = event_ring_since(ring, epoch, behind, events, WIRE_EVENTS_MAX,
                                                     &body.missed);
        }
        client_link_reply(x->clients, &m->origin, WIRE_TYPE_EVENTS_DATA, &body, (BlobSlice){0});
}
