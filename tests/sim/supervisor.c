/* The supervisor model: restarts the dispatcher, tells it who lives, spawns, and reports a worker
 * as exited only when every process that it started is dead. Also the changes that come from
 * outside: reload, stop and start, and the end of everything at once. */
#include "tests/sim/sim.h"

#include <inttypes.h>

static void restart(World *w, uint64_t instance, uint64_t b, Message *m) {
        if (instance == w->instance && !w->dispatcher.core)
                dispatcher_start(w);
}

void supervisor_start(World *w) {
        world_at(w, w->now, restart, w->instance, 0, NULL);
}

void supervisor_dispatcher_died(World *w) {
        world_at(w,
                 w->now + random_between(&w->random, 1 + w->plan.restart_msec / 6,
                                         w->plan.restart_msec) *
                                  USEC_PER_MSEC,
                 restart, w->instance, 0, NULL);
}

static void post_for(World *w, MessageKind kind, uint64_t serial, uint32_t pool) {
        Message *m = message_new(kind);
        m->incarnation = w->dispatcher.incarnation;
        m->serial = serial;
        m->pool = pool;
        dispatcher_post(w, m);
}

void supervisor_roster(World *w) {
        for (size_t i = 0; i < w->worker_count; i++) {
                Worker *k = w->workers[i];
                if (k->life == WORKER_GONE && (k->exit_seen || random_chance(&w->random, 500))) {
                        k->exit_seen = true;
                        continue;
                }
                process_reconnect(w, k);
                post_for(w, MESSAGE_WORKER_UP, k->serial, k->pool);
                if (k->life == WORKER_GONE)
                        post_for(w, MESSAGE_EXITED, k->serial, k->pool);
        }
        post_for(w, MESSAGE_ROSTER_END, 0, 0);
}

void supervisor_worker_died(World *w, Worker *k) {
        if (!k->exit_seen)
                post_for(w, MESSAGE_EXITED, k->serial, k->pool);
}

static void spawn_done(World *w, uint64_t instance, uint64_t pool, Message *m) {
        if (instance != w->instance)
                return;
        if (!w->faults_over && random_chance(&w->random, 50)) {
                post_for(w, MESSAGE_SPAWN_FAILED, 0, (uint32_t)pool);
                return;
        }
        Worker *k = process_new(w, (uint32_t)pool);
        process_reconnect(w, k);
        post_for(w, MESSAGE_WORKER_UP, k->serial, k->pool);
}

void supervisor_spawn(World *w, uint32_t pool) {
        world_at(w, w->now + random_between(&w->random, 1, 50) * USEC_PER_MSEC, spawn_done,
                 w->instance, pool, NULL);
}

/* ---- changes from outside ---- */

void supervisor_end_instance(World *w, const char *why) {
        trace(w, "the instance ends: %s", why);
        dispatcher_crash(w, why);
        w->instance++; /* so that nothing that was planned for the old one happens */
        for (size_t i = 0; i < w->worker_count; i++) {
                w->workers[i]->exit_seen = true;
                process_die(w, w->workers[i]);
        }
        /* A new one waits until everything of the old one is dead. */
        world_at(w, w->now + random_between(&w->random, 60, 500) * USEC_PER_MSEC, restart,
                 w->instance, 0, NULL);
}

static void check_quiet(World *w) {
        for (size_t i = 0; i < w->worker_count; i++)
                if (w->workers[i]->life == WORKER_ALIVE && w->workers[i]->executing_count > 0)
                        broken(w, "nothing runs when it is quiet", "worker %" PRIu64 " runs",
                               w->workers[i]->serial);
}

static void stop_poll(World *w, uint64_t incarnation, uint64_t until, Message *m) {
        Dispatcher *d = &w->dispatcher;
        if (!d->core || d->incarnation != incarnation)
                return;
        if (!core_is_quiet(d->core) && w->now < until) {
                world_at(w, w->now + 10 * USEC_PER_MSEC, stop_poll, incarnation, until, NULL);
                return;
        }
        if (core_is_quiet(d->core)) {
                check_quiet(w);
                dispatcher_stop(w);
        }
        supervisor_end_instance(w, "it was stopped");
}

static void stop_running(World *w, uint64_t incarnation, uint64_t b, Message *unused) {
        if (w->dispatcher.core && w->dispatcher.incarnation == incarnation)
                post_for(w, MESSAGE_STOP_RUNNING, 0, 0);
}

void supervisor_stop_instance(World *w) {
        Dispatcher *d = &w->dispatcher;
        if (!d->core || d->stopping)
                return;
        trace(w, "the instance is asked to stop");
        d->stopping = true;
        post_for(w, MESSAGE_STOP_STARTING, 0, 0);
        usec_t running = w->now + random_below(&w->random, 2000) * USEC_PER_MSEC;
        world_at(w, running, stop_running, d->incarnation, 0, NULL);
        world_at(w, running + 5 * USEC_PER_MSEC, stop_poll, d->incarnation,
                 running + 60 * USEC_PER_SEC, NULL);
}

void supervisor_reload(World *w, const Shape *shape) {
        w->shape_next = *shape;
        if (w->dispatcher.core && !w->dispatcher.stopping)
                post_for(w, MESSAGE_CONFIGURE, 0, 0);
}

/* ---- configurations ---- */

static uint32_t kept(uint32_t old, uint64_t drawn) {
        return old ? old : (uint32_t)drawn;
}

/* Slots and credit of a pool are drawn once: they are its handler's. Everything else changes with
 * each reload. */
void shape_draw(World *w, Shape *s) {
        Random *r = &w->random;
        for (size_t i = 0; i < SIM_QUEUES; i++)
                s->queue[i] = random_chance(r, 850);
        for (size_t i = 0; i < SIM_POOLS; i++) {
                s->pool[i].slots = kept(s->pool[i].slots, random_between(r, 1, 3));
                s->pool[i].credit = kept(s->pool[i].credit, s->pool[i].slots + random_below(r, 4));
                s->pool[i].workers = (uint32_t)random_between(r, 1, 3);
                s->pool[i].present = random_chance(r, 700);
                s->pool[i].replace = random_chance(r, 100);
                for (size_t j = 0; j < SIM_QUEUES; j++)
                        s->pool[i].queue[j] = random_chance(r, 600);
        }
        s->queue[0] = s->pool[0].present = s->pool[0].queue[0] = true;
}

void shape_complete(Shape *s) {
        for (size_t i = 0; i < SIM_QUEUES; i++)
                s->queue[i] = s->pool[0].queue[i] = true;
        s->pool[0].present = true;
}
