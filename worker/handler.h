/* What a worker does with a run: one of these, chosen by its pool's `handler`. A handler may start
 * as many runs at once as it has slots. start leads to exactly one run_end, at once or later from
 * the loop. */
#pragma once

#include "config/config.h"
#include "worker/run.h"

#include <systemd/sd-event.h>

/* Who this worker is; what its tasks find in STINT_*. Static for its life. */
typedef struct WorkerIdentity {
        uint64_t serial;
        const char *pool, *state_dir, *run_dir;
        int log_level;               /* tasks are logged only when it is LOG_DEBUG */
        char endpoint[PATH_MAX + 8]; /* where clients reach the dispatcher */
} WorkerIdentity;

typedef struct Handler {
        const char *name;
        TaskKind kind; /* of the tasks that it takes */
        uint32_t slots;
        /* State of the handler, if it needs any; open and close may be NULL. */
        int (*open)(sd_event *event, const WorkerIdentity *identity, void **ret_state);
        void *(*close)(void *state); /* accepts NULL, returns NULL; no run is started any more */
        void (*start)(void *state, Run *run);
        /* The rest only for runs that can last, NULL otherwise. stop: signal first, KILL after
         * run->grace_usec; a run that has ended by itself keeps its result. spill: output goes to
         * files from now on (a run that is started with run->spill: from the start). signal: for
         * every process of the run, which goes on. kill_all: returns when every process of every
         * run is dead, calls nothing back. */
        void (*stop)(void *state, Run *run, StopWhy why, int signal);
        void (*spill)(void *state, Run *run);
        void (*signal)(void *state, Run *run, int signal);
        void (*kill_all)(void *state);
} Handler;

extern const Handler handler_command, handler_noop, handler_echo;

const Handler *handler_find(HandlerKind kind); /* NULL: this worker knows none such */

/* Priorities of event sources: what must not wait goes first. The executor settles (starts,
 * STARTED, END) before anything new is read, so that what ends in one turn goes out as one message.
 */
enum {
        PRIORITY_CHANNEL = -100, /* the supervisor is dead: kill all, leave */
        PRIORITY_SETTLE = -50,
        PRIORITY_CHILD = -30, /* SIGCHLD */
        PRIORITY_TIMER = -20,
        PRIORITY_SIGNAL = -10, /* SIGTERM */
        PRIORITY_OUTPUT = 0,
        PRIORITY_LINK = 10,
};
