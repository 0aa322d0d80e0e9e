/* What goes wrong: which faults a seed has, how often, and how each is done. A seed draws some of
 * them, so that rare combinations come up alone as well as in a crowd. */
#include "tests/sim/sim.h"

static Worker *some_worker(World *w) {
        return w->worker_count ? w->workers[random_below(&w->random, w->worker_count)] : NULL;
}

static void kill_worker(World *w) {
        Worker *k = some_worker(w);
        if (k)
                process_die(w, k);
}

static void stall_worker(World *w) {
        Worker *k = some_worker(w);
        if (k)
                process_pause(w, k, w->now + random_between(&w->random, 1, 30) * USEC_PER_MSEC);
}

static void stop_worker(World *w) {
        Worker *k = some_worker(w);
        usec_t seconds = random_chance(&w->random, 100) ? 40 : random_between(&w->random, 1, 8);
        if (k)
                process_pause(w, k, w->now + seconds * USEC_PER_SEC);
}

static void crash_dispatcher(World *w) {
        dispatcher_crash(w, "killed at a random time");
}

static void stall_dispatcher(World *w) {
        w->dispatcher.paused_until = w->now + random_between(&w->random, 1, 3000) * USEC_PER_MSEC;
}

static void fill_disk(World *w) {
        trace(w, "the disk is full");
        w->store.full_until = w->now + random_between(&w->random, 1, 4000) * USEC_PER_MSEC;
}

static void slow_disk(World *w) {
        w->store.slow_until = w->now + random_between(&w->random, 1, 4000) * USEC_PER_MSEC;
}

static void disconnect_client(World *w) {
        client_disconnect(w, &w->clients[random_below(&w->random, w->plan.clients)]);
}

static void reload(World *w) {
        Shape shape = w->shape_next;
        shape_draw(w, &shape);
        trace(w, "reload");
        supervisor_reload(w, &shape);
}

static void jump_clock(World *w) {
        uint64_t id = 0;
        for (Task *t; (t = table_first_from(&w->store.tasks, &id)); id++)
                t->was_due = t->was_due || t->due_usec <= world_realtime(w);
        w->wall_usec =
                (int64_t)random_below(&w->random, 2 * USEC_PER_HOUR) - (int64_t)USEC_PER_HOUR;
        trace(w, "the wall clock jumps");
}

static void refuse_submits(World *w) {
        Message *m = message_new(MESSAGE_REFUSE);
        m->incarnation = w->dispatcher.incarnation;
        m->error = random_chance(&w->random, 500);
        dispatcher_post(w, m);
}

static void crash_everything(World *w) {
        supervisor_end_instance(w, "the machine lost power");
}

static const struct {
        void (*happen)(World *w);
        unsigned weight;
} faults[] = {
        {kill_worker, 8},
        {stall_worker, 8},
        {stop_worker, 2},
        {crash_dispatcher, 4},
        {stall_dispatcher, 3},
        {fill_disk, 3},
        {slow_disk, 3},
        {disconnect_client, 8},
        {reload, 3},
        {jump_clock, 2},
        {refuse_submits, 2},
        {crash_everything, 1},
        {supervisor_stop_instance, 1},
        {store_model_purge, 3},
};

#define FAULTS_OF_STORM (1u << 1 | 1u << 3) /* stall_worker, crash_dispatcher */

void plan_draw(World *w) {
        Random *r = &w->random;
        Plan *p = &w->plan;
        p->memory = random_chance(r, 100);
        p->faults_until = random_between(r, 1, 12) * USEC_PER_SEC;
        p->run_long_usec = random_between(r, 1, 100) * USEC_PER_MSEC;
        p->crash_permille = random_chance(r, 300) ? 0 : (unsigned)random_between(r, 300, 900);
        p->lose_permille = random_chance(r, 500) ? 0 : (unsigned)random_between(r, 1, 60);
        p->repeat_permille = random_chance(r, 500) ? 0 : (unsigned)random_between(r, 1, 60);
        p->fail_permille = random_chance(r, 700) ? 0 : (unsigned)random_between(r, 1, 60);
        for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
                if (random_chance(r, 350))
                        p->faults |= 1u << i;
        p->storm = random_chance(r, 150);
        if (p->storm) {
                p->faults = FAULTS_OF_STORM;
                p->faults_until = random_between(r, 500, 2000) * USEC_PER_MSEC;
        }
        p->restart_msec = p->storm ? 4 : 60;
        p->subscribe_usec = p->storm ? 2000 : 30000;
        p->max_waiting = random_chance(r, 300) ? 8 : 60;
        p->clients = (unsigned)random_between(r, 1, SIM_CLIENTS);
        p->tasks_max = (unsigned)random_between(r, 10, 120);
        p->request_usec = p->storm ? 5000 : (unsigned)random_between(r, 10, 400) * 1000;
}

static void fault_draw(World *w) {
        unsigned total = 0;
        for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
                if (w->plan.faults & (1u << i))
                        total += faults[i].weight;
        if (total == 0)
                return;
        uint64_t pick = random_below(&w->random, total);
        for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
                if (!(w->plan.faults & (1u << i)))
                        continue;
                if (pick < faults[i].weight) {
                        faults[i].happen(w);
                        return;
                }
                pick -= faults[i].weight;
        }
}

static void fault_happens(World *w, uint64_t gap_usec, uint64_t b, Message *m) {
        if (w->faults_over)
                return;
        fault_draw(w);
        world_at(w, w->now + random_between(&w->random, 1, 2 * gap_usec), fault_happens, gap_usec,
                 0, NULL);
}

void faults_start(World *w) {
        usec_t gap = random_between(&w->random, 20, 1000) * USEC_PER_MSEC;
        if (w->plan.storm)
                gap = random_between(&w->random, 3, 12) * USEC_PER_MSEC;
        world_at(w, random_below(&w->random, gap), fault_happens, gap, 0, NULL);
}
