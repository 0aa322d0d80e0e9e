/* Inside the handler of commands: what handler-command.c (the life of a run) and command-launch.c
 * (how it is started) share. */
#pragma once

#include "worker/capture.h"
#include "worker/handler.h"
#include "worker/progress.h"
#include "worker/spawn.h"
#include "worker/tree.h"

#define COMMAND_STREAMS 2 /* stdout, stderr */

typedef enum CommandPhase { COMMAND_IDLE, COMMAND_RUNNING, COMMAND_SWEEPING } CommandPhase;

/* Why it was stopped; a greater one goes over a smaller one. */
typedef enum CommandCause {
        COMMAND_NOT_STOPPED,
        COMMAND_TIMED_OUT,
        COMMAND_INTERRUPTED,
        COMMAND_CANCELLED,
        COMMAND_FOREIGN, /* a run of another store: nobody asks for its result */
} CommandCause;

typedef struct Command {
        Run *run; /* NULL: nothing runs */
        CommandPhase phase;
        CommandCause cause;
        bool kill_asked; /* somebody had KILL sent to it */
        pid_t pid;
        int status; /* of the main process, as wait4 gives it; from SWEEPING on */
        Capture captures[COMMAND_STREAMS];
        sd_event_source *watches[COMMAND_STREAMS]; /* NULL: not watched yet */
        usec_t progress_next;                      /* when progress may be told again */
        /* Monotonic; deadlines are USEC_INFINITY when there is nothing to do. */
        usec_t started_at, attach_at, announce_at, timeout_at;
        usec_t progress_at; /* when to tell it */
        usec_t kill_at;     /* the end of the grace */
        usec_t sweep_at;    /* when to kill again what is still there */
        usec_t sweep_delay;
} Command;

#define COMMAND_NONE                                                                               \
        ((Command){                                                                                \
                .captures = {CAPTURE_NONE, CAPTURE_NONE},                                          \
                .attach_at = USEC_INFINITY,                                                        \
                .announce_at = USEC_INFINITY,                                                      \
                .timeout_at = USEC_INFINITY,                                                       \
                .progress_at = USEC_INFINITY,                                                      \
                .kill_at = USEC_INFINITY,                                                          \
                .sweep_at = USEC_INFINITY,                                                         \
        })

typedef struct CommandHandler {
        sd_event *event;
        const WorkerIdentity *identity;
        Spawner *spawner;
        int null_fd; /* /dev/null, for reading */
        Progress progress;
        sd_event_source *child, *timer, *progress_watch;
        usec_t timer_at; /* when timer fires, USEC_INFINITY: it is off */
        Command current;
} CommandHandler;

int command_open_null(void); /* a descriptor or negative errno */

/* Decodes the task's command and starts it with h->current's captures: true, pid and captures are
 * set. false: run->end says why it could not start. */
bool command_launch(CommandHandler *h, Run *run);
