/* Time in microseconds. Durations and deadlines inside a process are on the monotonic clock; what a
 * person or the store sees is wall-clock time. Only shells read the clock, once a turn. */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef uint64_t usec_t;

#define USEC_PER_MSEC ((usec_t)1000)
#define USEC_PER_SEC  ((usec_t)1000000)
#define USEC_PER_MIN  (60 * USEC_PER_SEC)
#define USEC_PER_HOUR (60 * USEC_PER_MIN)
#define USEC_PER_DAY  (24 * USEC_PER_HOUR)
#define USEC_INFINITY UINT64_MAX             /* no deadline, no limit */
#define DURATION_MAX  (36500 * USEC_PER_DAY) /* the longest duration that is accepted: 100 years */

usec_t time_now_monotonic(void);
usec_t time_now_realtime(void);

/* a + b, with USEC_INFINITY as the ceiling and kept if either is infinite. */
usec_t usec_add(usec_t a, usec_t b);

/* Durations as people write them: `10s`, `5m`, `2h`, `1d`, `250ms`, `1h30m`, `1.5s`, `100us`; a
 * bare number is seconds. Units go from large to small, each once; the last number may have up to
 * nine digits after a point and is rounded down to a microsecond. 0 on success, -EINVAL for what is
 * none, -ERANGE beyond DURATION_MAX. */
int duration_parse(const char *text, usec_t *ret);

/* The exact form, large units first, that duration_parse reads back: "1h30m", "1.5s", "250ms",
 * "0s". USEC_INFINITY gives "infinity", which it does not. buf >= 64 bytes. */
const char *duration_format(usec_t d, char *buf, size_t size);

/* Two leading units at most, rounded down, for tables: "3m12s", "2d4h", "12s", "1.2s", "45ms";
 * parts that are zero are left out: "3m", "1s". */
const char *duration_format_brief(usec_t d, char *buf, size_t size);

/* RFC 3339 in local time with offset, seconds precision: 2024-05-01T10:00:00+02:00. 0 gives "-".
 * buf >= 64 bytes. */
const char *time_format(usec_t realtime, char *buf, size_t size);
