/* Recovery and take-over. Tasks that were recovered may be running at workers of an older
 * dispatcher: they are parked until every worker of the roster has answered SYNC or is dead. New
 * tasks need not wait. */
#include "dispatcher/core/state.h"

#include <errno.h>
#include <utlist.h>

static usec_t recovered_due(const Core *c, const RecoveredTask *task) {
        if (task->due_usec <= c->now.realtime_usec)
                return 0;
        return usec_add(c->now.monotonic_usec, task->due_usec - c->now.realtime_usec);
}

static void recover_fields(Task *t, const RecoveredTask *task) {
        t->uid = task->uid;
        t->submitted_usec = task->submitted_usec;
        t->failures = (uint16_t)MIN_OF(task->attempts, (uint32_t)UINT16_MAX);
        t->executions = MAX_OF(task->executions, task->attempts);
        t->deaths = (uint8_t)MIN_OF(task->lost, (uint32_t)UINT8_MAX);
        t->last_run = task->last_run;
        if (!task->cancel_requested)
                return;
        t->flags |= TASK_CANCEL_ASKED | TASK_CANCEL_DURABLE;
        t->cancel_uid = task->cancel_uid;
        t->cancel_signal = (uint8_t)task->cancel_signal & 127u;
}

int core_recover_task(Core *c, const RecoveredTask *task) {
        Queue *q;
        int r = queue_find_or_new(c, task->queue, &q);
        if (r < 0)
                return r;
        ASSERT(!c->taken_over && task->id < c->first_own_id);
        Task *t = task_new(c, task->id, q, &task->policy);
        if (!t)
                return -ENOMEM;
        recover_fields(t, task);
        t->due_usec = recovered_due(c, task);
        task_set_phase(c, t, t->due_usec ? PHASE_DELAYED : PHASE_READY);
        if (task->started_run > task->last_run) {
                Run *run = run_new_orphan(c, task->started_run, t, task->started_worker);
                if (!run)
                        return -ENOMEM;
                task_set_run(c, t, run, PHASE_RUNNING);
        } else if (task->cancel_requested) {
                takeover_park_cancel(c, t->id);
        }
        return 0;
}

void takeover_park_cancel(Core *c, uint64_t task_id) {
        if (c->parked_cancel_count == c->parked_cancel_capacity) {
                size_t capacity = MAX_OF(2 * c->parked_cancel_capacity, (size_t)64);
                uint64_t *ids = reallocarray(c->parked_cancels, capacity, sizeof(*ids));
                MUST(ids ? 0 : -1);
                c->parked_cancels = ids;
                c->parked_cancel_capacity = capacity;
        }
        c->parked_cancels[c->parked_cancel_count++] = task_id;
}

/* Tasks that an at-most-once start record gave to a worker that is dead. */
static void takeover_lose_orphans(Core *c) {
        for (Run *r; (r = c->orphans);)
                end_lost(c, r, "its worker died before this dispatcher started");
}

void core_roster_end(Core *c) {
        if (c->roster_ended)
                return;
        c->roster_ended = true;
        takeover_lose_orphans(c);
        for (size_t i = 0; i < c->pool_count; i++)
                c->pools[i]->dirty = true;
        takeover_try_complete(c);
}

void takeover_try_complete(Core *c) {
        if (c->taken_over || !c->roster_ended || c->awaited > 0)
                return;
        for (size_t i = 0; i < c->queue_count; i++)
                queue_release_parked(c->queues[i]);
        c->taken_over = true;
        for (size_t i = 0; i < c->parked_cancel_count; i++) {
                Task *t = table_get(&c->tasks, c->parked_cancels[i]);
                if (t && task_is_waiting(t) && (t->flags & TASK_CANCEL_ASKED))
                        end_cancelled(c, t);
        }
        free(c->parked_cancels);
        c->parked_cancels = NULL;
        c->parked_cancel_count = c->parked_cancel_capacity = 0;
}
