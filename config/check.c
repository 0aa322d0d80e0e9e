/* The draft as a whole: its start from the table, its completion by what is built in, and the
 * checks that need more than one key. */
#include "config/draft.h"
#include "config/value.h"

#include "common/text.h"

#include <errno.h>
#include <grp.h>
#include <string.h>

int draft_init(Draft *d, Report *report) {
        size_t n;
        const ConfigKey *keys = config_schema(&n);

        *d = (Draft){.report = report, .config = calloc(1, sizeof(Config))};
        if (!d->config)
                return report->error = -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (keys[i].fallback && !config_group_is_list(keys[i].group))
                        value_set_fallback(&keys[i], d->config);
        return 0;
}

void draft_done(Draft *d) {
        config_free(d->config);
        *d = (Draft){0};
}

/* ---- built in ---- */

static int complete_queues(Draft *d) {
        Config *c = d->config;

        c->queues = calloc(1, sizeof *c->queues);
        if (!c->queues)
                return -ENOMEM;
        value_set_fallback(config_schema_find("queues", "max_waiting"), c->queues);
        strcpy(c->queues[0].name, "default");
        c->queue_count = 1;
        return 0;
}

static int complete_pools(Draft *d) {
        Config *c = d->config;

        c->pools = calloc(1, sizeof *c->pools);
        if (!c->pools)
                return -ENOMEM;
        c->pool_count = 1;
        value_set_fallback(config_schema_find("pools", "handler"), c->pools);
        value_set_fallback(config_schema_find("pools", "workers"), c->pools);
        strcpy(c->pools[0].name, "default");
        c->pools[0].queues = calloc(MAX_OF(c->queue_count, (size_t)1), sizeof *c->pools[0].queues);
        if (!c->pools[0].queues)
                return -ENOMEM;
        for (size_t i = 0; i < c->queue_count; i++)
                strcpy(c->pools[0].queues[i], c->queues[i].name);
        c->pools[0].queue_count = c->queue_count;
        return 0;
}

int draft_complete(Draft *d) {
        int r = 0;

        if (d->queues == QUEUES_BUILT_IN)
                r = complete_queues(d);
        if (r == 0 && d->pools == POOLS_BUILT_IN)
                r = complete_pools(d);
        if (r < 0 && !d->report->error)
                d->report->error = r;
        return r;
}

/* ---- checks ---- */

/* What is wrong with a built-in thing is answered where the files give its counterpart. */
static ConfigPlace handler_place(const PoolConfig *p) {
        return p->place.handler.file ? p->place.handler : p->place.name;
}

static void report_unknown_queue(Draft *d, size_t pool, const char *queue) {
        const Config *c = d->config;
        const char **names = calloc(c->queue_count + 1, sizeof *names);
        const char *nearest = NULL;

        for (size_t i = 0; names && i < c->queue_count; i++)
                names[i] = c->queues[i].name;
        if (names)
                nearest = text_nearest(queue, names, c->queue_count);
        if (nearest)
                report_add(d->report, -EINVAL, c->pools[pool].place.queues,
                           "pools.%s.queues: there is no queue \"%s\"; did you mean \"%s\"?",
                           c->pools[pool].name, queue, nearest);
        else
                report_add(d->report, -EINVAL, c->pools[pool].place.queues,
                           "pools.%s.queues: there is no queue \"%s\"; add it to queues",
                           c->pools[pool].name, queue);
        free(names);
}

static bool is_message_handler(HandlerKind h) {
        return h != HANDLER_COMMAND;
}

/* first: the pool that first served each queue, by the queue's index; SIZE_MAX: none yet. */
static void check_pool(Draft *d, size_t pool, size_t *first, size_t *last) {
        const Config *c = d->config;
        const PoolConfig *p = &c->pools[pool];

        for (size_t i = 0; i < p->queue_count; i++) {
                const QueueConfig *q = config_queue(c, p->queues[i]);
                if (!q) {
                        report_unknown_queue(d, pool, p->queues[i]);
                        continue;
                }
                size_t *served = &first[q - c->queues], *seen = &last[q - c->queues];
                if (*seen == pool)
                        report_add(d->report, -EINVAL, c->pools[pool].place.queues,
                                   "pools.%s.queues: names queue \"%s\" twice; remove one", p->name,
                                   q->name);
                *seen = pool;
                if (*served == SIZE_MAX)
                        *served = pool;
                const PoolConfig *other = &c->pools[*served];
                if (is_message_handler(p->handler) != is_message_handler(other->handler))
                        report_add(d->report, -EINVAL, handler_place(p),
                                   "pools.%s.handler: \"%s\" cannot share queue \"%s\" with \"%s\""
                                   " of pools.%s: a queue holds either commands or messages; give"
                                   " each its own queue",
                                   p->name, handler_name(p->handler), q->name,
                                   handler_name(other->handler), other->name);
        }
}

static void check_queue_served(Draft *d, size_t queue) {
        const char *name = d->config->queues[queue].name;

        if (d->queues == QUEUES_GIVEN)
                report_add(d->report, -EINVAL, d->config->queues[queue].place.name,
                           "queues.%s: no pool serves it; add \"%s\" to the queues of a pool", name,
                           name);
        else
                report_add(d->report, -EINVAL, d->config->pools[0].place.name,
                           "queues: no pool serves the built-in queue \"%s\"; add it to the queues"
                           " of a pool, or give your own list of queues",
                           name);
}

static void check_queues(Draft *d) {
        const Config *c = d->config;
        _cleanup_(freep) size_t *first = calloc(2 * c->queue_count + 1, sizeof *first);

        if (!first) {
                d->report->error = -ENOMEM;
                return;
        }
        memset(first, 0xff, 2 * c->queue_count * sizeof *first); /* SIZE_MAX each */
        for (size_t i = 0; i < c->pool_count; i++)
                check_pool(d, i, first, first + c->queue_count);
        for (size_t i = 0; i < c->queue_count && c->pool_count > 0; i++)
                if (first[i] == SIZE_MAX)
                        check_queue_served(d, i);
}

/* Only a sealed text can lack them, since a load from files starts with the instance's paths. */
static void check_present(Draft *d, const char *value, const char *name) {
        if (!value[0])
                report_add(d->report, -EINVAL, (ConfigPlace){0}, "%s: is missing", name);
}

void draft_check(Draft *d) {
        const Config *c = d->config;

        check_present(d, c->control_socket, "control.socket");
        check_present(d, c->events_socket, "events.socket");
        check_present(d, c->store_url, "store.url");
        if (c->control_socket[0] && strcmp(c->control_socket, c->events_socket) == 0)
                report_add(d->report, -EINVAL,
                           c->place.events_socket.file ? c->place.events_socket
                                                       : c->place.control_socket,
                           "events.socket: is the same path as control.socket; give each its own");
        check_queues(d);
}

void draft_check_machine(Draft *d) {
        const Config *c = d->config;

        if (c->control_group[0] && !getgrnam(c->control_group))
                report_add(d->report, -EINVAL, c->place.control_group,
                           "control.group: this machine has no group \"%s\"; create it, or name "
                           "another",
                           c->control_group);
}
