/* What became of a task, as an exit code and in words. */
#pragma once

#include "common/wire.h"

/* Of a task that has ended: its own exit code, 124, 126, 127, 128+n, or 1. */
int ending_exit_code(TaskState state, EndReason reason, int64_t code);

/* "exit code 3", "killed by signal 9 (KILL)", "timeout" … in buf, which is returned. */
const char *ending_text(EndReason reason, int64_t code, char *buf, size_t size);
