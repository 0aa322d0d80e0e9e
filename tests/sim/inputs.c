/* What the dispatcher's shell does with each message that it reads: it calls one function of the
 * core, and looks up in the store what the core does not hold. */
#include "tests/sim/sim.h"

#include <inttypes.h>
#include <string.h>

/* ---- configuration ---- */

static const char *const queue_names[SIM_QUEUES] = {"q0", "q1", "q2"};
static const char *const pool_names[SIM_POOLS] = {"p0", "p1", "p2"};

static void configure(World *w, const Shape *shape) {
        CoreQueueConfig queues[SIM_QUEUES];
        CorePoolConfig pools[SIM_POOLS];
        const char *served[SIM_POOLS][SIM_QUEUES];
        CoreConfig config = {.queues = queues, .pools = pools};
        for (size_t i = 0; i < SIM_QUEUES; i++)
                if (shape->queue[i])
                        queues[config.queue_count++] = (CoreQueueConfig){
                                .name = queue_names[i], .max_waiting = w->plan.max_waiting};
        for (size_t i = 0; i < SIM_POOLS; i++) {
                if (!shape->pool[i].present)
                        continue;
                CorePoolConfig *p = &pools[config.pool_count++];
                *p = (CorePoolConfig){
                        .name = pool_names[i],
                        .handler = "noop",
                        .queues = served[i],
                        .kind = TASK_KIND_MESSAGE,
                        .workers = shape->pool[i].workers,
                        .slots = shape->pool[i].slots,
                        .credit = shape->pool[i].credit,
                        .replace_workers = shape->pool[i].replace,
                };
                for (size_t j = 0; j < SIM_QUEUES; j++)
                        if (shape->queue[j] && shape->pool[i].queue[j])
                                served[i][p->queue_count++] = queue_names[j];
        }
        ASSERT(core_configure(w->dispatcher.core, &config) == 0);
}

/* The configuration that was asked for last is in force from now on. */
void dispatcher_configure(World *w) {
        for (size_t i = 0; i < w->worker_count; i++)
                if (w->shape_next.pool[w->workers[i]->pool].present &&
                    w->shape_next.pool[w->workers[i]->pool].replace)
                        w->workers[i]->stale = true;
        w->shape = w->shape_next;
        for (size_t i = 0; i < SIM_POOLS; i++)
                w->shape_next.pool[i].replace = false;
        configure(w, &w->shape);
}

static void on_configure(World *w, Message *m) {
        dispatcher_configure(w);
}

/* ---- inputs from clients ---- */

static Blob *tag_new(Request *r, uint64_t index) {
        struct {
                Request *request;
                uint64_t index;
        } tag = {r, index};
        Blob *b = blob_new_copy(&tag, sizeof tag);
        ASSERT(b);
        return b;
}

static CoreRequest core_request(const World *w, const Message *m) {
        const Client *c = &w->clients[m->request->client];
        return (CoreRequest){.origin = m->origin,
                             .client = c->id,
                             .seq = m->request->seq,
                             .held = m->held,
                             .uid = c->uid};
}

static void on_submit(World *w, Message *m) {
        world_step(w, STEP_SUBMIT_RECEIVED);
        Request *r = m->request;
        TaskRecord records[SIM_BATCH] = {0};
        uint64_t delays[SIM_BATCH];
        for (size_t i = 0; i < r->count; i++) {
                Blob *tag = tag_new(r, i);
                records[i].policy = r->tasks[i].policy;
                records[i].payload = blob_slice(tag, 0, blob_size(tag));
                records[i].group = blob_slice(tag, 0, 1 + i % blob_size(tag));
                records[i].retry_of = r->tasks[i].retry_of;
                snprintf(records[i].queue, sizeof records[i].queue, "q%u", r->tasks[i].queue);
                delays[i] = r->tasks[i].delay_usec;
                blob_unref(tag);
        }
        trace(w, "SUBMIT by client %u: %zu tasks, seq %" PRIu64, r->client, r->count, r->seq);
        CoreRequest request = core_request(w, m);
        core_submit(w->dispatcher.core, &request, records, delays, r->count,
                    r->wait ? CORE_SUBMIT_AND_WAIT : CORE_SUBMIT_ONLY);
}

/* The shell looks up what the core does not hold, so that an unknown id is told from an ended one.
 */
static void on_cancel(World *w, Message *m) {
        Request *r = m->request;
        CoreTaskView view;
        for (size_t i = 0; i < r->count && !m->looked_up; i++)
                if (core_task_view(w->dispatcher.core, r->ids[i], &view) < 0) {
                        store_model_read(w, message_copy(m));
                        return;
                }
        for (size_t i = 0; i < r->count; i++)
                ASSERT(table_put(&w->cancels, r->ids[i], w) == 0);
        trace(w, "CANCEL by client %u: %zu ids from %" PRIu64, r->client, r->count, r->ids[0]);
        CoreRequest request = core_request(w, m);
        core_cancel(w->dispatcher.core, &request, r->ids, r->count, m->unknown.items,
                    m->unknown.count, r->signal);
}

static void on_purge(World *w, Message *m) {
        Request *r = m->request;
        if (!m->looked_up) {
                store_model_read(w, message_copy(m));
                return;
        }
        trace(w, "PURGE by client %u: %zu ids from %" PRIu64, r->client, r->count, r->ids[0]);
        CoreRequest request = core_request(w, m);
        core_purge(w->dispatcher.core, &request, r->ids, m->found, r->count);
}

static void on_wait(World *w, Message *m) {
        Request *r = m->request;
        uint64_t cookie = core_wait(w->dispatcher.core, &m->origin, w->clients[r->client].uid,
                                    r->ranges, r->range_count);
        if (cookie == 0)
                return;
        Message *read = message_copy(m);
        read->kind = MESSAGE_WAIT_FOUND;
        read->cookie = cookie;
        read->range_count = r->range_count;
        memcpy(read->ranges, r->ranges, sizeof read->ranges);
        store_model_read(w, read);
}

static void on_wait_found(World *w, Message *m) {
        Core *core = w->dispatcher.core;
        size_t first = m->end_count ? random_below(&w->random, m->end_count + 1) : 0;
        if (first > 0)
                core_wait_found(core, m->cookie, m->ends, first, NULL, 0, CORE_WAIT_FOUND_SOME);
        core_wait_found(core, m->cookie, m->ends + first, m->end_count - first, m->unknown.items,
                        m->unknown.count, CORE_WAIT_FOUND_ALL);
}

/* ---- inputs from workers and supervisor ---- */

static void on_hello(World *w, Message *m) {
        world_step(w, STEP_HELLO_RECEIVED);
        WireHello hello = {.serial = m->serial,
                           .epoch = m->epoch,
                           .n = m->n,
                           .store = wire_bytes(m->store, sizeof m->store)};
        if (w->mutation != MUTATION_HELLO_IGNORED) {
                hello.running.items = m->running.items;
                hello.running.count = m->running.count;
                hello.running_tasks.items = m->running_tasks.items;
                hello.running_tasks.count = m->running_tasks.count;
                hello.unacked.items = m->unacked.items;
                hello.unacked.count = m->unacked.count;
                hello.unacked_tasks.items = m->unacked_tasks.items;
                hello.unacked_tasks.count = m->unacked_tasks.count;
        }
        core_on_hello(w->dispatcher.core, &hello);
}

static void on_started(World *w, Message *m) {
        core_on_started(w->dispatcher.core, m->serial, m->run_id,
                        SIM_REAL_BASE + m->run->started_usec);
}

static void on_end(World *w, Message *m) {
        world_step(w, STEP_END_RECEIVED);
        RunRecord record = {
                .task_id = m->run->task_id,
                .run_id = m->run_id,
                .worker = m->serial,
                .state = m->state,
                .reason = m->reason,
                .code = m->code,
                .started_usec = m->run->starts ? SIM_REAL_BASE + m->run->started_usec : 0,
                .ended_usec = SIM_REAL_BASE + m->run->ended_usec,
        };
        core_on_end(w->dispatcher.core, m->serial, &record);
}

static void on_worker_up(World *w, Message *m) {
        Worker *k = process_get(w, m->serial);
        k->told = true;
        ASSERT(core_worker_up(w->dispatcher.core, m->serial, pool_names[k->pool],
                              k->stale ? CORE_WORKER_STALE : CORE_WORKER_CURRENT) == 0);
}

static void on_exited(World *w, Message *m) {
        Worker *k = process_get(w, m->serial);
        process_drain(w, k);
        k->told = false;
        core_worker_exited(w->dispatcher.core, m->serial, "killed by signal 9");
        world_step(w, STEP_EXITED);
        if (!w->dispatcher.dying)
                k->exit_seen = true;
}

static void on_forget(World *w, Message *m) {
        core_forget_wait(w->dispatcher.core, &m->origin);
}

static void on_spawn_failed(World *w, Message *m) {
        core_spawn_failed(w->dispatcher.core, pool_names[m->pool], "no memory");
}

static void on_roster_end(World *w, Message *m) {
        core_roster_end(w->dispatcher.core);
        world_step(w, STEP_ROSTER);
}

static void on_committed(World *w, Message *m) {
        core_committed(w->dispatcher.core, m->first_ticket, m->last_ticket, m->error);
        w->dispatcher.told_ticket = m->last_ticket;
        world_step(w, STEP_COMMIT_TOLD);
}

static void on_stop_starting(World *w, Message *m) {
        core_stop_starting(w->dispatcher.core);
        w->dispatcher.starts_stopped = true;
}

static void on_stop_running(World *w, Message *m) {
        core_stop_running(w->dispatcher.core);
}

static void on_refuse(World *w, Message *m) {
        core_refuse_submits(w->dispatcher.core, m->error ? "the disk is nearly full" : NULL);
}

static void (*const handlers[])(World *w, Message *m) = {
        [MESSAGE_SUBMIT] = on_submit,
        [MESSAGE_CANCEL] = on_cancel,
        [MESSAGE_WAIT] = on_wait,
        [MESSAGE_WAIT_FOUND] = on_wait_found,
        [MESSAGE_PURGE] = on_purge,
        [MESSAGE_FORGET] = on_forget,
        [MESSAGE_HELLO] = on_hello,
        [MESSAGE_STARTED] = on_started,
        [MESSAGE_END] = on_end,
        [MESSAGE_WORKER_UP] = on_worker_up,
        [MESSAGE_EXITED] = on_exited,
        [MESSAGE_SPAWN_FAILED] = on_spawn_failed,
        [MESSAGE_ROSTER_END] = on_roster_end,
        [MESSAGE_COMMITTED] = on_committed,
        [MESSAGE_CONFIGURE] = on_configure,
        [MESSAGE_STOP_STARTING] = on_stop_starting,
        [MESSAGE_STOP_RUNNING] = on_stop_running,
        [MESSAGE_REFUSE] = on_refuse,
};

void dispatcher_input(World *w, Message *m) {
        handlers[m->kind](w, m);
        message_free(m);
}
