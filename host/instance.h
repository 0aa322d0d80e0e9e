/* That an instance exists once: STATE/lock names the one supervisor, STATE/alive outlives it. Every
 * child holds a shared flock on STATE/alive, on an open file description of its own, until it is
 * dead; a new supervisor that finds one held waits, so that no process of a dead instance ever
 * meets those of the next. */
#pragma once

#include "common/error.h"

typedef struct Instance {
        int state_fd; /* the directory STATE */
        int lock_fd;  /* exclusive flock for our whole life; the file holds our pid */
        int alive_fd; /* not locked by us: used to write the last serial */
        int life[2];  /* a pipe that nobody writes to: children inherit life[0] and read EOF from it
                         when we are dead */
        uint64_t last_serial;
} Instance;

#define INSTANCE_NONE ((Instance){.state_fd = -1, .lock_fd = -1, .alive_fd = -1, .life = {-1, -1}})

/* Takes the lock in the directory state, then waits for the processes of a dead instance. A second
 * instance is EXIT_TRY_AGAIN. What a failure leaves open instance_release closes. */
int instance_acquire(Instance *i, const char *state, Error *error);
void instance_release(Instance *i); /* leaves INSTANCE_NONE */

/* The next serial, on disk before it is used: none is ever given twice, by no instance with this
 * STATE. 0 or negative errno. */
int instance_next_serial(Instance *i, uint64_t *ret_serial);

/* STATE/alive opened anew with a shared flock, close-on-exec: for one child. Negative errno on
 * failure. */
int instance_open_alive(const Instance *i);
