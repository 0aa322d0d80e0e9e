/* PURGE: looks the tasks up, since the core holds no ended ones, and lets the core decide. */
#include "dispatcher/requests/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct Purge {
        RequestContext *x;
        CoreRequest request;
        size_t count;
        uint64_t ids[]; /* ascending, each once */
} Purge;

static int compare_ids(const void *a, const void *b) {
        const uint64_t *x = a, *y = b;
        return *x < *y ? -1 : *x > *y;
}

static size_t ids_copy(uint64_t *ret, WireNumbers ids) {
        size_t n = 0;
        memcpy(ret, ids.items, ids.count * sizeof *ret);
        qsort(ret, ids.count, sizeof *ret, compare_ids);
        for (size_t i = 0; i < ids.count; i++)
                if (!n || ret[n - 1] != ret[i])
                        ret[n++] = ret[i];
        return n;
}

static CorePurgeFound found_of(const Purge *p, const StoredTask *t) {
        if (!core_may_change(p->x->core, p->request.uid, t->task.uid))
                return CORE_PURGE_DENIED;
        return t->end.state ? CORE_PURGE_ENDED : CORE_PURGE_UNENDED;
}

static void on_owners(void *context, StoreDone *done) {
        _cleanup_(freep) Purge *p = context;
        uint8_t found[WIRE_TASKS_MAX] = {0};
        if (done->error) {
                request_read_failed(p->x, &p->request.origin, done->error);
                return;
        }
        /* The store answers in the order asked and leaves out what it does not know. */
        for (size_t i = 0, t = 0; i < p->count && t < done->task_count; i++)
                if (done->tasks[t].task.id == p->ids[i])
                        found[i] = (uint8_t)found_of(p, &done->tasks[t++]);
        core_purge(p->x->core, &p->request, p->ids, found, p->count);
}

void request_purge(RequestContext *x, ClientMessage *m) {
        const WirePurge *purge = m->body;
        CoreRequest request;
        if (!request_identify(x, m, purge->client, purge->seq, purge->held, &request))
                return;
        if (!purge->ids.count) {
                client_link_error(x->clients, &m->origin, EXIT_DATA,
                                  "purge refused: it names no task");
                return;
        }
        Purge *p = malloc(sizeof *p + purge->ids.count * sizeof *p->ids);
        StoreRead read = {.kind = STORE_READ_OWNERS,
                          .ids = malloc(purge->ids.count * sizeof *read.ids)};
        if (p && read.ids) {
                *p = (Purge){.x = x, .request = request};
                p->count = read.id_count = ids_copy(p->ids, purge->ids);
                memcpy(read.ids, p->ids, p->count * sizeof *read.ids);
                if (reads_ask(x->reads, &read, on_owners, p) == 0)
                        return;
        }
        free(read.ids);
        free(p);
        request_read_failed(x, &m->origin, -ENOMEM);
}
