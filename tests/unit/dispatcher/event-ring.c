/* The ring of events: what it gives to readers that have missed some. */
#include "dispatcher/event-ring.h"

#include <criterion/criterion.h>

static WireEventItem events[EVENT_RING_SIZE];

static void put(EventRing *r, uint64_t seq) {
        event_ring_put(r, 1000 + seq,
                       &(CoreEvent){.seq = seq,
                                    .task_id = seq + 5,
                                    .queue = "mail",
                                    .state = TASK_FAILED,
                                    .reason = REASON_SIGNAL,
                                    .code = -3,
                                    .attempt = 2});
}

static size_t since(const EventRing *r, uint64_t seq, size_t max, uint64_t *missed) {
        return event_ring_since(r, 9, seq, events, max, missed);
}

Test(event_ring, gives_what_is_behind_a_number) {
        uint64_t missed;
        EventRing *r = event_ring_new();
        cr_assert_eq(event_ring_last(r), 0);
        cr_assert_eq(since(r, 0, 10, &missed), 0);
        for (uint64_t i = 1; i <= 5; i++)
                put(r, i);
        cr_assert_eq(event_ring_last(r), 5);
        cr_assert_eq(since(r, 3, 10, &missed), 2);
        cr_assert_eq(missed, 0);
        cr_assert_eq(events[0].seq, 4);
        cr_assert_eq(events[1].seq, 5);
        cr_assert_eq(events[1].epoch, 9);
        cr_assert_eq(events[1].id, 10);
        cr_assert_eq(events[1].time_usec, 1005);
        cr_assert(wire_text_is(events[1].queue, "mail"));
        cr_assert_eq(events[1].state, TASK_FAILED);
        cr_assert_eq(events[1].code, -3);
        cr_assert_eq(since(r, 5, 10, &missed), 0);
        cr_assert_eq(since(r, UINT64_MAX, 10, &missed), 0);
        event_ring_free(r);
}

Test(event_ring, says_how_many_are_gone) {
        uint64_t missed;
        EventRing *r = event_ring_new();
        for (uint64_t i = 1; i <= EVENT_RING_SIZE + 100; i++)
                put(r, i);
        cr_assert_eq(since(r, 0, EVENT_RING_SIZE, &missed), EVENT_RING_SIZE);
        cr_assert_eq(missed, 100);
        cr_assert_eq(events[0].seq, 101);
        cr_assert_eq(since(r, 100, EVENT_RING_SIZE, &missed), EVENT_RING_SIZE);
        cr_assert_eq(missed, 0);
        cr_assert_eq(since(r, 60, 7, &missed), 7);
        cr_assert_eq(missed, 40);
        cr_assert_eq(events[6].seq, 107);
        event_ring_free(r);
}

Test(event_ring, a_skipped_number_is_no_event) {
        uint64_t missed;
        EventRing *r = event_ring_new();
        put(r, 1);
        put(r, 7);
        put(r, 8);
        cr_assert_eq(since(r, 0, 10, &missed), 2);
        cr_assert_eq(missed, 6);
        cr_assert_eq(events[0].seq, 7);
        event_ring_free(r);
}
