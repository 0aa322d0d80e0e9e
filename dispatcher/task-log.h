/* The story of each task in the log: a line for each change of its state, with the fields TASK,
 * QUEUE, STATE, ATTEMPT and WORKER. Attempts that failed are notices, all other changes are info.
 *
 * Tasks may be a hundred thousand a second, and a log of them all would cost more than they do: of
 * each of both kinds there is a budget that refills slowly, and what exceeds it is counted and told
 * in one line a minute. Pure but for the log: time is the caller's. */
#pragma once

#include "common/time.h"
#include "dispatcher/core/core.h"

#define TASK_LOG_BURST 1000 /* lines at once */

enum { TASK_LOG_CHANGES, TASK_LOG_FAILURES, TASK_LOG_KINDS };

typedef struct TaskLog {
        struct {
                usec_t full_at; /* monotonic; when TASK_LOG_BURST lines may be written again */
                uint64_t left_out;
                usec_t told_at; /* monotonic; the last time that was told */
        } budgets[TASK_LOG_KINDS];
} TaskLog;

/* Whether a line of that kind may be written now; takes it from the budget. */
int task_log_take(TaskLog *l, unsigned kind, usec_t now);

/* now: monotonic. */
void task_log_event(TaskLog *l, usec_t now, const CoreEvent *e);
