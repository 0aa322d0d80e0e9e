/* Points of time: every form, both senses, and the days on which the clock is set. */
#include "common/time-parse.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* Saturday 2026-11-21 12:00:00 in Berlin (UTC+1). */
#define NOW (UINT64_C(1795258800) * USEC_PER_SEC)

static void in_berlin(void) {
        setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
        tzset();
}

TestSuite(time_parse, .init = in_berlin);

static void expect(const char *text, TimeSense sense, const char *expected) {
        char got[64];
        usec_t t = 0;
        cr_assert_eq(time_parse(text, NOW, sense, &t), 0, "%s", text);
        cr_assert_str_eq(time_format(t, got, sizeof got), expected, "%s: %s", text, got);
}

static void expect_next(const char *text, const char *expected) {
        expect(text, TIME_NEXT, expected);
}

static void expect_last(const char *text, const char *expected) {
        expect(text, TIME_LAST, expected);
}

Test(time_parse, rfc_3339) {
        expect_next("2026-11-21T12:00:00+01:00", "2026-11-21T12:00:00+01:00");
        expect_next("2026-11-21T11:00:00Z", "2026-11-21T12:00:00+01:00");
        expect_next("2026-11-21t11:00:00.999z", "2026-11-21T12:00:00+01:00");
        expect_next("2026-11-21T06:30-05:30", "2026-11-21T13:00:00+01:00");
        expect_next("2024-02-29T00:00:00Z", "2024-02-29T01:00:00+01:00");
}

Test(time_parse, fractions_are_kept) {
        usec_t t;
        cr_assert_eq(time_parse("1970-01-01T00:00:01.25Z", NOW, TIME_NEXT, &t), 0);
        cr_assert_eq(t, 1250000);
        cr_assert_eq(time_parse("1970-01-01T00:00:00.1234567Z", NOW, TIME_NEXT, &t), 0);
        cr_assert_eq(t, 123456);
}

Test(time_parse, what_time_format_writes_is_read_back) {
        char text[64];
        for (usec_t at = USEC_PER_SEC; at < 2 * NOW; at += 7777777 * USEC_PER_SEC) {
                usec_t t;
                cr_assert_eq(time_parse(time_format(at, text, sizeof text), NOW, TIME_NEXT, &t), 0);
                cr_assert_eq(t, at, "%s", text);
        }
}

Test(time_parse, local_dates) {
        expect_next("2026-12-24", "2026-12-24T00:00:00+01:00");
        expect_next("2026-12-24 18:30", "2026-12-24T18:30:00+01:00");
        expect_next("2026-07-01 9:05:07", "2026-07-01T09:05:07+02:00");
        expect_next("2026-07-01T09:05", "2026-07-01T09:05:00+02:00");
}

Test(time_parse, a_time_of_day_is_the_next_or_the_last_one) {
        expect_next("18:30", "2026-11-21T18:30:00+01:00");
        expect_next("6:00", "2026-11-22T06:00:00+01:00");
        expect_next("12:00", "2026-11-22T12:00:00+01:00");
        expect_last("18:30", "2026-11-20T18:30:00+01:00");
        expect_last("6:00", "2026-11-21T06:00:00+01:00");
        expect_last("12:00", "2026-11-21T12:00:00+01:00");
}

Test(time_parse, days_by_name) {
        expect_next("today 18:30", "2026-11-21T18:30:00+01:00");
        expect_next("today 06:00", "2026-11-21T06:00:00+01:00");
        expect_next("tomorrow 06:00", "2026-11-22T06:00:00+01:00");
        expect_next("Tomorrow", "2026-11-22T00:00:00+01:00");
        expect_last("yesterday 12:00:30", "2026-11-20T12:00:30+01:00");
        expect_next("monday 9:00", "2026-11-23T09:00:00+01:00");
        expect_next("next monday 9:00", "2026-11-23T09:00:00+01:00");
        expect_next("Mon 9:00", "2026-11-23T09:00:00+01:00");
        expect_next("saturday 13:00", "2026-11-21T13:00:00+01:00");
        expect_next("saturday 11:00", "2026-11-28T11:00:00+01:00");
        expect_last("saturday 13:00", "2026-11-14T13:00:00+01:00");
        expect_last("saturday 11:00", "2026-11-21T11:00:00+01:00");
        expect_last("monday", "2026-11-16T00:00:00+01:00");
        usec_t t;
        cr_assert_eq(time_parse("now", NOW, TIME_NEXT, &t), 0);
        cr_assert_eq(t, NOW);
}

Test(time_parse, days_go_over_the_ends_of_months_and_years) {
        usec_t new_year, t;
        char text[64];
        cr_assert_eq(time_parse("2026-12-31 23:00", NOW, TIME_NEXT, &new_year), 0);
        cr_assert_eq(time_parse("tomorrow 01:00", new_year, TIME_NEXT, &t), 0);
        cr_assert_str_eq(time_format(t, text, sizeof text), "2027-01-01T01:00:00+01:00");
        cr_assert_eq(time_parse("2027-01-01", NOW, TIME_NEXT, &new_year), 0);
        cr_assert_eq(time_parse("yesterday", new_year, TIME_LAST, &t), 0);
        cr_assert_str_eq(time_format(t, text, sizeof text), "2026-12-31T00:00:00+01:00");
}

Test(time_parse, a_time_that_exists_twice_is_the_first_one) {
        expect_next("2026-10-25 02:30", "2026-10-25T02:30:00+02:00");
        expect_next("2026-10-25 03:00", "2026-10-25T03:00:00+01:00");
        expect_next("2026-10-25 01:59", "2026-10-25T01:59:00+02:00");
        expect_next("2026-10-25T02:30:00+01:00", "2026-10-25T02:30:00+01:00");
}

Test(time_parse, a_time_that_does_not_exist_is_that_much_later) {
        expect_next("2026-03-29 02:30", "2026-03-29T03:30:00+02:00");
        expect_next("2026-03-29 01:59", "2026-03-29T01:59:00+01:00");
        expect_next("2026-03-29 03:00", "2026-03-29T03:00:00+02:00");
}

Test(time_parse, a_day_of_23_or_25_hours_keeps_the_time_of_day) {
        usec_t evening, t;
        char text[64];
        cr_assert_eq(time_parse("2026-10-24 18:00", NOW, TIME_NEXT, &evening), 0);
        cr_assert_eq(time_parse("tomorrow 18:00", evening, TIME_NEXT, &t), 0);
        cr_assert_str_eq(time_format(t, text, sizeof text), "2026-10-25T18:00:00+01:00");
        cr_assert_eq(t - evening, 25 * USEC_PER_HOUR);
        cr_assert_eq(time_parse("2026-03-28 18:00", NOW, TIME_NEXT, &evening), 0);
        cr_assert_eq(time_parse("17:00", evening, TIME_NEXT, &t), 0);
        cr_assert_eq(t - evening, 22 * USEC_PER_HOUR);
}

Test(time_parse, anything_else_is_refused) {
        static const char *const none[] = {"",
                                           "soon",
                                           "25:00",
                                           "12:60",
                                           "12",
                                           "12:3",
                                           "2026-13-01",
                                           "2026-02-29",
                                           "2026-11-31",
                                           "2026-11-21T",
                                           "2026-11-21T12:00:00+1",
                                           "2026-11-21 12:00 ",
                                           "12:00 x",
                                           "tomorrow6",
                                           "tomorrow 6",
                                           "next 12:00",
                                           "next",
                                           "mon day",
                                           "18:30:00.",
                                           "-1:00",
                                           "2026-11-21T12:00:00+24:00",
                                           "today today",
                                           "next week",
                                           "123:00",
                                           "20261-01-01",
                                           "18:30:60"};
        for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
                usec_t t;
                cr_assert_eq(time_parse(none[i], NOW, TIME_NEXT, &t), -EINVAL, "%s", none[i]);
        }
        usec_t t;
        cr_assert_eq(time_parse("1969-12-31T23:59:59Z", NOW, TIME_NEXT, &t), -ERANGE);
        cr_assert_eq(time_parse("next monday", NOW, TIME_LAST, &t), -EINVAL);
}
