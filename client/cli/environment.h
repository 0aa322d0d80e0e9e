/* The environment that a task gets, from the options --env and --env-file: a base, which libstint
 * makes, and single variables that are set over it, the later ones over the earlier. */
#pragma once

#include "common/macro.h"

#include <stint/task.h>

#define ENVIRONMENT_ITEMS_MAX 4096

typedef struct EnvironmentOptions {
        StintEnvironment base;
        const char *items[ENVIRONMENT_ITEMS_MAX + 1]; /* NAME=VALUE each, then NULL */
        size_t count;
} EnvironmentOptions;

/* Takes the value of --env: all, none, NAME (its value in variables, the client's environment) or
 * NAME=VALUE. NULL, or what is wrong. */
const char *environment_set(EnvironmentOptions *o, const char *value, char *const *variables);

/* Takes the file of --env-file: lines NAME=VALUE as in an EnvironmentFile= of systemd. Blank lines
 * and those that begin with # or ; are left out; blanks around a value are dropped, a backslash
 * before the end of a line joins it with the next one, before another character it stands for that
 * character; between single quotes everything is literal, between double quotes a backslash
 * protects " \ $ and `. Nothing is expanded. NULL, or what is wrong. */
const char *environment_read(EnvironmentOptions *o, const char *path);
