/* The durations and clocks of time.h. Durations are read and written with integers only: a double
 * loses microseconds beyond 285 years and rounds on the way in and out. */
#include "common/time.h"

#include "common/macro.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#define FRACTION_DIGITS_MAX 9

typedef struct Unit {
        const char *name;
        usec_t usec;
} Unit;

/* Largest first: a duration names its units in this order, each at most once. */
static const Unit units[] = {
        {"d", USEC_PER_DAY}, {"h", USEC_PER_HOUR},  {"m", USEC_PER_MIN},
        {"s", USEC_PER_SEC}, {"ms", USEC_PER_MSEC}, {"us", 1},
};

static usec_t clock_usec(clockid_t clock) {
        struct timespec ts;
        ASSERT(clock_gettime(clock, &ts) == 0);
        return (usec_t)ts.tv_sec * USEC_PER_SEC + (usec_t)ts.tv_nsec / 1000;
}

usec_t time_now_monotonic(void) {
        return clock_usec(CLOCK_MONOTONIC);
}

usec_t time_now_realtime(void) {
        return clock_usec(CLOCK_REALTIME);
}

usec_t usec_add(usec_t a, usec_t b) {
        return a > USEC_INFINITY - b ? USEC_INFINITY : a + b;
}

/* ---- reading ---- */

typedef struct Number {
        uint64_t whole;           /* UINT64_MAX: that or more */
        uint64_t fraction, scale; /* fraction / scale, scale a power of ten */
} Number;

static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

/* DIGITS[.DIGITS] at *at, which moves behind it. */
static bool number_read(const char **at, Number *ret) {
        const char *p = *at;
        Number n = {.scale = 1};
        if (!is_digit(*p))
                return false;
        for (; is_digit(*p); p++)
                if (__builtin_mul_overflow(n.whole, 10u, &n.whole) ||
                    __builtin_add_overflow(n.whole, (uint64_t)(*p - '0'), &n.whole))
                        n.whole = UINT64_MAX;
        if (*p == '.') {
                const char *first = ++p;
                for (; is_digit(*p); p++) {
                        if (p - first == FRACTION_DIGITS_MAX)
                                return false;
                        n.fraction = n.fraction * 10 + (uint64_t)(*p - '0');
                        n.scale *= 10;
                }
                if (p == first)
                        return false;
        }
        *at = p;
        *ret = n;
        return true;
}

/* The unit named at *at, at or behind `from` in the table; NULL: none. */
static const Unit *unit_read(const char **at, const Unit *from) {
        size_t length = strspn(*at, "abcdefghijklmnopqrstuvwxyz");
        for (; from < units + ARRAY_SIZE(units); from++)
                if (strlen(from->name) == length && memcmp(from->name, *at, length) == 0) {
                        *at += length;
                        return from;
                }
        return NULL;
}

static usec_t number_of_units(Number n, usec_t unit) {
        unsigned __int128 usec = (unsigned __int128)n.whole * unit;
        usec += (unsigned __int128)n.fraction * unit / n.scale;
        return usec > USEC_INFINITY ? USEC_INFINITY : (usec_t)usec;
}

int duration_parse(const char *text, usec_t *ret) {
        const Unit *from = units;
        usec_t sum = 0;
        const char *p = text;
        do {
                Number n;
                if (!number_read(&p, &n))
                        return -EINVAL;
                if (*p == '\0' && from == units) { /* a bare number */
                        sum = number_of_units(n, USEC_PER_SEC);
                        break;
                }
                const Unit *unit = unit_read(&p, from);
                if (!unit || (n.scale > 1 && *p != '\0')) /* only the last may have a fraction */
                        return -EINVAL;
                sum = usec_add(sum, number_of_units(n, unit->usec));
                from = unit + 1;
        } while (*p != '\0');

        if (sum > DURATION_MAX)
                return -ERANGE;
        *ret = sum;
        return 0;
}

/* ---- writing ---- */

typedef struct Writer {
        char *buf;
        size_t size, length;
} Writer;

_printf_(2, 3) static void writer_add(Writer *w, const char *format, ...) {
        va_list ap;
        va_start(ap, format);
        int n = vsnprintf(w->buf + w->length, w->size - w->length, format, ap);
        va_end(ap);
        w->length = MIN_OF(w->length + (size_t)n, w->size - 1);
}

const char *duration_format(usec_t d, char *buf, size_t size) {
        Writer w = {.buf = buf, .size = size};
        if (d == USEC_INFINITY) {
                writer_add(&w, "infinity");
                return buf;
        }
        if (d == 0) {
                writer_add(&w, "0s");
                return buf;
        }
        for (const Unit *u = units; d > 0; u++) {
                usec_t count = d / u->usec;
                if (count == 0)
                        continue;
                d %= u->usec;
                writer_add(&w, "%" PRIu64, count);
                if (u->usec <= USEC_PER_SEC && d > 0) { /* the rest as a fraction of this unit */
                        int digits = u->usec == USEC_PER_SEC ? 6 : 3;
                        for (; d % 10 == 0; d /= 10)
                                digits--;
                        writer_add(&w, ".%0*" PRIu64, digits, d);
                        d = 0;
                }
                writer_add(&w, "%s", u->name);
        }
        return buf;
}

const char *duration_format_brief(usec_t d, char *buf, size_t size) {
        if (d == USEC_INFINITY || d == 0)
                return duration_format(d, buf, size);

        Writer w = {.buf = buf, .size = size};
        const Unit *u = units;
        while (d < u->usec)
                u++;
        usec_t count = d / u->usec, rest = d % u->usec;
        writer_add(&w, "%" PRIu64, count);
        if (u->usec > USEC_PER_SEC) {
                usec_t next = rest / u[1].usec;
                writer_add(&w, "%s", u->name);
                if (next > 0)
                        writer_add(&w, "%" PRIu64 "%s", next, u[1].name);
                return buf;
        }
        if (u->usec == USEC_PER_SEC && count < 10 && rest / (USEC_PER_SEC / 10) > 0)
                writer_add(&w, ".%" PRIu64, rest / (USEC_PER_SEC / 10));
        writer_add(&w, "%s", u->name);
        return buf;
}

const char *time_format(usec_t realtime, char *buf, size_t size) {
        time_t seconds = (time_t)(realtime / USEC_PER_SEC);
        struct tm tm;
        char day[48], offset[8];
        if (realtime == 0 || !localtime_r(&seconds, &tm) ||
            strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm) == 0 ||
            strftime(offset, sizeof(offset), "%z", &tm) != 5)
                snprintf(buf, size, "-");
        else
                snprintf(buf, size, "%s%.3s:%s", day, offset, offset + 3);
        return buf;
}
