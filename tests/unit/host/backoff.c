/* The pause doubles for who fails at once and starts over for who worked for a while. */
#include "host/backoff.h"

#include <criterion/criterion.h>

Test(backoff, doubles_up_to_the_most) {
        Backoff b = {.min_usec = 10, .max_usec = 50};
        cr_assert_eq(backoff_failed(&b, 0), 10);
        cr_assert_eq(backoff_failed(&b, 0), 20);
        cr_assert_eq(backoff_failed(&b, 0), 40);
        cr_assert_eq(backoff_failed(&b, 0), 50);
        cr_assert_eq(backoff_failed(&b, 0), 50);
}

Test(backoff, starts_over_once_the_pause_has_paid_off) {
        Backoff b = {.min_usec = 10, .max_usec = 50, .pause_usec = 40};
        cr_assert_eq(backoff_failed(&b, 39), 50);
        cr_assert_eq(backoff_failed(&b, 50), 10);
}
