/* What the core asks of the world: each port checks what it is told against what really happened,
 * then lets it happen. Nothing has an effect any more once a crash was drawn within the turn. */
#include "tests/sim/sim.h"

#include <inttypes.h>
#include <string.h>

static bool dead(const World *w) {
        return w->dispatcher.dying;
}

/* A run is known from the first time that it is named. */
static Run *run_named(World *w, run_id_t run_id, uint64_t task_id, uint64_t serial,
                      uint32_t attempt) {
        Run *run = table_get(&w->runs, run_id);
        if (run)
                return run;
        if (RUN_ID_EPOCH(run_id) != w->dispatcher.epoch || run_id <= w->dispatcher.last_run)
                broken(w, "run ids are never used twice", "%" PRIx64 " in epoch %u after %" PRIx64,
                       run_id, w->dispatcher.epoch, w->dispatcher.last_run);
        w->dispatcher.last_run = run_id;
        run = calloc(1, sizeof *run);
        ASSERT(run);
        *run = (Run){.run_id = run_id,
                     .task_id = task_id,
                     .serial = serial,
                     .attempt = attempt,
                     .incarnation = w->dispatcher.incarnation};
        ASSERT(table_put(&w->runs, run_id, run) == 0);
        return run;
}

static usec_t due_by_clock(const World *w, usec_t due_usec) {
        usec_t now = world_realtime(w);
        return due_usec > now ? w->now + (due_usec - now) : 0;
}

static void put_due(World *w, uint64_t id, usec_t at) {
        ASSERT(table_put(&w->dues, id, (void *)(uintptr_t)(at + 1)) == 0);
}

static void note_due(World *w, uint64_t id, usec_t due_usec) {
        put_due(w, id, due_by_clock(w, due_usec));
}

void due_recovered(World *w, const Task *t) {
        put_due(w, t->id, MIN_OF(due_monotonic(w, t), due_by_clock(w, t->due_usec)));
}

/* A record that is written again tells the same due time, by a clock that may have jumped since. */
static void note_attempt(World *w, const StoreOp *op) {
        Run *run = table_get(&w->runs, op->run.run_id);
        if (run && run->written_incarnation != w->dispatcher.incarnation)
                note_due(w, op->run.task_id, op->due_usec);
        if (run)
                run->written_incarnation = w->dispatcher.incarnation;
}

static void on_persist(void *userdata, StoreOp *op) {
        World *w = userdata;
        Dispatcher *d = &w->dispatcher;
        if (op->kind == STORE_PUT_TASK && !dead(w)) {
                if (op->task.id <= d->last_id)
                        broken(w, "ids rise and are never reused", "%" PRIu64 " after %" PRIu64,
                               op->task.id, d->last_id);
                d->last_id = op->task.id;
        }
        if (op->kind == STORE_PUT_TASK && !dead(w))
                note_due(w, op->task.id, op->task.not_before_usec);
        if (op->kind == STORE_PUT_ATTEMPT && !dead(w))
                note_attempt(w, op);
        if (op->kind == STORE_PUT_START && !dead(w))
                run_named(w, op->mark.run_id, op->mark.task_id, op->mark.worker, op->mark.attempt);
        if (d->op_count == d->op_capacity) {
                d->op_capacity = d->op_capacity ? 2 * d->op_capacity : 16;
                d->ops = realloc(d->ops, d->op_capacity * sizeof *d->ops);
                ASSERT(d->ops);
        }
        d->ops[d->op_count++] = *op;
}

static void on_sync(void *userdata, uint64_t serial, uint32_t epoch, uint64_t n) {
        World *w = userdata;
        if (dead(w))
                return;
        trace(w, "SYNC %" PRIu64 " (%u, %" PRIu64 ")", serial, epoch, n);
        Message *m = message_new(MESSAGE_SYNC);
        m->epoch = epoch;
        m->n = n;
        memcpy(m->store, w->store.id, sizeof m->store);
        process_send(w, serial, m);
        world_step(w, STEP_SYNCED);
}

static void on_push(void *userdata, uint64_t serial, uint32_t epoch, uint64_t n,
                    const CoreRun *run) {
        World *w = userdata;
        if (dead(w))
                return;
        trace(w,
              "PUSH run %" PRIx64 " of task %" PRIu64 " (%s, priority %d, attempt %u) to %" PRIu64,
              run->run_id, run->task_id, run->queue, run->policy->priority, run->attempt, serial);
        check_push(w, process_get(w, serial), run);
        Run *r = run_named(w, run->run_id, run->task_id, serial, run->attempt);
        if (r->pushed)
                broken(w, "a run is pushed once", "%" PRIx64, run->run_id);
        r->pushed = true;
        r->at_most_once = run->policy->at_most_once;
        store_task(w, run->task_id)->touched = true;
        store_task(w, run->task_id)->pushed = run->run_id;
        Message *m = message_new(MESSAGE_RUN);
        m->epoch = epoch;
        m->n = n;
        m->run_id = run->run_id;
        m->run = r;
        process_send(w, serial, m);
        world_step(w, STEP_PUSHED);
}

static void on_ack(void *userdata, uint64_t serial, run_id_t run_id) {
        World *w = userdata;
        if (dead(w))
                return;
        trace(w, "ACK run %" PRIx64 " to %" PRIu64, run_id, serial);
        check_ack(w, run_id);
        Message *m = message_new(MESSAGE_ACK);
        m->run_id = run_id;
        process_send(w, serial, m);
        world_step(w, STEP_ACKED);
}

static void on_stop_run(void *userdata, uint64_t serial, run_id_t run_id, StopWhy why, int signal) {
        World *w = userdata;
        if (dead(w))
                return;
        trace(w, "STOP run %" PRIx64 " at %" PRIu64 ", why %d", run_id, serial, (int)why);
        Message *m = message_new(MESSAGE_STOP);
        m->run_id = run_id;
        m->why = (int)why;
        process_send(w, serial, m);
}

static Numbers numbers(const WireNumbers *from) {
        Numbers n = {.count = from->count, .items = calloc(from->count + 1, sizeof(uint64_t))};
        ASSERT(n.items);
        if (from->count)
                memcpy(n.items, from->items, from->count * sizeof *from->items);
        return n;
}

static void reply_ended(Message *m, const WireEnded *e) {
        m->more = e->more;
        m->unknown = numbers(&e->unknown);
        m->end_count = e->ends.count;
        m->ends = calloc(e->ends.count + 1, sizeof *m->ends);
        ASSERT(m->ends);
        if (e->ends.count)
                memcpy(m->ends, e->ends.items, e->ends.count * sizeof *m->ends);
}

static Request *request_of(World *w, uint64_t client, uint64_t request_id) {
        if (client < SIM_CLIENTS)
                for (Request *r = w->clients[client].requests; r; r = r->next)
                        if (r->request_id == request_id)
                                return r;
        broken(w, "answers go to those who asked", "client %" PRIu64 ", request %" PRIu64, client,
               request_id);
}

static void on_reply(void *userdata, const CoreOrigin *to, WireType type, const void *body) {
        World *w = userdata;
        if (dead(w))
                return;
        uint64_t address[2];
        ASSERT(to->route_size == sizeof address);
        memcpy(address, to->route, sizeof address);
        Message *m = message_new(MESSAGE_REPLY);
        m->origin = *to;
        m->route = address[1];
        m->reply = type;
        m->request = request_of(w, address[0], to->request_id);
        if (type == WIRE_TYPE_SUBMITTED) {
                const WireSubmitted *s = body;
                m->first = s->first_id;
                m->count = s->count;
                check_submitted(w, m->request, s->first_id, s->count);
        } else if (type == WIRE_TYPE_CANCELLED) {
                const WireCancelled *c = body;
                m->first = c->cancelled;
                m->count = c->ended;
                m->unknown = numbers(&c->unknown);
                m->denied = numbers(&c->denied);
        } else if (type == WIRE_TYPE_PURGED) {
                const WirePurged *p = body;
                m->first = p->purged;
                m->unended = numbers(&p->unended);
                m->unknown = numbers(&p->unknown);
                m->denied = numbers(&p->denied);
        } else if (type == WIRE_TYPE_ENDED) {
                check_ended(w, body);
                reply_ended(m, body);
        } else if (type == WIRE_TYPE_ERROR) {
                const WireError *e = body;
                m->error = (int)e->code;
                trace(w, "ERROR %d: %.*s", m->error, (int)e->text.size, e->text.data);
        } else {
                broken(w, "answers are answers", "type %d", (int)type);
        }
        client_reply(w, m);
        world_step(w, STEP_REPLIED);
}

static void on_find_ends(void *userdata, uint64_t wait, uint64_t first, uint64_t count) {
        World *w = userdata;
        if (dead(w))
                return;
        Message *m = message_new(MESSAGE_WAIT_FOUND);
        m->incarnation = w->dispatcher.incarnation;
        m->cookie = wait;
        m->ranges[0] = (WireRange){.first = first, .count = count};
        m->range_count = 1;
        store_model_read(w, m);
}

static void on_publish(void *userdata, const CoreEvent *event) {
        World *w = userdata;
        if (!dead(w))
                check_event(w, event);
}

static void on_forget(void *userdata, uint64_t task_id) {
        World *w = userdata;
        Task *t = store_task(w, task_id);
        if (!dead(w) && t && !t->ended)
                broken(w, "nothing unended is forgotten", "task %" PRIu64, task_id);
}

static void on_spawn(void *userdata, const char *pool) {
        World *w = userdata;
        ASSERT(pool[0] == 'p' && pool[1] >= '0' && pool[1] < '0' + SIM_POOLS);
        if (!dead(w))
                supervisor_spawn(w, (uint32_t)(pool[1] - '0'));
}

static void on_retire(void *userdata, uint64_t serial) {
        World *w = userdata;
        if (dead(w))
                return;
        trace(w, "retire worker %" PRIu64, serial);
        Worker *k = process_get(w, serial);
        check_retire(w, k);
        process_stop_when_empty(w, k);
}

static void on_kill_worker(void *userdata, uint64_t serial, const char *why) {
        World *w = userdata;
        if (dead(w))
                return;
        trace(w, "kill worker %" PRIu64 ": %s", serial, why);
        if (w->now < w->dispatcher.started_usec + CORE_SILENT_KILL_USEC)
                broken(w, "only the hung are killed", "worker %" PRIu64 " had no time: %s", serial,
                       why);
        process_die(w, process_get(w, serial));
}

const CorePorts sim_ports = {
        .persist = on_persist,
        .sync = on_sync,
        .push = on_push,
        .ack = on_ack,
        .stop_run = on_stop_run,
        .reply = on_reply,
        .find_ends = on_find_ends,
        .publish = on_publish,
        .forget = on_forget,
        .spawn = on_spawn,
        .retire = on_retire,
        .kill_worker = on_kill_worker,
};
