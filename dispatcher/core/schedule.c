/* Which task goes to which worker: the one place that assigns, once at the end of each turn.
 *
 * A pool's queues take turns, one task each; within a queue the order is that of its heap. The
 * worker is the freest one. Slots are filled over all pools before anything is pushed beyond them,
 * so that no task is behind another one while a slot is free. */
#include "dispatcher/core/state.h"

typedef enum Pass { PASS_SLOTS, PASS_PREFETCH } Pass;

static Worker *pick_worker(const Pool *p, Pass pass) {
        HeapNode *n = heap_peek(&p->idle);
        Worker *w = n ? CONTAINER_OF(n, Worker, idle_node) : NULL;
        return w && (pass == PASS_PREFETCH || w->held < p->slots) ? w : NULL;
}

/* At-most-once tasks never wait at a worker, nor are they tried while their starts cannot be
 * stored. */
static bool may_start(const Core *c, const Task *t, Pass pass) {
        return !t->at_most_once ||
               (pass == PASS_SLOTS && c->now.monotonic_usec >= c->start_after_usec);
}

static Task *pick_task(const Core *c, Pool *p, Pass pass) {
        for (size_t i = 0; i < p->queue_count; i++) {
                size_t turn = (p->next_queue + i) % p->queue_count;
                Task *t = task_of_node(heap_peek(&p->queues[turn]->ready[p->kind]));
                if (t && may_start(c, t, pass)) {
                        p->next_queue = turn + 1;
                        return t;
                }
        }
        return NULL;
}

static run_id_t next_run_id(Core *c) {
        /* After 4 billion runs of one epoch: ends this process, and its successor takes over with
         * a new one. */
        ASSERT(c->run_counter < UINT32_MAX);
        return RUN_ID(c->epoch, ++c->run_counter);
}

static void start_write(Core *c, Run *r) {
        Task *t = r->task;
        task_set_run(c, t, r, PHASE_STARTING);
        journal_persist(c, &(StoreOp){.kind = STORE_PUT_START,
                                      .mark = {.task_id = t->id,
                                               .run_id = r->run_id,
                                               .worker = r->serial,
                                               .attempt = t->executions + 1}});
        journal_add(c, (JournalEntry){.kind = JOURNAL_START, .run_id = r->run_id});
}

static bool assign(Core *c, Task *t, Worker *w) {
        Run *r = run_new(c, next_run_id(c), t, w, RUN_WRITING);
        if (!r)
                return false;
        if (t->at_most_once)
                start_write(c, r);
        else
                run_push(c, r);
        return true;
}

static void schedule_pool(Core *c, Pool *p, Pass pass) {
        for (Worker *w; (w = pick_worker(p, pass));) {
                Task *t = pick_task(c, p, pass);
                if (!t || !assign(c, t, w))
                        return;
        }
}

void schedule(Core *c) {
        if (c->stop_starting)
                return;
        for (size_t i = 0; i < c->pool_count; i++)
                schedule_pool(c, c->pools[i], PASS_SLOTS);
        for (size_t i = 0; i < c->pool_count; i++)
                schedule_pool(c, c->pools[i], PASS_PREFETCH);
}
