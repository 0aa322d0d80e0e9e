/* The children of this process, which is a subreaper: those that it spawned; remnants, which dead
 * children left behind and the kernel hands to it; and strangers, with which it was started (it is
 * process 1 of a container, or a shell executed it). The death of a spawned one is reported to who
 * spawned it, remnants are killed, strangers are left alone. */
#pragma once

#include "host/loop.h"

#include <sys/resource.h>
#include <sys/types.h>

/* child: as given to children_spawn. Its process is reaped, remnants of it may live. */
typedef void (*ChildDied)(void *userdata, void *child, int status, const struct rusage *usage);

typedef struct Child {
        pid_t pid;
        ChildDied died;
        void *child;
} Child;

typedef struct Children {
        Loop *loop;
        LoopHandler tended;
        void *userdata;
        Child *spawned;
        pid_t *strangers;
        size_t spawned_count, stranger_count;
        unsigned remnants, stuck; /* how many live; how many of them outlived a retry */
        Timer retry;
} Children;

/* Becomes a subreaper and tends to its children from here on: at each SIGCHLD a round that reaps
 * all that is dead and kills remnants; while a remnant lives there is another round a second later.
 * tended is called after each round. Whatever is a child now is a stranger: call it before the
 * first spawn. 0 or negative exit code. */
int children_init(Children *c, Loop *loop, LoopHandler tended, void *userdata, Error *error);
void children_done(Children *c);

/* As spawn_process (host/spawn.h); died is called once, with child. */
pid_t children_spawn(Children *c, int binary_fd, const char *const argv[], const int fds[],
                     unsigned fd_count, ChildDied died, void *child);
void children_signal(const Children *c, int sig); /* to all that were spawned and live */
size_t children_count(const Children *c);         /* how many live: spawned ones and remnants */

/* "exit code 3", "signal 9 (KILL)": what a wait status says. */
const char *child_status_text(int status, char *buf, size_t size);
