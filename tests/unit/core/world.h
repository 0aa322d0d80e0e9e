/* A core with a world around it that writes down what it is asked for. Time stands still unless a
 * test moves it; a turn ends after each helper; workers and the store do only what the test says.
 *
 *      World *w = world(.workers = 1);      // its workers are up and have answered SYNC
 *      submit(w, .priority = 9);            // written and committed; gives the id
 *      cr_assert_eq(pushed(w, 0)->task_id, 1); */
#pragma once

#include "dispatcher/core/core.h"

#include <criterion/criterion.h>
#include <string.h>

#define WORLD_MAX 4096

typedef struct Pushed {
        uint64_t serial, n, task_id;
        run_id_t run_id;
        uint32_t attempt;
        TaskPolicy policy;
        char queue[WIRE_NAME_MAX + 1];
} Pushed;

typedef struct Said { /* SYNC, ACK, STOP, RETIRE, KILL */
        uint64_t serial, n;
        run_id_t run_id;
        StopWhy why;
        int signal;
} Said;

typedef struct Reply {
        CoreOrigin to;
        WireType type;
        uint64_t first_id,
                count; /* SUBMITTED; CANCELLED: cancelled, ended; PURGED: purged, unended */
        uint64_t code; /* ERROR */
        char text[WIRE_TEXT_MAX + 1];
        WireEndedTask ends[16];
        size_t end_count;
        uint64_t unknown[16], denied[16];
        size_t unknown_count, denied_count;
        bool more;
} Reply;

typedef struct Written {
        StoreOpKind kind;
        uint64_t ticket, task_id;
        run_id_t run_id;
        uint32_t attempt;
        TaskState state;
        EndReason reason;
        int64_t code;
        usec_t due_usec, submitted_usec;
        TaskPolicy policy;
        char detail[64];
        ClientRecord client; /* answers: a reference */
} Written;

#define WORLD_LIST(Type)                                                                           \
        struct {                                                                                   \
                Type *items;                                                                       \
                size_t count;                                                                      \
        }

typedef struct World {
        Core *core;
        CoreTime now;
        uint64_t ticket, done; /* given out; reported */
        bool hold_commits;     /* tickets wait for commit() or fail_commit() */
        uint32_t epoch, workers, slots, credit;
        uint64_t next_serial, seq;
        WORLD_LIST(Pushed) pushes;
        WORLD_LIST(Said) syncs, acks, stops, retires, kills;
        WORLD_LIST(Reply) replies;
        WORLD_LIST(Written) writes;
        WORLD_LIST(CoreEvent) events;
        size_t spawns, forgotten, lookups;
        uint64_t lookup_wait;
} World;

/* Zero means default: 1 queue "q" of max_waiting 0 served by pool "p" for commands, slots 1, credit
 * = slots, epoch 5. workers are spawned and synced. */
typedef struct WorldOptions {
        uint32_t workers, slots, credit;
        uint32_t wanted; /* 0: as many as workers */
        uint32_t epoch, clients_max;
        uint64_t max_waiting, next_task_id;
        usec_t monotonic_usec, realtime_usec;
        bool takeover;   /* before the roster: nothing is up, core_roster_end was not called */
        bool two_queues; /* "q" and "r", both served by "p" */
        bool messages;   /* "p" takes messages */
} WorldOptions;

World *world_new(const WorldOptions *options);
void world_free(World *w); /* checks every invariant first */
#define world(...) world_new(&(WorldOptions){__VA_ARGS__})

void turn(World *w);              /* finishes the turn; commits unless commits are held */
void pass(World *w, usec_t usec); /* time passes, then a turn */
/* What was held is written: all in one. 0 or a negative errno. */
void commit(World *w, int error);
void commit_ticket(World *w, int error); /* only the oldest */
void configure(World *w, const CoreConfig *config);

/* The next core over what this one has written is for tests of recovery: a new world. */

typedef struct Submit {
        const char *queue;
        int8_t priority;
        uint8_t kind;
        uint16_t retries;
        uint32_t backoff_min_msec, backoff_max_msec;
        bool at_most_once;
        uint32_t grace_msec;
        usec_t delay_usec;
        uint32_t uid;
        size_t count;       /* tasks in the message */
        uint64_t seq, held; /* 0: the next one */
        uint8_t client, route;
        bool wait;
} Submit;

uint64_t
submit_with(World *w,
            const Submit *s); /* id of the first; 0 when it was not answered by SUBMITTED */
#define submit(w, ...) submit_with(w, &(Submit){__VA_ARGS__})

typedef struct Cancel {
        uint64_t ids[8], unknown[8];
        uint32_t uid;
        int signal;
        uint64_t seq;
        uint8_t client, route;
} Cancel;
void cancel_with(World *w, const Cancel *s);
#define cancel(w, ...) cancel_with(w, &(Cancel){__VA_ARGS__})

typedef struct Purge {
        uint64_t ids[8];
        uint8_t found[8]; /* CorePurgeFound */
        uint32_t uid;
        uint64_t seq;
        uint8_t client, route;
} Purge;
void purge_with(World *w, const Purge *s);
#define purge(w, ...) purge_with(w, &(Purge){__VA_ARGS__})

CoreOrigin origin_of(uint64_t request_id, uint8_t route);

/* Workers. */
uint64_t worker_start(World *w);              /* up and synced; gives its serial */
void worker_is_up(World *w, uint64_t serial); /* up, silent */

typedef struct Hello {
        uint64_t epoch, n; /* 0: of the last SYNC */
        run_id_t running[8], unacked[8];
        uint64_t running_tasks[8], unacked_tasks[8];
        bool other_store;
} Hello;
void hello_with(World *w, uint64_t serial, const Hello *h);
#define hello(w, serial, ...) hello_with(w, serial, &(Hello){__VA_ARGS__})

typedef struct End {
        TaskState state; /* 0: succeeded */
        EndReason reason;
        int64_t code;
        uint64_t task_id; /* 0: of the push of that run */
        bool never_started;
        usec_t took_usec;
} End;
void end_with(World *w, uint64_t serial, run_id_t run_id, const End *e);
#define end(w, serial, run_id, ...) end_with(w, serial, run_id, &(End){__VA_ARGS__})
void started(World *w, uint64_t serial, run_id_t run_id);

/* So many free workers have a short task behind them, the first n ids, and pushes are forgotten. */
static inline void make_quick(World *w, size_t n) {
        submit(w, .count = (unsigned)n);
        cr_assert_eq(w->pushes.count, n, "a task for each");
        for (size_t i = 0; i < n; i++)
                end(w, w->pushes.items[i].serial, w->pushes.items[i].run_id);
        w->pushes.count = 0;
}
void exited(World *w, uint64_t serial);

/* What was asked for. */
const Pushed *last_push(const World *w);
const Reply *last_reply(const World *w);
uint64_t last_sync(const World *w, uint64_t serial); /* n; 0: none */
size_t writes_of(const World *w, StoreOpKind kind);
const Written *last_write(const World *w, StoreOpKind kind); /* NULL: none */
TaskState state_of(const World *w, uint64_t id);             /* 0: not held */
CoreQueueView queue_view(const World *w, const char *name);
CorePoolView pool_view(const World *w, const char *name);
size_t events_of(const World *w, TaskState state);
