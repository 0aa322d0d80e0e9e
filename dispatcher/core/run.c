/* See run.h. */
#include "dispatcher/core/state.h"

#include <string.h>
#include <utlist.h>

Run *run_find(const Core *c, run_id_t id) {
        return table_get(&c->runs, id);
}

static Run *run_alloc(Core *c, run_id_t id, Task *t, RunStage stage) {
        Run *r = slab_alloc(&c->run_slab);
        if (!r)
                return NULL;
        if (table_put(&c->runs, id, r) < 0) {
                slab_free(&c->run_slab, r);
                return NULL;
        }
        r->run_id = id;
        r->task = t;
        r->stage = (uint8_t)stage;
        r->pushed_usec = c->now.monotonic_usec;
        return r;
}

Run *run_new(Core *c, run_id_t id, Task *t, Worker *w, RunStage stage) {
        Run *r = run_alloc(c, id, t, stage);
        if (!r)
                return NULL;
        run_attach(c, r, w);
        return r;
}

Run *run_new_orphan(Core *c, run_id_t id, Task *t, uint64_t serial) {
        Run *r = run_alloc(c, id, t, RUN_CLAIMED);
        if (!r)
                return NULL;
        r->serial = serial;
        DL_APPEND(c->orphans, r);
        return r;
}

void run_attach(Core *c, Run *r, Worker *w) {
        if (r->stage == RUN_CLAIMED)
                DL_DELETE(c->orphans, r);
        r->worker = w;
        r->serial = w->serial;
        DL_APPEND(w->runs, r);
        w->held++;
        w->writing += r->stage == RUN_WRITING;
        worker_place(c, w);
}

void run_free(Core *c, Run *r) {
        Worker *w = r->worker;
        ASSERT(table_remove(&c->runs, r->run_id) == r);
        if (w) {
                DL_DELETE(w->runs, r);
                w->held--;
                w->started -= r->started;
                w->writing -= r->stage == RUN_WRITING;
                w->pool->dirty |= w->draining && w->held == 0;
                worker_place(c, w);
        } else {
                DL_DELETE(c->orphans, r);
        }
        free(r->progress);
        slab_free(&c->run_slab, r);
}

void run_set_started(Core *c, Run *r, usec_t started_usec) {
        if (started_usec)
                r->started_usec = started_usec;
        if (r->started)
                return;
        r->started = true;
        c->counters.started++;
        r->worker->started++;
        worker_place(c, r->worker);
}

void run_set_progress(Run *r, uint64_t percent, WireText text) {
        if (!r->progress)
                r->progress = malloc(sizeof(*r->progress));
        if (!r->progress)
                return; /* of use to people only */
        size_t size = MIN_OF(text.size, (size_t)WIRE_PROGRESS_MAX);
        r->progress->percent = (uint8_t)MIN_OF(percent, (uint64_t)100);
        r->progress->size = (uint8_t)size;
        if (size > 0)
                memcpy(r->progress->text, text.data, size);
}

void run_push(Core *c, Run *r) {
        Task *t = r->task;
        Worker *w = r->worker;
        TaskPolicy policy = task_policy(t);
        ASSERT(worker_is_synced(w) && r->stage == RUN_WRITING);
        r->stage = RUN_PUSHED;
        w->writing--;
        worker_place(c, w);
        r->pushed_usec = c->now.monotonic_usec;
        task_set_run(c, t, r, PHASE_RUNNING);
        worker_arm(c, w, usec_add(r->pushed_usec, CORE_NO_SHOW_USEC));
        CoreRun run = {
                .run_id = r->run_id,
                .task_id = t->id,
                .attempt = t->executions + 1,
                .policy = &policy,
                .queue = t->queue->name,
        };
        c->ports->push(c->userdata, w->serial, c->epoch, w->n_answered, &run);
        task_publish(c, t, run.attempt);
}

void run_requeue(Core *c, Run *r) {
        Task *t = r->task;
        run_free(c, r);
        if (t)
                end_requeue(c, t);
}
