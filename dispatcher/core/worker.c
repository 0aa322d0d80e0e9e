/* See worker.h. */
#include "dispatcher/core/state.h"

#include <errno.h>
#include <utlist.h>

Worker *worker_find(const Core *c, uint64_t serial) {
        return table_get(&c->workers, serial);
}

/* The freest first, then the one with the least that takes long, then the oldest. */
int worker_compare_idle(const HeapNode *a, const HeapNode *b) {
        const Worker *x = CONTAINER_OF(a, const Worker, idle_node),
                     *y = CONTAINER_OF(b, const Worker, idle_node);
        if (x->held != y->held)
                return x->held < y->held ? -1 : 1;
        if (x->started != y->started)
                return x->started < y->started ? -1 : 1;
        return x->serial < y->serial ? -1 : x->serial > y->serial;
}

int worker_compare_timer(const HeapNode *a, const HeapNode *b) {
        const Worker *x = CONTAINER_OF(a, const Worker, timer_node),
                     *y = CONTAINER_OF(b, const Worker, timer_node);
        if (x->timer_usec != y->timer_usec)
                return x->timer_usec < y->timer_usec ? -1 : 1;
        return x->serial < y->serial ? -1 : x->serial > y->serial;
}

/* Runs beyond the slots save a round trip each when runs are short, which the last one tells.
 * Behind one that takes long they would only wait: then there are none. Nor are there while an
 * at-most-once run has yet to be pushed: that one would be behind them. */
static bool worker_can_take(const Worker *w) {
        const Pool *p = w->pool;
        return worker_is_synced(w) && !w->draining && p->configured && !worker_is_full(w) &&
               w->held < (w->quick && !w->started && !w->writing ? p->credit : p->slots);
}

void worker_place(Core *c, Worker *w) {
        Heap *idle = &w->pool->idle;
        bool in = heap_node_queued(&w->idle_node), can = worker_can_take(w);
        if (in && can)
                heap_update(idle, &w->idle_node);
        else if (in)
                heap_remove(idle, &w->idle_node);
        else if (can)
                MUST(heap_push(idle, &w->idle_node));
}

void worker_set_draining(Core *c, Worker *w) {
        w->draining = true;
        worker_place(c, w);
}

void worker_unset_draining(Core *c, Worker *w) {
        w->draining = false;
        worker_place(c, w);
}

int core_worker_up(Core *c, uint64_t serial, const char *pool, CoreWorkerFit fit) {
        Pool *p;
        if (worker_find(c, serial))
                return 0;
        int r = pool_find_or_new(c, pool, &p);
        if (r < 0)
                return r;
        Worker *w = calloc(1, sizeof(*w));
        if (!w || table_put(&c->workers, serial, w) < 0) {
                free(w);
                return -ENOMEM;
        }
        w->serial = serial;
        w->pool = p;
        w->up_usec = c->now.monotonic_usec;
        w->stale = fit == CORE_WORKER_STALE;
        w->draining = w->stale || !p->configured;
        w->awaited = !c->roster_ended;
        c->awaited += w->awaited;
        heap_node_init(&w->idle_node);
        heap_node_init(&w->timer_node);
        DL_APPEND(p->workers, w);
        p->worker_count++;
        p->dirty = true;
        if (c->roster_ended && p->spawning > 0)
                p->spawning--;
        Run *run, *next;
        DL_FOREACH_SAFE(c->orphans, run, next) {
                if (run->serial == serial)
                        run_attach(c, run, w);
        }
        worker_sync(c, w);
        return 0;
}

static void worker_free(Core *c, Worker *w) {
        Pool *p = w->pool;
        ASSERT(!w->runs);
        if (heap_node_queued(&w->idle_node))
                heap_remove(&p->idle, &w->idle_node);
        if (heap_node_queued(&w->timer_node))
                heap_remove(&c->worker_timers, &w->timer_node);
        DL_DELETE(p->workers, w);
        p->worker_count--;
        p->dirty = true;
        c->sweep |= !p->configured;
        ASSERT(table_remove(&c->workers, w->serial) == w);
        free(w);
}

/* A worker that dies young, unasked, may do so again at once: the next one comes later each time.
 */
static void worker_note_death(Core *c, Worker *w, const char *why) {
        Pool *p = w->pool;
        if (w->retired)
                return;
        c->counters.worker_deaths++;
        snprintf(p->last_exit, sizeof(p->last_exit), "worker %llu: %s",
                 (unsigned long long)w->serial, why ? why : "died");
        if (c->now.monotonic_usec - w->up_usec < POOL_EARLY_DEATH_USEC)
                pool_spawn_failed(c, p);
}

/* Those that were pushed first and not heard of may have been executing: as many as there are
 * slots. */
static uint32_t worker_suspects(const Worker *w) {
        return w->pool->slots > w->started ? w->pool->slots - w->started : 0;
}

void core_worker_exited(Core *c, uint64_t serial, const char *why) {
        Worker *w = worker_find(c, serial);
        if (!w)
                return;
        worker_note_death(c, w, why);
        w->draining = true;
        worker_place(c, w);
        uint32_t suspects = worker_suspects(w);
        for (Run *r; (r = w->runs);) {
                bool suspect = !r->started && r->stage == RUN_PUSHED && suspects > 0;
                suspects -= suspect;
                if (suspect && r->task && r->task->deaths < UINT8_MAX)
                        r->task->deaths++;
                end_lost(c, r, why);
        }
        sync_worker_gone(c, w);
        worker_free(c, w);
        takeover_try_complete(c);
}
