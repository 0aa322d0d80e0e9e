/* The event channel: an XPUB on the inherited event socket, topic `task/QUEUE/ID/STATE` and an
 * EVENT frame. Lossy by nature: a reader that falls behind sees a gap in seq and asks the control
 * socket, which answers from the ring of the last events. Nothing is encoded while nobody
 * subscribes. */
#pragma once

#include "dispatcher/event-ring.h"

#include <systemd/sd-event.h>

typedef struct EventLink EventLink;

int event_link_new(sd_event *event, void *context, int events_fd, const char *path,
                   int64_t priority, EventLink **ret);
EventLink *event_link_free(EventLink *l); /* accepts NULL, returns NULL */
DEFINE_CLEANUP(EventLink *, event_link_free)

const EventRing *event_link_ring(const EventLink *l);
void event_link_publish(EventLink *l, uint32_t epoch, usec_t now_realtime, const CoreEvent *e);
