/* The promises, checked at the moment at which each could break: what the core says or does against
 * what is durable and what really happened. Names of invariants are sentences, so that a failure
 * reads as one. */
#include "tests/sim/sim.h"

#include <inttypes.h>
#include <string.h>

static Task *task_stored(World *w, uint64_t id, const char *invariant) {
        Task *t = store_task(w, id);
        if (!t)
                broken(w, invariant, "task %" PRIu64 " is not stored", id);
        return t;
}

static size_t queue_index(const char *queue) {
        return (size_t)(queue[1] - '0') % SIM_QUEUES;
}

/* Field by field: what is between them means nothing. */
static bool policy_equal(const TaskPolicy *a, const TaskPolicy *b) {
        return a->timeout_usec == b->timeout_usec && a->grace_msec == b->grace_msec &&
               a->backoff_min_msec == b->backoff_min_msec &&
               a->backoff_max_msec == b->backoff_max_msec && a->retries == b->retries &&
               a->priority == b->priority && a->kind == b->kind &&
               a->at_most_once == b->at_most_once;
}

/* Somebody has asked for it, whatever came of that. */
static bool cancel_heard(const World *w, const Task *t) {
        return table_get(&w->cancels, t->id) != NULL;
}

static bool state_is_known(TaskState s) {
        return s == TASK_READY || s == TASK_DELAYED || s == TASK_RUNNING;
}

/* ---- assignment ---- */

/* Surely ready in the same queue: submitted to this dispatcher, its commit told, due, and never
 * taken out since. Others may be ready as well; for these no more than this could be said without
 * asking the core. */
static bool surely_ready(const World *w, const Task *t, const Task *than) {
        const Dispatcher *d = &w->dispatcher;
        return !t->ended && !t->touched && !cancel_heard(w, t) &&
               t->incarnation == d->incarnation && t->ticket <= d->told_ticket &&
               due_monotonic(w, t) <= w->now && !t->policy.at_most_once &&
               strcmp(t->queue, than->queue) == 0;
}

static void check_priority(World *w, const Task *pushed) {
        if (pushed->policy.at_most_once)
                return; /* assigned before its start record was committed */
        uint64_t id = 0;
        for (Task *t; (t = table_first_from(&w->store.tasks, &id)); id++) {
                bool before = t->policy.priority > pushed->policy.priority ||
                              (t->policy.priority == pushed->policy.priority && t->id < pushed->id);
                if (before && surely_ready(w, t, pushed))
                        broken(w, "the first of a queue goes first",
                               "task %" PRIu64 " (priority %d) before %" PRIu64 " (priority %d)",
                               pushed->id, pushed->policy.priority, t->id, t->policy.priority);
        }
}

static void check_pushable(World *w, const Task *t, const CoreRun *run) {
        if (t->ended)
                broken(w, "what has ended does not run", "task %" PRIu64, t->id);
        if (t->cancel_requested || t->cancel_acked)
                broken(w, "what is cancelled does not run again", "task %" PRIu64, t->id);
        if (t->due_usec > world_realtime(w) && !t->was_due && due_monotonic(w, t) > w->now)
                broken(w, "no start before its time", "task %" PRIu64 " by %" PRIu64 " us", t->id,
                       t->due_usec - world_realtime(w));
        if (run->attempt != t->executions + 1)
                broken(w, "attempts count up", "task %" PRIu64 ": %u after %u", t->id, run->attempt,
                       t->executions);
        if (!policy_equal(run->policy, &t->policy) || strcmp(run->queue, t->queue) != 0)
                broken(w, "a task keeps its policy", "task %" PRIu64, t->id);
}

void check_push(World *w, Worker *k, const CoreRun *run) {
        const Task *t = task_stored(w, run->task_id, "only what is durable runs");
        check_pushable(w, t, run);
        if (w->dispatcher.starts_stopped)
                broken(w, "no starts while stopping", "task %" PRIu64, t->id);
        if (k->stale || k->retired_by == w->dispatcher.incarnation)
                broken(w, "no runs for workers that go", "worker %" PRIu64, k->serial);
        size_t queue = queue_index(t->queue);
        if (!w->shape.pool[k->pool].present || !w->shape.queue[queue] ||
            !w->shape.pool[k->pool].queue[queue])
                broken(w, "a pool serves its queues", "worker %" PRIu64 " of p%u, %s", k->serial,
                       k->pool, t->queue);
        if (t->policy.at_most_once &&
            (t->start_run != run->run_id || t->start_worker != k->serial) &&
            w->mutation != MUTATION_START_NOT_STORED)
                broken(w, "an at-most-once start is durable before the push", "task %" PRIu64,
                       t->id);
        check_priority(w, t);
}

void check_held(World *w, Worker *k, Run *run) {
        size_t held =
                ledger_count(k->ledger, LEDGER_QUEUED) + ledger_count(k->ledger, LEDGER_STARTED);
        size_t limit = run->at_most_once ? k->slots : k->credit;
        if (held > limit)
                broken(w, "credit is never exceeded", "worker %" PRIu64 " holds %zu of %zu%s",
                       k->serial, held, limit, run->at_most_once ? " slots (at most once)" : "");
}

/* While its worker lives, a run is not done again unless its end says so. */
static void check_not_again(World *w, const Task *t, const Run *run) {
        const Run *before = table_get(&w->runs, t->started);
        if (before && !before->durable && process_get(w, before->serial)->life == WORKER_ALIVE)
                broken(w, "nothing runs twice unless a worker dies",
                       "task %" PRIu64 ": run %" PRIx64 " after %" PRIx64, t->id, run->run_id,
                       before->run_id);
}

void check_start(World *w, Run *run) {
        Task *t = task_stored(w, run->task_id, "only what is durable starts");
        if (++run->starts > 1)
                broken(w, "one start per run id", "run %" PRIx64, run->run_id);
        if (t->pushed != run->run_id)
                broken(w, "what was taken back never starts",
                       "run %" PRIx64 " of task %" PRIu64 " after %" PRIx64, run->run_id, t->id,
                       t->pushed);
        if (t->executing)
                broken(w, "two runs of one task never overlap",
                       "task %" PRIu64 ": run %" PRIx64 " during %" PRIx64, t->id, run->run_id,
                       t->executing);
        if (t->policy.at_most_once && t->starts > 0)
                broken(w, "at most once never starts twice", "task %" PRIu64, t->id);
        if (t->ended && !t->forgotten)
                broken(w, "what has ended does not start", "task %" PRIu64, t->id);
        check_not_again(w, t, run);
        t->starts++;
        t->started = run->run_id;
        t->executing = run->run_id;
}

/* ---- durable records ---- */

void check_put_task(World *w, const TaskRecord *t) {
        struct {
                Request *request;
                uint64_t index;
        } tag;
        memcpy(&tag, blob_slice_data(t->payload), sizeof tag);
        const Request *r = tag.request;
        if (t->id <= w->store.last_id)
                broken(w, "ids rise and are never reused", "%" PRIu64 " after %" PRIu64, t->id,
                       w->store.last_id);
        if (r->tasks[tag.index].durable > 0)
                broken(w, "a request is done once",
                       "client %u, seq %" PRIu64 ": task %" PRIu64 " again as %" PRIu64, r->client,
                       r->seq, r->tasks[tag.index].id, t->id);
        if (r->refused)
                broken(w, "what is refused is not done", "client %u, seq %" PRIu64, r->client,
                       r->seq);
        uint64_t delay = r->tasks[tag.index].delay_usec;
        bool due = delay == 0 ? t->not_before_usec <= t->submitted_usec
                              : t->not_before_usec == t->submitted_usec + delay;
        bool group = t->group.size == 1 + tag.index % sizeof tag &&
                     memcmp(blob_slice_data(t->group), &tag, t->group.size) == 0;
        if (t->uid != w->clients[r->client].uid || !due || !group ||
            t->retry_of != r->tasks[tag.index].retry_of ||
            !policy_equal(&t->policy, &r->tasks[tag.index].policy))
                broken(w, "a task is stored as it was submitted", "task %" PRIu64, t->id);
}

static void check_outcome(World *w, const Task *t, const RunRecord *r, const Run *run) {
        if (r->reason == REASON_WORKER_LOST) {
                const Worker *k = process_get(w, run ? run->serial : r->worker);
                if (k->life == WORKER_ALIVE)
                        broken(w, "only the dead are lost", "task %" PRIu64 ", worker %" PRIu64,
                               t->id, k->serial);
                return;
        }
        if (!run) {
                if (r->state != TASK_CANCELLED)
                        broken(w, "an end without a run is a cancel", "task %" PRIu64, t->id);
                return;
        }
        bool same = r->state == run->state && r->reason == run->reason && r->code == run->code;
        bool cancelled = r->state == TASK_CANCELLED && cancel_heard(w, t);
        bool spent = r->state == TASK_FAILED && r->reason == REASON_INTERRUPTED &&
                     t->policy.at_most_once;
        if (run->life != RUN_ENDED && !cancelled)
                broken(w, "an end has happened", "task %" PRIu64 ", run %" PRIx64, t->id,
                       run->run_id);
        if (!same && !cancelled && !spent)
                broken(w, "an end is stored as it happened",
                       "task %" PRIu64 ": state %u reason %u code %d instead of %u %u %d", t->id,
                       r->state, r->reason, (int)r->code, run->state, run->reason, (int)run->code);
}

void check_end(World *w, Task *t, const StoreOp *op) {
        const RunRecord *r = &op->run;
        if (!t || t->ended)
                broken(w, "one accepted end per task", "task %" PRIu64 " is %s", r->task_id,
                       t ? "ended" : "not stored");
        const Run *run = table_get(&w->runs, r->run_id);
        if (run && run->task_id != t->id)
                broken(w, "ends are matched by run id",
                       "run %" PRIx64 " of task %" PRIu64 " for %" PRIu64, run->run_id,
                       run->task_id, t->id);
        if (run && run->durable)
                broken(w, "one accepted end per run", "run %" PRIx64, run->run_id);
        check_outcome(w, t, r, run);
        bool failed = r->state == TASK_FAILED && r->reason == REASON_EXIT;
        if (op->kind == STORE_PUT_END && failed && t->attempts < t->policy.retries &&
            !cancel_heard(w, t))
                broken(w, "retries are made", "task %" PRIu64 " after %u of %u", t->id, t->attempts,
                       t->policy.retries);
        if (op->kind == STORE_PUT_ATTEMPT && failed && t->attempts >= t->policy.retries)
                broken(w, "no more retries than asked", "task %" PRIu64 " after %u of %u", t->id,
                       t->attempts, t->policy.retries);
}

/* ---- what peers are told ---- */

void check_ack(World *w, run_id_t run_id) {
        const Run *run = table_get(&w->runs, run_id);
        if (!run)
                broken(w, "only runs are acknowledged", "%" PRIx64, run_id);
        const Task *t = store_task(w, run->task_id);
        if (run->starts == 0 && run->state == TASK_READY)
                return; /* interrupted before it began: it leaves no trace */
        if (!run->durable && !(t && t->ended) && process_get(w, run->serial)->life == WORKER_ALIVE)
                broken(w, "no end is acknowledged before it is durable",
                       "run %" PRIx64 " of task %" PRIu64, run_id, run->task_id);
}

void check_submitted(World *w, const Request *r, uint64_t first, uint64_t count) {
        if (count != r->count)
                broken(w, "all or nothing is submitted", "%" PRIu64 " of %zu", count, r->count);
        for (size_t i = 0; i < r->count; i++)
                if (r->tasks[i].durable != 1 || r->tasks[i].id != first + i)
                        broken(w, "acknowledged means durable",
                               "task %" PRIu64 " of client %u, seq %" PRIu64, first + i, r->client,
                               r->seq);
}

void check_ended(World *w, const WireEnded *e) {
        for (size_t i = 0; i < e->ends.count; i++) {
                const WireEndedTask *end = &e->ends.items[i];
                const Task *t = task_stored(w, end->id, "an end that is told is durable");
                if (!t->ended || t->state != end->state || t->reason != end->reason ||
                    t->code != end->code)
                        broken(w, "an end that is told is durable",
                               "task %" PRIu64 ": state %u, reason %u, stored %u, %u", t->id,
                               (unsigned)end->state, (unsigned)end->reason, t->state, t->reason);
        }
        for (size_t i = 0; i < e->unknown.count; i++) {
                const Task *t = store_task(w, e->unknown.items[i]);
                if (t && !t->purged)
                        broken(w, "what is stored is known", "task %" PRIu64, t->id);
        }
}

void check_event(World *w, const CoreEvent *e) {
        Dispatcher *d = &w->dispatcher;
        if (d->event_seq != 0 && e->seq != d->event_seq + 1)
                broken(w, "events are numbered without a gap", "%" PRIu64 " after %" PRIu64, e->seq,
                       d->event_seq);
        d->event_seq = e->seq;
        const Task *t = task_stored(w, e->task_id, "an event is durable");
        if (e->state >= TASK_SUCCEEDED && (!t->ended || t->state != e->state))
                broken(w, "an event is durable", "task %" PRIu64 " is not %s", t->id,
                       state_name((TaskState)e->state));
}

void check_retire(World *w, Worker *k) {
        if (k->ledger &&
            (ledger_count(k->ledger, LEDGER_QUEUED) || ledger_count(k->ledger, LEDGER_STARTED)))
                broken(w, "who retires holds nothing", "worker %" PRIu64, k->serial);
}

/* Walks the tasks both ways; every one is unended in the store, or its end is not told yet. */
static uint64_t check_walk(World *w, const Core *core) {
        uint64_t up = 0, down = 0;
        for (uint64_t id = 0; core_task_next(core, &id); id++, up++) {
                CoreTaskView view;
                if (core_task_view(core, id, &view) < 0 || !state_is_known(view.state))
                        broken(w, "what is walked is seen", "task %" PRIu64, id);
                if (!store_task(w, id))
                        broken(w, "what is seen is stored", "task %" PRIu64, id);
        }
        for (uint64_t id = UINT64_MAX; core_task_previous(core, &id); id--, down++)
                if (id == 0)
                        break;
        if (up != down)
                broken(w, "both walks see the same", "%" PRIu64 " up, %" PRIu64 " down", up, down);
        return up;
}

void check_views(World *w) {
        const Core *core = w->dispatcher.core;
        uint64_t walked = check_walk(w, core), queued = 0;
        CoreQueueView q;
        for (size_t i = 0; core_queue_view(core, i, &q); i++) {
                queued += q.ready + q.delayed + q.running + q.held + q.blocked;
                if (q.oldest_usec > 0 && q.ready + q.delayed == 0)
                        broken(w, "only what waits has an age", "%s", q.name);
        }
        if (queued != walked)
                broken(w, "queues count their tasks", "%" PRIu64 " of %" PRIu64, queued, walked);
        CorePoolView p;
        for (size_t i = 0; core_pool_view(core, i, &p); i++)
                if (p.busy > p.slots)
                        broken(w, "no more are busy than there are slots", "%s", p.name);
}

/* ---- the end of the world ---- */

static void check_workers_over(World *w) {
        uint32_t alive[SIM_POOLS] = {0};
        for (size_t i = 0; i < w->worker_count; i++) {
                const Worker *k = w->workers[i];
                if (k->life != WORKER_ALIVE)
                        continue;
                alive[k->pool]++;
                if (!process_idle(k))
                        broken(w, "every end is acknowledged", "worker %" PRIu64 ": %zu unacked",
                               k->serial, ledger_count(k->ledger, LEDGER_ENDED));
        }
        for (size_t i = 0; i < SIM_POOLS; i++) {
                uint32_t wanted = w->shape.pool[i].present ? w->shape.pool[i].workers : 0;
                if (alive[i] != wanted)
                        broken(w, "pools have their size", "p%zu has %u of %u", i, alive[i],
                               wanted);
        }
}

static void check_core_over(World *w, const Core *core) {
        CoreCounters counters;
        core_counters(core, &counters);
        if (!core_is_quiet(core) || counters.held_tasks != 0)
                broken(w, "the core is quiet at the end", "it holds %" PRIu64 " tasks",
                       counters.held_tasks);
        CoreQueueView q;
        for (size_t i = 0; core_queue_view(core, i, &q); i++)
                if (q.ready || q.delayed || q.running || q.held || q.blocked)
                        broken(w, "queues are empty at the end", "%s", q.name);
        CorePoolView p;
        for (size_t i = 0; core_pool_view(core, i, &p); i++)
                if (p.busy)
                        broken(w, "no slot leaks", "%s has %" PRIu64 " busy", p.name, p.busy);
        uint64_t id = 0;
        if (core_task_next(core, &id))
                broken(w, "the core holds nothing at the end", "task %" PRIu64, id);
}

void check_over(World *w) {
        if (!w->dispatcher.core)
                broken(w, "a dispatcher is there at the end", "none");
        core_check(w->dispatcher.core);
        check_core_over(w, w->dispatcher.core);
        check_workers_over(w);
        for (size_t i = 0; i < SIM_CLIENTS; i++)
                if (w->store.clients[i].present)
                        broken(w, "idle clients are forgotten", "client %zu", i);
}
