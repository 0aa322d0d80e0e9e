/* That an instance exists once: STATE/lock names the one supervisor, STATE/alive outlives it. Every
 * child holds a shared flock on STATE/alive, on an open file description of its own, until it is
 * dead; a new supervisor that finds one held waits, so that no process of a dead instance ever
 * meets those of the next. */
#pragma once

#include "common/paths.h"

typedef struct Instance {
        int state_fd; /* the directory STATE */
        int lock_fd;  /* exclusive flock for our whole life; the file holds our pid */
        int alive_fd; /* not locked by us: used to write the last serial */
        uint64_t last_serial;
} Instance;

#define INSTANCE_NONE ((Instance){.state_fd = -1, .lock_fd = -1, .alive_fd = -1})

/* Takes the lock, then waits for the processes of a dead instance. A second instance is
 * EXIT_TRY_AGAIN. */
int instance_acquire(Instance *i, const InstancePaths *paths, Error *error);
void instance_release(Instance *i);

/* The next worker serial, on disk before it is used. 0 or negative errno. */
int instance_next_serial(Instance *i, uint64_t *ret_serial);

/* STATE/alive opened anew with a shared flock, close-on-exec: for one child. Negative errno on
 * failure. */
int instance_open_alive(const Instance *i);
