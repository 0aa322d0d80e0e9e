/* What became of a task, as an exit code and in words. */
#pragma once

#include <jansson.h>
#include <stint/task.h>

/* Of a task that has ended: its own exit code, 124, 126, 127, 128+n, or 1. */
int ending_exit_code(StintState state, StintReason reason, int64_t code);

/* "exit code 3", "killed by signal 9 (KILL)", "timeout" … in buf, which is returned. */
const char *ending_text(StintReason reason, int64_t code, char *buf, size_t size);

/* The state that an attempt ended in: "failed"; "interrupted" where it did not count. */
const char *ending_of_attempt(const StintAttempt *a);

/* Why an attempt ended, in buf, which is returned; "" where the state says it all. What its detail
 * says is left to that. */
const char *ending_why_of_attempt(const StintAttempt *attempt, char *buf, size_t size);
/* What more there is to tell, escaped; "" for nothing. */
const char *ending_detail(const StintAttempt *attempt, char *buf, size_t size);

/* Its id, state, reason and code. */
json_t *ending_json(const StintEnd *end);

/* Says on stderr that a task did not succeed, and where to look. */
void ending_warn(const StintEnd *end);
