/* The environment that a task gets: which variables of the client's, for which instance.
 *
 * The base is one block that the store keeps once however many tasks share it; single variables
 * (--env NAME=VALUE) travel with the task and are set over it. */
#pragma once

#include "common/command-spec.h"
#include "common/error.h"

typedef enum EnvironmentBase {
        ENVIRONMENT_DEFAULT, /* all in one's own instance, clean elsewhere */
        ENVIRONMENT_ALL,
        ENVIRONMENT_NONE,
} EnvironmentBase;

typedef struct EnvironmentOptions {
        EnvironmentBase base;
        const char *items[COMMAND_ENV_MAX]; /* NAME=VALUE each */
        size_t count;
} EnvironmentOptions;

typedef enum EnvironmentTrust { ENVIRONMENT_OF_OWN, ENVIRONMENT_OF_OTHERS } EnvironmentTrust;

/* Takes the value of --env: all, none, NAME (its value in variables, the client's environment) or
 * NAME=VALUE. NULL, or what is wrong. */
const char *environment_set(EnvironmentOptions *o, const char *value, char *const *variables);

/* The base as NAME=VALUE strings, each with its NUL, in memory of the caller; a clean one holds
 * PATH and LANG. 0, or -code. */
int environment_block(EnvironmentBase base, EnvironmentTrust trust, char *const *variables,
                      char **ret, size_t *ret_size, Error *error);
