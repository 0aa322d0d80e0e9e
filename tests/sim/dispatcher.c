/* The dispatcher around the real core: an inbox, turns of a few inputs each, the hand-over of a
 * turn's operations to the store, timers, death and restart. It does what the shell of dispatcher/
 * does, with messages in place of sockets. */
#include "tests/sim/sim.h"

#include <inttypes.h>
#include <string.h>

static void dispatcher_wake(World *w, uint64_t wake, uint64_t incarnation, Message *m);

static void wake_at(World *w, usec_t at) {
        Dispatcher *d = &w->dispatcher;
        at = MAX_OF(at, MAX_OF(w->now, d->paused_until));
        d->wake++;
        d->wake_usec = at;
        world_at(w, at, dispatcher_wake, d->wake, d->incarnation, NULL);
}

void dispatcher_post(World *w, Message *m) {
        Dispatcher *d = &w->dispatcher;
        if (!d->core || m->incarnation != d->incarnation) {
                message_free(m);
                return;
        }
        inbox_put(&d->inbox, m);
        usec_t soon = MAX_OF(w->now + random_between(&w->random, 1, 60), d->paused_until);
        if (d->wake_usec > soon)
                wake_at(w, soon);
}

/* ---- turns ---- */

static CoreTime core_time(const World *w) {
        return (CoreTime){.monotonic_usec = SIM_MONOTONIC_BASE + w->now,
                          .realtime_usec = world_realtime(w)};
}

static void ops_drop(Dispatcher *d) {
        for (size_t i = 0; i < d->op_count; i++)
                store_op_done(&d->ops[i]);
        free(d->ops);
        d->ops = NULL;
        d->op_count = d->op_capacity = 0;
}

static void ops_hand_over(World *w, uint64_t ticket) {
        Dispatcher *d = &w->dispatcher;
        if ((ticket != 0) != (d->op_count > 0) || (ticket != 0 && ticket != d->ticket + 1))
                broken(w, "tickets rise by one",
                       "ticket %" PRIu64 " after %" PRIu64 " for %zu operations", ticket, d->ticket,
                       d->op_count);
        if (ticket == 0)
                return;
        d->ticket = ticket;
        store_model_write(w, ticket, take_ptr(d->ops), d->op_count);
        d->op_count = d->op_capacity = 0;
        world_step(w, STEP_PERSISTED);
}

/* A core that asks to be woken without end would burn a processor. */
static void check_not_busy(World *w, usec_t last, size_t inputs) {
        Dispatcher *d = &w->dispatcher;
        d->timer_turns += inputs == 0;
        d->idle_turns = inputs == 0 && w->now - last < 10 ? d->idle_turns + 1 : 0;
        if (d->idle_turns > 1000)
                broken(w, "sleeps when there is nothing to do", "1000 turns without an input");
}

static void dispatcher_turn(World *w, size_t limit) {
        Dispatcher *d = &w->dispatcher;
        size_t inputs = 0;
        d->in_turn = true;
        core_begin_turn(d->core, core_time(w));
        for (Message *m; inputs < limit && !d->dying && (m = inbox_take(&d->inbox)); inputs++)
                dispatcher_input(w, m);
        uint64_t ticket = core_finish_turn(d->core);
        d->in_turn = false;
        if (d->dying) {
                dispatcher_crash(w, "a step within a turn");
                return;
        }
        check_not_busy(w, d->wake_usec, inputs);
        uint32_t incarnation = d->incarnation;
        ops_hand_over(w, ticket);
        if (!d->core || d->incarnation != incarnation)
                return;
        core_check(d->core);
        if (random_chance(&w->random, 50))
                check_views(w);
        usec_t next = core_next_deadline(d->core);
        if (next != USEC_INFINITY)
                next = MAX_OF(next, SIM_MONOTONIC_BASE) - SIM_MONOTONIC_BASE;
        d->wake_usec = USEC_INFINITY;
        if (d->inbox.head)
                next = w->now + random_between(&w->random, 1, 30);
        if (next != USEC_INFINITY)
                wake_at(w, next);
}

static void dispatcher_wake(World *w, uint64_t wake, uint64_t incarnation, Message *m) {
        Dispatcher *d = &w->dispatcher;
        if (!d->core || d->incarnation != incarnation || d->wake != wake)
                return;
        if (w->now < d->paused_until) {
                wake_at(w, d->paused_until);
                return;
        }
        dispatcher_turn(w, random_between(&w->random, 1, 12));
}

/* ---- life ---- */

static void crash_draw(World *w) {
        Dispatcher *d = &w->dispatcher;
        d->crash_countdown = 0;
        if (w->faults_over || !random_chance(&w->random, w->plan.crash_permille))
                return;
        d->crash_step = (Step)random_below(&w->random, STEP_COUNT);
        d->crash_countdown =
                1 + (unsigned)random_below(&w->random, random_chance(&w->random, 500) ? 5 : 40);
}

static void dispatcher_reset(World *w) {
        Dispatcher *d = &w->dispatcher;
        d->in_turn = d->dying = d->stopping = d->starts_stopped = false;
        d->ticket = d->told_ticket = d->event_seq = 0;
        d->last_run = 0;
        d->last_id = w->store.last_id;
        d->started_usec = w->now;
        d->paused_until = 0;
        d->idle_turns = 0;
        d->wake_usec = USEC_INFINITY;
}

void dispatcher_start(World *w) {
        Dispatcher *d = &w->dispatcher;
        ASSERT(!d->core);
        d->incarnation++;
        store_model_open(w);
        d->epoch = w->store.epoch;
        dispatcher_reset(w);
        crash_draw(w);
        CoreSetup setup = {.ports = &sim_ports,
                           .userdata = w,
                           .epoch = d->epoch,
                           .next_task_id = w->store.last_id + 1,
                           .owner_uid = 1000,
                           .seed = random_next(&w->random)};
        memcpy(setup.store_id, w->store.id, sizeof setup.store_id);
        ASSERT(core_new(&setup, core_time(w), &d->core) == 0);
        dispatcher_configure(w);
        store_model_recover(w, d->core);
        trace(w, "dispatcher %u starts, epoch %u", d->incarnation, d->epoch);
        world_step(w, STEP_RECOVERED);
        if (!d->core)
                return;
        supervisor_roster(w);
        clients_reconnect(w);
}

static void dispatcher_gone(World *w) {
        Dispatcher *d = &w->dispatcher;
        d->core = core_free(d->core);
        d->dying = false;
        inbox_clear(&d->inbox);
        ops_drop(d);
        store_model_crash(w);
        for (size_t i = 0; i < w->worker_count; i++)
                process_cut(w, w->workers[i]);
        for (size_t i = 0; i < SIM_CLIENTS; i++)
                w->clients[i].connected = false;
}

void dispatcher_crash(World *w, const char *why) {
        if (!w->dispatcher.core)
                return;
        trace(w, "dispatcher %u dies: %s", w->dispatcher.incarnation, why);
        w->crashes++;
        dispatcher_gone(w);
        supervisor_dispatcher_died(w);
}

void dispatcher_stop(World *w) {
        trace(w, "dispatcher %u stops", w->dispatcher.incarnation);
        dispatcher_gone(w);
}
