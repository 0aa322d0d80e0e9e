/* What the core asks of the world, done by the modules of the shell. */
#include "dispatcher/dispatcher.h"

#include "common/log.h"

#include <inttypes.h>
#include <signal.h>

#define OPS_MIN 256

/* Without memory for what must be done there is no way on but recovery. */
_Noreturn static void out_of_memory(void) {
        log_error("out of memory: leaving, the next dispatcher recovers from the store");
        abort();
}

static void port_persist(void *userdata, StoreOp *op) {
        Dispatcher *d = userdata;
        if (d->op_count == d->op_alloc) {
                size_t alloc = d->op_alloc ? d->op_alloc * 2 : OPS_MIN;
                StoreOp *grown = realloc(d->ops, alloc * sizeof *grown);
                if (!grown)
                        out_of_memory();
                d->ops = grown;
                d->op_alloc = alloc;
        }
        if (op->kind == STORE_PUT_TASK && !op->task.not_before_usec)
                payload_cache_put(d->payloads, op->task.id, op->task.environment, op->task.payload);
        d->ops[d->op_count++] = *op;
}

static void port_sync(void *userdata, uint64_t serial, uint32_t epoch, uint64_t n) {
        Dispatcher *d = userdata;
        worker_link_sync(d->workers, serial, epoch, n, store_id(d->store));
}

static void port_push(void *userdata, uint64_t serial, uint32_t epoch, uint64_t n,
                      const CoreRun *run) {
        Dispatcher *d = userdata;
        push_run(d->push, serial, epoch, n, run);
}

static void port_ack(void *userdata, uint64_t serial, run_id_t run_id) {
        Dispatcher *d = userdata;
        worker_link_ack(d->workers, serial, run_id);
}

static void port_stop_run(void *userdata, uint64_t serial, run_id_t run_id, StopWhy why,
                          int signal) {
        Dispatcher *d = userdata;
        d->interrupting |= why == STOP_INTERRUPT;
        worker_link_stop(d->workers, serial, run_id, why, signal);
}

static void port_reply(void *userdata, const CoreOrigin *to, WireType type, const void *body) {
        Dispatcher *d = userdata;
        client_link_reply(d->clients, to, type, body, (BlobSlice){0});
}

static void port_publish(void *userdata, const CoreEvent *event) {
        Dispatcher *d = userdata;
        follow_task_changed(d->follow, event->task_id);
        task_log_event(&d->task_log, d->requests.now.monotonic_usec, event);
        event_link_publish(d->events, store_epoch(d->store), d->requests.now.realtime_usec, event);
}

static void port_forget(void *userdata, uint64_t task_id) {
        Dispatcher *d = userdata;
        payload_cache_drop(d->payloads, task_id);
        follow_task_changed(d->follow, task_id);
}

static void port_find_ends(void *userdata, uint64_t wait, uint64_t first, uint64_t count) {
        Dispatcher *d = userdata;
        if (request_find_ends(&d->requests, wait, first, count) < 0)
                out_of_memory();
}

static void port_spawn(void *userdata, const char *pool) {
        Dispatcher *d = userdata;
        supervise_send_spawn(d->supervisor, pool);
}

static void port_retire(void *userdata, uint64_t serial) {
        Dispatcher *d = userdata;
        worker_link_flush(
                d->workers); /* its last acks first: it leaves only with nothing unacked */
        supervise_send_signal(d->supervisor, serial, SIGTERM);
}

static void port_kill_worker(void *userdata, uint64_t serial, const char *why) {
        Dispatcher *d = userdata;
        char field[48];
        snprintf(field, sizeof field, "WORKER=%" PRIu64, serial);
        log_write(LOG_WARNING, (const char *const[]){field, NULL}, "worker killed: %s", why);
        supervise_send_signal(d->supervisor, serial, SIGKILL);
}

const CorePorts dispatcher_ports = {
        .persist = port_persist,
        .sync = port_sync,
        .push = port_push,
        .ack = port_ack,
        .stop_run = port_stop_run,
        .reply = port_reply,
        .publish = port_publish,
        .forget = port_forget,
        .find_ends = port_find_ends,
        .spawn = port_spawn,
        .retire = port_retire,
        .kill_worker = port_kill_worker,
};
