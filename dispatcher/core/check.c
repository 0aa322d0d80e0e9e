/* Checks every invariant between the objects of the core. O(n): for tests and the simulator, which
 * call it after each step. What a comment elsewhere promises is here as an assertion. */
#include "dispatcher/core/state.h"

/* ---- heaps ---- */

static void check_heap(const Heap *h) {
        for (uint32_t i = 0; i < h->count; i++) {
                ASSERT(h->nodes[i]->index == i);
                ASSERT(i == 0 || h->compare(h->nodes[(i - 1) / 2], h->nodes[i]) <= 0);
        }
}

static void check_in_heap(const Heap *h, const HeapNode *n) {
        ASSERT(n->index < h->count && h->nodes[n->index] == n);
}

/* ---- tasks and queues ---- */

static bool queue_is_known(const Core *c, const Queue *q) {
        for (size_t i = 0; i < c->queue_count; i++)
                if (c->queues[i] == q)
                        return true;
        return false;
}

static void check_task(const Core *c, const Task *t) {
        ASSERT(queue_is_known(c, t->queue));
        ASSERT(t->phase < PHASE_GONE);
        ASSERT(t->id < c->next_task_id);
        ASSERT(t->kind == TASK_KIND_COMMAND || t->kind == TASK_KIND_MESSAGE);
        ASSERT(heap_node_queued(&t->node) == (task_is_waiting(t) != 0));
        if (t->phase == PHASE_READY)
                check_in_heap(queue_heap(c, t->queue, t), &t->node);
        if (t->phase == PHASE_DELAYED)
                check_in_heap(&c->delayed, &t->node);
        if (t->phase == PHASE_STARTING || t->phase == PHASE_RUNNING) {
                ASSERT(t->run && t->run->task == t);
                ASSERT(run_find(c, t->run->run_id) == t->run);
                ASSERT((t->phase == PHASE_STARTING) == (t->run->stage == RUN_WRITING));
                ASSERT(t->run->run_id > t->last_run);
        }
        ASSERT(!(t->flags & TASK_CANCEL_DURABLE) || (t->flags & TASK_CANCEL_ASKED));
        ASSERT(!!(t->flags & TASK_WAITED) == (table_get(&c->waits_by_task, t->id) != NULL));
        /* What is cancelled is not assigned again, unless an older dispatcher has assigned it. */
        if (task_is_waiting(t) && (t->flags & TASK_CANCEL_ASKED))
                ASSERT(task_is_parked(c, t) || t->phase == PHASE_DELAYED);
        if (c->taken_over && task_is_waiting(t))
                ASSERT(!(t->flags & TASK_CANCEL_ASKED));
        ASSERT(!task_is_waiting(t) || t->id >= t->queue->oldest_id);
}

static void check_queue(const Core *c, const Queue *q, uint64_t *tasks) {
        uint64_t ready = 0;
        ASSERT(q->reserved == 0);
        for (size_t kind = 0; kind < KINDS; kind++) {
                check_heap(&q->ready[kind]);
                check_heap(&q->parked[kind]);
                ready += q->ready[kind].count + q->parked[kind].count;
                ASSERT(!c->taken_over || q->parked[kind].count == 0);
        }
        ASSERT(ready == q->count[PHASE_READY]);
        ASSERT(q->count[PHASE_GONE] == 0);
        for (size_t phase = 0; phase < PHASE_COUNT; phase++)
                tasks[phase] += q->count[phase];
}

static void check_tasks(const Core *c) {
        uint64_t by_queue[PHASE_COUNT] = {0}, seen[PHASE_COUNT] = {0}, id = 0;
        for (const Task *t; (t = table_first_from(&c->tasks, &id)); id++) {
                ASSERT(t->id == id);
                check_task(c, t);
                seen[t->phase]++;
        }
        for (size_t i = 0; i < c->queue_count; i++)
                check_queue(c, c->queues[i], by_queue);
        for (size_t phase = 0; phase < PHASE_COUNT; phase++)
                ASSERT(by_queue[phase] == seen[phase]);
        check_heap(&c->delayed);
        ASSERT(c->delayed.count == seen[PHASE_DELAYED]);
        ASSERT(c->task_slab.used == c->tasks.count);
}

/* ---- workers and runs ---- */

static void check_run(const Core *c, const Run *r, const Worker *w) {
        ASSERT(run_find(c, r->run_id) == r);
        ASSERT(r->worker == w && r->serial == w->serial);
        ASSERT(!r->task || r->task->run == r);
        ASSERT(r->stage == RUN_WRITING || r->stage == RUN_PUSHED || r->stage == RUN_CLAIMED);
        ASSERT(r->stage != RUN_WRITING || (r->task && r->task->at_most_once && !r->started));
        ASSERT(r->listed_n <= w->n_answered);
        ASSERT(r->run_id > 0 && RUN_ID_EPOCH(r->run_id) <= c->epoch);
}

static size_t check_worker(const Core *c, const Worker *w) {
        const Pool *p = w->pool;
        uint32_t held = 0, started = 0, writing = 0;
        for (const Run *r = w->runs; r; r = r->next) {
                check_run(c, r, w);
                held++;
                started += r->started;
                writing += r->stage == RUN_WRITING;
        }
        ASSERT(held == w->held && started == w->started && writing == w->writing);
        ASSERT(w->n_answered <= w->n_sent && w->n_sent > 0);
        ASSERT(!w->surplus || w->draining);
        ASSERT(!w->stale || w->draining);
        ASSERT(!w->retired || w->draining);
        if (heap_node_queued(&w->idle_node)) {
                check_in_heap(&p->idle, &w->idle_node);
                ASSERT(worker_is_synced(w) && !w->draining && w->held < p->credit);
                ASSERT(!worker_is_full(w));
        } else {
                ASSERT(!worker_is_synced(w) || w->draining || !p->configured ||
                       w->held >= p->slots || worker_is_full(w));
        }
        /* An unanswered SYNC is sent again, a silent push is asked about: both need the timer. */
        if (!worker_is_synced(w))
                ASSERT(heap_node_queued(&w->timer_node));
        for (const Run *r = w->runs; r; r = r->next)
                if (r->stage == RUN_PUSHED && (!r->started || r->end_due))
                        ASSERT(heap_node_queued(&w->timer_node));
        return held;
}

static void check_workers(const Core *c) {
        size_t runs = 0, workers = 0;
        uint32_t awaited = 0;
        for (size_t i = 0; i < c->pool_count; i++) {
                const Pool *p = c->pools[i];
                uint32_t count = 0;
                check_heap(&p->idle);
                for (const Worker *w = p->workers; w; w = w->next) {
                        ASSERT(w->pool == p && worker_find(c, w->serial) == w);
                        runs += check_worker(c, w);
                        awaited += w->awaited;
                        count++;
                }
                ASSERT(count == p->worker_count);
                ASSERT(p->credit >= p->slots && p->slots > 0);
                ASSERT(p->configured || p->queue_count == 0);
                workers += count;
        }
        for (const Run *r = c->orphans; r; r = r->next) {
                ASSERT(r->stage == RUN_CLAIMED && !r->worker && r->task && !c->roster_ended);
                runs++;
        }
        ASSERT(workers == c->workers.count);
        ASSERT(runs == c->runs.count && runs == c->run_slab.used);
        ASSERT(awaited == c->awaited);
        ASSERT(c->taken_over == (c->roster_ended && c->awaited == 0));
        check_heap(&c->worker_timers);
}

/* ---- journal ---- */

/* How many entries write each thing: every NEW task, ending and pending answer has exactly one. */
typedef struct JournalSums {
        uint64_t submitted, endings, requests;
} JournalSums;

static void check_entry(const Core *c, const JournalEntry *e, JournalSums *sums) {
        if (e->kind == JOURNAL_SUBMIT || e->kind == JOURNAL_CANCEL || e->kind == JOURNAL_PURGE) {
                const Answer *a = client_find_answer(e->client, e->seq);
                ASSERT(a && a->pending);
                ASSERT((a->kind == ANSWER_SUBMITTED) == (e->kind == JOURNAL_SUBMIT));
                sums->requests++;
                for (uint64_t i = 0; e->kind == JOURNAL_SUBMIT && i < a->count; i++) {
                        const Task *t = table_get(&c->tasks, a->first_id + i);
                        ASSERT(t && t->phase == PHASE_NEW);
                        sums->submitted++;
                }
        }
        if (e->kind == JOURNAL_END) {
                const Task *t = e->ending->task;
                ASSERT(table_get(&c->tasks, e->ending->run.task_id) == t);
                ASSERT(t->phase == (e->ending->final ? PHASE_ENDING : PHASE_RETRYING));
                sums->endings++;
        }
}

static void check_journal(const Core *c) {
        JournalSums sums = {0};
        uint64_t writing = 0, ending = 0;
        ASSERT(c->ticket_done <= c->ticket && c->turn == c->ticket + 1);
        for (size_t i = 0; i < c->journal.count; i++) {
                const JournalEntry *e = journal_at(&c->journal, i);
                ASSERT(e->ticket > c->ticket_done && e->ticket <= c->turn);
                ASSERT(i == 0 || e->ticket >= journal_at(&c->journal, i - 1)->ticket);
                check_entry(c, e, &sums);
        }
        for (size_t i = 0; i < c->retry.count; i++) {
                const JournalEntry *e = journal_at(&c->retry, i);
                ASSERT(e->kind != JOURNAL_SUBMIT && e->kind != JOURNAL_START);
                check_entry(c, e, &sums);
        }
        for (size_t i = 0; i < c->queue_count; i++) {
                writing += c->queues[i]->count[PHASE_NEW];
                ending += c->queues[i]->count[PHASE_ENDING] + c->queues[i]->count[PHASE_RETRYING];
        }
        ASSERT(sums.submitted == writing);
        ASSERT(sums.endings == ending && sums.endings == c->ending_slab.used);
        uint64_t pending = 0;
        for (const Client *client = c->clients; client; client = client->hh.next)
                pending += client->pending;
        ASSERT(sums.requests == pending);
}

/* ---- clients and waits ---- */

static void check_client(const Client *client) {
        size_t pending = 0, deferred = 0;
        for (size_t i = 0; i < client->answer_count; i++) {
                const Answer *a = &client->answers[i];
                ASSERT(i == 0 || a->seq > client->answers[i - 1].seq);
                bool has_outcome = a->kind == ANSWER_CANCELLED || a->kind == ANSWER_PURGED;
                ASSERT(has_outcome == (a->outcome != NULL));
                ASSERT((a->kind == ANSWER_REFUSED) == (a->error != NULL));
                ASSERT(!a->pending || a->kind != ANSWER_REFUSED);
                pending += a->pending;
        }
        for (const Deferred *d = client->deferred; d; d = d->next)
                deferred++;
        ASSERT(pending == client->pending && deferred == client->deferred_count);
        ASSERT(client->answer_count <= client->answer_capacity);
        /* What is deferred waits for something, or is about to be done. */
        ASSERT(!client->deferred || client->pending > 0 || client->runnable);
        ASSERT(heap_node_queued(&client->idle_node));
}

static void check_wait(const Core *c, const Wait *w, size_t *links) {
        size_t count = 0;
        for (const WaitLink *l = w->links; l; l = l->next) {
                const Task *t = table_get(&c->tasks, l->task_id);
                ASSERT(l->wait == w && t && (t->flags & TASK_WAITED));
                count++;
        }
        ASSERT(count == w->link_count);
        ASSERT(table_get(&c->waits_by_number, w->number) == w);
        /* A wait that has nothing left to wait for is answered in this turn. */
        ASSERT(w->link_count > 0 || w->looking_up || w->flushing);
        ASSERT(w->flushing || (w->end_count == 0 && w->unknown_count == 0));
        *links += count;
}

static void check_clients(const Core *c) {
        size_t links = 0;
        for (const Client *client = c->clients; client; client = client->hh.next)
                check_client(client);
        for (const Wait *w = c->waits; w; w = w->hh.next)
                check_wait(c, w, &links);
        ASSERT(links == c->wait_links && links == c->link_slab.used);
        ASSERT(c->waits_by_number.count == HASH_COUNT(c->waits));
        check_heap(&c->idle_clients);
        ASSERT(c->idle_clients.count == HASH_COUNT(c->clients));
}

void core_check(const Core *c) {
        check_tasks(c);
        check_workers(c);
        check_journal(c);
        check_clients(c);
}
