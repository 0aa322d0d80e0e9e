/* Rates under virtual time. */
#include "dispatcher/rates.h"

#include <criterion/criterion.h>

typedef struct Clock {
        Rates rates;
        usec_t now;
        uint64_t counts[RATE_COUNT];
} Clock;

static void begin(Clock *k) {
        *k = (Clock){.now = 77};
        rates_update(&k->rates, k->now, k->counts);
}

/* So many events a second for so long, looked at every step. */
static void pass(Clock *k, usec_t length, usec_t step, uint64_t a_second) {
        for (usec_t end = k->now + length; k->now < end;) {
                k->now += step;
                k->counts[RATE_STARTED] += a_second * step / USEC_PER_SEC;
                rates_update(&k->rates, k->now, k->counts);
        }
}

static double rate(const Clock *k, unsigned span) {
        return (double)rates_milli(&k->rates, RATE_STARTED, span) / 1000;
}

Test(rates, are_zero_at_first) {
        Clock k;
        begin(&k);
        cr_assert_eq(rates_milli(&k.rates, RATE_ENDED, RATE_10S), 0);
}

Test(rates, of_steady_work_are_right_from_the_beginning) {
        Clock k;
        begin(&k);
        pass(&k, USEC_PER_SEC, 100 * USEC_PER_MSEC, 1000);
        cr_assert_float_eq(rate(&k, RATE_10S), 1000, 1);
        cr_assert_float_eq(rate(&k, RATE_1M), 1000, 1);
        pass(&k, 100 * USEC_PER_SEC, 10 * USEC_PER_MSEC, 1000);
        cr_assert_float_eq(rate(&k, RATE_10S), 1000, 10);
        cr_assert_float_eq(rate(&k, RATE_1M), 1000, 10);
        cr_assert_eq(rates_milli(&k.rates, RATE_SUBMITTED, RATE_1M), 0);
}

Test(rates, fall_to_a_third_in_a_time_constant) {
        Clock k;
        begin(&k);
        pass(&k, 600 * USEC_PER_SEC, 100 * USEC_PER_MSEC, 1000);
        pass(&k, 10 * USEC_PER_SEC, 10 * USEC_PER_SEC, 0);
        cr_assert_float_eq(rate(&k, RATE_10S), 367.9, 2);
        cr_assert_float_eq(rate(&k, RATE_1M), 846.5, 2);
        pass(&k, 50 * USEC_PER_SEC, 50 * USEC_PER_SEC, 0);
        cr_assert_float_eq(rate(&k, RATE_1M), 367.9, 2);
}

Test(rates, do_not_depend_on_when_they_are_looked_at) {
        Clock often, seldom;
        begin(&often);
        begin(&seldom);
        pass(&often, 30 * USEC_PER_SEC, 50 * USEC_PER_MSEC, 200);
        pass(&seldom, 30 * USEC_PER_SEC, 3 * USEC_PER_SEC, 200);
        cr_assert_float_eq(rate(&often, RATE_10S), rate(&seldom, RATE_10S), 1);
        pass(&often, 3600 * USEC_PER_SEC, USEC_PER_SEC, 0);
        pass(&seldom, 3600 * USEC_PER_SEC, 3600 * USEC_PER_SEC, 0);
        cr_assert_eq(rate(&often, RATE_1M), 0);
        cr_assert_eq(rate(&seldom, RATE_1M), 0);
}

Test(rates, within_a_tick_nothing_is_lost) {
        Clock k;
        begin(&k);
        for (int i = 0; i < 1000; i++) {
                k.now += USEC_PER_MSEC;
                k.counts[RATE_STARTED]++;
                if (rates_are_due(&k.rates, k.now))
                        rates_update(&k.rates, k.now, k.counts);
        }
        cr_assert_float_eq(rate(&k, RATE_10S), 1000, 20);
}
