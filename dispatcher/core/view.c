/* Looking at the core from outside: nothing here changes anything. */
#include "dispatcher/core/state.h"

#include <errno.h>

/* The wall clock may have been set since: what counts is when it will really be ready. */
static usec_t view_due(const Core *c, const Task *t) {
        if (t->due_usec <= c->now.monotonic_usec)
                return c->now.realtime_usec;
        return usec_add(c->now.realtime_usec, t->due_usec - c->now.monotonic_usec);
}

bool core_may_change(const Core *c, uint32_t uid, uint32_t owner) {
        return uid == 0 || uid == c->owner_uid || uid == owner;
}

int core_task_view(const Core *c, uint64_t id, CoreTaskView *ret) {
        const Task *t = table_get(&c->tasks, id);
        if (!t || t->phase == PHASE_NEW)
                return -ENOENT;
        *ret = (CoreTaskView){
                .state = task_state(t),
                .uid = t->uid,
                .attempt = t->executions,
                .queue = t->queue->name,
        };
        if (t->phase == PHASE_DELAYED)
                ret->due_usec = view_due(c, t);
        if (ret->state == TASK_RUNNING) {
                ret->attempt = t->executions + 1;
                ret->run_id = t->last_run;
        }
        if (t->phase != PHASE_RUNNING)
                return 0;
        const Run *r = t->run;
        usec_t since = c->now.monotonic_usec - MIN_OF(r->pushed_usec, c->now.monotonic_usec);
        ret->run_id = r->run_id;
        ret->worker = r->serial;
        if (r->progress) {
                ret->progress = r->progress->percent + 1u;
                ret->progress_text = wire_bytes(r->progress->text, r->progress->size);
        }
        ret->started_usec = r->started_usec
                                    ? r->started_usec
                                    : c->now.realtime_usec - MIN_OF(since, c->now.realtime_usec);
        return 0;
}

bool core_task_next(const Core *c, uint64_t *id) {
        uint64_t at = *id;
        for (const Task *t; (t = table_first_from(&c->tasks, &at)); at++) {
                if (t->phase == PHASE_NEW)
                        continue;
                *id = at;
                return true;
        }
        return false;
}

bool core_task_previous(const Core *c, uint64_t *id) {
        uint64_t at = *id;
        for (const Task *t; (t = table_last_to(&c->tasks, &at)); at--) {
                if (t->phase != PHASE_NEW) {
                        *id = at;
                        return true;
                }
                if (at == 0)
                        return false;
        }
        return false;
}

bool core_queue_view(const Core *c, size_t index, CoreQueueView *ret) {
        if (index >= c->queue_count)
                return false;
        Queue *q = c->queues[index];
        const Task *oldest = queue_oldest(c, q);
        *ret = (CoreQueueView){
                .name = q->name,
                .ready = q->count[PHASE_READY] + q->count[PHASE_STARTING],
                .delayed = q->count[PHASE_DELAYED],
                .running =
                        q->count[PHASE_RUNNING] + q->count[PHASE_RETRYING] + q->count[PHASE_ENDING],
                .max_waiting = q->max_waiting,
                .oldest_usec = oldest ? oldest->submitted_usec : 0,
                .succeeded = q->ended[TASK_SUCCEEDED],
                .failed = q->ended[TASK_FAILED],
                .cancelled = q->ended[TASK_CANCELLED],
                .expired = q->ended[TASK_EXPIRED],
        };
        return true;
}

bool core_pool_view(const Core *c, size_t index, CorePoolView *ret) {
        if (index >= c->pool_count)
                return false;
        const Pool *p = c->pools[index];
        *ret = (CorePoolView){
                .name = p->name,
                .handler = p->handler,
                .last_exit = p->last_exit,
                .workers = p->worker_count,
                .wanted = p->configured ? p->wanted : 0,
                .slots = (uint64_t)p->worker_count * p->slots,
                .queues = p->queue_names,
                .queue_count = p->queue_count,
        };
        for (const Worker *w = p->workers; w; w = w->next)
                ret->busy += MIN_OF(w->held, p->slots);
        return true;
}

void core_counters(const Core *c, CoreCounters *ret) {
        *ret = c->counters;
        ret->held_tasks = c->tasks.count;
}
