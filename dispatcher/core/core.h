/* The core of the dispatcher: which task runs where and when, as a state machine without I/O. No
 * ZeroMQ, sd-event, SQL, system calls, clock or randomness in here, so that the same code runs
 * under the simulator of tests/sim with virtual time and seeded faults. Single-threaded; owned by
 * the dispatcher's loop.
 *
 * A turn. The shell reads the clock once (core_begin_turn), feeds inputs, then calls
 * core_finish_turn, which alone schedules: it fires what is due, assigns tasks to workers, and
 * flushes collected answers. Inputs only note facts.
 *
 * Durability. Everything that an input makes durable goes through ports->persist and gets the
 * ticket of the current turn; core_finish_turn returns that ticket when there was something to
 * write, and the shell hands those operations to the store as one batch. When the store reports the
 * ticket, core_committed releases what waited for it: replies, acks, events, tasks that become
 * ready. Nothing that a peer can see is said before what it depends on is on disk. A new task is
 * not assignable before its commit, so a push needs no ticket, except for at-most-once tasks: their
 * start record is committed first.
 *
 *   submit ─persist─▶ (ticket) ─▶ ready/delayed ─▶ push ─▶ running ─END─▶ persist ─▶ (ticket) ─▶
 * ack, ENDED, event, forgotten
 *
 * Failed commits (disk full): submits of the batch are answered with an error and dropped; ends are
 * kept, unacked, and written again after CORE_RETRY_WRITE_USEC.
 *
 * Takeover. See docs/protocol.md, "SYNC". After core_new the shell recovers tasks and clients,
 * gives the roster, calls core_roster_end; recovered tasks are assigned only when every worker of
 * the roster has answered SYNC or exited. */
#pragma once

#include "common/error.h"
#include "dispatcher/core/record.h"

#define CORE_SYNC_RETRY_MIN_USEC (5 * USEC_PER_MSEC)   /* SYNC again, doubling … */
#define CORE_SYNC_RETRY_MAX_USEC (500 * USEC_PER_MSEC) /* … up to this */
#define CORE_SILENT_KILL_USEC                                                                      \
        (30 * USEC_PER_SEC) /* a worker silent to SYNC for this long is killed */
#define CORE_NO_SHOW_USEC           (5 * USEC_PER_SEC) /* pushed, neither STARTED nor END: SYNC */
#define CORE_CLIENT_IDLE_USEC       (10 * USEC_PER_MIN)
#define CORE_RETRY_WRITE_USEC       (250 * USEC_PER_MSEC)
#define CORE_SPAWN_BACKOFF_MIN_USEC (100 * USEC_PER_MSEC)
#define CORE_SPAWN_BACKOFF_MAX_USEC (5 * USEC_PER_SEC)
#define CORE_BACKOFF_MIN_MSEC       2000u /* retry backoff when the task names none */
#define CORE_BACKOFF_MAX_MSEC       300000u
#define CORE_GRACE_MSEC             10000u
#define CORE_WAITS_MAX              1000000u /* registered waits for single tasks, in all */
#define CORE_CLIENTS_MAX            200000u
#define CORE_CLIENT_KEPT_USEC       USEC_PER_MIN        /* in any case, also beyond that number */
#define CORE_CLIENT_BACK_USEC       (10 * USEC_PER_SEC) /* after a restart */

typedef struct Core Core;

typedef struct CoreTime {
        usec_t monotonic_usec, realtime_usec;
} CoreTime;

/* Where an answer goes. By value; kept as long as an answer is owed. */
typedef struct CoreOrigin {
        uint64_t request_id;
        uint8_t route[16]; /* the ROUTER's name of the connection */
        uint8_t route_size;
} CoreOrigin;

/* A request that changes something: done once per (client, seq), whatever is repeated. */
typedef struct CoreRequest {
        CoreOrigin origin;
        ClientId client;
        uint64_t seq, held; /* held: highest seq such that this and all below have been answered and
                               received */
        uint32_t uid;
} CoreRequest;

/* One run for a worker. Valid during the call. The shell adds environment and payload by task_id.
 */
typedef struct CoreRun {
        run_id_t run_id;
        uint64_t task_id;
        uint32_t attempt;
        const TaskPolicy *policy;
        const char *queue;
} CoreRun;

/* A change of a task's state. reason and code: how the attempt ended that led to it. */
typedef struct CoreEvent {
        uint64_t seq, task_id;
        const char *queue;
        TaskState state;
        EndReason reason;
        int64_t code;
        uint32_t attempt;
        uint64_t worker; /* serial of who has or had the attempt; 0: nobody */
} CoreEvent;

/* What the core asks of the world. Called from core_finish_turn, core_committed and from inputs;
 * must not call back into the core. None can fail as far as the core is concerned: what is lost is
 * healed by SYNC, by a repeated request, or by a restart. */
typedef struct CorePorts {
        void (*persist)(void *userdata, StoreOp *op); /* takes ownership of op's slices */
        void (*sync)(void *userdata, uint64_t serial, uint32_t epoch, uint64_t n);
        void (*push)(void *userdata, uint64_t serial, uint32_t epoch, uint64_t n,
                     const CoreRun *run);
        void (*ack)(void *userdata, uint64_t serial, run_id_t run_id);
        void (*stop_run)(void *userdata, uint64_t serial, run_id_t run_id, StopWhy why, int signal);
        void (*reply)(void *userdata, const CoreOrigin *to, WireType type, const void *body);
        void (*publish)(void *userdata, const CoreEvent *event);
        void (*forget)(
                void *userdata,
                uint64_t task_id); /* the core holds this task no more: drop cached payload */
        void (*spawn)(void *userdata, const char *pool); /* one more worker, please; answered by
                                                            core_worker_up or core_spawn_failed */
        /* Ended tasks that a repeated SUBMIT waits for: answered by core_wait_found, as for
         * core_wait. */
        void (*find_ends)(void *userdata, uint64_t wait, uint64_t first, uint64_t count);
        void (*retire)(void *userdata,
                       uint64_t serial); /* holds nothing and gets nothing more: end it (SIGTERM) */
        void (*kill_worker)(void *userdata, uint64_t serial, const char *why); /* hung: SIGKILL */
} CorePorts;

typedef struct CoreSetup {
        const CorePorts *ports; /* static */
        void *userdata;
        uint32_t epoch; /* of this dispatcher; committed before core_new */
        uint8_t store_id[WIRE_UUID];
        uint64_t next_task_id;
        uint32_t owner_uid;   /* this uid and root may change every task */
        uint64_t seed;        /* of the jitter */
        uint32_t clients_max; /* that are remembered; 0: CORE_CLIENTS_MAX */
} CoreSetup;

int core_new(const CoreSetup *setup, CoreTime now, Core **ret);
Core *core_free(Core *c); /* accepts NULL, returns NULL */
DEFINE_CLEANUP(Core *, core_free)

/* ---- configuration ---- */

typedef struct CoreQueueConfig {
        const char *name;
        uint64_t max_waiting;
} CoreQueueConfig;

typedef struct CorePoolConfig {
        const char *name;
        const char *handler;       /* for status */
        const char *const *queues; /* all of them in the queue list */
        size_t queue_count;
        TaskKind kind;    /* what its handler takes */
        uint32_t workers; /* wanted */
        uint32_t slots;   /* runs that one worker executes at once */
        uint32_t credit;  /* runs outstanding at one worker: >= slots; at-most-once tasks never go
                             beyond slots */
        bool replace_workers; /* its handler changed: workers that are up now are retired when empty
                               */
} CorePoolConfig;

typedef struct CoreConfig {
        const CoreQueueConfig *queues;
        size_t queue_count;
        const CorePoolConfig *pools;
        size_t pool_count;
} CoreConfig;

/* At start (before recovery) and at each accepted reload. A queue that is gone but has tasks is
 * kept, without pools, until it is empty; workers of a pool that is gone, or too many, are drained
 * and retired. 0 or -ENOMEM (nothing changed). */
int core_configure(Core *c, const CoreConfig *config);

/* ---- recovery, before core_roster_end ---- */

typedef struct RecoveredTask {
        uint64_t id;
        TaskPolicy policy;
        uint32_t uid;
        const char *queue; /* unknown to the configuration: kept in a queue without pools */
        usec_t submitted_usec;
        usec_t due_usec;     /* wall clock: not before, or when the retry is due; 0: now */
        uint32_t attempts;   /* counted attempts that ended: they use up retries */
        uint32_t executions; /* attempts on record, not counted ones too; 0: as many as attempts */
        uint32_t lost;       /* how many of these ended with REASON_WORKER_LOST */
        run_id_t last_run;   /* highest run id on record for it, 0: none */
        bool cancel_requested;
        uint32_t cancel_uid;
        int cancel_signal;
        run_id_t started_run; /* at-most-once: last start record, 0: none */
        uint64_t started_worker;
        uint32_t started_attempt;
} RecoveredTask;

int core_recover_task(Core *c, const RecoveredTask *task);
int core_recover_client(Core *c, const ClientRecord *client); /* answers: as this core wrote them */

/* ---- turns ---- */

void core_begin_turn(Core *c, CoreTime now);
/* The ticket under which everything persisted since the last call is to be written, 0 if there was
 * nothing. Tickets rise by one. */
uint64_t core_finish_turn(Core *c);
usec_t core_next_deadline(const Core *c); /* monotonic; USEC_INFINITY: none */

/* Tickets first … last were written together: error 0, or a negative errno and none of it is on
 * disk. In order, each ticket once. */
void core_committed(Core *c, uint64_t first, uint64_t last, int error);

/* Submits are refused with this text (75) while it is not NULL: the disk is nearly full. Copied. */
void core_refuse_submits(Core *c, const char *why);

/* ---- workers ---- */

typedef enum CoreWorkerFit {
        CORE_WORKER_CURRENT,
        CORE_WORKER_STALE /* older binary or handler: acks, no runs, replaced when empty */
} CoreWorkerFit;

int core_worker_up(Core *c, uint64_t serial, const char *pool,
                   CoreWorkerFit fit); /* from the roster, or spawned */
void core_worker_exited(Core *c, uint64_t serial,
                        const char *why); /* every process of it is dead, its results are drained */
void core_spawn_failed(Core *c, const char *pool, const char *why);
void core_roster_end(Core *c);

void core_on_hello(Core *c, const WireHello *hello);
void core_on_started(Core *c, uint64_t serial, run_id_t run_id, usec_t started_usec);
/* Kept until the run ends; nothing of it is stored. Of a run that is not at that worker: nothing.
 */
void core_on_progress(Core *c, uint64_t serial, const WireProgressItem *progress);
/* run: as the worker told it; takes ownership of its slices. attempt and pool are filled in by the
 * core. */
void core_on_end(Core *c, uint64_t serial, RunRecord *run);

/* ---- clients ---- */

/* tasks[i].id, uid, submitted_usec and not_before_usec are filled in here (not_before from
 * delay_usec[i]); takes ownership of the slices of all tasks, also when it refuses. All or nothing.
 * Answers SUBMITTED or ERROR through the port, once durable. wait: WIRE_SUBMIT_WAIT. */
typedef enum CoreSubmitWait { CORE_SUBMIT_ONLY, CORE_SUBMIT_AND_WAIT } CoreSubmitWait;
void core_submit(Core *c, const CoreRequest *request, TaskRecord *tasks, const uint64_t *delay_usec,
                 size_t n, CoreSubmitWait wait);

/* unknown: those of ids that the store does not know at all (the shell looked up what the core does
 * not hold). signal 0: TERM. */
void core_cancel(Core *c, const CoreRequest *request, const uint64_t *ids, size_t n,
                 const uint64_t *unknown, size_t unknown_count, int signal);

/* Whether uid may change a task of owner. */
bool core_may_change(const Core *c, uint32_t uid, uint32_t owner);

/* Forgets ended tasks. found[i]: what the shell found of ids[i] in the store; what the core holds
 * has not ended, whatever was found. Answers PURGED through the port, once durable. */
typedef enum CorePurgeFound {
        CORE_PURGE_UNKNOWN,
        CORE_PURGE_ENDED,
        CORE_PURGE_UNENDED,
        CORE_PURGE_DENIED, /* of somebody else */
} CorePurgeFound;
void core_purge(Core *c, const CoreRequest *request, const uint64_t *ids, const uint8_t *found,
                size_t n);

/* Answers ENDED as tasks of the ranges end. Returns a number > 0 when ids of the ranges are not
 * held here (ended long ago or unknown): the shell then reads them from the store and gives them
 * with core_wait_found, as often as needed, last one with CORE_WAIT_FOUND_ALL. 0: nothing to look
 * up. */
uint64_t core_wait(Core *c, const CoreOrigin *origin, uint32_t uid, const WireRange *ranges,
                   size_t n);
typedef enum CoreWaitFound { CORE_WAIT_FOUND_SOME, CORE_WAIT_FOUND_ALL } CoreWaitFound;
void core_wait_found(Core *c, uint64_t wait, const WireEndedTask *ends, size_t n,
                     const uint64_t *unknown, size_t unknown_count, CoreWaitFound found);
void core_forget_wait(Core *c, const CoreOrigin *origin); /* origin->request_id: of the WAIT */

/* ---- stopping ---- */

void core_stop_starting(Core *c); /* no starts from now on; submits are still accepted */
void core_stop_running(Core *c);  /* stops every running run (STOP_INTERRUPT) */
uint32_t core_longest_grace_msec(const Core *c); /* of what runs; 0: nothing does */
bool core_is_quiet(const Core *c);               /* nothing runs and nothing waits for a commit */

/* ---- views, for answers that only look ---- */

typedef struct CoreTaskView {
        TaskState state;
        uint32_t uid, attempt; /* attempt: the running or the last one, 0: none yet */
        usec_t due_usec;       /* delayed: wall clock */
        usec_t started_usec;   /* running: wall clock, as the worker told, else of the push */
        run_id_t run_id;
        uint64_t worker;
        const char *queue;
        uint32_t progress;      /* running: percent + 1, 0: nothing told */
        WireText progress_text; /* until the run ends */
} CoreTaskView;
/* 0, or -ENOENT: not held here (ended and durable, or unknown). */
int core_task_view(const Core *c, uint64_t id, CoreTaskView *ret);
/* The unended task with the smallest id >= *id, or the largest id <= *id. false: none. */
bool core_task_next(const Core *c, uint64_t *id);
bool core_task_previous(const Core *c, uint64_t *id);

typedef struct CoreQueueView {
        const char *name;
        uint64_t ready, delayed, running, held, blocked, max_waiting;
        usec_t oldest_usec; /* submitted_usec of the oldest waiting task, 0: none */
        uint64_t succeeded, failed, cancelled, expired; /* since this dispatcher started */
} CoreQueueView;
bool core_queue_view(const Core *c, size_t index, CoreQueueView *ret); /* false behind the last */

typedef struct CorePoolView {
        const char *name, *handler, *last_exit;
        uint32_t workers, wanted;
        uint64_t busy, slots;
        const char *const *queues;
        size_t queue_count;
} CorePoolView;
bool core_pool_view(const Core *c, size_t index, CorePoolView *ret);

typedef struct CoreCounters {
        uint64_t submitted, started, succeeded, failed, cancelled, retried, interrupted, requeued,
                worker_deaths, late_ends, syncs, held_tasks, events;
} CoreCounters;
void core_counters(const Core *c, CoreCounters *ret);

/* Checks every invariant between the objects; aborts on the first that is broken. O(n): for tests
 * and the simulator. */
void core_check(const Core *c);
