/* See rates.h. Time goes in whole ticks, so that forgetting is a power of one constant. */
#include "dispatcher/rates.h"

#include <string.h>

/* What is kept of an average over one tick: exp(-tick / time constant). */
static const double keep_of_tick[RATE_SPANS] = {0.995012479192682, 0.999167013798938};

static double power(double base, uint64_t exponent) {
        double result = 1;
        for (; exponent; exponent >>= 1) {
                if (exponent & 1)
                        result *= base;
                base *= base;
        }
        return result;
}

void rates_update(Rates *r, usec_t now, const uint64_t counts[RATE_COUNT]) {
        uint64_t ticks = r->at && now > r->at ? (now - r->at) / RATES_TICK_USEC : 0;
        if (!r->at) {
                r->at = now;
                memcpy(r->counts, counts, sizeof r->counts);
        }
        if (!ticks)
                return;
        for (size_t span = 0; span < RATE_SPANS; span++) {
                double keep = power(keep_of_tick[span], ticks);
                r->weights[span] = r->weights[span] * keep + (1 - keep);
                for (size_t i = 0; i < RATE_COUNT; i++) {
                        double news = (double)(counts[i] - r->counts[i]) / (double)ticks;
                        r->averages[i][span] = r->averages[i][span] * keep + news * (1 - keep);
                }
        }
        memcpy(r->counts, counts, sizeof r->counts);
        r->at += ticks * RATES_TICK_USEC;
}

uint64_t rates_milli(const Rates *r, unsigned which, unsigned span) {
        double ticks_a_second = (double)USEC_PER_SEC / (double)RATES_TICK_USEC;
        if (r->weights[span] <= 0)
                return 0;
        return (uint64_t)(r->averages[which][span] / r->weights[span] * ticks_a_second * 1000 +
                          0.5);
}
