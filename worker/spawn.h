/* Starts a command in a clean process: session of its own, nothing open but 0 to 3, default
 * signals, the soft limit of descriptors that programs expect, dead when this worker dies. See
 * docs/decisions for why it is clone(CLONE_VM | CLONE_VFORK). */
#pragma once

#include "common/macro.h"

#include <sys/types.h>

typedef struct Spawner
        Spawner; /* the child's stack; one for all, since one child at a time needs it */

int spawner_new(Spawner **ret);
Spawner *spawner_free(Spawner *s); /* accepts NULL, returns NULL */

#define SPAWN_FD_PROGRESS 3 /* what STINT_PROGRESS_FD names */
#define SPAWN_FD_COUNT    4

typedef struct SpawnCommand {
        const char *const *argv; /* ended by NULL */
        char *const *environment;
        const char *path; /* the task's PATH, for an argv[0] without a slash; NULL: the system's
                             default */
        const char *cwd;
        mode_t umask;
        int nice;                /* added to this process's niceness: 0 … 19 */
        int fds[SPAWN_FD_COUNT]; /* become 0, 1, 2 and 3; stay the caller's, and are above 3 */
} SpawnCommand;

/* What could not be done when spawn_command fails. */
typedef enum SpawnStep {
        SPAWN_PROCESS = 1,
        SPAWN_SET_UP,
        SPAWN_NICE,
        SPAWN_CWD,
        SPAWN_EXEC
} SpawnStep;

/* A pid that is executing the command, or a negative errno with nothing left behind. */
pid_t spawn_command(Spawner *s, const SpawnCommand *command, SpawnStep *ret_failed);
