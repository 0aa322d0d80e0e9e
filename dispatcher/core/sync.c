/* SYNC and HELLO: finding out what a worker holds. See docs/protocol.md, "SYNC", and worker.h. */
#include "dispatcher/core/state.h"

#include <string.h>
#include <utlist.h>

void worker_arm(Core *c, Worker *w, usec_t at) {
        if (!heap_node_queued(&w->timer_node)) {
                w->timer_usec = at;
                MUST(heap_push(&c->worker_timers, &w->timer_node));
        } else if (at < w->timer_usec) {
                w->timer_usec = at;
                heap_update(&c->worker_timers, &w->timer_node);
        }
}

static void sync_send(Core *c, Worker *w) {
        w->n_sent++;
        w->sync_usec = usec_add(c->now.monotonic_usec, w->sync_wait_usec);
        w->sync_wait_usec = MIN_OF(2 * w->sync_wait_usec, CORE_SYNC_RETRY_MAX_USEC);
        c->counters.syncs++;
        worker_place(c, w);
        worker_arm(c, w, MIN_OF(w->sync_usec, w->kill_usec));
        c->ports->sync(c->userdata, w->serial, c->epoch, w->n_sent);
}

void worker_sync(Core *c, Worker *w) {
        if (w->n_sent > w->n_answered)
                return;
        w->silent_since_usec = c->now.monotonic_usec;
        w->kill_usec = usec_add(c->now.monotonic_usec, CORE_SILENT_KILL_USEC);
        w->sync_wait_usec = CORE_SYNC_RETRY_MIN_USEC;
        sync_send(c, w);
}

/* ---- timers ---- */

static void on_unanswered(Core *c, Worker *w) {
        usec_t now = c->now.monotonic_usec;
        if (now >= w->kill_usec) {
                w->kill_usec = usec_add(now, CORE_SILENT_KILL_USEC);
                c->ports->kill_worker(c->userdata, w->serial, "does not answer SYNC");
        }
        if (now >= w->sync_usec)
                sync_send(c, w);
        else
                worker_arm(c, w, MIN_OF(w->sync_usec, w->kill_usec));
}

/* The push that has been silent for longest, if any: neither STARTED, nor END. */
static const Run *oldest_silent(const Worker *w) {
        const Run *oldest = NULL, *r;
        DL_FOREACH (w->runs, r) {
                if (r->stage == RUN_PUSHED && (!r->started || r->end_due) &&
                    (!oldest || r->pushed_usec < oldest->pushed_usec))
                        oldest = r;
        }
        return oldest;
}

static void on_no_show(Core *c, Worker *w) {
        const Run *r = oldest_silent(w);
        if (!r)
                return;
        usec_t at = usec_add(r->pushed_usec, CORE_NO_SHOW_USEC);
        if (c->now.monotonic_usec >= at)
                worker_sync(c, w);
        else
                worker_arm(c, w, at);
}

void worker_on_timers(Core *c) {
        for (HeapNode *n; (n = heap_peek(&c->worker_timers));) {
                Worker *w = CONTAINER_OF(n, Worker, timer_node);
                if (w->timer_usec > c->now.monotonic_usec)
                        return;
                heap_remove(&c->worker_timers, n);
                if (worker_is_synced(w))
                        on_no_show(c, w);
                else
                        on_unanswered(c, w);
        }
}

/* ---- HELLO ---- */

/* A run that is listed and not known: of a task that waits here, it is what an older dispatcher
 * began. Any other is nobody's: it keeps its slot until it has ended. */
static Run *hello_adopt(Core *c, Worker *w, run_id_t run_id, uint64_t task_id) {
        Task *t = table_get(&c->tasks, task_id);
        bool ours = t && task_is_waiting(t) && run_id > t->last_run;
        Run *r = run_new(c, run_id, ours ? t : NULL, w, RUN_PUSHED);
        MUST(r ? 0 : -1);
        if (!ours)
                return r;
        task_set_run(c, t, r, PHASE_RUNNING);
        task_publish(c, t, t->executions + 1);
        return r;
}

static void hello_running(Core *c, Worker *w, run_id_t run_id, uint64_t task_id) {
        Run *r = run_find(c, run_id);
        if (r && (r->worker != w || r->stage == RUN_WRITING))
                return;
        if (!r)
                r = hello_adopt(c, w, run_id, task_id);
        r->stage = RUN_PUSHED;
        r->listed_n = w->n_answered;
        run_set_started(c, r, 0);
        if (!r->task)
                c->ports->stop_run(c->userdata, w->serial, run_id, STOP_INTERRUPT,
                                   CORE_SIGNAL_TERM);
        else if (r->task->flags & TASK_CANCEL_ASKED)
                cancel_stop_run(c, r);
        else if (c->stop_running)
                c->ports->stop_run(c->userdata, w->serial, run_id, STOP_INTERRUPT,
                                   CORE_SIGNAL_TERM);
}

/* Its end follows this HELLO. A run of which nothing is known here has an end on record: it only
 * waits for its ack, which that end brings. */
static void hello_unacked(Core *c, Worker *w, run_id_t run_id, uint64_t task_id) {
        Run *r = run_find(c, run_id);
        if (r && (r->worker != w || r->stage == RUN_WRITING))
                return;
        Task *t = table_get(&c->tasks, task_id);
        if (!r && t && task_is_waiting(t) && run_id > t->last_run)
                r = hello_adopt(c, w, run_id, task_id);
        if (!r)
                return;
        r->stage = RUN_PUSHED;
        r->listed_n = w->n_answered;
        r->pushed_usec = c->now.monotonic_usec;
        r->end_due = true;
        run_set_started(c, r, 0);
        worker_arm(c, w, usec_add(r->pushed_usec, CORE_NO_SHOW_USEC));
}

/* What was pushed before this SYNC and is not listed will never start. */
static void hello_drop_unlisted(Core *c, Worker *w) {
        Run *r, *next;
        DL_FOREACH_SAFE(w->runs, r, next) {
                if (r->stage == RUN_WRITING || r->listed_n == w->n_answered)
                        continue;
                c->counters.requeued += r->task != NULL;
                run_requeue(c, r);
        }
}

void sync_worker_gone(Core *c, Worker *w) {
        c->awaited -= w->awaited;
        w->awaited = false;
}

static bool hello_is_answer(const Core *c, const Worker *w, const WireHello *hello) {
        return hello->epoch == c->epoch && hello->n == w->n_sent && !worker_is_synced(w) &&
               hello->store.size == sizeof(c->store_id) &&
               memcmp(hello->store.data, c->store_id, sizeof(c->store_id)) == 0 &&
               hello->running.count == hello->running_tasks.count &&
               hello->unacked.count == hello->unacked_tasks.count;
}

void core_on_hello(Core *c, const WireHello *hello) {
        Worker *w = worker_find(c, hello->serial);
        if (!w || !hello_is_answer(c, w, hello))
                return;
        w->n_answered = w->n_sent;
        for (size_t i = 0; i < hello->running.count; i++)
                hello_running(c, w, hello->running.items[i], hello->running_tasks.items[i]);
        for (size_t i = 0; i < hello->unacked.count; i++)
                hello_unacked(c, w, hello->unacked.items[i], hello->unacked_tasks.items[i]);
        hello_drop_unlisted(c, w);
        if (heap_node_queued(&w->timer_node))
                heap_remove(&c->worker_timers, &w->timer_node);
        on_no_show(c, w);
        worker_place(c, w);
        w->pool->dirty |= w->draining;
        sync_worker_gone(c, w);
        takeover_try_complete(c);
}

/* STARTED comes from runs that take a while. When all slots of a worker are taken by such runs,
 * what was pushed beyond them would wait although another worker may be free: SYNC takes it back.
 */
void core_on_progress(Core *c, uint64_t serial, const WireProgressItem *progress) {
        Run *r = run_find(c, progress->run_id);
        if (r && r->worker && r->serial == serial && r->stage == RUN_PUSHED)
                run_set_progress(r, progress->percent, progress->text);
}

void core_on_started(Core *c, uint64_t serial, run_id_t run_id, usec_t started_usec) {
        Run *r = run_find(c, run_id);
        if (!r || r->serial != serial || !r->worker || r->stage == RUN_WRITING)
                return;
        Worker *w = r->worker;
        run_set_started(c, r, started_usec);
        if (w->started >= w->pool->slots && w->held > w->started && worker_is_synced(w))
                worker_sync(c, w);
}
