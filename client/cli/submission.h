/* Sending one task to the dispatcher, and what its id is. */
#pragma once

#include "client/cli/command-options.h"
#include "client/cli/command.h"

typedef enum SubmitWait { SUBMIT_ONLY, SUBMIT_AND_WAIT } SubmitWait;

/* Sends the command with its environment. Returns the request's id, or -code. */
int64_t submit_command(Session *s, CommandOptions *o, const CommandTask *t, SubmitWait wait,
                       Error *error);

/* Sends a message task; queue: where to. Returns the request's id, or -code. */
int64_t submit_message(Session *s, TaskOptions *o, WireText payload, SubmitWait wait, Error *error);

/* Waits until it is durable. 0, or -code. */
int submit_id(Session *s, int64_t request, uint64_t *ret_id, Error *error);

/* Waits until the task of a request that waits has ended; nothing else may be outstanding. 0, or
 * -code. */
int submit_end(Session *s, int64_t request, WireEndedTask *ret, Error *error);

/* Prints the id, alone or as JSON. The task exists already, so not even this failing is silent. */
int submit_print(const Invocation *x, uint64_t id, Error *error);

/* Refuses what the service account of the system's instance cannot do, where that can be known.
 * 0, or -code. */
int submit_check_directory(const Session *s, const char *directory, Error *error);
