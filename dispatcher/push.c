/* See push.h. */
#include "dispatcher/push.h"

#include "common/log.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* A run whose payload is being read. */
typedef struct Order {
        uint64_t serial, n, task_id;
        run_id_t run_id;
        uint32_t epoch, attempt;
        TaskPolicy policy;
        char queue[WIRE_NAME_MAX + 1];
} Order;

/* The orders of one read; the read's context. */
typedef struct Batch {
        WorkerLink *workers;
        size_t count, capacity;
        Order orders[];
} Batch;

struct Push {
        PayloadCache *payloads;
        Reads *reads;
        WorkerLink *workers;
        Batch *batch; /* being filled this turn, or NULL */
};

int push_new(PayloadCache *payloads, Reads *reads, WorkerLink *workers, Push **ret) {
        Push *p = calloc(1, sizeof *p);
        if (!p)
                return -ENOMEM;
        *p = (Push){.payloads = payloads, .reads = reads, .workers = workers};
        *ret = p;
        return 0;
}

Push *push_free(Push *p) {
        if (!p)
                return NULL;
        free(p->batch);
        free(p);
        return NULL;
}

/* Room for one more order, or NULL: then the run is not sent and the core's no-show rule gives it
 * out again. */
static Order *order_new(Push *p) {
        size_t capacity = p->batch ? p->batch->capacity : 0;
        if (!p->batch || p->batch->count == capacity) {
                size_t grown = capacity ? capacity * 2 : 16;
                Batch *b = realloc(p->batch, sizeof *b + grown * sizeof b->orders[0]);
                if (!b)
                        return NULL;
                if (!p->batch)
                        b->count = 0;
                b->workers = p->workers;
                b->capacity = grown;
                p->batch = b;
        }
        return &p->batch->orders[p->batch->count++];
}

void push_run(Push *p, uint64_t serial, uint32_t epoch, uint64_t n, const CoreRun *run) {
        BlobSlice environment, payload;
        if (payload_cache_get(p->payloads, run->task_id, &environment, &payload)) {
                worker_link_run(p->workers, serial, epoch, n, run, environment, payload);
                return;
        }
        Order *o = order_new(p);
        if (!o)
                return;
        *o = (Order){.serial = serial,
                     .epoch = epoch,
                     .n = n,
                     .task_id = run->task_id,
                     .run_id = run->run_id,
                     .attempt = run->attempt,
                     .policy = *run->policy};
        snprintf(o->queue, sizeof o->queue, "%s", run->queue);
}

/* The store answers in the order of the ids that were asked, but may leave some out. */
static void on_payloads(void *context, StoreDone *done) {
        _cleanup_(freep) Batch *b = context;
        size_t t = 0;
        for (size_t i = 0; i < b->count; i++) {
                const Order *o = &b->orders[i];
                if (t >= done->task_count || done->tasks[t].task.id != o->task_id) {
                        log_error("payload of task %" PRIu64
                                  " cannot be read from the store (%s): it cannot start",
                                  o->task_id, strerror(done->error ? -done->error : ENOENT));
                        continue;
                }
                const TaskRecord *task = &done->tasks[t++].task;
                CoreRun run = {.run_id = o->run_id,
                               .task_id = o->task_id,
                               .attempt = o->attempt,
                               .policy = &o->policy,
                               .queue = o->queue};
                worker_link_run(b->workers, o->serial, o->epoch, o->n, &run, task->environment,
                                task->payload);
        }
        worker_link_end_turn(b->workers); /* the names of queues live in this batch */
}

void push_flush(Push *p) {
        if (!p->batch)
                return;
        Batch *b = take_ptr(p->batch);
        uint64_t *ids = calloc(b->count, sizeof *ids);
        if (ids)
                for (size_t i = 0; i < b->count; i++)
                        ids[i] = b->orders[i].task_id;
        StoreRead read = {.kind = STORE_READ_PAYLOADS, .ids = ids, .id_count = b->count};
        if (!ids || reads_ask(p->reads, &read, on_payloads, b) < 0) {
                free(ids);
                free(b);
        }
}
