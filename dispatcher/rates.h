/* How much happens a second: averages that forget exponentially, with time constants of 10 s and of
 * 1 min, from counters that somebody else keeps. Nothing is done for each event, and there is no
 * timer: whoever has read the clock says so, and what has been counted since is taken to be spread
 * evenly over that time. An average of less than its time constant is one of the time that has
 * passed. Pure: time is the caller's. */
#pragma once

#include "common/time.h"

enum { RATE_SUBMITTED, RATE_STARTED, RATE_ENDED, RATE_COUNT };
enum { RATE_10S, RATE_1M, RATE_SPANS };

#define RATES_TICK_USEC (50 * USEC_PER_MSEC) /* more often nothing is done */

typedef struct Rates {
        usec_t at; /* monotonic; 0: has not begun */
        uint64_t counts[RATE_COUNT];
        double averages[RATE_COUNT][RATE_SPANS]; /* a tick, not yet divided by the weight */
        double weights[RATE_SPANS];              /* below 1 while little time has passed */
} Rates;

static inline int rates_are_due(const Rates *r, usec_t now) {
        return now >= r->at + RATES_TICK_USEC;
}

/* counts: of each since some beginning. */
void rates_update(Rates *r, usec_t now, const uint64_t counts[RATE_COUNT]);
/* In thousandths a second. */
uint64_t rates_milli(const Rates *r, unsigned which, unsigned span);
