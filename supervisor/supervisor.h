/* The supervisor's state and what its modules share: parent of the dispatcher and of all workers.
 * One thread, one sd-event loop; no ZeroMQ, no database, no input from clients. Each module owns
 * its own part of the struct.
 *
 *      stintd.c ── supervisor.c ──┬── dispatcher.c ──┐
 *      options     loop, signals  ├── workers.c ─────┼── spawn.c   fork, fexecve
 *                                 ├── settings.c     └── listen.c  sockets
 *                                 └── instance.c  locks, serials */
#pragma once

#include "common/supervise.h"
#include "common/time.h"
#include "config/config.h"
#include "supervisor/instance.h"
#include "supervisor/listen.h"
#include "supervisor/spawn.h"

#include <systemd/sd-event.h>
#include <unistd.h>

typedef struct Worker Worker;
typedef struct Packet Packet;

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
        int channel;
        sd_event_source *io, *timer;
        Packet *outbox;
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
        bool wanted;    /* a SIGHUP waits for a dispatcher that can answer */
        char note[128]; /* for STATUS: why the last one was refused */
} Settings;

typedef struct Workers { /* workers.c */
        Worker *list;
        int life[2]; /* one pipe for all: its EOF tells a worker that we died; nobody writes */
        unsigned remnants, stuck; /* stuck: how many outlived a retry */
        sd_event_source *retry;
} Workers;

typedef struct Supervisor {
        const InstancePaths *paths;
        ConfigPresence presence;
        sd_event *event;
        SupervisorPhase phase;
        sd_event_source *phase_timer;
        int exit_code;
        char status[SUPERVISE_TEXT_MAX], told[2 * SUPERVISE_TEXT_MAX];
        Instance instance;
        Listener listeners[LISTENER_COUNT];
        Binaries binaries,
                fallback;  /* fallback: the old ones while new ones are tried, else none */
        uint64_t openings; /* number of the last opening of binaries */
        Settings settings;
        Dispatcher dispatcher;
        Workers workers;
} Supervisor;

/* Runs an instance to its end; returns its exit code. A start that fails fills error. */
int supervisor_run(const InstancePaths *paths, ConfigPresence presence, Error *error);

void supervisor_on_message(Supervisor *s, const SuperviseMessage *message);
void supervisor_end(Supervisor *s, int exit_code); /* ends all children, then the loop */
void supervisor_tell(Supervisor *s); /* STATUS= from the parts that have something to say */

const char *instance_name(const Supervisor *s); /* "user" or "system" */

/* One-shot timers that are made once and armed again. Never fails visibly: without memory for one,
 * we abort. */
void timer_arm(Supervisor *s, sd_event_source **timer, usec_t delay_usec,
               sd_event_time_handler_t handler);
void timer_stop(sd_event_source *timer); /* accepts NULL */

static inline void close_fd(int fd) {
        if (fd >= 0)
                close(fd);
}
