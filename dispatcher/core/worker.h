/* A worker as the dispatcher sees it: whether it has answered the last SYNC, what is outstanding at
 * it, and when it is to be asked again.
 *
 * Nothing is pushed while a SYNC is unanswered: everything pushed is older than the SYNC, so that a
 * HELLO decides about all of it. */
#pragma once

#include "dispatcher/core/pool.h"

typedef struct Run Run;

struct Worker {
        uint64_t serial;
        Pool *pool;
        Worker *prev, *next; /* in pool->workers */
        HeapNode idle_node;  /* in pool->idle */
        HeapNode timer_node; /* in Core.worker_timers */
        usec_t timer_usec;
        uint64_t n_sent, n_answered;
        usec_t silent_since_usec; /* the first SYNC that is unanswered */
        usec_t sync_usec,
                sync_wait_usec; /* when the next SYNC goes, and how long after the last one */
        usec_t kill_usec;
        usec_t up_usec;
        Run *runs;        /* list, oldest push first */
        uint32_t held;    /* length of runs */
        uint32_t started; /* of them known to execute */
        uint32_t writing; /* at-most-once starts that are being written: not pushed */
        uint32_t unacked; /* ends that are being written */
        bool quick;       /* its last run was short */
        bool stale;       /* older binary or handler */
        bool surplus;     /* more than the pool wants */
        bool draining;    /* gets nothing more */
        bool retired;     /* was told to go */
        bool awaited;     /* the take-over waits for it */
};

Worker *worker_find(const Core *c, uint64_t serial);

static inline bool worker_is_synced(const Worker *w) {
        return w->n_sent > 0 && w->n_sent == w->n_answered;
}

/* A worker keeps what it runs and every end until that is acknowledged, but no more than it can
 * list in a HELLO: beyond that it would ignore what it is given. Below that, since it may still
 * hold ends from before its HELLO. */
#define WORKER_HOLDS_MAX (WIRE_TASKS_MAX / 4 * 3)

/* A run that takes longer tells STARTED meanwhile (worker/): it is not worth having more behind. */
#define WORKER_QUICK_USEC (10 * USEC_PER_MSEC)

static inline bool worker_is_full(const Worker *w) {
        return w->held + w->unacked >= WORKER_HOLDS_MAX;
}

/* Asks what it holds; does nothing while an answer is due. */
void worker_sync(Core *c, Worker *w);
/* To be called after anything changed that decides whether and when it is chosen. */
void worker_place(Core *c, Worker *w);
void worker_set_draining(Core *c, Worker *w);
void worker_unset_draining(Core *c, Worker *w);
void worker_arm(Core *c, Worker *w, usec_t at); /* its timer fires then or earlier */
void worker_on_timers(Core *c);

int worker_compare_idle(const HeapNode *a, const HeapNode *b);
int worker_compare_timer(const HeapNode *a, const HeapNode *b);
