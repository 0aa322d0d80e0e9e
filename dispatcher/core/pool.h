/* A pool: the workers that serve the same queues, how many there should be, and how fast dead ones
 * are replaced. One that left the configuration lives on until its last worker is dead. */
#pragma once

#include "dispatcher/core/queue.h"

typedef struct Worker Worker;

#define POOL_EARLY_DEATH_USEC                                                                      \
        (5 * USEC_PER_SEC) /* a worker that dies younger delays the next one */

struct Pool {
        char name[WIRE_NAME_MAX + 1];
        char handler[WIRE_NAME_MAX + 1];
        char last_exit[WIRE_TEXT_MAX];
        bool configured;
        bool dirty; /* pools_balance has something to do */
        TaskKind kind;
        uint32_t wanted, slots, credit;
        Queue **queues;
        const char **queue_names;
        size_t queue_count, next_queue; /* next_queue: whose turn it is */
        Heap idle;                      /* workers that can take a run, the freest first */
        Worker *workers;                /* list */
        uint32_t worker_count, spawning;
        usec_t spawn_after_usec, spawn_backoff_usec;
        usec_t spawn_due_usec; /* pools_balance waits for spawn_after_usec; else USEC_INFINITY */
};

int pool_find_or_new(Core *c, const char *name, Pool **ret);
Pool *pool_find(const Core *c, const char *name);
void pool_free(Core *c, Pool *p); /* has no worker */

bool pool_serves(const Pool *p, const Task *t);

void pool_spawn_failed(Core *c, Pool *p);
void pools_balance(Core *c);          /* those that need it */
usec_t pools_deadline(const Core *c); /* when that is due again */
