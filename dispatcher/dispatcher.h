/* The dispatcher's modules, wired: only dispatcher*.c know all of them. One loop, one turn at a
 * time:
 *
 *   control socket ─▶ requests ─┐                          ┌▶ replies, events, acks
 *   results        ─▶           ├▶ core ─▶ finish turn ────┼▶ RUN batches (push, worker-link)
 *   supervisor     ─▶           │                          └▶ one batch to the store ─▶ commit ─┐
 *   timer          ─▶ ──────────┘◀──────────────────── committed, reads ◀────────────────────────┘
 *
 * Every input handler begins the turn (reads the clock once); the post source, which runs after
 * each of them, finishes it. */
#pragma once

#include "config/config.h"
#include "dispatcher/event-link.h"
#include "dispatcher/push.h"
#include "dispatcher/requests/request.h"
#include "dispatcher/supervise-link.h"
#include "dispatcher/task-log.h"

/* Priorities of the loop's sources: lower runs first. The turn is finished after each source that
 * ran, so nothing starves. */
enum {
        PRIORITY_POST = -100, /* finishes the turn */
        PRIORITY_SUPERVISOR = -20,
        PRIORITY_STORE = -10,
        PRIORITY_RESULTS = 0, /* what ends makes room before more comes in */
        PRIORITY_CLIENTS = 10,
        PRIORITY_FOLLOW = 20,
};

typedef struct DispatcherOptions {
        const char *state_dir, *run_dir, *instance;
        uint64_t generation, binary;
} DispatcherOptions;

typedef struct Dispatcher {
        DispatcherOptions options;
        Config *config;
        sd_event *event;
        sd_event_source *post, *timer, *store_io, *stop_timer;
        void *context;
        Store *store;
        Core *core;
        Reads *reads;
        PayloadCache *payloads;
        Push *push;
        WorkerLink *workers;
        ClientLink *clients;
        EventLink *events;
        Follow *follow;
        SuperviseLink *supervisor;
        RequestContext requests;
        Rates rates;
        TaskLog task_log;

        bool in_turn, roster_ended, stopping, congested, handing_over;
        bool interrupting; /* runs were asked to end for a stop: their grace begins */
        StoreOp *ops;      /* what this turn persists */
        size_t op_count, op_alloc;
        uint64_t tickets_pending; /* batches at the store */
        usec_t timer_usec;        /* what the timer is set to */
        char health[ERROR_TEXT_MAX];
        char status[SUPERVISE_TEXT_MAX];
        usec_t status_usec;
} Dispatcher;

void turn_begin(Dispatcher *d);

/* dispatcher-ports.c */
extern const CorePorts dispatcher_ports;

/* dispatcher-loop.c: sources that end turns, time, and the store's completions. */
int dispatcher_add_sources(Dispatcher *d);

/* dispatcher-supervise.c: what the supervisor says. */
void on_supervisor(void *userdata, const SuperviseMessage *m, int fd);
void dispatcher_report_status(Dispatcher *d);
void dispatcher_check_stopped(Dispatcher *d);
