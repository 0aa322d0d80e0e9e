/* See queue.h. */
#include "dispatcher/core/state.h"

#include <errno.h>
#include <string.h>

Queue *queue_find(const Core *c, const char *name) {
        Queue *q;
        HASH_FIND_STR(c->queues_by_name, name, q);
        return q;
}

int queue_find_or_new(Core *c, const char *name, Queue **ret) {
        Queue *q = queue_find(c, name);
        if (q) {
                *ret = q;
                return 0;
        }
        Queue **queues = reallocarray(c->queues, c->queue_count + 1, sizeof(*queues));
        if (!queues)
                return -ENOMEM;
        c->queues = queues;
        q = calloc(1, sizeof(*q));
        if (!q)
                return -ENOMEM;
        snprintf(q->name, sizeof(q->name), "%s", name);
        for (size_t kind = 0; kind < KINDS; kind++) {
                heap_init(&q->ready[kind], task_compare_ready);
                heap_init(&q->parked[kind], task_compare_ready);
        }
        HASH_ADD_STR(c->queues_by_name, name, q);
        if (!q->hh.tbl) {
                free(q);
                return -ENOMEM;
        }
        c->queues[c->queue_count++] = q;
        *ret = q;
        return 0;
}

void queue_free(Core *c, Queue *q) {
        HASH_DEL(c->queues_by_name, q);
        for (size_t kind = 0; kind < KINDS; kind++) {
                heap_done(&q->ready[kind]);
                heap_done(&q->parked[kind]);
        }
        free(q);
}

bool queue_is_empty(const Queue *q) {
        for (size_t i = 0; i < PHASE_COUNT; i++)
                if (q->count[i])
                        return false;
        return true;
}

uint64_t queue_waiting(const Queue *q) {
        return q->count[PHASE_NEW] + q->count[PHASE_READY] + q->count[PHASE_DELAYED];
}

Heap *queue_heap(const Core *c, Queue *q, const Task *t) {
        return task_is_parked(c, t) ? &q->parked[t->kind] : &q->ready[t->kind];
}

void queue_release_parked(Queue *q) {
        for (size_t kind = 0; kind < KINDS; kind++) {
                Heap *ready = &q->ready[kind], *parked = &q->parked[kind];
                if (parked->count > ready->count) {
                        Heap more = *parked;
                        *parked = *ready;
                        *ready = more;
                }
                for (HeapNode *n; (n = heap_pop(parked));)
                        MUST(heap_push(ready, n));
                heap_done(parked);
        }
}

/* Ids rise with time, so the oldest is the one with the smallest id. What was passed over once is
 * not looked at again: oldest_id only falls when a task with a smaller id comes back
 * (task_set_phase). */
Task *queue_oldest(const Core *c, Queue *q) {
        if (!q->count[PHASE_READY] && !q->count[PHASE_DELAYED] && !q->count[PHASE_STARTING])
                return NULL;
        uint64_t id = q->oldest_id;
        for (Task *t; (t = table_first_from(&c->tasks, &id)); id++) {
                if (t->queue == q && (task_is_waiting(t) || t->phase == PHASE_STARTING)) {
                        q->oldest_id = id;
                        return t;
                }
        }
        return NULL;
}
