/* STATUS: queues, pools and counters as they are now. */
#include "dispatcher/requests/request.h"

#include <errno.h>
#include <unistd.h>

#define QUEUES_MAX      1024
#define POOLS_MAX       256
#define POOL_QUEUES_MAX 256

/* What the answer points into; too large for the stack. */
typedef struct StatusParts {
        WireQueueStatus queues[QUEUES_MAX];
        WirePoolStatus pools[POOLS_MAX];
        WireText pool_queues[POOLS_MAX][POOL_QUEUES_MAX];
} StatusParts;

static size_t queues_fill(const Core *core, WireQueueStatus *ret) {
        CoreQueueView v;
        size_t n = 0;
        for (; n < QUEUES_MAX && core_queue_view(core, n, &v); n++)
                ret[n] = (WireQueueStatus){
                        .name = wire_text(v.name),
                        .ready = v.ready,
                        .delayed = v.delayed,
                        .running = v.running,
                        .held = v.held,
                        .blocked = v.blocked,
                        .max_waiting = v.max_waiting,
                        .oldest_usec = v.oldest_usec,
                        .succeeded = v.succeeded,
                        .failed = v.failed,
                        .cancelled = v.cancelled,
                        .expired = v.expired,
                };
        return n;
}

static size_t pools_fill(const Core *core, StatusParts *parts) {
        CorePoolView v;
        size_t n = 0;
        for (; n < POOLS_MAX && core_pool_view(core, n, &v); n++) {
                size_t queues = MIN_OF(v.queue_count, (size_t)POOL_QUEUES_MAX);
                for (size_t q = 0; q < queues; q++)
                        parts->pool_queues[n][q] = wire_text(v.queues[q]);
                parts->pools[n] = (WirePoolStatus){
                        .name = wire_text(v.name),
                        .handler = wire_text(v.handler),
                        .workers = v.workers,
                        .wanted = v.wanted,
                        .busy = v.busy,
                        .slots = v.slots,
                        .queues = {parts->pool_queues[n], queues},
                        .last_exit = wire_text(v.last_exit),
                };
        }
        return n;
}

static void rates_fill(const Rates *r, WireRate ret[RATE_COUNT]) {
        static const char *const names[RATE_COUNT] = {"submitted", "started", "ended"};
        for (unsigned i = 0; i < RATE_COUNT; i++)
                ret[i] = (WireRate){.name = wire_text(names[i]),
                                    .milli_10s = rates_milli(r, i, RATE_10S),
                                    .milli_1m = rates_milli(r, i, RATE_1M)};
}

void request_status(RequestContext *x, ClientMessage *m) {
        _cleanup_(freep) StatusParts *parts = malloc(sizeof *parts);
        if (!parts) {
                request_read_failed(x, &m->origin, -ENOMEM);
                return;
        }
        CoreCounters core;
        ClientLinkCounters clients;
        WorkerLinkCounters workers;
        core_counters(x->core, &core);
        client_link_counters(x->clients, &clients);
        worker_link_counters(x->workers, &workers);
        const WireCounter counters[] = {
                {wire_text("submitted"), core.submitted},
                {wire_text("started"), core.started},
                {wire_text("succeeded"), core.succeeded},
                {wire_text("failed"), core.failed},
                {wire_text("cancelled"), core.cancelled},
                {wire_text("retried"), core.retried},
                {wire_text("interrupted"), core.interrupted},
                {wire_text("requeued"), core.requeued},
                {wire_text("worker_deaths"), core.worker_deaths},
                {wire_text("late_ends"), core.late_ends},
                {wire_text("syncs"), core.syncs},
                {wire_text("unended"), core.held_tasks},
                {wire_text("requests"), clients.requests},
                {wire_text("malformed"), clients.malformed + workers.malformed},
                {wire_text("refused_connections"), clients.refused_connections},
                {wire_text("shed_connections"), clients.sheds},
                {wire_text("unsent"), clients.unsent + workers.unsent},
        };
        WireRate rates[RATE_COUNT];
        rates_fill(x->rates, rates); /* the turn has brought them up to date */
        WireStatusData body = {
                .version = wire_text(STINT_VERSION),
                .pid = (uint64_t)getpid(),
                .uid = m->uid,
                .epoch = store_epoch(x->store),
                .started_usec = x->started_usec,
                .now_usec = x->now.realtime_usec,
                .instance = wire_text(x->instance),
                .store = wire_text(store_url(x->store)),
                .state_dir = wire_text(x->state_dir),
                .health = wire_text(x->health),
                .queues = {parts->queues, queues_fill(x->core, parts->queues)},
                .pools = {parts->pools, pools_fill(x->core, parts)},
                .counters = {counters, ARRAY_SIZE(counters)},
                .rates = {rates, RATE_COUNT},
        };
        client_link_reply(x->clients, &m->origin, WIRE_TYPE_STATUS_DATA, &body, (BlobSlice){0});
}
