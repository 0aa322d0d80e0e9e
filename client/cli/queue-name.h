/* Names of queues as people write them: whether they can be one, and whether there is one. */
#pragma once

#include "client/cli/command.h"

/* Takes value for an option; NULL, or what is wrong with it. */
const char *queue_name_set(const char **ret, const char *value);

/* 0 if the instance has such a queue, else -EXIT_DATA with the nearest name, or -code. Asked where
 * nothing was found: tasks of a queue that left the configuration can still be listed. */
int queue_name_check(StintClient *client, const char *name, Error *error);
