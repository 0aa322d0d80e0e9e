/* A worker: the real ledger, driven as stint-worker drives it, with runs that only take their time.
 * Published messages and those that wait to be read are in FIFOs of their own, so that a stop
 * (SIGSTOP), a death and a lost connection each lose what they would lose. What really executes is
 * written down here and nowhere else. */
#include "tests/sim/sim.h"

#include <inttypes.h>
#include <string.h>

static void worker_work(World *w, Worker *k);

Worker *process_get(World *w, uint64_t serial) {
        if (serial == 0 || serial > w->worker_count)
                broken(w, "workers are those that were spawned", "serial %" PRIu64, serial);
        return w->workers[serial - 1];
}

/* ---- publishing ---- */

static void up_arrives(World *w, uint64_t serial, uint64_t incarnation, Message *unused) {
        if (w->dispatcher.core && w->dispatcher.incarnation == incarnation) {
                Message *m = inbox_take(&process_get(w, serial)->up);
                if (m)
                        dispatcher_post(w, m);
        }
}

static void stray_arrives(World *w, uint64_t a, uint64_t b, Message *m) {
        dispatcher_post(w, m);
}

/* STARTED or HELLO has told of it: from here on nothing but the death of a party may lose its end.
 */
static void show(World *w, run_id_t run_id) {
        Run *run = table_get(&w->runs, run_id);
        run->shown = true;
        run->shown_incarnation = w->dispatcher.incarnation;
}

static bool may_lose(const World *w, const Message *m) {
        return m->kind != MESSAGE_END || !m->run->shown ||
               m->run->shown_incarnation != w->dispatcher.incarnation;
}

static void publish(World *w, Worker *k, Message *m) {
        m->serial = k->serial;
        m->incarnation = w->dispatcher.incarnation;
        bool lost = !w->dispatcher.core || w->now < k->subscribed_usec ||
                    (may_lose(w, m) && !w->faults_over &&
                     random_chance(&w->random, w->plan.lose_permille));
        if (lost) {
                trace(w, "worker %" PRIu64 " publishes a message that is lost", k->serial);
                message_free(m);
                return;
        }
        if (m->kind == MESSAGE_STARTED)
                show(w, m->run_id);
        for (size_t i = 0; i < m->running.count; i++)
                show(w, m->running.items[i]);
        for (size_t i = 0; i < m->unacked.count; i++)
                show(w, m->unacked.items[i]);
        if (!w->faults_over && random_chance(&w->random, w->plan.repeat_permille))
                world_at(w, w->now + random_between(&w->random, 1, 2000) * 1000, stray_arrives, 0,
                         0, message_copy(m));
        inbox_put(&k->up, m);
        k->up_last = MAX_OF(k->up_last, w->now + latency(w));
        world_at(w, k->up_last, up_arrives, k->serial, m->incarnation, NULL);
}

static void publish_end(World *w, Worker *k, Run *run) {
        Message *m = message_new(MESSAGE_END);
        m->run_id = run->run_id;
        m->run = run;
        m->state = run->state;
        m->reason = run->reason;
        m->code = run->code;
        publish(w, k, m);
        world_step(w, STEP_END_PUBLISHED);
}

static Numbers numbers(const WireNumbers *from) {
        Numbers n = {.count = from->count, .items = calloc(from->count + 1, sizeof(uint64_t))};
        ASSERT(n.items);
        if (from->count)
                memcpy(n.items, from->items, from->count * sizeof *from->items);
        return n;
}

static void publish_hello(World *w, Worker *k) {
        WireHello hello;
        ASSERT(ledger_hello(k->ledger, &hello));
        Message *m = message_new(MESSAGE_HELLO);
        m->epoch = hello.epoch;
        m->n = hello.n;
        memcpy(m->store, hello.store.data, sizeof m->store);
        m->running = numbers(&hello.running);
        m->running_tasks = numbers(&hello.running_tasks);
        m->unacked = numbers(&hello.unacked);
        m->unacked_tasks = numbers(&hello.unacked_tasks);
        trace(w, "worker %" PRIu64 " HELLO (%" PRIu64 ", %" PRIu64 "): %zu running, %zu unacked",
              k->serial, m->epoch, m->n, m->running.count, m->unacked.count);
        publish(w, k, m);
}

/* ---- runs ---- */

static Task *task_of(World *w, const Run *run) {
        return store_task(w, run->task_id);
}

static void run_done(World *w, Worker *k, Run *run, RunLife life) {
        for (size_t i = 0; i < k->executing_count; i++)
                if (k->executing[i] == run)
                        k->executing[i] = k->executing[--k->executing_count];
        Task *t = task_of(w, run);
        if (t->executing == run->run_id)
                t->executing = 0;
        run->life = life;
        run->ended_usec = w->now;
}

static void run_end(World *w, Worker *k, Run *run) {
        LedgerEntry *e = ledger_get(k->ledger, run->run_id);
        trace(w, "worker %" PRIu64 " ends run %" PRIx64 ": %s", k->serial, run->run_id,
              state_name((TaskState)run->state));
        if (run->life == RUN_EXECUTING)
                run_done(w, k, run, RUN_ENDED);
        run->life = RUN_ENDED;
        world_step(w, STEP_ENDED);
        if (ledger_ended(k->ledger, e))
                publish_end(w, k, run);
        else if (!task_of(w, run)->forgotten)
                broken(w, "only foreign ends are forgotten", "run %" PRIx64, run->run_id);
}

static void run_is_over(World *w, uint64_t serial, uint64_t run_id, Message *unused) {
        Worker *k = process_get(w, serial);
        Run *run = table_get(&w->runs, run_id);
        if (k->life != WORKER_ALIVE || run->life != RUN_EXECUTING)
                return;
        if (w->now < k->paused_until) {
                world_at(w, k->paused_until, run_is_over, serial, run_id, NULL);
                return;
        }
        run_end(w, k, run);
        worker_work(w, k);
}

static void run_is_long(World *w, uint64_t serial, uint64_t run_id, Message *unused) {
        Worker *k = process_get(w, serial);
        Run *run = table_get(&w->runs, run_id);
        if (k->life != WORKER_ALIVE || run->life != RUN_EXECUTING || w->now < k->paused_until)
                return;
        Message *m = message_new(MESSAGE_STARTED);
        m->run_id = run_id;
        m->run = run;
        publish(w, k, m);
}

static void run_start(World *w, Worker *k, LedgerEntry *e) {
        Run *run = e->owner;
        trace(w, "worker %" PRIu64 " starts run %" PRIx64 " of task %" PRIu64 ", %" PRIu64 " us",
              k->serial, run->run_id, run->task_id, run->takes_usec);
        ledger_started(k->ledger, e);
        run->life = RUN_EXECUTING;
        run->started_usec = w->now;
        check_start(w, run);
        k->executing = realloc(k->executing, (k->executing_count + 1) * sizeof(Run *));
        ASSERT(k->executing);
        k->executing[k->executing_count++] = run;
        world_at(w, w->now + run->takes_usec, run_is_over, k->serial, run->run_id, NULL);
        if (run->takes_usec > w->plan.run_long_usec)
                world_at(w, w->now + w->plan.run_long_usec, run_is_long, k->serial, run->run_id,
                         NULL);
        world_step(w, STEP_STARTED);
}

static void run_draw(World *w, Run *run) {
        unsigned kind = (unsigned)random_below(&w->random, 100);
        run->takes_usec = kind < 60   ? random_between(&w->random, 10, 3000)
                          : kind < 85 ? random_between(&w->random, 3, 200) * USEC_PER_MSEC
                          : kind < 96 ? random_between(&w->random, 200, 3000) * USEC_PER_MSEC
                                      : random_between(&w->random, 3, 20) * USEC_PER_SEC;
        bool good = random_chance(&w->random, 750);
        run->state = good ? TASK_SUCCEEDED : TASK_FAILED;
        run->reason = REASON_EXIT;
        run->code = good ? 0 : (int64_t)random_between(&w->random, 1, 9);
}

/* ---- reading ---- */

static void on_sync(World *w, Worker *k, Message *m) {
        WireSync sync = {
                .epoch = m->epoch, .n = m->n, .store = wire_bytes(m->store, sizeof m->store)};
        LedgerSync answer = ledger_on_sync(k->ledger, &sync);
        for (size_t i = 0; answer == LEDGER_SYNC_FOREIGN && i < k->executing_count; i++)
                world_at(w, w->now + random_below(&w->random, 50000), run_is_over, k->serial,
                         k->executing[i]->run_id, NULL);
        if (answer != LEDGER_SYNC_ANSWER)
                return;
        publish_hello(w, k);
        uint64_t cursor = 0;
        for (LedgerEntry *e; (e = ledger_next_ended(k->ledger, &cursor));)
                publish_end(w, k, e->owner);
}

static void on_run(World *w, Worker *k, Message *m) {
        world_step(w, STEP_WORKER_RECEIVED);
        WireHello last;
        if (w->mutation == MUTATION_STALE_RUN_STARTED && ledger_hello(k->ledger, &last)) {
                m->epoch = last.epoch;
                m->n = last.n;
        }
        int r = ledger_add(k->ledger, m->epoch, m->n, m->run_id, m->run->task_id, m->run);
        trace(w, "worker %" PRIu64 " receives run %" PRIx64 ": %s", k->serial, m->run_id,
              r == 0 ? "taken" : "refused");
        if (r < 0) {
                if (m->run->life == RUN_PUSHED)
                        m->run->life = RUN_NEVER;
                return;
        }
        m->run->life = RUN_QUEUED;
        run_draw(w, m->run);
        check_held(w, k, m->run);
}

/* A run that is told to stop mostly says so; now and then it was done anyway. */
static void on_stop(World *w, Worker *k, Message *m) {
        LedgerEntry *e = ledger_get(k->ledger, m->run_id);
        if (!e || e->state == LEDGER_ENDED)
                return;
        Run *run = e->owner;
        if (e->state == LEDGER_QUEUED || random_chance(&w->random, 800)) {
                run->state = m->why == STOP_CANCEL ? TASK_CANCELLED : TASK_READY;
                run->reason = m->why == STOP_CANCEL ? REASON_CANCELLED : REASON_INTERRUPTED;
                run->code = 0;
        }
        if (e->state == LEDGER_QUEUED)
                run_end(w, k, run);
        else
                world_at(w, w->now + random_below(&w->random, 50000), run_is_over, k->serial,
                         run->run_id, NULL);
}

static void worker_read(World *w, Worker *k, Message *m) {
        switch (m->kind) {
        case MESSAGE_SYNC:
                on_sync(w, k, m);
                break;
        case MESSAGE_RUN:
                on_run(w, k, m);
                break;
        case MESSAGE_STOP:
                on_stop(w, k, m);
                break;
        case MESSAGE_ACK:
                ledger_ack(k->ledger, m->run_id);
                break;
        default:
                broken(w, "workers are told what is for them", "message %d", (int)m->kind);
        }
        message_free(m);
}

static void worker_work(World *w, Worker *k) {
        if (k->life != WORKER_ALIVE || w->now < k->paused_until)
                return;
        for (Message *m; (m = inbox_take_fair(&k->inbox, &w->random));)
                worker_read(w, k, m);
        for (LedgerEntry *e; k->executing_count < k->slots && (e = ledger_next_queued(k->ledger));)
                run_start(w, k, e);
        if (k->retiring && process_idle(k))
                process_die(w, k);
}

static void worker_works(World *w, uint64_t serial, uint64_t b, Message *m) {
        worker_work(w, process_get(w, serial));
}

static void down_arrives(World *w, uint64_t serial, uint64_t b, Message *m) {
        Worker *k = process_get(w, serial);
        bool lost = m->incarnation != w->dispatcher.incarnation || !w->dispatcher.core;
        if (k->life != WORKER_ALIVE || (lost && w->now > k->down_cut)) {
                message_free(m);
                return;
        }
        inbox_put(&k->inbox, m);
        worker_work(w, k);
}

void process_send(World *w, uint64_t serial, Message *m) {
        Worker *k = process_get(w, serial);
        m->serial = serial;
        m->incarnation = w->dispatcher.incarnation;
        if (!k->told && m->kind == MESSAGE_ACK) {
                message_free(m); /* its worker died while the end was being written */
                return;
        }
        if (!k->told)
                broken(w, "only known workers are spoken to", "worker %" PRIu64, serial);
        bool may = m->kind == MESSAGE_SYNC || m->kind == MESSAGE_RUN;
        if (may && !w->faults_over && random_chance(&w->random, w->plan.lose_permille)) {
                trace(w, "it is lost");
                message_free(m);
                return;
        }
        k->down_last = MAX_OF(k->down_last, w->now + latency(w));
        world_at(w, k->down_last, down_arrives, serial, 0, m);
}

/* ---- life ---- */

static void on_drop(void *owner, LedgerRunState state, void *userdata) {
        Run *run = owner;
        if (state == LEDGER_QUEUED)
                run->life = RUN_NEVER;
}

Worker *process_new(World *w, uint32_t pool) {
        Worker *k = calloc(1, sizeof *k);
        ASSERT(k);
        k->serial = w->worker_count + 1;
        k->pool = pool;
        k->slots = w->shape.pool[pool].slots;
        k->credit = w->shape.pool[pool].credit;
        k->life = WORKER_ALIVE;
        ASSERT(ledger_new(k->serial, on_drop, w, &k->ledger) == 0);
        w->workers = realloc(w->workers, k->serial * sizeof *w->workers);
        ASSERT(w->workers);
        w->workers[w->worker_count++] = k;
        trace(w, "worker %" PRIu64 " of pool p%u", k->serial, pool);
        return k;
}

void process_reconnect(World *w, Worker *k) {
        k->subscribed_usec = w->now + random_below(&w->random, w->plan.subscribe_usec);
        k->down_last = k->up_last = w->now + random_below(&w->random, 3000);
        k->told = false;
}

void process_cut(World *w, Worker *k) {
        k->down_cut =
                w->now + random_below(&w->random, random_chance(&w->random, 800) ? 5000 : 100000);
        k->told = false;
        inbox_clear(&k->up);
}

void process_pause(World *w, Worker *k, usec_t until) {
        if (k->life != WORKER_ALIVE || k->paused_until >= until)
                return;
        trace(w, "worker %" PRIu64 " is stopped for %" PRIu64 " ms", k->serial,
              (until - w->now) / USEC_PER_MSEC);
        k->paused_until = until;
        world_at(w, until, worker_works, k->serial, 0, NULL);
}

static void worker_gone(World *w, uint64_t serial, uint64_t b, Message *unused) {
        Worker *k = process_get(w, serial);
        while (k->executing_count > 0)
                run_done(w, k, k->executing[0], RUN_LOST);
        k->life = WORKER_GONE;
        if (w->mutation != MUTATION_REMNANT_NOT_WAITED)
                supervisor_worker_died(w, k);
}

/* Of what it published, only a first part had been written when it died. */
static void lose_tail(World *w, Inbox *up) {
        Inbox all = *up;
        *up = (Inbox){0};
        bool lost = false;
        for (Message *m; (m = inbox_take(&all));) {
                lost = lost || random_chance(&w->random, 300);
                if (lost)
                        message_free(m);
                else
                        inbox_put(up, m);
        }
}

void process_die(World *w, Worker *k) {
        if (k->life != WORKER_ALIVE)
                return;
        trace(w, "worker %" PRIu64 " dies, %zu runs are left", k->serial, k->executing_count);
        k->life = WORKER_DYING;
        k->ledger = ledger_free(k->ledger);
        inbox_clear(&k->inbox);
        if (!k->retiring)
                lose_tail(w, &k->up);
        if (w->mutation == MUTATION_REMNANT_NOT_WAITED)
                supervisor_worker_died(w, k);
        world_at(w, w->now + random_below(&w->random, 50000), worker_gone, k->serial, 0, NULL);
}

void process_stop_when_empty(World *w, Worker *k) {
        k->retiring = true;
        k->retired_by = w->dispatcher.incarnation;
        world_at(w, w->now + latency(w), worker_works, k->serial, 0, NULL);
}

bool process_idle(const Worker *k) {
        return !k->ledger || (ledger_count(k->ledger, LEDGER_QUEUED) == 0 &&
                              ledger_count(k->ledger, LEDGER_STARTED) == 0 &&
                              ledger_count(k->ledger, LEDGER_ENDED) == 0);
}

void process_drain(World *w, Worker *k) {
        Inbox all = w->dispatcher.inbox, mine = {0};
        w->dispatcher.inbox = (Inbox){0};
        for (Message *m; (m = inbox_take(&all));) {
                bool result = m->kind == MESSAGE_HELLO || m->kind == MESSAGE_STARTED ||
                              m->kind == MESSAGE_END;
                inbox_put(result && m->serial == k->serial ? &mine : &w->dispatcher.inbox, m);
        }
        for (Message *m; (m = inbox_take(&mine)) || (m = inbox_take(&k->up));)
                dispatcher_input(w, m);
}

void process_done(World *w, Worker *k) {
        ledger_free(k->ledger);
        inbox_clear(&k->inbox);
        inbox_clear(&k->up);
        free(k->executing);
        free(k);
}
