/* PURGE: ended tasks are forgotten. The core does not hold them: the shell looks each up, and here
 * is decided, recorded and answered, in one ticket. */
#include "dispatcher/core/state.h"

#include <string.h>

static void purge_one(Core *c, const CoreRequest *request, uint64_t id, CorePurgeFound found,
                      Outcome *o) {
        const Task *t = table_get(&c->tasks, id);
        bool held = t && t->phase != PHASE_NEW;
        if (held)
                found = core_may_change(c, request->uid, t->uid) ? CORE_PURGE_UNENDED
                                                                 : CORE_PURGE_DENIED;
        switch (found) {
        case CORE_PURGE_ENDED:
                o->done++;
                journal_persist(c, &(StoreOp){.kind = STORE_PURGE, .mark = {.task_id = id}});
                return;
        case CORE_PURGE_UNENDED:
                o->left[o->left_count++] = id;
                return;
        case CORE_PURGE_DENIED:
                o->denied[o->denied_count++] = id;
                return;
        case CORE_PURGE_UNKNOWN:
                o->unknown[o->unknown_count++] = id;
                return;
        }
}

static void purge_out_of_memory(Core *c, const CoreRequest *request) {
        core_reply_error(c, &request->origin, EXIT_TRY_AGAIN, "out of memory; try again");
}

void purge_do(Core *c, Client *client, const CoreRequest *request, const uint64_t *ids,
              const uint8_t *found, size_t n) {
        Outcome *o = outcome_new(n);
        if (!o || client_reserve(client) < 0) {
                outcome_free(o);
                purge_out_of_memory(c, request);
                return;
        }
        for (size_t i = 0; i < n; i++)
                purge_one(c, request, ids[i], (CorePurgeFound)found[i], o);
        client_add_answer(c, client,
                          (Answer){.seq = request->seq,
                                   .kind = ANSWER_PURGED,
                                   .origins = {.first = request->origin, .count = 1},
                                   .outcome = o});
        journal_add(c,
                    (JournalEntry){.kind = JOURNAL_PURGE, .client = client, .seq = request->seq});
}

static void purge_defer(Core *c, Client *client, const CoreRequest *request, const uint64_t *ids,
                        const uint8_t *found, size_t n) {
        _cleanup_(deferred_freep) Deferred *d = calloc(1, sizeof(*d));
        if (d) {
                d->ids = calloc(n + 1, sizeof(*d->ids));
                d->found = calloc(n + 1, sizeof(*d->found));
        }
        if (!d || !d->ids || !d->found) {
                purge_out_of_memory(c, request);
                return;
        }
        d->kind = ANSWER_PURGED;
        d->request = *request;
        d->n = n;
        if (n > 0) {
                memcpy(d->ids, ids, n * sizeof(*ids));
                memcpy(d->found, found, n * sizeof(*found));
        }
        client_defer(c, client, take_ptr(d));
}

void core_purge(Core *c, const CoreRequest *request, const uint64_t *ids, const uint8_t *found,
                size_t n) {
        Client *client;
        switch (client_admit(c, request, CORE_SUBMIT_ONLY, &client)) {
        case CLIENT_ANSWERED:
                return;
        case CLIENT_LATER:
                purge_defer(c, client, request, ids, found, n);
                return;
        case CLIENT_DO:
                purge_do(c, client, request, ids, found, n);
                return;
        }
}
