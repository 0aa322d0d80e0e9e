/* What a task would be: as a command line that makes it when it is pasted back, or as JSON. */
#pragma once

#include "client/cli/command.h"
#include "client/cli/task-options.h"

/* Prints task, as the command of x would submit it; contacts nobody. o: where it comes from.
 * Returns 0. */
int dry_run_print(const Invocation *x, const TaskOptions *o, const StintTask *task);
