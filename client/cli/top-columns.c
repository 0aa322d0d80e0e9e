/* See top-columns.h. */
#include "client/cli/top-columns.h"

#include "client/cli/ending.h"
#include "common/text.h"
#include "common/time.h"

#include <inttypes.h>
#include <string.h>

const char *top_count_text(uint64_t n, char *buf, size_t size) {
        static const char units[] = "kMGTP";
        const char *unit = units;
        if (n < 100000) {
                snprintf(buf, size, "%" PRIu64, n);
                return buf;
        }
        for (n /= 1000; n >= 10000 && unit[1]; unit++)
                n /= 1000;
        snprintf(buf, size, "%" PRIu64 "%c", n, *unit);
        return buf;
}

static TopTone tone_of_state(StintState state) {
        switch (state) {
        case STINT_RUNNING:
                return TOP_TONE_RUNNING;
        case STINT_SUCCEEDED:
                return TOP_TONE_GOOD;
        case STINT_TASK_FAILED:
        case STINT_EXPIRED:
                return TOP_TONE_BAD;
        case STINT_HELD:
        case STINT_CANCELLED:
                return TOP_TONE_WARNING;
        default:
                return TOP_TONE_PLAIN;
        }
}

/* ---- parts ---- */

static int order(uint64_t a, uint64_t b) {
        return a < b ? -1 : a > b;
}

/* Whole seconds: tenths would only flicker. */
static const char *span_text(uint64_t from_usec, uint64_t to_usec, char *buf, size_t size) {
        uint64_t usec = to_usec > from_usec ? to_usec - from_usec : 0;
        if (!from_usec)
                return "";
        return duration_format_brief(usec - usec % USEC_PER_SEC, buf, size);
}

static int compare_key(const TopRow *a, const TopRow *b) {
        return strcmp(a->key, b->key);
}

static int compare_text(const TopRow *a, const TopRow *b) {
        return strcmp(a->text, b->text);
}

static const char *key_text(const TopRow *r, uint64_t now_usec, char *buf, size_t size) {
        return r->key;
}

static const char *text_text(const TopRow *r, uint64_t now_usec, char *buf, size_t size) {
        return r->text;
}

/* A column that is a number of the row: its text and its order. */
#define NUMBER_COLUMN(name, value)                                                                 \
        static const char *name##_text(const TopRow *r, uint64_t now_usec, char *buf,              \
                                       size_t size) {                                              \
                return top_count_text(value(r), buf, size);                                        \
        }                                                                                          \
        static int compare_##name(const TopRow *a, const TopRow *b) {                              \
                return order(value(a), value(b));                                                  \
        }

/* ---- queues ---- */

#define QUEUE_READY(r)     ((r)->queue.ready)
#define QUEUE_DELAYED(r)   ((r)->queue.delayed)
#define QUEUE_HELD(r)      ((r)->queue.held)
#define QUEUE_BLOCKED(r)   ((r)->queue.blocked)
#define QUEUE_RUNNING(r)   ((r)->queue.running)
#define QUEUE_SUCCEEDED(r) ((r)->queue.succeeded)
#define QUEUE_FAILED(r)    ((r)->queue.failed)
#define QUEUE_CANCELLED(r) ((r)->queue.cancelled)
#define QUEUE_EXPIRED(r)   ((r)->queue.expired)
NUMBER_COLUMN(ready, QUEUE_READY)
NUMBER_COLUMN(delayed, QUEUE_DELAYED)
NUMBER_COLUMN(held, QUEUE_HELD)
NUMBER_COLUMN(blocked, QUEUE_BLOCKED)
NUMBER_COLUMN(running, QUEUE_RUNNING)
NUMBER_COLUMN(succeeded, QUEUE_SUCCEEDED)
NUMBER_COLUMN(failed, QUEUE_FAILED)
NUMBER_COLUMN(cancelled, QUEUE_CANCELLED)
NUMBER_COLUMN(expired, QUEUE_EXPIRED)

/* Oldest first is by the earliest time; without any task comes last. */
static int compare_oldest(const TopRow *a, const TopRow *b) {
        return -order(a->queue.oldest_usec - 1, b->queue.oldest_usec - 1);
}

static const char *oldest_text(const TopRow *r, uint64_t now_usec, char *buf, size_t size) {
        return span_text(r->queue.oldest_usec, now_usec, buf, size);
}

static int compare_rate(const TopRow *a, const TopRow *b) {
        double x = a->queue.ends_per_sec, y = b->queue.ends_per_sec;
        return x < y ? -1 : x > y;
}

static const char *rate_text(const TopRow *r, uint64_t now_usec, char *buf, size_t size) {
        double rate = r->queue.ends_per_sec;
        snprintf(buf, size, rate < 99.95 ? "%.1f" : "%.0f", rate);
        return buf;
}

static TopTone running_tone(const TopRow *r) {
        return r->queue.running ? TOP_TONE_RUNNING : TOP_TONE_DIM;
}

static TopTone failed_tone(const TopRow *r) {
        return r->queue.failed ? TOP_TONE_BAD : TOP_TONE_DIM;
}

#define R TOP_COLUMN_RIGHT
#define L TOP_COLUMN_LEFT
#define W TOP_COLUMN_WIDE
#define B TOP_COLUMN_BAR
static const TopColumn queue_columns[] = {
        {"QUEUE", W, 7, 64, 0, key_text, compare_key, false, NULL, NULL},
        {"READY", R, 5, 5, 0, ready_text, compare_ready, true, NULL, NULL},
        {"RUNNING", R, 7, 7, 0, running_text, compare_running, true, running_tone, NULL},
        {"DELAYED", R, 7, 7, 60, delayed_text, compare_delayed, true, NULL, NULL},
        {"HELD", R, 5, 5, 60, held_text, compare_held, true, NULL, NULL},
        {"BLOCKED", R, 7, 7, 90, blocked_text, compare_blocked, true, NULL, NULL},
        {"OLDEST", R, 6, 7, 0, oldest_text, compare_oldest, true, NULL, NULL},
        {"ENDS/S", R, 6, 7, 70, rate_text, compare_rate, true, NULL, NULL},
        {"DONE", R, 5, 5, 50, succeeded_text, compare_succeeded, true, NULL, NULL},
        {"FAILED", R, 6, 6, 40, failed_text, compare_failed, true, failed_tone, NULL},
        {"CANCELLED", R, 9, 9, 110, cancelled_text, compare_cancelled, true, NULL, NULL},
        {"EXPIRED", R, 7, 7, 110, expired_text, compare_expired, true, NULL, NULL},
};

/* ---- pools ---- */

static const char *handler_text(const TopRow *r, uint64_t now_usec, char *buf, size_t size) {
        return r->pool.handler;
}

static int compare_handler(const TopRow *a, const TopRow *b) {
        return strcmp(a->pool.handler, b->pool.handler);
}

static const char *workers_text(const TopRow *r, uint64_t now_usec, char *buf, size_t size) {
        snprintf(buf, size, "%" PRIu64 "/%" PRIu64, r->pool.workers, r->pool.wanted);
        return buf;
}

static int compare_workers(const TopRow *a, const TopRow *b) {
        return order(a->pool.workers, b->pool.workers);
}

static TopTone workers_tone(const TopRow *r) {
        return r->pool.workers < r->pool.wanted ? TOP_TONE_WARNING : TOP_TONE_PLAIN;
}

static const char *busy_text(const TopRow *r, uint64_t now_usec, char *buf, size_t size) {
        snprintf(buf, size, "%" PRIu64 "/%" PRIu64, r->pool.busy, r->pool.slots);
        return buf;
}

static int compare_busy(const TopRow *a, const TopRow *b) {
        return order(a->pool.busy, b->pool.busy);
}

static int busy_percent(const TopRow *r) {
        return r->pool.slots ? (int)(100 * MIN_OF(r->pool.busy, r->pool.slots) / r->pool.slots) : 0;
}

static const TopColumn pool_columns[] = {
        {"POOL", L, 7, 24, 0, key_text, compare_key, false, NULL, NULL},
        {"HANDLER", L, 7, 10, 60, handler_text, compare_handler, false, NULL, NULL},
        {"WORKERS", R, 7, 9, 0, workers_text, compare_workers, true, workers_tone, NULL},
        {"BUSY/SLOTS", B, 16, 20, 0, busy_text, compare_busy, true, NULL, busy_percent},
        {"LAST EXIT", W, 10, 255, 60, text_text, compare_text, false, NULL, NULL},
};

/* ---- tasks ---- */

#define TASK_ID(r)      ((r)->task.id)
#define TASK_ATTEMPT(r) ((uint64_t)(r)->task.attempt)
NUMBER_COLUMN(attempt, TASK_ATTEMPT)

static int compare_id(const TopRow *a, const TopRow *b) {
        return order(a->task.id, b->task.id);
}

static const char *queue_text(const TopRow *r, uint64_t now_usec, char *buf, size_t size) {
        return r->task.queue;
}

static int compare_queue(const TopRow *a, const TopRow *b) {
        return strcmp(a->task.queue, b->task.queue);
}

/* How long it runs, or ran. */
static const char *time_text(const TopRow *r, uint64_t now_usec, char *buf, size_t size) {
        return span_text(r->task.started_usec, r->task.ended_usec ? r->task.ended_usec : now_usec,
                         buf, size);
}

static uint64_t time_of(const TopRow *r) {
        uint64_t end = r->task.ended_usec ? r->task.ended_usec : INT64_MAX;
        return r->task.started_usec ? end - r->task.started_usec : 0;
}

static int compare_time(const TopRow *a, const TopRow *b) {
        return order(time_of(a), time_of(b));
}

static const char *progress_text(const TopRow *r, uint64_t now_usec, char *buf, size_t size) {
        if (r->task.progress < 0)
                return r->task.progress_text;
        snprintf(buf, size, "%3d%% %s", r->task.progress, r->task.progress_text);
        return buf;
}

static int compare_progress(const TopRow *a, const TopRow *b) {
        return a->task.progress - b->task.progress;
}

static int progress_percent(const TopRow *r) {
        return r->task.progress;
}

static const char *state_text(const TopRow *r, uint64_t now_usec, char *buf, size_t size) {
        const char *name = stint_state_name(r->task.state);
        return name ? name : "?";
}

static int compare_state(const TopRow *a, const TopRow *b) {
        return (int)a->task.state - (int)b->task.state;
}

static TopTone state_tone(const TopRow *r) {
        return tone_of_state(r->task.state);
}

static const char *priority_text(const TopRow *r, uint64_t now_usec, char *buf, size_t size) {
        snprintf(buf, size, "%d", r->task.priority);
        return buf;
}

static int compare_priority(const TopRow *a, const TopRow *b) {
        return a->task.priority - b->task.priority;
}

static const char *age_text(const TopRow *r, uint64_t now_usec, char *buf, size_t size) {
        return span_text(r->task.submitted_usec, now_usec, buf, size);
}

static int compare_age(const TopRow *a, const TopRow *b) {
        return -order(a->task.submitted_usec, b->task.submitted_usec);
}

static const char *due_text(const TopRow *r, uint64_t now_usec, char *buf, size_t size) {
        return r->task.state == STINT_DELAYED ? span_text(now_usec, r->task.due_usec, buf, size)
                                              : "";
}

static uint64_t due_of(const TopRow *r) {
        return r->task.state == STINT_DELAYED ? r->task.due_usec : UINT64_MAX;
}

static int compare_due(const TopRow *a, const TopRow *b) {
        return order(due_of(a), due_of(b));
}

static const char *ended_text(const TopRow *r, uint64_t now_usec, char *buf, size_t size) {
        return span_text(r->task.ended_usec, now_usec, buf, size);
}

static int compare_ended(const TopRow *a, const TopRow *b) {
        return order(a->task.ended_usec, b->task.ended_usec);
}

static const char *reason_text(const TopRow *r, uint64_t now_usec, char *buf, size_t size) {
        return r->task.state == STINT_SUCCEEDED
                       ? ""
                       : ending_text(r->task.reason, r->task.code, buf, size);
}

static int compare_reason(const TopRow *a, const TopRow *b) {
        int by_reason = (int)a->task.reason - (int)b->task.reason;
        return by_reason                     ? by_reason
               : a->task.code < b->task.code ? -1
                                             : a->task.code > b->task.code;
}

static const TopColumn running_columns[] = {
        {"ID", R, 4, 12, 0, key_text, compare_id, false, NULL, NULL},
        {"QUEUE", L, 5, 12, 50, queue_text, compare_queue, false, NULL, NULL},
        {"TRY", R, 3, 5, 60, attempt_text, compare_attempt, true, NULL, NULL},
        {"TIME", R, 6, 7, 0, time_text, compare_time, true, NULL, NULL},
        {"PROGRESS", B, 13, 26, 0, progress_text, compare_progress, true, NULL, progress_percent},
        {"TASK", W, 8, 255, 0, text_text, compare_text, false, NULL, NULL},
};

static const TopColumn waiting_columns[] = {
        {"ID", R, 4, 12, 0, key_text, compare_id, false, NULL, NULL},
        {"QUEUE", L, 5, 12, 50, queue_text, compare_queue, false, NULL, NULL},
        {"STATE", L, 7, 7, 0, state_text, compare_state, false, state_tone, NULL},
        {"PRIO", R, 4, 4, 60, priority_text, compare_priority, true, NULL, NULL},
        {"AGE", R, 6, 7, 0, age_text, compare_age, true, NULL, NULL},
        {"DUE IN", R, 6, 7, 60, due_text, compare_due, false, NULL, NULL},
        {"TASK", W, 8, 255, 0, text_text, compare_text, false, NULL, NULL},
};

static const TopColumn ended_columns[] = {
        {"ID", R, 4, 12, 0, key_text, compare_id, true, NULL, NULL},
        {"QUEUE", L, 5, 12, 60, queue_text, compare_queue, false, NULL, NULL},
        {"STATE", L, 9, 9, 0, state_text, compare_state, false, state_tone, NULL},
        {"AGO", R, 6, 7, 0, ended_text, compare_ended, true, NULL, NULL},
        {"TIME", R, 6, 7, 60, time_text, compare_time, true, NULL, NULL},
        {"WHY", L, 4, 25, 70, reason_text, compare_reason, false, NULL, NULL},
        {"TASK", W, 8, 255, 0, text_text, compare_text, false, NULL, NULL},
};

static const struct {
        const TopColumn *columns;
        size_t n;
        unsigned sort;
} tables[TOP_TABLES] = {
        [TOP_QUEUES] = {queue_columns, ARRAY_SIZE(queue_columns), 0},
        [TOP_POOLS] = {pool_columns, ARRAY_SIZE(pool_columns), 0},
        [TOP_RUNNING] = {running_columns, ARRAY_SIZE(running_columns), 0},
        [TOP_WAITING] = {waiting_columns, ARRAY_SIZE(waiting_columns), 0},
        [TOP_ENDED] = {ended_columns, ARRAY_SIZE(ended_columns), 3},
};

const TopColumn *top_columns(TopTableKind kind, size_t *ret_n) {
        *ret_n = tables[kind].n;
        return tables[kind].columns;
}

unsigned top_columns_default(TopTableKind kind) {
        return tables[kind].sort;
}
