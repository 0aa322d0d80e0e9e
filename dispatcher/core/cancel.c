/* CANCEL: what waits ends at once, what runs is asked to stop once the wish is on disk. */
#include "dispatcher/core/state.h"

#include <errno.h>
#include <string.h>

static void cancel_persist(Core *c, const Task *t) {
        journal_persist(c, &(StoreOp){.kind = STORE_PUT_CANCEL,
                                      .mark = {.task_id = t->id,
                                               .uid = t->cancel_uid,
                                               .signal = t->cancel_signal}});
}

/* It runs, or may be running where an older dispatcher gave it, or is between two attempts. */
static void cancel_later(Core *c, Task *t, Outcome *o) {
        if (task_is_waiting(t) && !(t->flags & TASK_CANCEL_ASKED))
                takeover_park_cancel(c, t->id);
        t->flags |= TASK_CANCEL_ASKED;
        cancel_persist(c, t);
        o->left[o->left_count++] = t->id;
}

/* An end that is not durable cannot be told of, nor is there anything left to cancel. The answer of
 * the request is stored with what it changes, and may be stored before an end that it speaks of: so
 * the request waits for that end. */
bool cancel_must_wait(const Core *c, const uint64_t *ids, size_t n) {
        for (size_t i = 0; i < n; i++) {
                const Task *t = table_get(&c->tasks, ids[i]);
                if (t && t->phase == PHASE_ENDING)
                        return true;
        }
        return false;
}

static void cancel_task(Core *c, Task *t, uint32_t uid, int signal, Outcome *o) {
        if (t->phase == PHASE_ENDING) { /* named twice: ended by the first time */
                o->ended++;
                return;
        }
        bool valid = signal > 0 && signal <= CORE_SIGNAL_MAX;
        t->cancel_uid = uid;
        t->cancel_signal = (uint8_t)(valid ? signal : CORE_SIGNAL_TERM) & 127u;
        o->done++;
        if (t->phase == PHASE_STARTING || (task_is_waiting(t) && !task_is_parked(c, t)))
                end_cancelled(c, t);
        else
                cancel_later(c, t, o);
}

static void cancel_one(Core *c, const CoreRequest *request, uint64_t id, const Table *unknown,
                       int signal, Outcome *o) {
        Task *t = table_get(&c->tasks, id);
        if (t && t->phase != PHASE_NEW && !core_may_change(c, request->uid, t->uid))
                o->denied[o->denied_count++] = id;
        else if (t && t->phase != PHASE_NEW)
                cancel_task(c, t, request->uid, signal, o);
        else if (t || table_get(unknown, id) || id >= c->next_task_id || submit_id_failed(c, id))
                o->unknown[o->unknown_count++] = id;
        else
                o->ended++;
}

void cancel_do(Core *c, Client *client, const CoreRequest *request, const uint64_t *ids, size_t n,
               const uint64_t *unknown, size_t unknown_count, int signal) {
        Outcome *o = outcome_new(n);
        Table unknown_ids = {0};
        int r = o ? client_reserve(client) : -ENOMEM;
        for (size_t i = 0; i < unknown_count && r == 0; i++)
                r = table_put(&unknown_ids, unknown[i], o);
        if (r < 0) {
                table_done(&unknown_ids);
                outcome_free(o);
                core_reply_error(c, &request->origin, EXIT_TRY_AGAIN, "out of memory; try again");
                return;
        }
        for (size_t i = 0; i < n; i++)
                cancel_one(c, request, ids[i], &unknown_ids, signal, o);
        table_done(&unknown_ids);
        client_add_answer(c, client,
                          (Answer){.seq = request->seq,
                                   .kind = ANSWER_CANCELLED,
                                   .origins = {.first = request->origin, .count = 1},
                                   .outcome = o});
        journal_add(c,
                    (JournalEntry){.kind = JOURNAL_CANCEL, .client = client, .seq = request->seq});
}

static uint64_t *numbers_copy(const uint64_t *from, size_t n) {
        uint64_t *to = calloc(n + 1, sizeof(*to));
        if (to && n > 0)
                memcpy(to, from, n * sizeof(*to));
        return to;
}

static void cancel_defer(Core *c, Client *client, const CoreRequest *request, const uint64_t *ids,
                         size_t n, const uint64_t *unknown, size_t unknown_count, int signal) {
        _cleanup_(deferred_freep) Deferred *d = calloc(1, sizeof(*d));
        if (d) {
                d->ids = numbers_copy(ids, n);
                d->unknown = numbers_copy(unknown, unknown_count);
        }
        if (!d || !d->ids || !d->unknown) {
                core_reply_error(c, &request->origin, EXIT_TRY_AGAIN, "out of memory; try again");
                return;
        }
        d->kind = ANSWER_CANCELLED;
        d->request = *request;
        d->n = n;
        d->unknown_count = unknown_count;
        d->signal = signal;
        client_defer(c, client, take_ptr(d));
}

void core_cancel(Core *c, const CoreRequest *request, const uint64_t *ids, size_t n,
                 const uint64_t *unknown, size_t unknown_count, int signal) {
        Client *client;
        switch (client_admit(c, request, CORE_SUBMIT_ONLY, &client)) {
        case CLIENT_ANSWERED:
                return;
        case CLIENT_LATER:
                cancel_defer(c, client, request, ids, n, unknown, unknown_count, signal);
                return;
        case CLIENT_DO:
                if (cancel_must_wait(c, ids, n)) {
                        cancel_defer(c, client, request, ids, n, unknown, unknown_count, signal);
                        return;
                }
                cancel_do(c, client, request, ids, n, unknown, unknown_count, signal);
                return;
        }
}

/* ---- its ticket ---- */

void cancel_stop_run(Core *c, Run *r) {
        Task *t = r->task;
        if (t->flags & TASK_CANCEL_DURABLE)
                c->ports->stop_run(c->userdata, r->serial, r->run_id, STOP_CANCEL,
                                   t->cancel_signal);
}

void cancel_committed(Core *c, const Outcome *o) {
        for (size_t i = 0; i < o->left_count; i++) {
                Task *t = table_get(&c->tasks, o->left[i]);
                if (!t || t->phase == PHASE_ENDING)
                        continue;
                t->flags |= TASK_CANCEL_DURABLE;
                if (t->phase == PHASE_RUNNING)
                        cancel_stop_run(c, t->run);
        }
}

void cancel_write_again(Core *c, const Outcome *o) {
        for (size_t i = 0; i < o->left_count; i++) {
                Task *t = table_get(&c->tasks, o->left[i]);
                if (t && t->phase != PHASE_ENDING)
                        cancel_persist(c, t);
        }
}
