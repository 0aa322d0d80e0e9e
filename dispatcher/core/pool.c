/* See pool.h. */
#include "dispatcher/core/state.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

Pool *pool_find(const Core *c, const char *name) {
        for (size_t i = 0; i < c->pool_count; i++)
                if (strcmp(c->pools[i]->name, name) == 0)
                        return c->pools[i];
        return NULL;
}

int pool_find_or_new(Core *c, const char *name, Pool **ret) {
        Pool *p = pool_find(c, name);
        if (p) {
                *ret = p;
                return 0;
        }
        Pool **pools = reallocarray(c->pools, c->pool_count + 1, sizeof(*pools));
        if (!pools)
                return -ENOMEM;
        c->pools = pools;
        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        snprintf(p->name, sizeof(p->name), "%s", name);
        p->slots = p->credit = 1;
        p->spawn_due_usec = USEC_INFINITY;
        heap_init(&p->idle, worker_compare_idle);
        c->pools[c->pool_count++] = p;
        *ret = p;
        return 0;
}

void pool_free(Core *c, Pool *p) {
        ASSERT(!p->workers);
        heap_done(&p->idle);
        free(p->queues);
        free(p->queue_names);
        free(p);
}

bool pool_serves(const Pool *p, const Task *t) {
        for (size_t i = 0; i < p->queue_count; i++)
                if (p->queues[i] == t->queue)
                        return t->kind == p->kind;
        return false;
}

/* ---- spawning ---- */

void pool_spawn_failed(Core *c, Pool *p) {
        usec_t twice = MIN_OF(2 * p->spawn_backoff_usec, CORE_SPAWN_BACKOFF_MAX_USEC);
        p->spawn_backoff_usec = MAX_OF(twice, CORE_SPAWN_BACKOFF_MIN_USEC);
        p->spawn_after_usec = usec_add(c->now.monotonic_usec, p->spawn_backoff_usec);
        p->dirty = true;
}

void core_spawn_failed(Core *c, const char *pool, const char *why) {
        Pool *p = pool_find(c, pool);
        if (!p)
                return;
        if (p->spawning > 0)
                p->spawning--;
        snprintf(p->last_exit, sizeof(p->last_exit), "a worker could not be started: %s",
                 why ? why : "unknown reason");
        pool_spawn_failed(c, p);
}

static void pool_spawn(Core *c, Pool *p, uint32_t missing) {
        if (c->stop_starting)
                return;
        if (c->now.monotonic_usec < p->spawn_after_usec) {
                p->spawn_due_usec = p->spawn_after_usec;
                return;
        }
        for (uint32_t i = 0; i < missing; i++) {
                p->spawning++;
                c->ports->spawn(c->userdata, p->name);
        }
}

/* ---- balance ---- */

/* Stale ones first, then the most idle, then the youngest. */
static bool better_victim(const Worker *a, const Worker *b) {
        if (!b)
                return true;
        if (a->stale != b->stale)
                return a->stale;
        if (a->held != b->held)
                return a->held < b->held;
        return a->serial > b->serial;
}

static void pool_shrink(Core *c, Pool *p, uint32_t by) {
        for (; by > 0; by--) {
                Worker *victim = NULL, *w;
                DL_FOREACH (p->workers, w) {
                        if (!w->surplus && better_victim(w, victim))
                                victim = w;
                }
                victim->surplus = true;
                worker_set_draining(c, victim);
        }
}

/* Takes back what was to be drained and has not gone yet. Returns what is still missing. */
static uint32_t pool_regrow(Core *c, Pool *p, uint32_t by) {
        Worker *w;
        DL_FOREACH (p->workers, w) {
                if (by == 0)
                        break;
                if (!w->surplus || w->retired)
                        continue;
                w->surplus = false;
                by--;
                if (!w->stale)
                        worker_unset_draining(c, w);
        }
        return by;
}

static void pool_retire(Core *c, Pool *p) {
        Worker *w;
        DL_FOREACH (p->workers, w) {
                if (!w->draining || w->retired || w->held > 0 || w->unacked > 0 ||
                    !worker_is_synced(w))
                        continue;
                w->retired = true;
                c->ports->retire(c->userdata, w->serial);
        }
}

/* Spawns what is missing, drains what is too much, retires what is empty. */
static void pool_balance(Core *c, Pool *p) {
        uint32_t wanted = p->configured ? p->wanted : 0, kept = 0;
        Worker *w;
        p->dirty = false;
        p->spawn_due_usec = USEC_INFINITY;
        DL_FOREACH (p->workers, w)
                kept += !w->surplus;
        if (kept > wanted)
                pool_shrink(c, p, kept - wanted);
        else if (kept + p->spawning < wanted) {
                uint32_t missing = pool_regrow(c, p, wanted - kept - p->spawning);
                if (missing > 0)
                        pool_spawn(c, p, missing);
        }
        pool_retire(c, p);
}

void pools_balance(Core *c) {
        if (!c->roster_ended)
                return;
        for (size_t i = 0; i < c->pool_count; i++) {
                Pool *p = c->pools[i];
                if (p->dirty || p->spawn_due_usec <= c->now.monotonic_usec)
                        pool_balance(c, p);
        }
}

usec_t pools_deadline(const Core *c) {
        usec_t at = USEC_INFINITY;
        for (size_t i = 0; i < c->pool_count; i++)
                at = MIN_OF(at, c->pools[i]->spawn_due_usec);
        return at;
}
