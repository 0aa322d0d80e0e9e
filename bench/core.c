/* What the core alone costs per task: submit, commit, push, end, commit, over queues of different
 * depths. The ports do nothing, so that this is the price of deciding and nothing else.
 *
 *      build/bench/core [TASKS [BACKLOG [BATCH]]] */
#include "dispatcher/core/core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS 2u
#define CREDIT  256u

typedef struct Bench {
        Core *core;
        CoreTime now;
        uint64_t ticket, pushed, ended;
        struct {
                uint64_t serial, task_id;
                run_id_t run_id;
        } runs[WORKERS * CREDIT];
        size_t run_count;
} Bench;

static void on_persist(void *userdata, StoreOp *op) {
        store_op_done(op);
}
static void on_sync(void *userdata, uint64_t serial, uint32_t epoch, uint64_t n) {
}
static void on_push(void *userdata, uint64_t serial, uint32_t epoch, uint64_t n,
                    const CoreRun *run) {
        Bench *b = userdata;
        b->runs[b->run_count].serial = serial;
        b->runs[b->run_count].task_id = run->task_id;
        b->runs[b->run_count++].run_id = run->run_id;
        b->pushed++;
}
static void on_ack(void *userdata, uint64_t serial, run_id_t run_id) {
        Bench *b = userdata;
        b->ended++;
}
static void on_stop_run(void *userdata, uint64_t serial, run_id_t run_id, StopWhy why, int signal) {
}
static void on_reply(void *userdata, const CoreOrigin *to, WireType type, const void *body) {
}
static void on_publish(void *userdata, const CoreEvent *event) {
}
static void on_forget(void *userdata, uint64_t task_id) {
}
static void on_spawn(void *userdata, const char *pool) {
}
static void on_find_ends(void *userdata, uint64_t wait, uint64_t first, uint64_t count) {
}
static void on_retire(void *userdata, uint64_t serial) {
}
static void on_kill(void *userdata, uint64_t serial, const char *why) {
}

static const CorePorts ports = {
        .persist = on_persist,
        .sync = on_sync,
        .push = on_push,
        .ack = on_ack,
        .stop_run = on_stop_run,
        .reply = on_reply,
        .publish = on_publish,
        .forget = on_forget,
        .spawn = on_spawn,
        .find_ends = on_find_ends,
        .retire = on_retire,
        .kill_worker = on_kill,
};

static void turn(Bench *b) {
        uint64_t ticket = core_finish_turn(b->core);
        b->now.monotonic_usec++;
        core_begin_turn(b->core, b->now);
        if (!ticket)
                return;
        core_committed(b->core, ticket, ticket, 0);
        turn(b);
}

static void setup(Bench *b) {
        static const char *const queues[] = {"q"};
        static const uint8_t store[WIRE_UUID];
        CoreSetup setup = {.ports = &ports, .userdata = b, .epoch = 1, .next_task_id = 1};
        CoreQueueConfig queue = {.name = "q"};
        CorePoolConfig pool = {.name = "p",
                               .queues = queues,
                               .queue_count = 1,
                               .kind = TASK_KIND_MESSAGE,
                               .workers = WORKERS,
                               .slots = 1,
                               .credit = CREDIT};
        b->now = (CoreTime){1000 * USEC_PER_SEC, 1000000 * USEC_PER_SEC};
        ASSERT(core_new(&setup, b->now, &b->core) == 0);
        ASSERT(core_configure(b->core, &(CoreConfig){&queue, 1, &pool, 1}) == 0);
        for (uint64_t serial = 1; serial <= WORKERS; serial++)
                ASSERT(core_worker_up(b->core, serial, "p", CORE_WORKER_CURRENT) == 0);
        core_roster_end(b->core);
        for (uint64_t serial = 1; serial <= WORKERS; serial++)
                core_on_hello(b->core, &(WireHello){.serial = serial,
                                                    .epoch = 1,
                                                    .n = 1,
                                                    .store = wire_bytes(store, sizeof(store))});
        turn(b);
}

static void submit(Bench *b, uint64_t seq, size_t n) {
        static TaskRecord tasks[WIRE_TASKS_MAX];
        memset(tasks, 0, n * sizeof(*tasks));
        for (size_t i = 0; i < n; i++) {
                tasks[i].policy.kind = TASK_KIND_MESSAGE;
                tasks[i].policy.priority = (int8_t)((seq + i) % 7);
                tasks[i].queue[0] = 'q';
        }
        CoreRequest request = {
                .origin = {.request_id = seq, .route_size = 5}, .seq = seq, .held = seq - 1};
        core_submit(b->core, &request, tasks, NULL, n, CORE_SUBMIT_ONLY);
}

static void end_all(Bench *b) {
        size_t n = b->run_count;
        __typeof__(b->runs) runs;
        memcpy(runs, b->runs, n * sizeof(runs[0]));
        b->run_count = 0;
        for (size_t i = 0; i < n; i++) {
                RunRecord run = {.run_id = runs[i].run_id,
                                 .task_id = runs[i].task_id,
                                 .state = TASK_SUCCEEDED,
                                 .started_usec = 1};
                core_on_end(b->core, runs[i].serial, &run);
        }
        turn(b);
}

int main(int argc, char **argv) {
        size_t total = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000000;
        size_t backlog = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000;
        size_t batch = argc > 3 ? strtoul(argv[3], NULL, 10) : 64, submitted = 0;
        Bench b = {0};
        uint64_t seq = 0;
        batch = MIN_OF(MAX_OF(batch, (size_t)1), (size_t)WIRE_TASKS_MAX);
        setup(&b);
        usec_t from = time_now_monotonic();
        while (b.ended < total) {
                while (submitted < total && submitted - b.ended < backlog + WORKERS * CREDIT) {
                        submit(&b, ++seq, batch);
                        submitted += batch;
                        turn(&b);
                }
                end_all(&b);
        }
        double seconds = (double)(time_now_monotonic() - from) / 1e6;
        printf("%llu tasks, backlog %zu, %zu a message: %.3f us a task, %.0f tasks/s\n",
               (unsigned long long)b.ended, backlog, batch, seconds * 1e6 / (double)b.ended,
               (double)b.ended / seconds);
        core_free(b.core);
        return 0;
}
