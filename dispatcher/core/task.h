/* A task that has not ended: in which phase it is, and where that puts it. task_set_phase is the
 * only function that changes the phase; it checks the step against the table below, moves the task
 * between the heaps and keeps the counters of its queue, so that none of these can disagree.
 *
 *   submit ─▶ NEW ─▶ READY ─▶ RUNNING ─▶ ENDING ─▶ gone
 *              │    ▲ │  ▲ ╲   ▲  │       ▲
 *              ▼    │ │  │  ▼  │  ▼       │       STARTING: an at-most-once start is being written
 *            DELAYED─┘ │  └─RETRYING──────┘       RETRYING: an attempt is being written that
 * another follows └─▶STARTING                ENDING: the accepted end is being written */
#pragma once

#include "common/heap.h"
#include "dispatcher/core/record.h"

typedef struct Core Core;
typedef struct Queue Queue;
typedef struct Run Run;

/* P(NAME, what a person sees, phases that may follow). GONE is no phase of a task that exists. */
#define TASK_PHASES(P)                                                                             \
        P(NEW, 0, TO(READY) | TO(DELAYED) | TO(GONE))                                              \
        P(DELAYED, TASK_DELAYED, TO(READY) | TO(RUNNING) | TO(RETRYING) | TO(ENDING))              \
        P(READY, TASK_READY, TO(STARTING) | TO(RUNNING) | TO(RETRYING) | TO(ENDING))               \
        P(STARTING, TASK_READY, TO(READY) | TO(RUNNING) | TO(ENDING))                              \
        P(RUNNING, TASK_RUNNING, TO(READY) | TO(RETRYING) | TO(ENDING))                            \
        P(RETRYING, TASK_RUNNING, TO(READY) | TO(DELAYED) | TO(ENDING))                            \
        P(ENDING, TASK_RUNNING, TO(GONE))                                                          \
        P(GONE, 0, 0)

#define TASK_PHASE_ENUM(NAME, state, next) PHASE_##NAME,
/* clang-format off */
typedef enum TaskPhase { TASK_PHASES(TASK_PHASE_ENUM) PHASE_COUNT } TaskPhase;
/* clang-format on */

enum {
        TASK_CANCEL_ASKED = 1 << 0,   /* by cancel_uid, with cancel_signal */
        TASK_CANCEL_DURABLE = 1 << 1, /* … and that is on disk */
        TASK_WAITED = 1 << 2,         /* somebody waits for its end */
        TASK_DROPPED = 1 << 3,        /* ends without having run: ENDING shows as READY */
};

/* Compact: one is kept for every unended task. TaskPolicy is spread so that its padding is used. */
struct Task {
        uint64_t id;
        uint64_t timeout_usec;
        uint32_t grace_msec, backoff_min_msec, backoff_max_msec;
        uint16_t retries;
        int8_t priority;
        uint8_t kind : 2;
        uint8_t at_most_once : 1;
        uint8_t phase : 5;
        usec_t submitted_usec;
        union {
                usec_t due_usec; /* NEW (0: now), DELAYED: monotonic */
                Run *run;        /* STARTING, RUNNING */
        };
        Queue *queue;
        run_id_t last_run; /* highest run id whose end was accepted */
        HeapNode node;     /* in the heap of READY or DELAYED tasks */
        uint32_t uid;
        uint32_t cancel_uid;
        uint32_t executions; /* attempts on record */
        uint16_t failures;   /* of them counted: followed by a retry */
        uint8_t deaths;      /* workers that died over it */
        uint8_t cancel_signal : 7;
        uint8_t : 0;
        uint8_t flags;
};
typedef struct Task Task;

#define TASK_INDEX_BYTES                                                                           \
        20 /* what table.h takes for an entry, at most, when keys come in order                    \
            */
_Static_assert(sizeof(Task) + TASK_INDEX_BYTES <= 120, "a waiting task costs at most 120 bytes");

/* A task in phase NEW, found by its id; NULL: no memory. */
Task *task_new(Core *c, uint64_t id, Queue *queue, const TaskPolicy *policy);
/* Only from phases that lead to GONE. */
void task_free(Core *c, Task *t);

/* due_usec must be set before DELAYED. */
void task_set_phase(Core *c, Task *t, TaskPhase phase);
/* STARTING or RUNNING, in that run. */
void task_set_run(Core *c, Task *t, Run *run, TaskPhase phase);

/* Tells observers of the state that the task has now. */
void task_publish(Core *c, const Task *t, uint32_t attempt);
/* The same after an attempt: also how that ended. state: that of the task now, or its last one. */
void task_publish_after(Core *c, const Task *t, TaskState state, const RunRecord *attempt);

TaskPolicy task_policy(const Task *t);
TaskState task_state(const Task *t); /* 0: nobody may know of it yet */
static inline bool task_is_waiting(const Task *t) {
        return t->phase == PHASE_READY || t->phase == PHASE_DELAYED;
}
/* An older dispatcher may have given it out: not to be assigned before all its workers have
 * answered. */
bool task_is_parked(const Core *c, const Task *t);

int task_compare_ready(const HeapNode *a, const HeapNode *b);   /* priority, then id */
int task_compare_delayed(const HeapNode *a, const HeapNode *b); /* due, then id */
static inline Task *task_of_node(HeapNode *n) {
        return n ? CONTAINER_OF(n, Task, node) : NULL;
}
