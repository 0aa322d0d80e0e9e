/* Who waits for which tasks to end. A Wait belongs to one request of one connection; a link joins
 * it to each unended task that it still waits for. Ends are collected over a turn and answered
 * together. */
#pragma once

#include "dispatcher/core/core.h"
#include "dispatcher/core/hash.h"
#include "dispatcher/core/task.h"

typedef struct WaitLink WaitLink;

typedef struct Wait {
        CoreOrigin origin; /* the key: padding is zero */
        uint64_t number;   /* as the shell knows it */
        WaitLink *links;   /* unended tasks */
        size_t link_count;
        Table reported; /* ids that ended while the shell was looking up: not to be told twice */
        bool looking_up;
        bool flushing; /* in Core.flush */
        WireEndedTask *ends;
        size_t end_count, end_capacity;
        uint64_t *unknown;
        size_t unknown_count, unknown_capacity;
        struct Wait *prev_flush, *next_flush;
        UT_hash_handle hh;
} Wait;

struct WaitLink {
        Wait *wait;
        uint64_t task_id;
        WaitLink *prev, *next;           /* of the wait */
        WaitLink *prev_task, *next_task; /* of the task */
};

/* As core_wait; what is not held is asked of the shell through the port, when there is something.
 */
void wait_for_submitted(Core *c, const CoreOrigin *origin, uint64_t first, uint64_t count);
void wait_task_ended(Core *c, Task *t, const WireEndedTask *end);
void wait_task_vanished(Core *c, Task *t); /* its submit failed */
void wait_flush(Core *c);
void wait_free_all(Core *c);
