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
#include "config/sealed.h"
#include "host/backoff.h"
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
        Backoff backoff;
        usec_t ready_at;
        uint64_t binary;   /* number of the binaries that it runs */
        unsigned failures; /* deaths in a row without a READY */
        bool ever_ready, stopped;
} Dispatcher;

typedef struct Settings { /* settings.c */
        SealedConfig in_force;
        SealedConfig offered; /* sent in a RELOAD that is not answered */
        uint64_t generation;
        bool wanted; /* a SIGHUP or RELOAD_ASKED waits for a dispatcher that can answer */
        uint64_t asked, covered; /* RELOAD_ASKED: the last; the last before the files were read */
} Settings;

typedef struct Supervisor {
        const InstancePaths *paths;
        ConfigPresence presence;
        Loop loop;
        SupervisorPhase phase;
        Timer phase_timer;
        usec_t stop_until; /* monotonic: a stop that lasts longer has failed */
        int exit_code;
        Instance instance;
        Children children;
        Listeners listeners;
        Binaries binaries;
        Settings settings;
        Dispatcher dispatcher;
        Worker *workers;
} Supervisor;

/* ---- supervisor.c ---- */

/* Runs an instance to its end; returns its exit code. A start that fails fills error. */
int supervisor_run(const InstancePaths *paths, ConfigPresence presence, Error *error);
void supervisor_end(Supervisor *s, int exit_code); /* ends all children, then the loop */
/* A stop takes so long from now, at most; never less than was said before. */
void supervisor_stop_takes(Supervisor *s, usec_t usec);

/* Starts a child as common/supervise.h promises it: channel, configuration, STATE/alive and then
 * its sockets; --state, --run, --instance and then two options of its own (name, value, name,
 * value). worker: whose process it is, NULL for the dispatcher. A pid or negative errno. */
pid_t supervisor_spawn(Supervisor *s, Program program, Worker *worker, int channel,
                       const int sockets[], unsigned socket_count, const char *const options[4]);

/* ---- dispatcher.c: the process, and what it says, each message to whom it concerns ---- */

void dispatcher_start(Supervisor *s);
void dispatcher_upgrade(void *supervisor); /* SIGUSR2 */
void dispatcher_died(void *supervisor, void *none, int status, const struct rusage *usage);
void dispatcher_done(Supervisor *s);
/* To none, both do nothing (the next one gets the roster). attached: a descriptor that stays the
 * caller's and stays open until the answer, or -1. */
void dispatcher_send(Supervisor *s, const SuperviseMessage *message, int attached);
void dispatcher_kill(const Supervisor *s, int sig);

/* ---- workers.c: the roster, every worker that lives, dies, or died without a dispatcher having
 * confirmed it, in the order of serials ---- */

/* What the dispatcher asks for. SPAWN is answered by SPAWNED or SPAWN_FAILED; a signal to a worker
 * that is not alive does nothing; EXIT_SEEN drops an end from the roster. */
void workers_spawn(Supervisor *s, const SuperviseMessage *m);
void workers_signal(Supervisor *s, const SuperviseMessage *m);
void workers_exit_seen(Supervisor *s, const SuperviseMessage *m);
void workers_send_roster(Supervisor *s);
void worker_died(void *supervisor, void *worker, int status, const struct rusage *usage);
/* As EXITED. Only once no remnant lives: a remnant cannot be attributed to one dead worker. */
void workers_report_dead(Supervisor *s);
void workers_done(Supervisor *s);

/* ---- settings.c: the configuration in force, a sealed memfd that every child gets. A new one is
 * in force only when the dispatcher has accepted it; until then and otherwise nothing changes ----
 */

int settings_load(Supervisor *s, Error *error);
void settings_reload(void *supervisor); /* SIGHUP */
void settings_try(Supervisor *s);       /* offers a wanted one, once the dispatcher can answer */
void settings_asked(Supervisor *s, const SuperviseMessage *message);    /* RELOAD_ASKED */
void settings_answered(Supervisor *s, const SuperviseMessage *message); /* RELOADED */
void settings_unanswered(Supervisor *s); /* the dispatcher died: what was offered is dropped */
void settings_done(Supervisor *s);
