/* The loop of virtual time: a heap of events ordered by (time, order of insertion), so that a seed
 * gives one history. Owns every other object of the world. Ends the process at the first broken
 * invariant, since what follows one has no meaning. */
#include "tests/sim/sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <unistd.h>

typedef struct Event {
        HeapNode node;
        usec_t at;
        uint64_t order;
        EventHandler handler;
        uint64_t a, b;
        Message *message;
} Event;

static int event_compare(const HeapNode *a, const HeapNode *b) {
        const Event *x = CONTAINER_OF(a, const Event, node),
                    *y = CONTAINER_OF(b, const Event, node);
        if (x->at != y->at)
                return x->at < y->at ? -1 : 1;
        return x->order < y->order ? -1 : 1;
}

void world_at(World *w, usec_t at, EventHandler handler, uint64_t a, uint64_t b, Message *m) {
        Event *e = calloc(1, sizeof *e);
        ASSERT(e);
        heap_node_init(&e->node);
        e->at = MAX_OF(at, w->now);
        e->order = ++w->event_order;
        e->handler = handler;
        e->a = a;
        e->b = b;
        e->message = m;
        ASSERT(heap_push(&w->events, &e->node) == 0);
}

usec_t world_realtime(const World *w) {
        return SIM_REAL_BASE + w->now + (uint64_t)w->wall_usec;
}

usec_t due_monotonic(const World *w, const Task *t) {
        return (usec_t)(uintptr_t)table_get(&w->dues, t->id) - 1;
}

/* Mostly as over a local socket, now and then as with a busy machine. */
usec_t latency(World *w) {
        return random_chance(&w->random, 30) ? random_between(&w->random, 1000, 20000)
                                             : random_between(&w->random, 20, 400);
}

const char *step_name(Step s) {
#define SIM_STEP_NAME(NAME, text) text,
        static const char *const names[] = {SIM_STEPS(SIM_STEP_NAME)};
        return names[s];
}

const char *state_name(TaskState s) {
#define SIM_STATE_NAME(number, NAME, text) [number] = text,
        static const char *const names[TASK_STATE_MAX + 1] = {TASK_STATES(SIM_STATE_NAME)};
        return s <= TASK_STATE_MAX && names[s] ? names[s] : "no state";
}

void world_step(World *w, Step step) {
        Dispatcher *d = &w->dispatcher;
        w->step_hits[step]++;
        if (!d->core || d->dying || d->crash_countdown == 0 || d->crash_step != step)
                return;
        if (--d->crash_countdown > 0)
                return;
        w->crash_hits[step]++;
        trace(w, "CRASH of the dispatcher at \"%s\"", step_name(step));
        if (d->in_turn)
                d->dying = true; /* the turn goes on, without any effect */
        else
                dispatcher_crash(w, step_name(step));
}

void trace(World *w, const char *format, ...) {
        if (!w->trace)
                return;
        va_list ap;
        va_start(ap, format);
        printf("%3" PRIu64 ".%06" PRIu64 "  ", (uint64_t)(w->now / USEC_PER_SEC),
               (uint64_t)(w->now % USEC_PER_SEC));
        vprintf(format, ap);
        putchar('\n');
        fflush(stdout); /* an abort must not take the last steps with it */
        va_end(ap);
}

void broken(World *w, const char *invariant, const char *format, ...) {
        char text[512];
        va_list ap;
        va_start(ap, format);
        vsnprintf(text, sizeof text, format, ap);
        va_end(ap);
        fprintf(stderr, "seed %" PRIu64 ": at %" PRIu64 ".%06" PRIu64 " s: %s: %s\n", w->seed,
                (uint64_t)(w->now / USEC_PER_SEC), (uint64_t)(w->now % USEC_PER_SEC), invariant,
                text);
        fflush(NULL);
        _exit(3);
}

World *world_new(uint64_t seed, Mutation mutation, bool traced) {
        World *w = calloc(1, sizeof *w);
        ASSERT(w);
        w->seed = seed;
        w->mutation = mutation;
        w->trace = traced;
        w->random.state = seed * UINT64_C(0x2545f4914f6cdd1d) + 1;
        heap_init(&w->events, event_compare);
        plan_draw(w);
        shape_draw(w, &w->shape_next);
        return w;
}

static void faults_end(World *w, uint64_t a, uint64_t b, Message *m) {
        trace(w, "faults are over");
        w->faults_over = true;
        w->dispatcher.crash_countdown = 0;
        w->store.full_until = w->store.slow_until = w->now;
        Shape shape = w->shape_next;
        shape_complete(&shape);
        supervisor_reload(w, &shape);
}

static bool world_next(World *w) {
        HeapNode *n = heap_pop(&w->events);
        if (!n)
                return false;
        Event *e = CONTAINER_OF(n, Event, node);
        w->now = e->at;
        w->steps++;
        e->handler(w, e->a, e->b, e->message);
        free(e);
        return true;
}

static bool everything_ended(World *w) {
        uint64_t id = 0;
        for (Task *t; (t = table_first_from(&w->store.tasks, &id)); id++)
                if (!t->ended)
                        return false;
        return true;
}

/* Runs on until the clients have their answers and all tasks have ended; then for as long as the
 * core may need to forget idle clients, and for nothing else to happen. */
static void world_drain(World *w) {
        usec_t limit = w->plan.faults_until + SIM_DRAIN_USEC, look = w->now;
        bool more = true;
        while (!clients_done(w) || !everything_ended(w)) {
                while ((more = world_next(w)) && w->now < look)
                        ;
                look = w->now + 100 * USEC_PER_MSEC;
                bool over = clients_done(w) && everything_ended(w);
                if (!over && (!more || w->now > limit))
                        broken(w, "everything drains", "clients are %s, tasks are %s",
                               clients_done(w) ? "done" : "waiting",
                               everything_ended(w) ? "done" : "waiting");
        }
        clients_check_done(w);
        usec_t settled = w->now + CORE_CLIENT_IDLE_USEC + 2 * USEC_PER_MIN;
        while (w->now < settled && world_next(w))
                ;
        check_over(w);
}

void world_run(World *w) {
        supervisor_start(w);
        clients_start(w);
        faults_start(w);
        world_at(w, w->plan.faults_until, faults_end, 0, 0, NULL);
        while (!w->faults_over)
                ASSERT(world_next(w));
        world_drain(w);
}

World *world_free(World *w) {
        w->dispatcher.core = core_free(w->dispatcher.core);
        inbox_clear(&w->dispatcher.inbox);
        free(w->dispatcher.ops);
        for (HeapNode *n; (n = heap_pop(&w->events));) {
                Event *e = CONTAINER_OF(n, Event, node);
                message_free(e->message);
                free(e);
        }
        heap_done(&w->events);
        for (size_t i = 0; i < w->worker_count; i++)
                process_done(w, w->workers[i]);
        free(w->workers);
        store_model_done(w);
        clients_free(w);
        uint64_t key = 0;
        for (Run *r; (r = table_first_from(&w->runs, &key)); key++)
                free(r);
        table_done(&w->runs);
        table_done(&w->cancels);
        table_done(&w->dues);
        free(w);
        return NULL;
}
