/* The budgets are kept as the time at which they are full again: a line moves it on by what it
 * takes to refill one, and there is room while it is not further away than a whole budget takes. */
#include "dispatcher/task-log.h"

#include "common/end-text.h"
#include "common/log.h"

#include <inttypes.h>

/* What a line takes to come back. A day of changes is then some tens of MB in the journal. */
static const struct {
        usec_t refill_usec;
        int level;
        const char *name;
} kinds[TASK_LOG_KINDS] = {
        [TASK_LOG_CHANGES] = {USEC_PER_SEC, LOG_INFO, "changes of tasks"},
        [TASK_LOG_FAILURES] = {USEC_PER_SEC / 10, LOG_NOTICE, "failures of tasks"},
};

int task_log_take(TaskLog *l, unsigned kind, usec_t now) {
        usec_t refill = kinds[kind].refill_usec;
        usec_t full_at = MAX_OF(l->budgets[kind].full_at, now) + refill;
        if (full_at > now + TASK_LOG_BURST * refill) {
                l->budgets[kind].left_out++;
                return 0;
        }
        l->budgets[kind].full_at = full_at;
        return 1;
}

static void tell_left_out(TaskLog *l, unsigned kind, usec_t now) {
        uint64_t n = l->budgets[kind].left_out;
        if (!n || now < usec_add(l->budgets[kind].told_at, USEC_PER_MIN))
                return;
        l->budgets[kind].left_out = 0;
        l->budgets[kind].told_at = now;
        log_write(kinds[kind].level, NULL, "%" PRIu64 " %s were too many to be logged", n,
                  kinds[kind].name);
}

static unsigned kind_of(const CoreEvent *e) {
        return e->reason != REASON_NONE && e->state != TASK_SUCCEEDED && e->state != TASK_CANCELLED
                       ? TASK_LOG_FAILURES
                       : TASK_LOG_CHANGES;
}

/* "failed: exit code 3", "is running", "is delayed: attempt 1 ended: exit code 3" */
static void describe(const CoreEvent *e, char *buf, size_t size) {
        char why[128], attempt[48] = "";
        bool ended = task_state_is_end(e->state);
        if (!ended)
                snprintf(attempt, sizeof attempt, "attempt %" PRIu32 " ended: ", e->attempt);
        end_text(end_reason_name(e->reason), e->state == TASK_SUCCEEDED ? REASON_NONE : e->reason,
                 e->code, why, sizeof why);
        snprintf(buf, size, "%s%s%s%s%s", ended ? "" : "is ", task_state_name(e->state),
                 why[0] ? ": " : "", why[0] ? attempt : "", why);
}

void task_log_event(TaskLog *l, usec_t now, const CoreEvent *e) {
        unsigned kind = kind_of(e);
        char what[256], task[48], queue[128], state[48], attempt[48], worker[48];
        if (!task_log_take(l, kind, now))
                return;
        tell_left_out(l, kind, now);
        snprintf(task, sizeof task, "TASK=%" PRIu64, e->task_id);
        snprintf(queue, sizeof queue, "QUEUE=%s", e->queue);
        snprintf(state, sizeof state, "STATE=%s", task_state_name(e->state));
        snprintf(attempt, sizeof attempt, "ATTEMPT=%" PRIu32, e->attempt);
        snprintf(worker, sizeof worker, "WORKER=%" PRIu64, e->worker);
        const char *fields[] = {task,
                                queue,
                                state,
                                e->attempt  ? attempt
                                : e->worker ? worker
                                            : NULL,
                                e->attempt && e->worker ? worker : NULL,
                                NULL};
        describe(e, what, sizeof what);
        log_write(kinds[kind].level, fields, "task %" PRIu64 " %s", e->task_id, what);
}
