/* The core as a whole: made, turned, stopped. The order of things at the end of a turn is decided
 * here. */
#include "dispatcher/core/state.h"

#include <errno.h>
#include <string.h>

int core_new(const CoreSetup *setup, CoreTime now, Core **ret) {
        Core *c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        c->ports = setup->ports;
        c->userdata = setup->userdata;
        c->epoch = setup->epoch;
        memcpy(c->store_id, setup->store_id, sizeof(c->store_id));
        c->next_task_id = c->first_own_id = setup->next_task_id;
        c->owner_uid = setup->owner_uid;
        c->seed = setup->seed;
        c->clients_max = setup->clients_max ? setup->clients_max : CORE_CLIENTS_MAX;
        c->now = now;
        c->turn = 1;
        slab_init(&c->task_slab, sizeof(Task));
        slab_init(&c->run_slab, sizeof(Run));
        slab_init(&c->ending_slab, sizeof(Ending));
        slab_init(&c->link_slab, sizeof(WaitLink));
        heap_init(&c->delayed, task_compare_delayed);
        heap_init(&c->worker_timers, worker_compare_timer);
        heap_init(&c->idle_clients, client_compare_idle);
        *ret = c;
        return 0;
}

static void free_workers(Core *c) {
        uint64_t key = 0;
        for (Worker *w; (w = table_first_from(&c->workers, &key)); key++)
                free(w);
        table_done(&c->workers);
}

static void free_progress(Core *c) {
        run_id_t id = 0;
        for (Run *r; (r = table_first_from(&c->runs, &id)); id++)
                free(r->progress);
}

static void free_objects(Table *t, Slab *s) {
        uint64_t key = 0;
        for (void *object; (object = table_first_from(t, &key)); key++)
                slab_free(s, object);
        table_done(t);
        slab_done(s);
}

static void free_pools_and_queues(Core *c) {
        for (size_t i = 0; i < c->pool_count; i++) {
                c->pools[i]->workers = NULL;
                pool_free(c, c->pools[i]);
        }
        for (size_t i = 0; i < c->queue_count; i++)
                queue_free(c, c->queues[i]);
        free(c->pools);
        free(c->queues);
}

/* Nothing is said or written any more: what was not committed is lost, as in a crash. */
Core *core_free(Core *c) {
        if (!c)
                return NULL;
        wait_free_all(c);
        journal_done(c, &c->journal);
        journal_done(c, &c->retry);
        while (c->clients)
                client_free(c, c->clients);
        free_workers(c);
        free_progress(c);
        free_objects(&c->runs, &c->run_slab);
        free_objects(&c->tasks, &c->task_slab);
        free_pools_and_queues(c);
        table_done(&c->failed_ids);
        table_done(&c->waits_by_task);
        table_done(&c->waits_by_number);
        slab_done(&c->ending_slab);
        slab_done(&c->link_slab);
        heap_done(&c->delayed);
        heap_done(&c->worker_timers);
        heap_done(&c->idle_clients);
        free(c->parked_cancels);
        free(c->refuse_why);
        free(c);
        return NULL;
}

/* ---- turns ---- */

void core_begin_turn(Core *c, CoreTime now) {
        c->now = now;
}

void core_committed(Core *c, uint64_t first, uint64_t last, int error) {
        journal_committed(c, first, last, error);
}

static void release_due(Core *c) {
        for (Task *t; (t = task_of_node(heap_peek(&c->delayed)));) {
                if (t->due_usec > c->now.monotonic_usec)
                        return;
                task_set_phase(c, t, PHASE_READY);
                task_publish(c, t, t->executions);
        }
}

uint64_t core_finish_turn(Core *c) {
        client_run_deferred(c);
        journal_write_again(c);
        release_due(c);
        worker_on_timers(c);
        client_expire(c);
        pools_balance(c);
        schedule(c);
        client_write_dirty(c); /* behind everything that makes a request of a client durable */
        uint64_t ticket = journal_finish_turn(c);
        wait_flush(c);
        config_sweep(c);
        return ticket;
}

static usec_t first_deadline(const Core *c) {
        usec_t at = USEC_INFINITY;
        HeapNode *n = heap_peek(&c->delayed);
        if (n)
                at = MIN_OF(at, task_of_node(n)->due_usec);
        n = heap_peek(&c->worker_timers);
        if (n)
                at = MIN_OF(at, CONTAINER_OF(n, Worker, timer_node)->timer_usec);
        n = heap_peek(&c->idle_clients);
        if (n)
                at = MIN_OF(at, CONTAINER_OF(n, Client, idle_node)->idle_usec);
        return at;
}

usec_t core_next_deadline(const Core *c) {
        usec_t at = MIN_OF(first_deadline(c), pools_deadline(c));
        if (c->retry.count > 0)
                at = MIN_OF(at, c->retry_usec);
        if (c->start_after_usec > c->now.monotonic_usec)
                at = MIN_OF(at, c->start_after_usec);
        return at;
}

/* ---- stopping ---- */

/* What waits at a worker behind a run that it executes would start there: SYNC takes it back. */
void core_stop_starting(Core *c) {
        uint64_t serial = 0;
        c->stop_starting = true;
        for (Worker *w; (w = table_first_from(&c->workers, &serial)); serial++)
                if (w->held > w->pool->slots && worker_is_synced(w))
                        worker_sync(c, w);
}

/* Every run that a HELLO lists is stopped from now on. A worker that does not answer any more is
 * killed for it: a stop waits for none. */
void core_stop_running(Core *c) {
        uint64_t serial = 0;
        c->stop_starting = c->stop_running = true;
        for (Worker *w; (w = table_first_from(&c->workers, &serial)); serial++)
                if (w->runs)
                        worker_sync(c, w);
}

uint32_t core_longest_grace_msec(const Core *c) {
        uint32_t longest = 0;
        run_id_t id = 0;
        for (const Run *r; (r = table_first_from(&c->runs, &id)); id++)
                if (r->task)
                        longest = MAX_OF(longest, r->task->grace_msec);
        return longest;
}

/* Before the take-over is complete nobody knows what runs. */
bool core_is_quiet(const Core *c) {
        return c->taken_over && c->runs.count == 0 && c->journal.count == 0 &&
               c->retry.count == 0 && c->ticket == c->ticket_done && !c->wrote &&
               !c->runnable_clients;
}
