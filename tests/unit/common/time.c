/* Durations: what is read, what is refused, and that what is written is read back. */
#include "common/time.h"

#include "common/macro.h"
#include "tests/unit/common/random.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

static void expect_duration(const char *text, usec_t expected) {
        usec_t d = 0;
        cr_assert_eq(duration_parse(text, &d), 0, "%s", text);
        cr_assert_eq(d, expected, "%s: %" PRIu64, text, d);
}

static void expect_refused(const char *text, int error) {
        usec_t d = 42;
        cr_assert_eq(duration_parse(text, &d), error, "\"%s\"", text);
        cr_assert_eq(d, 42, "\"%s\" wrote its result", text);
}

Test(duration, reads_every_unit) {
        expect_duration("10s", 10 * USEC_PER_SEC);
        expect_duration("5m", 5 * USEC_PER_MIN);
        expect_duration("2h", 2 * USEC_PER_HOUR);
        expect_duration("1d", USEC_PER_DAY);
        expect_duration("250ms", 250 * USEC_PER_MSEC);
        expect_duration("100us", 100);
}

Test(duration, bare_number_is_seconds) {
        expect_duration("0", 0);
        expect_duration("7", 7 * USEC_PER_SEC);
        expect_duration("0.25", 250 * USEC_PER_MSEC);
        expect_duration("007", 7 * USEC_PER_SEC);
}

Test(duration, units_add_up_from_large_to_small) {
        expect_duration("1h30m", 90 * USEC_PER_MIN);
        expect_duration("1d2h3m4s5ms6us", USEC_PER_DAY + 2 * USEC_PER_HOUR + 3 * USEC_PER_MIN +
                                                  4 * USEC_PER_SEC + 5006);
        expect_duration("1h90s", USEC_PER_HOUR + 90 * USEC_PER_SEC);
}

Test(duration, fractions_are_exact_to_the_microsecond_and_rounded_down) {
        expect_duration("1.5s", 1500 * USEC_PER_MSEC);
        expect_duration("0.1s", 100 * USEC_PER_MSEC);
        expect_duration("1h1.5m", USEC_PER_HOUR + 90 * USEC_PER_SEC);
        expect_duration("0.000001s", 1);
        expect_duration("0.0000019s", 1);
        expect_duration("1.9us", 1);
        expect_duration("0.999999999d", USEC_PER_DAY - 87);
}

Test(duration, garbage_is_refused) {
        static const char *const garbage[] = {
                "",       " ",   "s",        "-1s",  "+1s",           "1 s",  " 1s",
                "1s ",    "1x",  "1sec",     "1S",   ".5s",           "5.s",  "1..5s",
                "1.5.5s", "1e3", "0x10",     "1h30", "30m1h",         "1s1s", "1.5h30m",
                "1m1m",   "inf", "infinity", "1,5s", "1.0000000001s", "1s\n",
        };
        for (size_t i = 0; i < ARRAY_SIZE(garbage); i++)
                expect_refused(garbage[i], -EINVAL);
}

Test(duration, beyond_a_hundred_years_is_out_of_range) {
        expect_duration("36500d", DURATION_MAX);
        expect_refused("36500d1us", -ERANGE);
        expect_refused("36501d", -ERANGE);
        expect_refused("18446744073709551615us", -ERANGE);
        expect_refused("18446744073709551616us", -ERANGE);
        expect_refused("99999999999999999999999999999999999999999", -ERANGE);
        expect_refused("18446744073709551615d18446744073709551615h", -ERANGE);
        expect_refused("213503983d", -ERANGE); /* more days than 64 bits of microseconds hold */
        expect_refused("999999999999999999999999x", -EINVAL);
}

static void expect_form(usec_t d, const char *exact, const char *brief) {
        char buf[64];
        cr_assert_str_eq(duration_format(d, buf, sizeof(buf)), exact);
        cr_assert_str_eq(duration_format_brief(d, buf, sizeof(buf)), brief);
}

Test(duration, is_written_as_people_write_it) {
        expect_form(0, "0s", "0s");
        expect_form(1, "1us", "1us");
        expect_form(45 * USEC_PER_MSEC, "45ms", "45ms");
        expect_form(1500, "1.5ms", "1ms");
        expect_form(USEC_PER_SEC, "1s", "1s");
        expect_form(1250 * USEC_PER_MSEC, "1.25s", "1.2s");
        expect_form(1000001, "1.000001s", "1s");
        expect_form(12345 * USEC_PER_MSEC, "12.345s", "12s");
        expect_form(59999999, "59.999999s", "59s");
        expect_form(USEC_PER_MIN, "1m", "1m");
        expect_form(192 * USEC_PER_SEC, "3m12s", "3m12s");
        expect_form(90 * USEC_PER_MIN, "1h30m", "1h30m");
        expect_form(USEC_PER_HOUR + 5 * USEC_PER_SEC, "1h5s", "1h");
        expect_form(2 * USEC_PER_DAY + 4 * USEC_PER_HOUR + 1, "2d4h1us", "2d4h");
        expect_form(USEC_INFINITY, "infinity", "infinity");
}

Test(duration, what_is_written_is_read_back) {
        Random r = random_start();
        for (int i = 0; i < 200000; i++) {
                usec_t d = random_any_size(&r) % (DURATION_MAX + 1), back = 0;
                if (random_below(&r, 2))
                        d -= d % USEC_PER_SEC;
                char buf[64];
                duration_format(d, buf, sizeof(buf));
                CHECK(&r, duration_parse(buf, &back) == 0 && back == d);
                CHECK(&r, duration_parse(duration_format_brief(d, buf, sizeof(buf)), &back) == 0);
                CHECK(&r, back <= d && d - back <= d / 2);
        }
}

Test(duration, random_text_never_gives_more_than_the_longest) {
        static const char alphabet[] = "0123456789.dhmsu -";
        Random r = random_start();
        for (int i = 0; i < 200000; i++) {
                char text[24];
                size_t n = random_below(&r, sizeof(text));
                for (size_t j = 0; j < n; j++)
                        text[j] = alphabet[random_below(&r, sizeof(alphabet) - 1)];
                text[n] = '\0';
                usec_t d = USEC_INFINITY;
                int result = duration_parse(text, &d);
                CHECK(&r, result == 0 || result == -EINVAL || result == -ERANGE);
                CHECK(&r, result == 0 ? d <= DURATION_MAX : d == USEC_INFINITY);
                CHECK(&r, result < 0 || isdigit((unsigned char)text[0]));
        }
}

Test(duration, a_short_buffer_is_never_overrun) {
        for (size_t size = 1; size < 64; size++) {
                char *buf = malloc(size); /* the sanitizer watches its ends */
                cr_assert_lt(strlen(duration_format(DURATION_MAX - 1, buf, size)), size);
                cr_assert_lt(strlen(duration_format_brief(DURATION_MAX - 1, buf, size)), size);
                free(buf);
        }
}

Test(usec, addition_stops_at_infinity) {
        cr_assert_eq(usec_add(1, 2), 3);
        cr_assert_eq(usec_add(USEC_INFINITY, 0), USEC_INFINITY);
        cr_assert_eq(usec_add(USEC_INFINITY, 5), USEC_INFINITY);
        cr_assert_eq(usec_add(5, USEC_INFINITY), USEC_INFINITY);
        cr_assert_eq(usec_add(USEC_INFINITY, USEC_INFINITY), USEC_INFINITY);
        cr_assert_eq(usec_add(USEC_INFINITY - 1, 1), USEC_INFINITY);
        cr_assert_eq(usec_add(USEC_INFINITY - 2, 1), USEC_INFINITY - 1);
}

Test(clock, runs_forward_and_agrees_with_the_calendar) {
        usec_t a = time_now_monotonic(), b = time_now_monotonic();
        cr_assert_leq(a, b);
        cr_assert_gt(time_now_realtime(), (usec_t)1700000000 * USEC_PER_SEC); /* 2023 */
}

static void expect_time(const char *zone, usec_t at, const char *expected) {
        char buf[64];
        setenv("TZ", zone, 1);
        cr_assert_str_eq(time_format(at, buf, sizeof(buf)), expected);
}

Test(clock, time_is_written_with_its_offset) {
        expect_time("XXX-2", (usec_t)1714550400 * USEC_PER_SEC + 999999,
                    "2024-05-01T10:00:00+02:00");
}

Test(clock, time_west_of_greenwich_has_a_negative_offset) {
        expect_time("XXX3:30", (usec_t)1714550400 * USEC_PER_SEC, "2024-05-01T04:30:00-03:30");
}

Test(clock, no_time_is_a_dash) {
        expect_time("UTC", 0, "-");
}

Test(clock, the_last_time_of_all_fits) {
        char buf[64];
        setenv("TZ", "UTC", 1);
        cr_assert_lt(strlen(time_format(USEC_INFINITY, buf, sizeof(buf))), sizeof(buf));
}
