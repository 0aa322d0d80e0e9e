/* The whole contract between the supervisor (stintd) and its two kinds of children.
 *
 * Supervisor and dispatcher talk over one SOCK_SEQPACKET pair in fixed-size structs, one a packet.
 * The supervisor spawns, signals and reaps; the dispatcher decides how many workers there should be
 * and whom to stop. Workers are named by serial, never by pid: a pid can be reused, a serial never
 * is, not even by a later instance (the supervisor keeps the last one given in STATE/alive).
 *
 *      supervisor -> dispatcher
 *          ROSTER         one per living or dying worker
 *          ROSTER_END     and what this supervisor can do
 *          SPAWNED        answers SPAWN
 *          SPAWN_FAILED   answers SPAWN (error)
 *          EXITED         only after every remnant is dead
 *          RELOAD         with a sealed memfd attached
 *          STOP           no starts, end the running, flush
 *          HANDOVER       flush and exit 0; workers stay
 *          RELOAD_REPORT  a part of the text of the RELOAD_DONE that follows: what changes, or
 *                         every finding, a line each
 *          RELOAD_DONE    answers RELOAD_ASKED, all up to serial: in force (error 0) or refused
 *
 *      dispatcher -> supervisor
 *          READY          takes over: loaded, bound, synced
 *          PING           every SUPERVISE_PING_USEC, also while loading
 *          STATUS         one line for `systemctl status`
 *          SPAWN          one worker for a pool
 *          SIGNAL         to a worker by serial
 *          RELOADED       accepted (error 0) or refused (error, text)
 *          STOP_TAKES     how long from now until STOPPED, at most; more than once if that grows
 *          STOPPED        all is flushed; exits 0 after it
 *          EXIT_SEEN      serial: drop this end from the roster
 *          RELOAD_ASKED   serial: a number that rises; read the files again, as on SIGHUP
 *
 * A new dispatcher first receives the ROSTER of everything that lives, ends included that no
 * dispatcher has confirmed with EXIT_SEEN, then ROSTER_END. Strings are NUL-terminated. Both ends
 * are of one package, but not always of one version (an upgrade replaces the dispatcher first): a
 * packet whose version differs is a protocol error that ends the dispatcher. What is added without
 * changing what is there needs no new version: an unknown type is ignored, and what an older
 * supervisor does not know is not in the features of its ROSTER_END.
 *
 * The dispatcher's end is blocking: it may send without asking whether there is room, since the
 * supervisor always reads, and must receive with MSG_DONTWAIT. The supervisor's end never blocks:
 * it queues what the dispatcher does not take yet. */
#pragma once

#include <stdint.h>
#include <sys/resource.h>

#define SUPERVISE_VERSION    1u
#define SUPERVISE_PING_USEC  2000000u  /* the dispatcher pings this often */
#define SUPERVISE_HANG_USEC  10000000u /* silent for this long: ABRT, 1 s later KILL */
#define SUPERVISE_NAME_MAX   64
#define SUPERVISE_TEXT_MAX   512
#define SUPERVISE_REPORT_MAX 16384 /* bytes of all RELOAD_REPORTs of one reload, with a NUL */

#define SUPERVISE_FEATURE_RELOAD_ASKED 1
#define SUPERVISE_FEATURE_STOP_TAKES   2
#define SUPERVISE_FEATURES             3 /* of this version's supervisor: all */

typedef enum SuperviseType {
        SUPERVISE_ROSTER = 1,
        SUPERVISE_ROSTER_END,
        SUPERVISE_SPAWNED,
        SUPERVISE_SPAWN_FAILED,
        SUPERVISE_EXITED,
        SUPERVISE_RELOAD,
        SUPERVISE_STOP,
        SUPERVISE_HANDOVER,
        SUPERVISE_RELOAD_REPORT,
        SUPERVISE_RELOAD_DONE,

        SUPERVISE_READY = 32,
        SUPERVISE_PING,
        SUPERVISE_STATUS,
        SUPERVISE_SPAWN,
        SUPERVISE_SIGNAL,
        SUPERVISE_RELOADED,
        SUPERVISE_STOPPED,
        SUPERVISE_EXIT_SEEN,
        SUPERVISE_RELOAD_ASKED,
        SUPERVISE_STOP_TAKES,
} SuperviseType;

typedef enum SuperviseWorkerState {
        SUPERVISE_WORKER_ALIVE = 1,
        SUPERVISE_WORKER_DYING,  /* its process is reaped, remnants of its tasks still die */
        SUPERVISE_WORKER_EXITED, /* dead with all it started; status and usage are set */
} SuperviseWorkerState;

typedef struct SuperviseMessage {
        uint32_t version;    /* SUPERVISE_VERSION */
        uint32_t type;       /* SuperviseType */
        uint64_t serial;     /* of the worker: ROSTER SPAWNED EXITED SIGNAL EXIT_SEEN;
                                a number: RELOAD_ASKED RELOAD_DONE; microseconds: STOP_TAKES */
        uint64_t generation; /* config generation: ROSTER SPAWNED RELOAD RELOADED; ROSTER_END,
                                RELOAD_DONE: the one in force */
        uint64_t binary;  /* which opening of the worker binary it runs: ROSTER SPAWNED; ROSTER_END:
                             the one in force */
        int32_t pid;      /* for people to read: ROSTER SPAWNED EXITED */
        int32_t state;    /* SuperviseWorkerState: ROSTER */
        int32_t status;   /* as wait4() gives it: EXITED, ROSTER of an exited one */
        int32_t signal;   /* SIGNAL */
        int32_t error;    /* an errno, 0 is success: SPAWN_FAILED RELOADED RELOAD_DONE */
        int32_t features; /* SUPERVISE_FEATURE_*: ROSTER_END */
        struct rusage usage;               /* of the worker and all it waited for: EXITED */
        char pool[SUPERVISE_NAME_MAX + 1]; /* SPAWN SPAWNED SPAWN_FAILED ROSTER EXITED */
        char text[SUPERVISE_TEXT_MAX];     /* STATUS RELOADED RELOAD_REPORT */
} SuperviseMessage;

/* What a child finds open when it starts; every other descriptor is closed. */
enum {
        SUPERVISE_FD_CHANNEL =
                3, /* dispatcher: the SEQPACKET pair. worker: a pipe that only tells EOF */
        SUPERVISE_FD_CONFIG, /* sealed memfd with the configuration in force (config/config.h) */
        SUPERVISE_FD_ALIVE,  /* STATE/alive with a shared flock: held until the process is dead */
        SUPERVISE_FD_FIRST,  /* worker: listening socket RUN/w/SERIAL.sock for its PULL */
        SUPERVISE_FD_CONTROL = SUPERVISE_FD_FIRST, /* dispatcher: listening control socket */
        SUPERVISE_FD_EVENTS,                       /* dispatcher: listening event socket */
        SUPERVISE_FD_RESULTS,                      /* dispatcher: listening RUN/results.sock */
};

/* Arguments of the children, all required, in long form:
 *   stint-dispatcher --state DIR --run DIR --instance user|system --generation N --binary N
 *   stint-worker     --state DIR --run DIR --instance user|system --pool NAME --serial N
 * Listening sockets are non-blocking. RUN/w/SERIAL.sock is worker SERIAL's; a path is never used
 * twice. */
