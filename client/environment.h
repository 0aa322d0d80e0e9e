/* What a command task gets from the program that submits it. */
#pragma once

#include "client/client.h"

/* The environment as NAME=VALUE strings, each with its NUL, in memory of the caller. 0, or -code
 * with the client's error set. */
int task_environment_block(StintClient *c, StintEnvironment environment, char **ret,
                           size_t *ret_size);

/* Ours, without touching it: umask(2) can only be read by setting it, for all threads. */
unsigned umask_ours(void);
