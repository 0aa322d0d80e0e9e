/* The last events that were published, for readers that have missed some: a ring of fixed size,
 * filled whether or not anybody subscribes, without an allocation per event. Numbers of events rise
 * by one; when one is skipped all the same, what was before it is not given any more. Pure. */
#pragma once

#include "dispatcher/core/core.h"

#define EVENT_RING_SIZE 8192u

typedef struct EventRing EventRing;

EventRing *event_ring_new(void);          /* NULL: no memory */
EventRing *event_ring_free(EventRing *r); /* accepts NULL, returns NULL */
void event_ring_put(EventRing *r, usec_t now_realtime, const CoreEvent *e);
uint64_t event_ring_last(const EventRing *r); /* number of the last event, 0: none yet */

/* The events behind seq, oldest first, at most max; gives how many. ret_missed: how many between
 * seq and the first of them are not here any more. Texts are lent until the next event. epoch is
 * written into each. */
size_t event_ring_since(const EventRing *r, uint32_t epoch, uint64_t seq, WireEventItem *ret,
                        size_t max, uint64_t *ret_missed);
