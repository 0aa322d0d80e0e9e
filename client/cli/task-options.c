/* See task-options.h. */
#include "client/cli/task-options.h"

#include "client/cli/queue-name.h"
#include "common/text.h"
#include "common/time-parse.h"
#include "common/wire-schema.h" /* bounds */

#include <errno.h>
#include <string.h>

#define PRIORITY_LIMIT        100
#define RETRIES_MAX           UINT16_MAX
#define SHORT_TIMES_MAX       (49 * USEC_PER_DAY) /* of grace and backoff */
#define NO_DURATION           "is no duration: write 250ms, 10s, 5m, 2h or 1d"
#define SHORT_TIMES_OBJECTION "is too long: at most 49 days"

static const char *set_queue(void *target, const char *value) {
        return queue_name_set(&((TaskOptions *)target)->task.queue, value);
}

static const char *set_priority(void *target, const char *value) {
        int64_t priority;
        if (i64_parse(value, &priority) < 0 || priority < -PRIORITY_LIMIT ||
            priority > PRIORITY_LIMIT)
                return "is no priority: write a number from -100 to 100, higher is first";
        ((TaskOptions *)target)->task.priority = (int)priority;
        return NULL;
}

static const char *set_name(void *target, const char *value) {
        if (!value[0] || strlen(value) > WIRE_TASK_NAME_MAX)
                return "is empty or too long: a name has 1 to 128 bytes";
        ((TaskOptions *)target)->task.name = value;
        return NULL;
}

static const char *set_group(void *target, const char *value) {
        if (!name_is_valid(value))
                return "is no name of a group: write 1 to 64 characters of A-Z a-z 0-9 _ . -";
        ((TaskOptions *)target)->task.group = value;
        return NULL;
}

static bool has_control(const char *text) {
        for (; *text; text++)
                if ((unsigned char)*text < ' ' || *text == 0x7f)
                        return true;
        return false;
}

static const char *set_label(void *target, const char *value) {
        TaskOptions *o = target;
        size_t key = strcspn(value, "=");
        if (!value[key] || !key)
                return "is no label: write KEY=VALUE";
        if (strlen(value) > WIRE_LABEL_MAX)
                return "is too long: a label has at most 64 bytes";
        if (has_control(value))
                return "is no label: leave out its control characters";
        for (size_t i = 0; i < o->label_count; i++)
                if (strncmp(o->labels[i], value, key + 1) == 0)
                        return "gives its key a second time: give each key once";
        if (o->label_count == TASK_LABELS_MAX)
                return "is one too many: a task has at most 16 labels";
        o->labels[o->label_count++] = value;
        return NULL;
}

static const char *set_duration(uint64_t *ret, const char *value, usec_t most, const char *why) {
        int r = duration_parse(value, ret);
        if (r == -ERANGE)
                return "is too long: at most 100 years";
        if (r < 0)
                return NO_DURATION;
        return *ret > most ? why : NULL;
}

static const char *set_delay(void *target, const char *value) {
        TaskOptions *o = target;
        o->has_delay = true;
        return set_duration(&o->task.delay_usec, value, DURATION_MAX, NULL);
}

static const char *set_at(void *target, const char *value) {
        TaskOptions *o = target;
        usec_t now = time_now_realtime(), *at = &o->at_usec;
        if (time_parse(value, now, TIME_NEXT, at) < 0)
                return "is no time: write 18:30, `tomorrow 06:00`, `monday 9:00`, "
                       "`2030-01-31 12:00` or 2030-01-31T12:00:00Z";
        if (*at < now)
                return "is over: write a time that is yet to come";
        if (*at - now > DURATION_MAX)
                return "is too far ahead: at most 100 years";
        o->task.delay_usec = *at - now;
        return NULL;
}

static const char *set_timeout(void *target, const char *value) {
        uint64_t *timeout = &((TaskOptions *)target)->task.timeout_usec;
        const char *objection = set_duration(timeout, value, DURATION_MAX, NULL);
        if (!objection && !*timeout)
                return "is no time to run at all: leave it out for no time-out";
        return objection;
}

static const char *set_grace(void *target, const char *value) {
        uint64_t *grace = &((TaskOptions *)target)->task.grace_usec;
        const char *objection = set_duration(grace, value, SHORT_TIMES_MAX, SHORT_TIMES_OBJECTION);
        if (!objection && !*grace)
                ((TaskOptions *)target)->task.flags |= STINT_NO_GRACE;
        return objection;
}

static const char *set_retries(void *target, const char *value) {
        uint64_t retries;
        if (u64_parse(value, &retries) < 0 || retries > RETRIES_MAX)
                return "is no number of retries: write 0 to 65535";
        ((TaskOptions *)target)->task.retries = (unsigned)retries;
        return NULL;
}

/* MIN..MAX, or one duration for both. */
static const char *set_backoff(void *target, const char *value) {
        StintTask *t = &((TaskOptions *)target)->task;
        char least[64];
        const char *dots = strstr(value, "..");
        size_t size = dots ? (size_t)(dots - value) : strlen(value);
        if (size >= sizeof least)
                return NO_DURATION;
        snprintf(least, sizeof least, "%.*s", (int)size, value);
        const char *objection =
                set_duration(&t->backoff_min_usec, least, SHORT_TIMES_MAX, SHORT_TIMES_OBJECTION);
        if (!objection)
                objection = set_duration(&t->backoff_max_usec, dots ? dots + 2 : least,
                                         SHORT_TIMES_MAX, SHORT_TIMES_OBJECTION);
        if (objection)
                return objection;
        if (t->backoff_min_usec > t->backoff_max_usec)
                return "begins with the longer one: write LEAST..MOST";
        t->backoff_min_usec = MAX_OF(t->backoff_min_usec, USEC_PER_MSEC); /* 0 is the default */
        t->backoff_max_usec = MAX_OF(t->backoff_max_usec, USEC_PER_MSEC);
        return NULL;
}

static const char *set_at_most_once(void *target, const char *value) {
        ((TaskOptions *)target)->task.flags |= STINT_AT_MOST_ONCE;
        return NULL;
}

static const char *set_dry_run(void *target, const char *value) {
        ((TaskOptions *)target)->dry_run = true;
        return NULL;
}

static const Option queue_rows[] = {
        {"queue", 'q', "QUEUE", "the queue that it waits in (default: default)", set_queue},
};
const OptionGroup queue_options = {"Where", queue_rows, ARRAY_SIZE(queue_rows)};

static const Option task_rows[] = {
        {"priority", 'p', "N", "-100 to 100, higher is first (default: 0)", set_priority},
        {"name", 'N', "NAME", "a name to find it by", set_name},
        {"label", 'l', "KEY=VALUE", "a label to find it by; up to 16 of them", set_label},
        {"group", 'g', "NAME", "a group of tasks to find it by", set_group},
        {"delay", 0, "DURATION", "not before this time has passed", set_delay},
        {"at", 0, "TIME", "not before: 18:30, `tomorrow 06:00`, 2030-01-31T12:00:00Z", set_at},
        {"timeout", 0, "DURATION", "stop an attempt that runs longer", set_timeout},
        {"grace", 0, "DURATION", "between TERM and KILL (default: 10s)", set_grace},
        {"retries", 0, "N", "more attempts after one that failed (default: 0)", set_retries},
        {"backoff", 0, "LEAST..MOST", "wait before retries, doubling (default: 2s..5m)",
         set_backoff},
        {"at-most-once", 0, NULL, "never start it twice, even if its worker is lost",
         set_at_most_once},
        {"dry-run", 0, NULL, "submit nothing, print what would be", set_dry_run},
};
const OptionGroup task_options = {"Task", task_rows, ARRAY_SIZE(task_rows)};

int task_options_check(TaskOptions *o, Error *error) {
        o->task.size = sizeof o->task;
        o->task.labels = o->label_count ? o->labels : NULL;
        if (o->at_usec && o->has_delay)
                return error_set(error, EXIT_USAGE,
                                 "--at and --delay contradict each other: leave out one of them");
        if (o->task.retries && o->task.flags & STINT_AT_MOST_ONCE)
                return error_set(error, EXIT_USAGE,
                                 "--at-most-once and --retries contradict each other: leave out "
                                 "one of them");
        return 0;
}
