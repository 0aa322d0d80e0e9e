/* Points of time as people write them, read by the local time zone. Pure: now is the caller's. */
#pragma once

#include "common/time.h"

/* Which one is meant where several are: the first one from now on, or the last one before. */
typedef enum TimeSense { TIME_NEXT, TIME_LAST } TimeSense;

/* Reads one of
 *
 *      2026-11-21T18:30:00+01:00, …Z, with a fraction of the second or without seconds (RFC 3339)
 *      2026-11-21 18:30[:00]      local time, a T or a blank between
 *      2026-11-21                 that day at 00:00
 *      18:30[:00]                 today, or if that has passed, tomorrow (TIME_LAST: if it is yet
 *                                 to come, yesterday)
 *      today 18:30, tomorrow 06:00, yesterday 12:00      without a time: at 00:00
 *      monday 9:00, next monday 9:00                     the next such day, today only if its time
 *                                 is yet to come (TIME_LAST: the last one; `next` is none)
 *      now
 *
 * into microseconds since 1970. Where the clock is set back, the first of two equal times is meant;
 * where it is set forward, a time that does not exist is read as that much later. 0; -EINVAL: it is
 * none of these; -ERANGE: before 1970. */
int time_parse(const char *text, usec_t now, TimeSense sense, usec_t *ret);
