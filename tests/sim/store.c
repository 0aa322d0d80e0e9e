/* The store model: what store.h promises and nothing more. Batches that wait are committed
 * together, after a random time, all or nothing; the disk may be full for a while; a crash loses
 * what was not committed, and of a commit that is under way the dice say whether it was in time.
 * Opening it raises the epoch; recovery gives back exactly what is durable. */
#include "tests/sim/sim.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

Task *store_task(World *w, uint64_t id) {
        return table_get(&w->store.tasks, id);
}

static void batch_free(Batch *b) {
        for (size_t i = 0; i < b->count; i++)
                store_op_done(&b->ops[i]);
        free(b->ops);
        free(b);
}

static void batches_free(Batch **list) {
        for (Batch *b; (b = *list);) {
                *list = b->next;
                batch_free(b);
        }
}

/* ---- applying ---- */

static void apply_task(World *w, const TaskRecord *r) {
        struct {
                Request *request;
                uint64_t index;
        } tag;
        check_put_task(w, r);
        ASSERT(r->payload.size == sizeof tag);
        memcpy(&tag, blob_slice_data(r->payload), sizeof tag);
        Task *t = calloc(1, sizeof *t);
        ASSERT(t);
        t->id = r->id;
        t->policy = r->policy;
        memcpy(t->queue, r->queue, sizeof t->queue);
        t->uid = r->uid;
        t->submitted_usec = r->submitted_usec;
        t->due_usec = r->not_before_usec;
        t->incarnation = w->dispatcher.incarnation;
        t->ticket = w->store.applying;
        t->request = tag.request;
        tag.request->tasks[tag.index].id = r->id;
        tag.request->tasks[tag.index].durable++;
        ASSERT(table_put(&w->store.tasks, r->id, t) == 0);
        w->store.last_id = r->id;
}

static void apply_end(World *w, const StoreOp *op) {
        const RunRecord *r = &op->run;
        Task *t = store_task(w, r->task_id);
        check_end(w, t, op);
        Run *run = table_get(&w->runs, r->run_id);
        if (run)
                run->durable = true;
        if (op->kind == STORE_PUT_ATTEMPT) {
                t->executions++;
                t->attempts += r->state != TASK_READY;
                t->lost += r->reason == REASON_WORKER_LOST;
                if (r->run_id >= t->last_run) {
                        t->last_run = r->run_id;
                        t->due_usec = op->due_usec;
                        t->was_due = false;
                }
                return;
        }
        t->ended = true;
        t->state = r->state;
        t->reason = r->reason;
        t->code = r->code;
        t->end_incarnation = w->dispatcher.incarnation;
        t->cancel_requested = false;
        t->start_run = 0;
}

static void apply_mark(World *w, const StoreOp *op) {
        Task *t = store_task(w, op->mark.task_id);
        if (!t || t->ended)
                broken(w, "marks are for unended tasks", "task %" PRIu64 " is %s", op->mark.task_id,
                       t ? "ended" : "unknown");
        if (op->kind == STORE_PUT_CANCEL) {
                t->cancel_requested = true;
                t->cancel_uid = op->mark.uid;
                t->cancel_signal = op->mark.signal;
        } else if (w->mutation != MUTATION_START_NOT_STORED) {
                t->start_run = op->mark.run_id;
                t->start_worker = op->mark.worker;
                t->start_attempt = op->mark.attempt;
        }
}

static ClientRow *client_row(World *w, const ClientId *id) {
        for (size_t i = 0; i < SIM_CLIENTS; i++)
                if (memcmp(&w->clients[i].id, id, sizeof *id) == 0)
                        return &w->store.clients[i];
        broken(w, "rows are for clients", "nobody has this id");
}

static void apply_client(World *w, const StoreOp *op) {
        ClientRow *row = client_row(w, &op->client.id);
        free(row->answers);
        *row = (ClientRow){.id = op->client.id};
        if (op->kind == STORE_DROP_CLIENT || w->mutation == MUTATION_CLIENT_ROW_LOST)
                return;
        row->present = true;
        row->uid = op->client.uid;
        row->held = op->client.held;
        row->last_usec = op->client.last_usec;
        row->size = op->client.answers.size;
        row->answers = malloc(row->size + 1);
        ASSERT(row->answers);
        memcpy(row->answers, blob_slice_data(op->client.answers), row->size);
}

static void apply_purge(World *w, const StoreOp *op) {
        Task *t = store_task(w, op->mark.task_id);
        if (!t || !t->ended)
                broken(w, "only what has ended is purged", "task %" PRIu64, op->mark.task_id);
        t->purged = true;
}

static void apply(World *w, const StoreOp *op) {
        switch (op->kind) {
        case STORE_PUT_TASK:
                apply_task(w, &op->task);
                break;
        case STORE_PUT_END:
        case STORE_PUT_ATTEMPT:
                apply_end(w, op);
                break;
        case STORE_PUT_CANCEL:
        case STORE_PUT_START:
                apply_mark(w, op);
                break;
        case STORE_PURGE:
                apply_purge(w, op);
                break;
        case STORE_PUT_CLIENT:
        case STORE_DROP_CLIENT:
                apply_client(w, op);
                break;
        }
}

/* ---- committing ---- */

static void commit_done(World *w, uint64_t generation, uint64_t failed, Message *m);

static uint8_t found_of(World *w, const Request *r, uint64_t id) {
        const Task *t = store_task(w, id);
        if (!t || t->purged)
                return CORE_PURGE_UNKNOWN;
        if (!core_may_change(w->dispatcher.core, w->clients[r->client].uid, t->uid))
                return CORE_PURGE_DENIED;
        return t->ended ? CORE_PURGE_ENDED : CORE_PURGE_UNENDED;
}

static void read_one(World *w, Message *m) {
        trace(w, "store answers a read");
        for (size_t i = 0; m->kind == MESSAGE_CANCEL && i < m->request->count; i++) {
                uint64_t id = m->request->ids[i];
                Task *t = store_task(w, id);
                if (!t || t->purged)
                        m->unknown.items[m->unknown.count++] = id;
        }
        for (size_t i = 0; m->kind == MESSAGE_PURGE && i < m->request->count; i++)
                m->found[i] = found_of(w, m->request, m->request->ids[i]);
        for (size_t i = 0; m->kind == MESSAGE_WAIT_FOUND && i < m->range_count; i++) {
                const WireRange *r = &m->ranges[i];
                for (uint64_t id = r->first; id < r->first + r->count; id++) {
                        Task *t = store_task(w, id);
                        if (!t || t->purged)
                                m->unknown.items[m->unknown.count++] = id;
                        else if (t->ended)
                                m->ends[m->end_count++] = (WireEndedTask){.id = id,
                                                                          .state = t->state,
                                                                          .reason = t->reason,
                                                                          .code = t->code};
                }
        }
        m->looked_up = true;
        dispatcher_post(w, m);
}

static void commit_start(World *w) {
        StoreModel *s = &w->store;
        if (s->committing)
                return;
        if (!s->pending) {
                for (Message *m; (m = inbox_take(&s->reads));)
                        read_one(w, m);
                return;
        }
        s->committing = s->pending;
        s->pending = NULL;
        usec_t takes = random_between(&w->random, 100, 1500);
        if (w->now < s->slow_until)
                takes += random_between(&w->random, 1, 2000) * USEC_PER_MSEC;
        bool fails = !w->faults_over &&
                     (w->now < s->full_until || random_chance(&w->random, w->plan.fail_permille));
        world_at(w, w->now + takes, commit_done, s->generation, fails, NULL);
}

static void told_later(World *w, uint64_t incarnation, uint64_t b, Message *m) {
        m->incarnation = (uint32_t)incarnation;
        dispatcher_post(w, m);
}

/* Sooner than the next commit can be done, so that tickets are told in their order. */
static void tell(World *w, uint64_t first, uint64_t last, int error) {
        Message *m = message_new(MESSAGE_COMMITTED);
        m->first_ticket = first;
        m->last_ticket = last;
        m->error = error;
        world_at(w, w->now + random_between(&w->random, 5, 90), told_later,
                 w->dispatcher.incarnation, 0, m);
}

static void apply_committing(World *w) {
        Batch *group = take_ptr(w->store.committing);
        size_t ends = 0;
        for (Batch *b = group; b; b = b->next) {
                w->store.applying = b->ticket;
                for (size_t i = 0; i < b->count; i++) {
                        apply(w, &b->ops[i]);
                        ends += b->ops[i].kind == STORE_PUT_END ||
                                b->ops[i].kind == STORE_PUT_ATTEMPT;
                }
        }
        batches_free(&group);
        for (; ends > 0; ends--)
                world_step(w, STEP_END_COMMITTED);
}

static void commit_done(World *w, uint64_t generation, uint64_t failed, Message *m) {
        StoreModel *s = &w->store;
        if (generation != s->generation)
                return;
        uint64_t first = s->committing->ticket, last = first;
        for (Batch *b = s->committing; b; b = b->next)
                last = b->ticket;
        trace(w, "store %s %" PRIu64 "…%" PRIu64, failed ? "FAILS" : "commits", first, last);
        if (w->mutation != MUTATION_ACK_BEFORE_COMMIT)
                tell(w, first, last, failed ? -ENOSPC : 0);
        if (failed)
                batches_free(&s->committing);
        else
                apply_committing(w);
        if (generation == s->generation && !failed)
                world_step(w, STEP_COMMITTED);
        if (generation == s->generation)
                commit_start(w);
}

void store_model_write(World *w, uint64_t ticket, StoreOp *ops, size_t count) {
        Batch *b = calloc(1, sizeof *b), **end = &w->store.pending;
        ASSERT(b);
        *b = (Batch){.ticket = ticket, .ops = ops, .count = count};
        while (*end)
                end = &(*end)->next;
        *end = b;
        if (w->mutation == MUTATION_ACK_BEFORE_COMMIT)
                tell(w, ticket, ticket, 0);
        commit_start(w);
}

void store_model_read(World *w, Message *m) {
        m->unknown.items = calloc(SIM_WAIT_IDS, sizeof *m->unknown.items);
        m->ends = calloc(SIM_WAIT_IDS, sizeof *m->ends);
        ASSERT(m->unknown.items && m->ends);
        inbox_put(&w->store.reads, m);
        commit_start(w);
}

/* ---- dying and coming back ---- */

/* `memory:` and a dispatcher that died. */
static void lose_everything(World *w) {
        uint64_t id = 0;
        for (Task *t; (t = table_first_from(&w->store.tasks, &id)); id++) {
                t->forgotten = t->forgotten || !t->ended;
                t->ended = t->purged = true;
        }
        for (size_t i = 0; i < SIM_CLIENTS; i++) {
                free(w->store.clients[i].answers);
                w->store.clients[i] = (ClientRow){0};
        }
        clients_lose_store(w);
}

void store_model_crash(World *w) {
        StoreModel *s = &w->store;
        s->generation++;
        if (s->committing && w->now >= s->full_until && random_chance(&w->random, 500))
                apply_committing(w);
        batches_free(&s->committing);
        batches_free(&s->pending);
        inbox_clear(&s->reads);
        if (s->memory)
                lose_everything(w);
}

void store_model_open(World *w) {
        StoreModel *s = &w->store;
        s->epoch++;
        if (s->epoch == 1)
                s->memory = w->plan.memory;
        if (s->epoch == 1 || s->memory)
                memcpy(s->id, &s->epoch, sizeof s->epoch);
}

void store_model_recover(World *w, Core *core) {
        uint64_t id = 0;
        for (Task *t; (t = table_first_from(&w->store.tasks, &id)); id++) {
                if (t->ended)
                        continue;
                due_recovered(w, t);
                RecoveredTask r = {
                        .id = t->id,
                        .policy = t->policy,
                        .uid = t->uid,
                        .queue = t->queue,
                        .submitted_usec = t->submitted_usec,
                        .due_usec = t->due_usec,
                        .attempts = t->attempts,
                        .executions = t->executions,
                        .lost = t->lost,
                        .last_run = t->last_run,
                        .cancel_requested = t->cancel_requested,
                        .cancel_uid = t->cancel_uid,
                        .cancel_signal = t->cancel_signal,
                        .started_run = t->start_run,
                        .started_worker = t->start_worker,
                        .started_attempt = t->start_attempt,
                };
                ASSERT(core_recover_task(core, &r) == 0);
        }
        for (size_t i = 0; i < SIM_CLIENTS; i++) {
                ClientRow *row = &w->store.clients[i];
                if (!row->present)
                        continue;
                Blob *blob = blob_new_copy(row->answers, row->size);
                ClientRecord r = {.id = row->id,
                                  .uid = row->uid,
                                  .held = row->held,
                                  .last_usec = row->last_usec,
                                  .answers = blob_slice(blob, 0, row->size)};
                blob_unref(blob);
                ASSERT(core_recover_client(core, &r) == 0);
                blob_slice_drop(&r.answers);
        }
}

void store_model_purge(World *w) {
        uint64_t id = 0;
        for (Task *t; (t = table_first_from(&w->store.tasks, &id)); id++)
                if (t->ended && random_chance(&w->random, 500))
                        t->purged = true;
}

void store_model_done(World *w) {
        batches_free(&w->store.committing);
        batches_free(&w->store.pending);
        inbox_clear(&w->store.reads);
        for (size_t i = 0; i < SIM_CLIENTS; i++)
                free(w->store.clients[i].answers);
        uint64_t id = 0;
        for (Task *t; (t = table_first_from(&w->store.tasks, &id)); id++)
                free(t);
        table_done(&w->store.tasks);
}
