/* The supervisor's state and what its modules share: parent of the dispatcher and of all workers.
 * One thread, one loop; no ZeroMQ, no database, no input from clients. Each module owns its own
 * part of the struct. This directory holds the policy: who should live, who is started again and
 * when, what is told to whom. How that is done on a host is host/.
 *
 *      stintd.c ── supervisor.c ──┬── dispatcher.c  one process: start, backoff, pings, upgrade
 *      options     start, signals,├── workers.c     the roster of all workers
 *                  the end        └── settings.c    the configuration in force */
#pragma once

#include "common/supervise.h"
#include "config/config.h"
#include "host/binaries.h"
#include "host/channel.h"
#include "host/children.h"
#include "host/instance.h"
#include "host/listen.h"

typedef struct Worker Worker; /* workers.c */

/* In the order of their descriptors in common/supervise.h. */
enum { LISTENER_CONTROL, LISTENER_EVENTS, LISTENER_RESULTS, LISTENER_COUNT };

typedef enum Program { PROGRAM_DISPATCHER, PROGRAM_WORKER, PROGRAM_COUNT } Program;

/* Parts of the status line, see host/notify.h; instance.c writes the first one before us. */
enum { STATUS_DISPATCHER, STATUS_SETTINGS, STATUS_WORKERS };

typedef enum SupervisorPhase {
        SUPERVISOR_RUNNING,
        SUPERVISOR_STOPPING, /* the dispatcher ends the tasks; one that dies is started again and
                                asked again */
        SUPERVISOR_ENDING,   /* no dispatcher any more; workers are ended; then we go */
} SupervisorPhase;

typedef enum DispatcherState {
        DISPATCHER_DOWN, /* none runs, the timer starts the next; every other state: pid is set */
        DISPATCHER_STARTING, /* loads; must ping */
        DISPATCHER_TRIAL, /* the first of new binaries: READY in time, or the old ones come back */
        DISPATCHER_READY, /* must ping */
        DISPATCHER_LEAVING,  /* was asked to exit by HANDOVER, or said STOPPED */
        DISPATCHER_ABORTING, /* overdue: got ABRT, gets KILL */
} DispatcherState;

typedef struct Dispatcher { /* dispatcher.c */
        DispatcherState state;
        pid_t pid; /* 0: none */
        Channel *channel;
        Timer timer;
        usec_t backoff_usec, ready_at;
        uint64_t binary;   /* number of the binaries that it runs */
        unsigned failures; /* deaths in a row without a READY */
        bool ever_ready, stopped;
} Dispatcher;

typedef struct Settings { /* settings.c */
        Config *config,
                *offered; /* in force; sent in a RELOAD that is not answered yet, else NULL */
        int fd, offered_fd;
        uint64_t generation;
        bool wanted; /* a SIGHUP waits for a dispatcher that can answer */
} Settings;

typedef struct Supervisor {
        const InstancePaths *paths;
        ConfigPresence presence;
        Loop loop;
        SupervisorPhase phase;
        Timer phase_timer;
        int exit_code;
        Instance instance;
        Children children;
        Listener listeners[LISTENER_COUNT];
        Binaries binaries;
        Settings settings;
        Dispatcher dispatcher;
        Worker *workers;
} Supervisor;

/* Runs an instance to its end; returns its exit code. A start that fails fills error. */
int supervisor_run(const InstancePaths *paths, ConfigPresence presence, Error *error);

void supervisor_end(Supervisor *s, int exit_code);         /* ends all children, then the loop */
int supervisor_open_binaries(Supervisor *s, Error *error); /* the first, or new ones on trial */

/* Starts a child as common/supervise.h promises it: channel, configuration, STATE/alive and then
 * its sockets; --state, --run, --instance and then two options of its own (name, value, name,
 * value). A pid or negative errno. */
pid_t supervisor_spawn(Supervisor *s, Program program, int channel, const int sockets[],
                       unsigned socket_count, const char *const options[4]);
