/* See time-parse.h. mktime(3) is not used: what it makes of times that exist twice or never depends
 * on what it was called with before. */
#include "common/time-parse.h"

#include "common/macro.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define DAYS_PER_WEEK 7
#define SECS_PER_DAY  86400

typedef struct Reader {
        const char *at;
} Reader;

/* The fields of a point of time on the clock at the wall. */
typedef struct WallTime {
        int year, month, day; /* month from 1 */
        int hour, minute, second;
        usec_t fraction;
} WallTime;

/* ---- reading pieces ---- */

/* Exactly between least and most digits; the value, or -1. */
static int digits_read(Reader *r, int least, int most) {
        int value = 0, n = 0;
        while (n < most && r->at[n] >= '0' && r->at[n] <= '9')
                value = value * 10 + (r->at[n++] - '0');
        if (n < least)
                return -1;
        r->at += n;
        return value;
}

static bool character_read(Reader *r, char c) {
        if (*r->at != c)
                return false;
        r->at++;
        return true;
}

static bool word_read(Reader *r, const char *word) {
        size_t n = strlen(word);
        if (strncasecmp(r->at, word, n) != 0 || (r->at[n] && r->at[n] != ' '))
                return false;
        r->at += n;
        r->at += strspn(r->at, " ");
        return true;
}

/* Digits behind a point, as microseconds; more than six are allowed and cut. */
static bool fraction_read(Reader *r, usec_t *ret) {
        usec_t value = 0, unit = USEC_PER_SEC;
        const char *first = r->at;
        for (; *r->at >= '0' && *r->at <= '9'; r->at++) {
                unit /= 10;
                value += unit * (usec_t)(*r->at - '0');
        }
        *ret = value;
        return r->at > first;
}

/* H:MM, HH:MM, HH:MM:SS[.FRACTION] */
static bool clock_read(Reader *r, WallTime *w) {
        w->hour = digits_read(r, 1, 2);
        if (w->hour < 0 || w->hour > 23 || !character_read(r, ':'))
                return false;
        w->minute = digits_read(r, 2, 2);
        if (w->minute < 0 || w->minute > 59)
                return false;
        if (!character_read(r, ':'))
                return true;
        w->second = digits_read(r, 2, 2);
        if (w->second < 0 || w->second > 59)
                return false;
        return !character_read(r, '.') || fraction_read(r, &w->fraction);
}

static int days_of_month(int year, int month) {
        static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        return days[month - 1] + (month == 2 && leap);
}

static bool date_read(Reader *r, WallTime *w) {
        w->year = digits_read(r, 4, 4);
        if (w->year < 0 || !character_read(r, '-'))
                return false;
        w->month = digits_read(r, 2, 2);
        if (w->month < 1 || w->month > 12 || !character_read(r, '-'))
                return false;
        w->day = digits_read(r, 2, 2);
        return w->day >= 1 && w->day <= days_of_month(w->year, w->month);
}

/* Z or +HH:MM; seconds east of Greenwich. */
static bool offset_read(Reader *r, int *ret) {
        if (character_read(r, 'Z') || character_read(r, 'z')) {
                *ret = 0;
                return true;
        }
        int sign = *r->at == '-' ? -1 : 1;
        if (!character_read(r, '+') && !character_read(r, '-'))
                return false;
        int hours = digits_read(r, 2, 2);
        character_read(r, ':');
        int minutes = digits_read(r, 2, 2);
        *ret = sign * (hours * 3600 + minutes * 60);
        return hours >= 0 && hours <= 23 && minutes >= 0 && minutes <= 59;
}

/* ---- from the wall to the clock ---- */

static struct tm tm_of(const WallTime *w) {
        return (struct tm){.tm_year = w->year - 1900,
                           .tm_mon = w->month - 1,
                           .tm_mday = w->day,
                           .tm_hour = w->hour,
                           .tm_min = w->minute,
                           .tm_sec = w->second};
}

static int finish(time_t seconds, usec_t fraction, usec_t *ret) {
        if (seconds < 0)
                return -ERANGE;
        *ret = (usec_t)seconds * USEC_PER_SEC + fraction;
        return 0;
}

/* Does the clock at the wall show utc - offset at that time? */
static bool shows(time_t seconds, time_t as_utc) {
        struct tm tm;
        return localtime_r(&seconds, &tm) && seconds + tm.tm_gmtoff == as_utc;
}

static long offset_at(time_t seconds) {
        struct tm tm;
        return localtime_r(&seconds, &tm) ? tm.tm_gmtoff : 0;
}

static int from_wall(const WallTime *w, usec_t *ret) {
        struct tm tm = tm_of(w);
        time_t as_utc = timegm(&tm); /* a day too far ahead (tm_mday 32) is fine here */
        time_t by_old = as_utc - offset_at(as_utc - SECS_PER_DAY);
        time_t by_new = as_utc - offset_at(as_utc + SECS_PER_DAY);
        time_t first = MIN_OF(by_old, by_new), second = MAX_OF(by_old, by_new);
        time_t seconds = shows(first, as_utc) ? first : shows(second, as_utc) ? second : by_old;
        return finish(seconds, w->fraction, ret);
}

/* The day of now, days later, at 00:00. */
static WallTime day_at(usec_t now, int days) {
        time_t seconds = (time_t)(now / USEC_PER_SEC);
        struct tm tm;
        if (!localtime_r(&seconds, &tm))
                return (WallTime){.year = 1970, .month = 1, .day = 1};
        return (WallTime){
                .year = tm.tm_year + 1900, .month = tm.tm_mon + 1, .day = tm.tm_mday + days};
}

static int weekday_at(usec_t now) {
        time_t seconds = (time_t)(now / USEC_PER_SEC);
        struct tm tm;
        return localtime_r(&seconds, &tm) ? tm.tm_wday : 0;
}

/* ---- the forms ---- */

/* [TIME] at the end, on a day that is given. */
static int clock_or_midnight(Reader *r, WallTime *w) {
        return (!*r->at || clock_read(r, w)) && !*r->at ? 0 : -EINVAL;
}

static int parse_date(Reader *r, usec_t *ret) {
        WallTime w = {0};
        int offset;
        if (!date_read(r, &w))
                return -EINVAL;
        if (!*r->at)
                return from_wall(&w, ret);
        if ((*r->at != 'T' && *r->at != 't' && *r->at != ' ') || (r->at++, !clock_read(r, &w)))
                return -EINVAL;
        if (!*r->at)
                return from_wall(&w, ret);
        if (!offset_read(r, &offset) || *r->at)
                return -EINVAL;
        struct tm tm = tm_of(&w);
        return finish(timegm(&tm) - offset, w.fraction, ret);
}

/* The clock on a day, or step days further where that is on the wrong side of now. */
static int nearest(const WallTime *clock, usec_t now, int days, int step, TimeSense sense,
                   usec_t *ret) {
        for (int more = 0;; more += step) {
                WallTime w = day_at(now, sense == TIME_NEXT ? days + more : days - more);
                w.hour = clock->hour;
                w.minute = clock->minute;
                w.second = clock->second;
                w.fraction = clock->fraction;
                int r = from_wall(&w, ret);
                if (r < 0 || more || (sense == TIME_NEXT ? *ret > now : *ret <= now))
                        return r;
        }
}

static int parse_clock(Reader *r, usec_t now, TimeSense sense, usec_t *ret) {
        WallTime w = {0};
        if (!clock_read(r, &w) || *r->at)
                return -EINVAL;
        return nearest(&w, now, 0, 1, sense, ret);
}

static int parse_weekday(Reader *r, usec_t now, TimeSense sense, usec_t *ret) {
        static const char *const names[] = {"sunday",   "monday", "tuesday", "wednesday",
                                            "thursday", "friday", "saturday"};
        bool next = word_read(r, "next");
        for (int i = 0; i < DAYS_PER_WEEK; i++) {
                char brief[4];
                snprintf(brief, sizeof brief, "%.3s", names[i]);
                if (!word_read(r, names[i]) && !word_read(r, brief))
                        continue;
                WallTime w = {0};
                if (clock_or_midnight(r, &w) < 0 || (next && sense == TIME_LAST))
                        return -EINVAL;
                int ahead = (i - weekday_at(now) + DAYS_PER_WEEK) % DAYS_PER_WEEK;
                int days = sense == TIME_NEXT ? ahead : ahead ? ahead - DAYS_PER_WEEK : 0;
                return nearest(&w, now, days, DAYS_PER_WEEK, sense, ret);
        }
        return -EINVAL;
}

int time_parse(const char *text, usec_t now, TimeSense sense, usec_t *ret) {
        static const struct {
                const char *word;
                int days;
        } words[] = {{"today", 0}, {"tomorrow", 1}, {"yesterday", -1}};
        Reader r = {text};
        if (strcasecmp(text, "now") == 0) {
                *ret = now;
                return 0;
        }
        tzset();
        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
                if (!word_read(&r, words[i].word))
                        continue;
                WallTime w = day_at(now, words[i].days);
                int error = clock_or_midnight(&r, &w);
                return error < 0 ? error : from_wall(&w, ret);
        }
        size_t digits = strspn(text, "0123456789");
        if (digits == 4)
                return parse_date(&r, ret);
        return digits ? parse_clock(&r, now, sense, ret) : parse_weekday(&r, now, sense, ret);
}
