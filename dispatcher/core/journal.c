/* See journal.h. */
#include "dispatcher/core/state.h"

#include <string.h>

/* ---- the ring ---- */

static JournalEntry *ring_at(const Journal *j, size_t i) {
        return &j->entries[(j->first + i) & (j->capacity - 1)];
}

const JournalEntry *journal_at(const Journal *j, size_t i) {
        return ring_at(j, i);
}

static void ring_push(Journal *j, JournalEntry entry) {
        if (j->count == j->capacity) {
                size_t capacity = j->capacity ? 2 * j->capacity : 64;
                JournalEntry *entries = malloc(capacity * sizeof(*entries));
                MUST(entries ? 0 : -1);
                for (size_t i = 0; i < j->count; i++)
                        entries[i] = *ring_at(j, i);
                free(j->entries);
                *j = (Journal){.entries = entries, .count = j->count, .capacity = capacity};
        }
        j->count++;
        *ring_at(j, j->count - 1) = entry;
}

static JournalEntry ring_pop(Journal *j) {
        JournalEntry entry = *ring_at(j, 0);
        j->first = (j->first + 1) & (j->capacity - 1);
        j->count--;
        return entry;
}

static void ending_free(Core *c, Ending *e) {
        run_record_done(&e->run);
        slab_free(&c->ending_slab, e);
}

void journal_done(Core *c, Journal *j) {
        while (j->count > 0) {
                JournalEntry entry = ring_pop(j);
                if (entry.kind == JOURNAL_END)
                        ending_free(c, entry.ending);
        }
        free(j->entries);
        *j = (Journal){0};
}

/* ---- adding ---- */

void journal_persist(Core *c, StoreOp *op) {
        c->wrote = true;
        c->ports->persist(c->userdata, op);
}

void journal_add(Core *c, JournalEntry entry) {
        entry.ticket = c->turn;
        ring_push(&c->journal, entry);
}

void journal_ack(Core *c, uint64_t serial, run_id_t run_id) {
        journal_add(c, (JournalEntry){.kind = JOURNAL_ACK, .serial = serial, .run_id = run_id});
}

static void ending_persist(Core *c, Ending *e) {
        StoreOp op = {
                .kind = e->final ? STORE_PUT_END : STORE_PUT_ATTEMPT,
                .run = e->run,
                .due_usec = e->due_real_usec,
        };
        blob_slice_ref(op.run.out);
        blob_slice_ref(op.run.err);
        blob_slice_ref(op.run.result);
        blob_slice_ref(op.run.detail);
        journal_persist(c, &op);
}

static Ending *ending_new(Core *c, Task *t, RunRecord *run, uint64_t ack_serial) {
        Ending *e = slab_alloc(&c->ending_slab);
        MUST(e ? 0 : -1);
        e->run = *run;
        e->task = t;
        e->ack_serial = ack_serial;
        run->out = run->err = run->result = run->detail = (BlobSlice){0};
        Worker *w = ack_serial ? worker_find(c, ack_serial) : NULL;
        if (w) {
                w->unacked++;
                if (worker_is_full(w))
                        worker_place(c, w);
        }
        return e;
}

void journal_end(Core *c, Task *t, RunRecord *run, uint64_t ack_serial) {
        Ending *e = ending_new(c, t, run, ack_serial);
        e->final = true;
        task_set_phase(c, t, PHASE_ENDING);
        ending_persist(c, e);
        journal_add(c, (JournalEntry){.kind = JOURNAL_END, .ending = e});
}

void journal_attempt(Core *c, Task *t, RunRecord *run, uint64_t ack_serial, usec_t delay_usec) {
        Ending *e = ending_new(c, t, run, ack_serial);
        if (delay_usec) {
                e->due_usec = usec_add(c->now.monotonic_usec, delay_usec);
                e->due_real_usec = usec_add(c->now.realtime_usec, delay_usec);
        }
        task_set_phase(c, t, PHASE_RETRYING);
        ending_persist(c, e);
        journal_add(c, (JournalEntry){.kind = JOURNAL_END, .ending = e});
}

/* ---- committed ---- */

static void ending_ack(Core *c, const Ending *e) {
        if (!e->ack_serial)
                return;
        Worker *w = worker_find(c, e->ack_serial);
        if (!w)
                return;
        bool was_full = worker_is_full(w);
        w->unacked--;
        if (was_full)
                worker_place(c, w);
        w->pool->dirty |= w->draining;
        c->ports->ack(c->userdata, e->ack_serial, e->run.run_id);
}

static void end_is_durable(Core *c, const Ending *e) {
        Task *t = e->task;
        const WireEndedTask ended = {
                .id = t->id, .state = e->run.state, .reason = e->run.reason, .code = e->run.code};
        t->queue->ended[e->run.state]++;
        c->counters.succeeded += e->run.state == TASK_SUCCEEDED;
        c->counters.failed += e->run.state == TASK_FAILED;
        c->counters.cancelled += e->run.state == TASK_CANCELLED;
        task_publish_after(c, t, e->run.state, &e->run);
        wait_task_ended(c, t, &ended);
        c->ports->forget(c->userdata, t->id);
        task_free(c, t);
}

static void attempt_is_durable(Core *c, const Ending *e) {
        Task *t = e->task;
        t->executions++;
        if (e->run.state != TASK_READY && t->failures < UINT16_MAX)
                t->failures++;
        if (t->flags & TASK_CANCEL_ASKED) {
                end_cancelled(c, t);
                return;
        }
        if (e->due_usec > c->now.monotonic_usec) {
                t->due_usec = e->due_usec;
                task_set_phase(c, t, PHASE_DELAYED);
        } else {
                task_set_phase(c, t, PHASE_READY);
        }
        task_publish_after(c, t, task_state(t), &e->run);
}

static void start_is_durable(Core *c, run_id_t run_id) {
        Run *r = run_find(c, run_id);
        if (!r || r->stage != RUN_WRITING)
                return; /* its worker died, or the task was cancelled meanwhile */
        const Worker *w = r->worker;
        /* A configuration or a SYNC may have come in between. */
        if (worker_is_synced(w) && !w->draining && !c->stop_starting &&
            pool_serves(w->pool, r->task))
                run_push(c, r);
        else
                run_requeue(c, r);
}

static void request_is_durable(Core *c, const JournalEntry *entry) {
        Answer *a = client_find_answer(entry->client, entry->seq);
        ASSERT(a && a->pending);
        if (entry->kind == JOURNAL_SUBMIT)
                submit_committed(c, a);
        client_answer_done(c, entry->client, a);
        if (entry->kind == JOURNAL_CANCEL)
                cancel_committed(c, a->outcome);
        for (size_t i = 0; a->wait == CORE_SUBMIT_AND_WAIT && i < origins_count(&a->origins); i++)
                wait_for_submitted(c, origins_at(&a->origins, i), a->first_id, a->count);
}

static void entry_committed(Core *c, const JournalEntry *entry) {
        switch (entry->kind) {
        case JOURNAL_SUBMIT:
        case JOURNAL_CANCEL:
        case JOURNAL_PURGE:
                request_is_durable(c, entry);
                return;
        case JOURNAL_END:
                ending_ack(c, entry->ending);
                if (entry->ending->final)
                        end_is_durable(c, entry->ending);
                else
                        attempt_is_durable(c, entry->ending);
                ending_free(c, entry->ending);
                return;
        case JOURNAL_START:
                start_is_durable(c, entry->run_id);
                return;
        case JOURNAL_ACK:
                if (c->retry.count > 0) /* ends that were heard before have yet to be written */
                        ring_push(&c->retry, *entry);
                else if (worker_find(c, entry->serial))
                        c->ports->ack(c->userdata, entry->serial, entry->run_id);
                return;
        }
}

/* ---- failed ---- */

/* A SUBMIT or a PURGE: nothing of it is done. */
static void request_failed(Core *c, const JournalEntry *entry, int error) {
        Answer *a = client_find_answer(entry->client, entry->seq);
        const char *why = strerrordesc_np(-error);
        bool submit = entry->kind == JOURNAL_SUBMIT;
        Error e;
        ASSERT(a && a->pending);
        if (submit)
                submit_undone(c, a);
        error_set(&e, EXIT_TRY_AGAIN, "cannot %s the tasks: %s; try again later",
                  submit ? "store" : "purge", why ? why : "the write failed");
        client_answer_failed(c, entry->client, a, &e);
}

static void entry_failed(Core *c, const JournalEntry *entry, int error) {
        if (entry->kind == JOURNAL_SUBMIT || entry->kind == JOURNAL_PURGE) {
                request_failed(c, entry, error);
        } else if (entry->kind == JOURNAL_START) {
                Run *r = run_find(c, entry->run_id);
                c->start_after_usec = usec_add(c->now.monotonic_usec, CORE_RETRY_WRITE_USEC);
                if (r && r->stage == RUN_WRITING)
                        run_requeue(c, r);
        } else {
                if (c->retry.count == 0)
                        c->retry_usec = usec_add(c->now.monotonic_usec, CORE_RETRY_WRITE_USEC);
                ring_push(&c->retry, *entry);
        }
}

static const Outcome *outcome_of(const JournalEntry *entry) {
        const Answer *a = client_find_answer(entry->client, entry->seq);
        ASSERT(a && a->pending);
        return a->outcome;
}

/* What a cancel wanted to mark may be ending by now: its answer must not be on disk before that end
 * is. The row of a client tells of all its cancels that failed together, so they wait together. */
static void find_clients_to_wait(Core *c) {
        for (size_t i = 0; i < c->retry.count; i++) {
                const JournalEntry *entry = journal_at(&c->retry, i);
                if (entry->kind == JOURNAL_CANCEL)
                        entry->client->cancels_wait = false;
        }
        for (size_t i = 0; i < c->retry.count; i++) {
                const JournalEntry *entry = journal_at(&c->retry, i);
                if (entry->kind != JOURNAL_CANCEL)
                        continue;
                const Outcome *o = outcome_of(entry);
                entry->client->cancels_wait |= cancel_must_wait(c, o->left, o->left_count);
        }
}

/* false: not now. */
static bool cancel_again(Core *c, const JournalEntry *entry) {
        if (entry->client->cancels_wait)
                return false;
        entry->client->pending_turn = c->turn;
        client_mark_dirty(c, entry->client);
        cancel_write_again(c, outcome_of(entry));
        return true;
}

void journal_write_again(Core *c) {
        if (c->retry.count == 0 || c->now.monotonic_usec < c->retry_usec)
                return;
        c->retry_usec = usec_add(c->now.monotonic_usec, CORE_RETRY_WRITE_USEC);
        find_clients_to_wait(c);
        for (size_t n = c->retry.count; n > 0; n--) {
                JournalEntry entry = ring_pop(&c->retry);
                if (entry.kind == JOURNAL_END)
                        ending_persist(c, entry.ending);
                if (entry.kind == JOURNAL_CANCEL && !cancel_again(c, &entry))
                        ring_push(&c->retry, entry);
                else
                        journal_add(c, entry);
        }
}

/* ---- turns and tickets ---- */

void journal_committed(Core *c, uint64_t first, uint64_t last, int error) {
        ASSERT(first == c->ticket_done + 1 && last >= first && last <= c->ticket);
        while (c->journal.count > 0 && journal_at(&c->journal, 0)->ticket <= last) {
                JournalEntry entry = ring_pop(&c->journal);
                if (error == 0)
                        entry_committed(c, &entry);
                else
                        entry_failed(c, &entry, error);
        }
        c->ticket_done = last;
}

/* A turn that wrote nothing has no ticket: what it wants said depends on the last one that is under
 * way, or on nothing any more. */
uint64_t journal_finish_turn(Core *c) {
        if (c->wrote) {
                c->wrote = false;
                c->ticket = c->turn;
                c->turn = c->ticket + 1;
                return c->ticket;
        }
        for (size_t i = c->journal.count;
             i > 0 && journal_at(&c->journal, i - 1)->ticket == c->turn; i--)
                ring_at(&c->journal, i - 1)->ticket = c->ticket;
        if (c->ticket_done == c->ticket)
                while (c->journal.count > 0) {
                        JournalEntry entry = ring_pop(&c->journal);
                        entry_committed(c, &entry);
                }
        return 0;
}
