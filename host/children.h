/* The children of this process, which is a subreaper: those that it started; remnants, which dead
 * children left behind and the kernel hands to it; and strangers, with which it was started (it is
 * process 1 of a container, or a shell executed it). Remnants are killed, strangers left alone. */
#pragma once

#include "host/loop.h"

#include <sys/resource.h>
#include <sys/types.h>

typedef enum ChildKind { CHILD_STARTED, CHILD_REMNANT } ChildKind;

/* What the owner knows and is told, all with its userdata. */
typedef struct ChildrenOwner {
        ChildKind (*kind)(void *userdata, pid_t pid); /* REMNANT: none that the owner started */
        void (*died)(void *userdata, pid_t pid, int status,
                     const struct rusage *usage); /* reaped */
        void (*tended)(void *userdata); /* a round is over: remnants and stuck say what is left */
} ChildrenOwner;

typedef struct Children {
        Loop *loop;
        const ChildrenOwner *owner;
        void *userdata;
        unsigned remnants, stuck; /* how many live; how many of them outlived a retry */
        Timer retry;
        pid_t *strangers;
        size_t stranger_count;
} Children;

/* Becomes a subreaper. Whatever is a child now is a stranger: call it before the first spawn. owner
 * stays the caller's. 0 or negative exit code. */
int children_init(Children *c, Loop *loop, const ChildrenOwner *owner, void *userdata,
                  Error *error);
void children_done(Children *c);

/* A round: reaps all that is dead, kills remnants; while one lives there is another round a second
 * later. For SIGCHLD. */
void children_tend(Children *c);

/* "exit code 3", "signal 9 (KILL)": what a wait status says. */
const char *child_status_text(int status, char *buf, size_t size);
