/* Tasks as they travel, and what commands take over from the program. */
#pragma once

#include "client/gather.h"

/* What the commands of one call share: read once a call. Zero is empty. */
typedef struct Surroundings {
        StintEnvironment environment;
        char *block; /* the environment; NULL: there is no command among the tasks */
        size_t block_size;
        char *cwd;
        unsigned umask;
        bool has_umask;
} Surroundings;

/* Reads what this task needs. 0, or -code with the client's error set. */
int surroundings_add(StintClient *c, Surroundings *s, const StintTask *task);
void surroundings_done(Surroundings *s);

/* Appends a checked task to g, which has room for it. 0, or -code with the client's error set. */
int task_encode(StintClient *c, const StintTask *task, const Surroundings *s, Gather *g,
                StintFuture *future);
