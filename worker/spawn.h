/* Starts a command in a clean process: session of its own, nothing open but 0, 1 and 2, default
 * signals, the soft limit of descriptors that programs expect, dead when this worker dies. See
 * docs/decisions for why it is clone(CLONE_VM | CLONE_VFORK). */
#pragma once

#include "common/macro.h"

#include <sys/types.h>

typedef struct Spawner
        Spawner; /* the child's stack; one for all, since one child at a time needs it */

int spawner_new(Spawner **ret);
Spawner *spawner_free(Spawner *s); /* accepts NULL, returns NULL */

typedef struct SpawnCommand {
        const char *const *argv; /* ended by NULL */
        char *const *environment;
        const char *path; /* the task's PATH, for an argv[0] without a slash; NULL: the system's
                             default */
        const char *cwd;
        mode_t umask;
        int fds[3]; /* become 0, 1 and 2; stay the caller's */
} SpawnCommand;

/* What could not be done when spawn_command fails. */
typedef enum SpawnStep { SPAWN_PROCESS = 1, SPAWN_SET_UP, SPAWN_CWD, SPAWN_EXEC } SpawnStep;

/* A pid that is executing the command, or a negative errno with nothing left behind. */
pid_t spawn_command(Spawner *s, const SpawnCommand *command, SpawnStep *ret_failed);
