/* clang-format off */
/* The world of the simulator: everything around the dispatcher's core, under virtual time.
 *
 * One discrete-event loop (world.c) owns every object; nothing is threaded, nothing reads a clock,
 * all chance comes from World.random. The code under test is the real one: dispatcher/core and
 * worker/ledger. Everything else is a model:
 *
 *      clients ──requests──▶ dispatcher: inbox, turns, the real core ──▶ store model: group commit,
 *         ▲                    │  │ ▲           ▲                         full disk, recovery
 *         └─────replies────────┘  │ │           │
 *                   SYNC RUN ACK ─┘ └─ HELLO    └─ supervisor model: roster, spawn, exited
 *                                ▼   STARTED END                   │
 *                              workers: the real ledger, runs that take their time
 *
 * What really happened is written down where it happens: a Run knows when it executed, a Task what
 * of it is durable. The invariants (invariant.c) compare that with what the core says and does;
 * they never ask the core. */
/* clang-format on */
#pragma once

#include "common/heap.h"
#include "common/table.h"
#include "dispatcher/core/core.h"
#include "tests/sim/random.h"
#include "worker/ledger.h"

#include <stdbool.h>

#define SIM_CLIENTS        4
#define SIM_QUEUES         3
#define SIM_POOLS          3
#define SIM_BATCH          8  /* tasks in one submit, ids in one cancel */
#define SIM_WAIT_IDS       32 /* ids in one wait */
#define SIM_REAL_BASE      (UINT64_C(1700000000) * USEC_PER_SEC)
#define SIM_MONOTONIC_BASE (10 * USEC_PER_DAY) /* the machine has been up for a while */
#define SIM_DRAIN_USEC     (4 * USEC_PER_HOUR) /* virtual time within which all must be over */

/* Where a dispatcher can be killed. */
#define SIM_STEPS(S)                                                                               \
        S(RECOVERED, "recovered")                                                                  \
        S(ROSTER, "roster told")                                                                   \
        S(SUBMIT_RECEIVED, "submit received")                                                      \
        S(PERSISTED, "handed to the store")                                                        \
        S(COMMITTED, "committed, not told")                                                        \
        S(COMMIT_TOLD, "commit told")                                                              \
        S(REPLIED, "replied")                                                                      \
        S(SYNCED, "synced")                                                                        \
        S(HELLO_RECEIVED, "hello received")                                                        \
        S(PUSHED, "pushed")                                                                        \
        S(WORKER_RECEIVED, "worker received")                                                      \
        S(STARTED, "started")                                                                      \
        S(ENDED, "ended")                                                                          \
        S(END_PUBLISHED, "end published")                                                          \
        S(END_RECEIVED, "end received")                                                            \
        S(END_COMMITTED, "end committed")                                                          \
        S(ACKED, "acked")                                                                          \
        S(EXITED, "exited told")
#define SIM_STEP_ENUM(NAME, text) STEP_##NAME,
typedef enum Step { SIM_STEPS(SIM_STEP_ENUM) STEP_COUNT } Step;

/* Deliberate bugs, all of them in the environment of the core: see docs/testing.md. */
#define SIM_MUTATIONS(M)                                                                           \
        M(NONE, "none")                                                                            \
        M(ACK_BEFORE_COMMIT,                                                                       \
          "ack-before-commit")            /* the store reports what it has only heard of */        \
        M(HELLO_IGNORED, "hello-ignored") /* HELLO's lists are not looked at */                    \
        M(REMNANT_NOT_WAITED, "remnant-not-waited") /* exited is told while runs still execute */  \
        M(STALE_RUN_STARTED, "stale-run-started")   /* a worker takes the runs of an older SYNC */ \
        M(CLIENT_ROW_LOST, "client-row-lost")       /* the answers of clients are not stored */    \
        M(START_NOT_STORED, "start-not-stored")     /* at-most-once starts are not stored */
#define SIM_MUTATION_ENUM(NAME, text) MUTATION_##NAME,
typedef enum Mutation { SIM_MUTATIONS(SIM_MUTATION_ENUM) MUTATION_COUNT } Mutation;

typedef struct World World;
typedef struct Message Message;
typedef struct Request Request;
typedef struct Worker Worker;

/* ---- events ---- */

/* a, b and message are the event's own; the handler owns the message. */
typedef void (*EventHandler)(World *w, uint64_t a, uint64_t b, Message *message);

/* ---- tasks and runs: what is durable, and what really happened ---- */

/* Made when its PUT_TASK is committed. */
typedef struct Task {
        uint64_t id;
        TaskPolicy policy;
        char queue[WIRE_NAME_MAX + 1];
        uint32_t uid;
        usec_t submitted_usec, due_usec;     /* wall clock; due: as the last durable record says */
        uint32_t attempts, executions, lost; /* durable attempts: counted, all, worker lost */
        run_id_t last_run;                   /* the highest with a durable attempt */
        bool cancel_requested, ended, purged;
        bool forgotten; /* with a store that keeps nothing: ended and purged by a crash */
        uint32_t cancel_uid;
        int32_t cancel_signal;
        run_id_t start_run; /* at-most-once: the durable start record */
        uint64_t start_worker;
        uint32_t start_attempt;
        uint8_t state, reason; /* of the durable end */
        int64_t code;
        uint32_t end_incarnation; /* of the dispatcher that wrote the end */
        /* what really happened */
        Request *request;
        bool acked, cancel_acked;
        bool was_due; /* by the wall clock, before that jumped */
        unsigned starts;
        run_id_t executing; /* 0: nothing of it executes at this moment */
        run_id_t started;   /* the last one that began */
        run_id_t pushed;    /* the last one that was pushed: all before were taken back, or ended */
        uint32_t incarnation; /* of the dispatcher that it was submitted to, … */
        uint64_t ticket;      /* … and under which ticket */
        bool touched;         /* pushed since: its place in the queue is not known here */
} Task;

typedef enum RunLife {
        RUN_PUSHED,
        RUN_QUEUED,
        RUN_EXECUTING,
        RUN_ENDED,
        RUN_NEVER,
        RUN_LOST
} RunLife;

/* Made when it is pushed, or when its start record is written. */
typedef struct Run {
        run_id_t run_id;
        uint64_t task_id, serial;
        uint32_t attempt, incarnation;
        bool pushed, at_most_once,
                durable; /* durable: an end or attempt of this run is committed */
        bool shown;      /* STARTED or HELLO told shown_incarnation of it */
        uint32_t shown_incarnation;
        uint32_t written_incarnation; /* of the dispatcher that handed its record to the store */
        RunLife life;
        unsigned starts;
        usec_t takes_usec, started_usec, ended_usec;
        uint8_t state, reason; /* its outcome */
        int64_t code;
} Run;

/* ---- messages: between any two parties, by value ---- */

typedef enum MessageKind {
        MESSAGE_SUBMIT = 1,
        MESSAGE_CANCEL,
        MESSAGE_WAIT,
        MESSAGE_WAIT_FOUND,
        MESSAGE_PURGE,
        MESSAGE_FORGET,
        MESSAGE_REPLY,
        MESSAGE_SYNC,
        MESSAGE_RUN,
        MESSAGE_STOP,
        MESSAGE_ACK,
        MESSAGE_HELLO,
        MESSAGE_STARTED,
        MESSAGE_END,
        MESSAGE_WORKER_UP,
        MESSAGE_EXITED,
        MESSAGE_SPAWN_FAILED,
        MESSAGE_ROSTER_END,
        MESSAGE_COMMITTED,
        MESSAGE_CONFIGURE,
        MESSAGE_STOP_STARTING,
        MESSAGE_STOP_RUNNING,
        MESSAGE_REFUSE,
} MessageKind;

typedef struct Numbers {
        uint64_t *items;
        size_t count;
} Numbers;

struct Message {
        Message *next;
        MessageKind kind;
        uint32_t incarnation; /* of the dispatcher that sent it or is meant */
        /* workers and supervisor */
        uint64_t serial, epoch, n;
        uint8_t store[WIRE_UUID]; /* SYNC, HELLO */
        run_id_t run_id;
        uint32_t pool;
        int why;
        Numbers running, running_tasks, unacked, unacked_tasks;
        Run *run;
        uint8_t state, reason;
        int64_t code;
        /* clients */
        Request *request;
        CoreOrigin origin;
        uint64_t held, route;
        bool looked_up;
        uint8_t found[SIM_BATCH]; /* PURGE: CorePurgeFound of each id */
        WireType reply;
        uint64_t first, count, more, cookie;
        WireRange ranges[2]; /* WAIT_FOUND */
        size_t range_count;
        WireEndedTask *ends;
        size_t end_count;
        Numbers unknown, denied, unended;
        /* store */
        uint64_t first_ticket, last_ticket;
        int error;
};

Message *message_new(MessageKind kind);
Message *message_copy(const Message *m);
void message_free(Message *m); /* accepts NULL */

typedef struct Inbox {
        Message *head, *tail;
} Inbox;
void inbox_put(Inbox *i, Message *m);
Message *inbox_take(Inbox *i); /* NULL: empty */
/* Connections are served in turn: order holds only among messages of one dispatcher. */
Message *inbox_take_fair(Inbox *i, Random *random);
void inbox_clear(Inbox *i);

/* ---- configuration ---- */

typedef struct Shape {
        bool queue[SIM_QUEUES];
        struct {
                bool present, replace;
                uint32_t workers, slots, credit;
                bool queue[SIM_QUEUES];
        } pool[SIM_POOLS];
} Shape;

/* ---- the store ---- */

typedef struct Batch {
        struct Batch *next;
        uint64_t ticket;
        StoreOp *ops;
        size_t count;
} Batch;

typedef struct ClientRow {
        bool present;
        ClientId id;
        uint32_t uid;
        uint64_t held;
        usec_t last_usec;
        size_t size;
        char *answers;
} ClientRow;

typedef struct StoreModel {
        uint32_t epoch;
        bool memory; /* nothing survives but the epoch and the highest id */
        uint8_t id[WIRE_UUID];
        uint64_t last_id; /* the highest that is durable */
        Table tasks;      /* id -> Task, durable ones */
        ClientRow clients[SIM_CLIENTS];
        Batch *pending, *committing; /* in order of tickets */
        uint64_t applying;           /* the ticket whose operations are being made durable */
        Inbox reads;                 /* answered after the batches before them */
        usec_t full_until, slow_until;
        uint64_t generation; /* rises with each crash: older completions are void */
} StoreModel;

/* ---- workers and supervisor ---- */

typedef enum WorkerLife {
        WORKER_ALIVE = 1,
        WORKER_DYING /* reaped, its runs still die */,
        WORKER_GONE
} WorkerLife;

struct Worker {
        uint64_t serial;
        uint32_t pool, slots, credit;
        WorkerLife life;
        Ledger *ledger;             /* NULL once it is reaped */
        uint32_t retired_by;        /* the incarnation that asked it to go */
        bool stale, retiring, told; /* told: the dispatcher of this incarnation knows it */
        bool exit_seen;
        usec_t paused_until;
        usec_t subscribed_usec;    /* what it publishes before is lost */
        usec_t down_last, up_last; /* FIFO: when the last message of each direction arrives */
        usec_t down_cut; /* of an older dispatcher only what arrives before this is not lost */
        Inbox inbox, up; /* received but not read; published but not received */
        Run **executing;
        size_t executing_count;
};

/* ---- clients ---- */

typedef enum RequestKind {
        REQUEST_SUBMIT = 1,
        REQUEST_CANCEL,
        REQUEST_WAIT,
        REQUEST_PURGE,
} RequestKind;

struct Request {
        Request *next;
        uint32_t client;
        RequestKind kind;
        uint64_t request_id, seq;
        size_t count;
        struct {
                TaskPolicy policy;
                uint64_t delay_usec, retry_of;
                uint8_t queue;
                unsigned durable; /* how many times it was committed: at most once */
                uint64_t id;
        } tasks[SIM_BATCH];
        uint64_t ids[SIM_BATCH]; /* to cancel, to purge */
        int signal;
        bool wait; /* submit: ENDED follows */
        WireRange ranges[2];
        size_t range_count;
        bool sent, answered, refused, ended; /* ended: ENDED with more = 0 came */
        uint64_t first_id;
        unsigned reported[SIM_WAIT_IDS]; /* how often this attempt of waiting told of each id */
};

typedef struct Client {
        ClientId id;
        uint32_t uid;
        uint64_t seq, request_ids, route;
        bool connected;
        usec_t up_last, down_last;
        Request *requests, *last; /* all, in order */
        unsigned open;            /* not yet answered in full */
} Client;

/* ---- the dispatcher ---- */

typedef struct Dispatcher {
        Core *core; /* NULL: dead */
        uint32_t incarnation, epoch;
        Inbox inbox;
        uint64_t wake; /* only the wake-up of this number counts */
        usec_t wake_usec;
        bool in_turn, dying;           /* dying: what a turn does from now on is lost */
        bool stopping, starts_stopped; /* asked to stop; has heard of it */
        StoreOp *ops;
        size_t op_count, op_capacity;
        uint64_t ticket, told_ticket; /* the last one given out, and the last one reported */
        uint64_t event_seq;
        run_id_t last_run;
        bool memory; /* nothing survives but the epoch and the highest id */
        uint8_t id[WIRE_UUID];
        uint64_t last_id; /* the highest that it gave out */
        usec_t started_usec, paused_until;
        unsigned idle_turns;  /* turns in a row without an input and without virtual time */
        uint64_t timer_turns; /* turns without an input */
        Step crash_step;
        unsigned crash_countdown; /* 0: no crash planned */
} Dispatcher;

/* What this seed does to the world; drawn once. */
typedef struct Plan {
        bool storm;  /* the dispatcher dies every few milliseconds while workers stall */
        bool memory; /* the store keeps nothing */
        usec_t faults_until, started_after_usec, run_long_usec;
        unsigned crash_permille, lose_permille, repeat_permille, fail_permille;
        unsigned faults; /* 1 << index into the table of fault.c */
        unsigned clients, tasks_max, request_usec;
        unsigned restart_msec, subscribe_usec; /* at most */
        unsigned max_waiting;
} Plan;

struct World {
        uint64_t seed;
        Mutation mutation;
        bool trace;
        Random random;
        usec_t now;
        int64_t wall_usec; /* how far the wall clock has jumped */
        Heap events;
        uint64_t event_order, steps;
        Plan plan;
        bool faults_over;
        Shape shape, shape_next; /* in force; taken by the dispatcher that starts next */
        uint64_t instance;       /* rises when everything below the supervisor ends */
        StoreModel store;
        Table runs;       /* run id -> Run, all that ever were */
        Table cancels;    /* ids of which a dispatcher has read a CANCEL */
        Table dues;       /* id -> 1 + when it is due, whatever the wall clock does since */
        Worker **workers; /* by serial - 1, all that ever were */
        size_t worker_count;
        Dispatcher dispatcher;
        Client clients[SIM_CLIENTS];
        unsigned task_count, crashes;
        uint64_t step_hits[STEP_COUNT], crash_hits[STEP_COUNT];
};

/* ---- world.c ---- */
World *world_new(uint64_t seed, Mutation mutation, bool trace);
World *world_free(World *w);
void world_run(World *w); /* returns when all is over and right; else the process has ended */
void world_at(World *w, usec_t at, EventHandler handler, uint64_t a, uint64_t b, Message *m);
const char *step_name(Step s);
const char *state_name(TaskState s);
usec_t world_realtime(const World *w);
usec_t due_monotonic(const World *w, const Task *t);
/* A dispatcher that recovers it goes by the clock as it is now; what an older one found due may
 * start at once. */
void due_recovered(World *w, const Task *t);
usec_t latency(World *w); /* of one message */
/* Called at each named step; may kill the dispatcher there. */
void world_step(World *w, Step step);

void trace(World *w, const char *format, ...) _printf_(2, 3);
/* An invariant is broken: prints seed, time and what, and ends the process. */
_Noreturn void broken(World *w, const char *invariant, const char *format, ...) _printf_(3, 4);

/* ---- dispatcher.c, inputs.c, ports.c ---- */
extern const CorePorts sim_ports;
void dispatcher_start(World *w);
void dispatcher_crash(World *w, const char *why);
void dispatcher_stop(World *w); /* quiet: frees the core */
void dispatcher_post(World *w,
                     Message *m); /* into the inbox; frees it when there is no dispatcher */
void dispatcher_input(World *w, Message *m); /* within a turn */
void dispatcher_configure(World *w);         /* what was asked for last is in force from now on */

/* ---- store.c ---- */
void store_model_open(World *w); /* epoch + 1 */
void store_model_recover(World *w, Core *core);
void store_model_write(World *w, uint64_t ticket, StoreOp *ops, size_t count);
void store_model_read(World *w, Message *m); /* m comes back with what was found */
void store_model_crash(World *w);
void store_model_purge(World *w); /* forgets some ended tasks */
void store_model_done(World *w);
Task *store_task(World *w, uint64_t id); /* NULL: never committed; purged ones are given, too */

/* ---- worker.c ---- */
Worker *process_get(World *w, uint64_t serial);
Worker *process_new(World *w, uint32_t pool);
void process_send(World *w, uint64_t serial, Message *m); /* dispatcher -> worker */
void process_reconnect(World *w, Worker *k); /* a new dispatcher: nothing is subscribed yet */
void process_cut(World *w, Worker *k); /* the dispatcher died: what is on its way may be lost */
void process_pause(World *w, Worker *k, usec_t until);
void process_die(World *w, Worker *k); /* reaped: what it had not written is lost, its runs go on */
void process_stop_when_empty(World *w, Worker *k);
void process_drain(World *w,
                   Worker *k);      /* within a turn: everything that it published is read now */
bool process_idle(const Worker *k); /* holds no run and no unacked end */
void process_done(World *w, Worker *k);

/* ---- supervisor.c ---- */
void supervisor_start(World *w);
void supervisor_roster(World *w);
void supervisor_spawn(World *w, uint32_t pool);
void supervisor_dispatcher_died(World *w);
void supervisor_worker_died(World *w, Worker *k);
void supervisor_end_instance(World *w, const char *why); /* kills everything and starts anew */
void supervisor_stop_instance(World *w);                 /* in order, then starts anew */
void supervisor_reload(World *w, const Shape *shape);
void shape_draw(World *w, Shape *ret);
void shape_complete(Shape *s); /* every queue is served */

/* ---- client.c ---- */
void clients_lose_store(World *w); /* what they had asked for is not stored any more */
void clients_start(World *w);
void clients_reconnect(World *w); /* a new dispatcher listens */
void client_disconnect(World *w, Client *c);
void client_reply(World *w, Message *reply); /* on its way from the dispatcher */
void clients_check_done(World *w);
bool clients_done(const World *w);
void clients_free(World *w);

/* ---- fault.c ---- */
void plan_draw(World *w);
void faults_start(World *w);

/* ---- invariant.c ---- */
void check_push(World *w, Worker *k, const CoreRun *run);
void check_held(World *w, Worker *k, Run *run); /* the worker has taken it */
void check_start(World *w, Run *run);
void check_put_task(World *w, const TaskRecord *t);
void check_end(World *w, Task *t, const StoreOp *op);
void check_ack(World *w, run_id_t run_id);
void check_submitted(World *w, const Request *r, uint64_t first, uint64_t count);
void check_ended(World *w, const WireEnded *e);
void check_event(World *w, const CoreEvent *e);
void check_retire(World *w, Worker *k);
void check_views(World *w); /* what status and list show agrees with itself and with the store */
void check_over(World *w);  /* at the end: everything has drained */
