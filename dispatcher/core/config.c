/* Taking over a configuration, at the start and at each reload. Everything that needs memory is
 * made first; then nothing can fail. */
#include "dispatcher/core/state.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

/* What the new configuration needs: queues and pools, and for each pool its queues. */
typedef struct Draft {
        Queue **queues; /* all, in the new order */
        Pool **pools;
        Queue ***pool_queues;
        const char ***pool_queue_names;
        size_t pool_count;
} Draft;

static void draft_done(Draft *d) {
        for (size_t i = 0; i < d->pool_count; i++) {
                if (d->pool_queues)
                        free(d->pool_queues[i]);
                if (d->pool_queue_names)
                        free(d->pool_queue_names[i]);
        }
        free(d->queues);
        free(d->pools);
        free(d->pool_queues);
        free(d->pool_queue_names);
}

static int draft_objects(Core *c, const CoreConfig *config) {
        for (size_t i = 0; i < config->queue_count; i++) {
                Queue *q;
                int r = queue_find_or_new(c, config->queues[i].name, &q);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < config->pool_count; i++) {
                Pool *p;
                int r = pool_find_or_new(c, config->pools[i].name, &p);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int draft_pool(const Core *c, const CorePoolConfig *pool, Draft *d, size_t i) {
        d->pool_queues[i] = calloc(pool->queue_count + 1, sizeof(*d->pool_queues[i]));
        d->pool_queue_names[i] = calloc(pool->queue_count + 1, sizeof(*d->pool_queue_names[i]));
        if (!d->pool_queues[i] || !d->pool_queue_names[i])
                return -ENOMEM;
        for (size_t k = 0; k < pool->queue_count; k++) {
                Queue *q = queue_find(c, pool->queues[k]);
                ASSERT(q); /* the loader has checked it */
                d->pool_queues[i][k] = q;
                d->pool_queue_names[i][k] = q->name;
        }
        return 0;
}

static int draft_make(Core *c, const CoreConfig *config, Draft *d) {
        int r = draft_objects(c, config);
        if (r < 0)
                return r;
        d->pool_count = config->pool_count;
        d->queues = calloc(c->queue_count + 1, sizeof(Queue *));
        d->pools = calloc(c->pool_count + 1, sizeof(Pool *));
        d->pool_queues = calloc(config->pool_count + 1, sizeof(Queue **));
        d->pool_queue_names = calloc(config->pool_count + 1, sizeof(char **));
        if (!d->queues || !d->pools || !d->pool_queues || !d->pool_queue_names)
                return -ENOMEM;
        for (size_t i = 0; i < config->pool_count; i++) {
                r = draft_pool(c, &config->pools[i], d, i);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- from here on nothing fails ---- */

static void apply_queues(Core *c, const CoreConfig *config, Draft *d) {
        size_t n = 0;
        for (size_t i = 0; i < c->queue_count; i++) {
                c->queues[i]->configured = false;
                memset(c->queues[i]->served, 0, sizeof(c->queues[i]->served));
        }
        for (size_t i = 0; i < config->queue_count; i++) {
                Queue *q = queue_find(c, config->queues[i].name);
                q->configured = true;
                q->max_waiting = config->queues[i].max_waiting;
                d->queues[n++] = q;
        }
        for (size_t i = 0; i < c->queue_count; i++)
                if (!c->queues[i]->configured)
                        d->queues[n++] = c->queues[i];
        ASSERT(n == c->queue_count);
        free(c->queues);
        c->queues = take_ptr(d->queues);
}

static void pool_take_queues(Pool *p, Queue **queues, const char **names, size_t n) {
        free(p->queues);
        free(p->queue_names);
        p->queues = queues;
        p->queue_names = names;
        p->queue_count = n;
        p->next_queue = 0;
}

static void apply_pool(Pool *p, const CorePoolConfig *config, Draft *d, size_t i) {
        p->configured = true;
        snprintf(p->handler, sizeof(p->handler), "%s", config->handler ? config->handler : "");
        p->kind = config->kind;
        p->wanted = config->workers;
        p->slots = MAX_OF(config->slots, 1u);
        p->credit = MAX_OF(config->credit, p->slots);
        pool_take_queues(p, take_ptr(d->pool_queues[i]), take_ptr(d->pool_queue_names[i]),
                         config->queue_count);
        for (size_t k = 0; k < p->queue_count; k++)
                p->queues[k]->served[p->kind] = true;
        Worker *w;
        DL_FOREACH (p->workers, w)
                w->stale |= config->replace_workers;
}

static void apply_pools(Core *c, const CoreConfig *config, Draft *d) {
        size_t n = 0;
        for (size_t i = 0; i < c->pool_count; i++)
                c->pools[i]->configured = false;
        for (size_t i = 0; i < config->pool_count; i++) {
                Pool *p = pool_find(c, config->pools[i].name);
                apply_pool(p, &config->pools[i], d, i);
                d->pools[n++] = p;
        }
        for (size_t i = 0; i < c->pool_count; i++) {
                Pool *p = c->pools[i];
                if (p->configured)
                        continue;
                pool_take_queues(p, NULL, NULL, 0);
                d->pools[n++] = p;
        }
        ASSERT(n == c->pool_count);
        free(c->pools);
        c->pools = take_ptr(d->pools);
}

static void apply_workers(Core *c) {
        for (size_t i = 0; i < c->pool_count; i++) {
                Pool *p = c->pools[i];
                Worker *w;
                p->dirty = true;
                DL_FOREACH (p->workers, w) {
                        w->draining |= w->stale;
                        worker_place(c, w);
                }
        }
}

int core_configure(Core *c, const CoreConfig *config) {
        _cleanup_(draft_done) Draft d = {0};
        int r = draft_make(c, config, &d);
        c->sweep = true;
        if (r < 0)
                return r; /* what is new and empty is swept */
        apply_queues(c, config, &d);
        apply_pools(c, config, &d);
        apply_workers(c);
        return 0;
}

void config_sweep(Core *c) {
        size_t n = 0;
        if (!c->sweep || !c->taken_over)
                return;
        c->sweep = false;
        for (size_t i = 0; i < c->queue_count; i++) {
                Queue *q = c->queues[i];
                if (q->configured || !queue_is_empty(q))
                        c->queues[n++] = q;
                else
                        queue_free(c, q);
        }
        c->queue_count = n;
        n = 0;
        for (size_t i = 0; i < c->pool_count; i++) {
                Pool *p = c->pools[i];
                if (p->configured || p->worker_count > 0)
                        c->pools[n++] = p;
                else
                        pool_free(c, p);
        }
        c->pool_count = n;
}
