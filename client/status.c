/* The answer to STATUS as one block that the caller frees as a whole. */
#include "client/arena.h"
#include "client/client.h"

/* Room for a NULL-terminated list of n structs of that size, without their texts. */
static size_t list_need(size_t n, size_t size) {
        return arena_need((n + 1) * sizeof(void *)) + n * arena_need(size);
}

static size_t pool_need(const WirePoolStatus *p) {
        size_t need = p->name.size + p->handler.size + p->last_exit.size + 3 +
                      arena_need((p->queues.count + 1) * sizeof(char *));
        for (size_t i = 0; i < p->queues.count; i++)
                need += p->queues.items[i].size + 1;
        return need;
}

static size_t status_need(const WireStatusData *w) {
        size_t need = arena_need(sizeof(StintStatus)) + w->version.size + w->instance.size +
                      w->store.size + w->state_dir.size + w->health.size + sizeof "ok" + 5 +
                      list_need(w->queues.count, sizeof(StintQueueStatus)) +
                      list_need(w->pools.count, sizeof(StintPoolStatus)) +
                      list_need(w->counters.count, sizeof(StintCounter)) +
                      list_need(w->rates.count, sizeof(StintRate));
        for (size_t i = 0; i < w->queues.count; i++)
                need += w->queues.items[i].name.size + 1;
        for (size_t i = 0; i < w->pools.count; i++)
                need += pool_need(&w->pools.items[i]);
        for (size_t i = 0; i < w->counters.count; i++)
                need += w->counters.items[i].name.size + 1;
        for (size_t i = 0; i < w->rates.count; i++)
                need += w->rates.items[i].name.size + 1;
        return need;
}

static const StintQueueStatus *const *queues_fill(const WireStatusData *w, Arena *a) {
        const StintQueueStatus **list = arena_take(a, (w->queues.count + 1) * sizeof *list);
        for (size_t i = 0; i < w->queues.count; i++) {
                const WireQueueStatus *q = &w->queues.items[i];
                StintQueueStatus *status = arena_take(a, sizeof *status);
                *status = (StintQueueStatus){
                        .name = arena_text(a, q->name),
                        .ready = q->ready,
                        .delayed = q->delayed,
                        .running = q->running,
                        .held = q->held,
                        .blocked = q->blocked,
                        .max_waiting = q->max_waiting,
                        .oldest_usec = q->oldest_usec,
                        .succeeded = q->succeeded,
                        .failed = q->failed,
                        .cancelled = q->cancelled,
                        .expired = q->expired,
                };
                list[i] = status;
        }
        return list;
}

static const StintPoolStatus *const *pools_fill(const WireStatusData *w, Arena *a) {
        const StintPoolStatus **list = arena_take(a, (w->pools.count + 1) * sizeof *list);
        for (size_t i = 0; i < w->pools.count; i++) {
                const WirePoolStatus *p = &w->pools.items[i];
                StintPoolStatus *status = arena_take(a, sizeof *status);
                const char **queues = arena_take(a, (p->queues.count + 1) * sizeof *queues);
                *status = (StintPoolStatus){
                        .name = arena_text(a, p->name),
                        .handler = arena_text(a, p->handler),
                        .workers = p->workers,
                        .wanted = p->wanted,
                        .busy = p->busy,
                        .slots = p->slots,
                        .queues = queues,
                        .last_exit = arena_text(a, p->last_exit),
                };
                for (size_t q = 0; q < p->queues.count; q++)
                        queues[q] = arena_text(a, p->queues.items[q]);
                list[i] = status;
        }
        return list;
}

static const StintCounter *const *counters_fill(const WireStatusData *w, Arena *a) {
        const StintCounter **list = arena_take(a, (w->counters.count + 1) * sizeof *list);
        for (size_t i = 0; i < w->counters.count; i++) {
                const WireCounter *c = &w->counters.items[i];
                StintCounter *counter = arena_take(a, sizeof *counter);
                *counter = (StintCounter){arena_text(a, c->name), c->value};
                list[i] = counter;
        }
        return list;
}

static const StintRate *const *rates_fill(const WireStatusData *w, Arena *a) {
        const StintRate **list = arena_take(a, (w->rates.count + 1) * sizeof *list);
        for (size_t i = 0; i < w->rates.count; i++) {
                const WireRate *r = &w->rates.items[i];
                StintRate *rate = arena_take(a, sizeof *rate);
                *rate = (StintRate){arena_text(a, r->name), (double)r->milli_10s / 1000,
                                    (double)r->milli_1m / 1000};
                list[i] = rate;
        }
        return list;
}

static StintStatus *status_fill(const WireStatusData *w, Arena *a) {
        StintStatus *s = arena_take(a, sizeof *s);
        *s = (StintStatus){
                .version = arena_text(a, w->version),
                .instance = arena_text(a, w->instance),
                .store = arena_text(a, w->store),
                .state_dir = arena_text(a, w->state_dir),
                .health = arena_text(a, w->health.size ? w->health : wire_text("ok")),
                .pid = w->pid,
                .epoch = w->epoch,
                .started_usec = w->started_usec,
                .now_usec = w->now_usec,
                .uid = (uint32_t)w->uid,
                .queues = queues_fill(w, a),
                .pools = pools_fill(w, a),
                .counters = counters_fill(w, a),
                .rates = rates_fill(w, a),
        };
        return s;
}

int stint_status(StintClient *client, StintStatus **ret) {
        SessionAnswer answer;
        Arena arena = {0};
        int r = client_call(client, WIRE_TYPE_STATUS, &(WireStatus){0}, (BlobSlice){0},
                            WIRE_TYPE_STATUS_DATA, &answer);
        if (r < 0)
                return r;
        if (arena_reset(&arena, status_need(answer.body)) < 0)
                return client_fail(client, STINT_FAILED, "out of memory");
        *ret = status_fill(answer.body, &arena); /* the beginning of the block */
        return 0;
}

StintStatus *stint_status_free(StintStatus *status) {
        free(status);
        return NULL;
}
