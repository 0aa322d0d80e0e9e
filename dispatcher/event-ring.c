/* See event-ring.h. An entry is 96 bytes, and its place follows from its number. */
#include "dispatcher/event-ring.h"

#include <string.h>

typedef struct Entry {
        usec_t time_usec;
        uint64_t task_id;
        int64_t code;
        uint32_t attempt;
        uint8_t state, reason;
        char queue[WIRE_NAME_MAX + 1];
} Entry;

struct EventRing {
        uint64_t first, last; /* numbers that are here; first > last: none */
        Entry entries[EVENT_RING_SIZE];
};

EventRing *event_ring_new(void) {
        EventRing *r = calloc(1, sizeof *r);
        if (r)
                r->first = 1;
        return r;
}

EventRing *event_ring_free(EventRing *r) {
        free(r);
        return NULL;
}

void event_ring_put(EventRing *r, usec_t now_realtime, const CoreEvent *e) {
        Entry *entry = &r->entries[e->seq % EVENT_RING_SIZE];
        size_t size = MIN_OF(strlen(e->queue), (size_t)WIRE_NAME_MAX);
        if (e->seq != r->last + 1)
                r->first = e->seq;
        r->last = e->seq;
        if (r->last - r->first >= EVENT_RING_SIZE)
                r->first = r->last - EVENT_RING_SIZE + 1;
        entry->time_usec = now_realtime;
        entry->task_id = e->task_id;
        entry->code = e->code;
        entry->attempt = e->attempt;
        entry->state = (uint8_t)e->state;
        entry->reason = (uint8_t)e->reason;
        memcpy(entry->queue, e->queue, size);
        entry->queue[size] = '\0';
}

uint64_t event_ring_last(const EventRing *r) {
        return r->last;
}

size_t event_ring_since(const EventRing *r, uint32_t epoch, uint64_t seq, WireEventItem *ret,
                        size_t max, uint64_t *ret_missed) {
        *ret_missed = 0;
        if (seq >= r->last)
                return 0;
        uint64_t from = MAX_OF(seq + 1, r->first);
        size_t n = 0;
        *ret_missed = from - seq - 1;
        for (uint64_t i = from; i <= r->last && n < max; i++) {
                const Entry *e = &r->entries[i % EVENT_RING_SIZE];
                ret[n++] = (WireEventItem){
                        .epoch = epoch,
                        .seq = i,
                        .time_usec = e->time_usec,
                        .id = e->task_id,
                        .queue = wire_text(e->queue),
                        .state = e->state,
                        .reason = e->reason,
                        .code = e->code,
                        .attempt = e->attempt,
                };
        }
        return n;
}
