/* The environment of a task: its own block, exactly as it was given, then the command's overrides,
 * then STINT_*. */
#pragma once

#include "common/command-spec.h"
#include "worker/handler.h"

typedef struct Environment {
        char **vector; /* for execve, ended by NULL */
        size_t count, alloc;
        char *block;  /* what most of vector points into */
        char *own[9]; /* what stint adds */
        size_t own_count;
} Environment;

/* The strings of spec must outlive ret. 0 or -ENOMEM; ret needs environment_done in any case. */
int environment_build(const Run *run, const CommandSpec *spec, const WorkerIdentity *identity,
                      Environment *ret);
void environment_done(Environment *e);

const char *environment_get(const Environment *e, const char *name); /* NULL: not set */
