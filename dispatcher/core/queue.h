/* A queue: its waiting tasks, how many are in each phase, and which pools serve it. One that left
 * the configuration lives on until its last task has ended. */
#pragma once

#include "dispatcher/core/core.h"
#include "dispatcher/core/hash.h"
#include "dispatcher/core/task.h"

typedef struct Pool Pool;

#define KINDS (TASK_KIND_MESSAGE + 1) /* indexed by TaskKind; 0 is unused */

struct Queue {
        char name[WIRE_NAME_MAX + 1];
        bool configured;
        uint64_t max_waiting; /* 0: no bound */
        uint64_t reserved;    /* by the submit that is being checked */
        Heap ready[KINDS];    /* tasks that may be assigned, by kind, since pools take one kind */
        Heap parked[KINDS];   /* ready, but not before the take-over is complete */
        bool served[KINDS];   /* some pool takes this kind from here */
        uint64_t count[PHASE_COUNT];
        uint64_t ended[TASK_STATE_MAX + 1];
        uint64_t oldest_id; /* no waiting task here has a smaller id */
        UT_hash_handle hh;  /* in Core.queues_by_name */
};

int queue_find_or_new(Core *c, const char *name, Queue **ret); /* 0 or -ENOMEM */
Queue *queue_find(const Core *c, const char *name);
void queue_free(Core *c, Queue *q);                       /* holds no task */
bool queue_is_empty(const Queue *q);                      /* of any task in any phase */
uint64_t queue_waiting(const Queue *q);                   /* what counts against max_waiting */
Heap *queue_heap(const Core *c, Queue *q, const Task *t); /* where t is while READY */
/* The take-over is complete: what was parked may be assigned. */
void queue_release_parked(Queue *q);
Task *queue_oldest(const Core *c, Queue *q); /* waiting; NULL: none */
