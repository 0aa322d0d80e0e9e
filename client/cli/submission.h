/* Submitting one task, and what its id is. */
#pragma once

#include "client/cli/command.h"
#include "client/cli/task-options.h"

/* Queues the task and waits until it is durable. 0, or -code. */
int submit_task(StintClient *client, const StintTask *task, uint64_t *ret_id, Error *error);

/* What became of a future, once it is over: 0, or -code with its reason. */
int submit_refused(const StintClient *client, const StintFuture *future, int code, Error *error);

/* Prints the id, alone or as JSON. The task exists already, so not even this failing is silent. */
int submit_print(const Invocation *x, uint64_t id, Error *error);

/* Refuses what the service account of the system's instance cannot do, where that can be known.
 * 0, or -code. */
int submit_check_directory(const StintClient *client, const char *directory, Error *error);
