/* See task.h. */
#include "dispatcher/core/state.h"

#define TO(NAME)                            (1u << PHASE_##NAME)
#define TASK_PHASE_NEXT(NAME, state, next)  [PHASE_##NAME] = next,
#define TASK_PHASE_STATE(NAME, state, next) [PHASE_##NAME] = state,
static const uint16_t phase_next[PHASE_COUNT] = {TASK_PHASES(TASK_PHASE_NEXT)};
static const uint8_t phase_state[PHASE_COUNT] = {TASK_PHASES(TASK_PHASE_STATE)};

static bool task_phase_may_follow(TaskPhase from, TaskPhase to) {
        return (phase_next[from] >> to) & 1u;
}

int task_compare_ready(const HeapNode *a, const HeapNode *b) {
        const Task *x = CONTAINER_OF(a, const Task, node), *y = CONTAINER_OF(b, const Task, node);
        if (x->priority != y->priority)
                return x->priority > y->priority ? -1 : 1;
        return x->id < y->id ? -1 : x->id > y->id;
}

int task_compare_delayed(const HeapNode *a, const HeapNode *b) {
        const Task *x = CONTAINER_OF(a, const Task, node), *y = CONTAINER_OF(b, const Task, node);
        if (x->due_usec != y->due_usec)
                return x->due_usec < y->due_usec ? -1 : 1;
        return x->id < y->id ? -1 : x->id > y->id;
}

Task *task_new(Core *c, uint64_t id, Queue *queue, const TaskPolicy *policy) {
        Task *t = slab_alloc(&c->task_slab);
        if (!t)
                return NULL;
        if (table_put(&c->tasks, id, t) < 0) {
                slab_free(&c->task_slab, t);
                return NULL;
        }
        t->id = id;
        t->timeout_usec = policy->timeout_usec;
        t->grace_msec = policy->grace_msec;
        t->backoff_min_msec = policy->backoff_min_msec;
        t->backoff_max_msec = policy->backoff_max_msec;
        t->retries = policy->retries;
        t->priority = policy->priority;
        t->kind = policy->kind & 3u;
        t->at_most_once = policy->at_most_once;
        t->phase = PHASE_NEW;
        t->queue = queue;
        heap_node_init(&t->node);
        queue->count[PHASE_NEW]++;
        return t;
}

void task_free(Core *c, Task *t) {
        task_set_phase(c, t, PHASE_GONE);
        ASSERT(table_remove(&c->tasks, t->id) == t);
        slab_free(&c->task_slab, t);
}

TaskPolicy task_policy(const Task *t) {
        return (TaskPolicy){
                .timeout_usec = t->timeout_usec,
                .grace_msec = t->grace_msec,
                .backoff_min_msec = t->backoff_min_msec,
                .backoff_max_msec = t->backoff_max_msec,
                .retries = t->retries,
                .priority = t->priority,
                .kind = t->kind,
                .at_most_once = t->at_most_once,
        };
}

TaskState task_state(const Task *t) {
        if (t->phase == PHASE_ENDING && (t->flags & TASK_DROPPED))
                return TASK_READY;
        return phase_state[t->phase];
}

bool task_is_parked(const Core *c, const Task *t) {
        return !c->taken_over && t->id < c->first_own_id;
}

static Heap *task_heap(Core *c, const Task *t) {
        if (t->phase == PHASE_READY)
                return queue_heap(c, t->queue, t);
        return t->phase == PHASE_DELAYED ? &c->delayed : NULL;
}

static void task_leave_heap(Core *c, Task *t) {
        if (heap_node_queued(&t->node))
                heap_remove(task_heap(c, t), &t->node);
}

static void task_move(Core *c, Task *t, TaskPhase phase) {
        Queue *q = t->queue;
        ASSERT(task_phase_may_follow(t->phase, phase));
        q->count[t->phase]--;
        t->phase = (uint8_t)(phase & 31u);
        if (phase == PHASE_GONE) {
                c->sweep |= !q->configured;
                return;
        }
        q->count[phase]++;
        Heap *heap = task_heap(c, t);
        if (!heap)
                return;
        MUST(heap_push(heap, &t->node));
        if (t->id < q->oldest_id)
                q->oldest_id = t->id;
}

void task_set_phase(Core *c, Task *t, TaskPhase phase) {
        ASSERT(phase != PHASE_STARTING && phase != PHASE_RUNNING);
        task_leave_heap(c, t);
        if (phase != PHASE_DELAYED)
                t->due_usec = 0;
        task_move(c, t, phase);
}

void task_set_run(Core *c, Task *t, Run *run, TaskPhase phase) {
        ASSERT(phase == PHASE_STARTING || phase == PHASE_RUNNING);
        task_leave_heap(c, t);
        t->run = run;
        task_move(c, t, phase);
}

void task_publish(Core *c, const Task *t, uint32_t attempt) {
        bool has_worker =
                (t->phase == PHASE_STARTING || t->phase == PHASE_RUNNING) && t->run->worker;
        c->ports->publish(c->userdata, &(CoreEvent){
                                               .seq = ++c->counters.events,
                                               .task_id = t->id,
                                               .queue = t->queue->name,
                                               .state = task_state(t),
                                               .reason = REASON_NONE,
                                               .attempt = attempt,
                                               .worker = has_worker ? t->run->worker->serial : 0,
                                       });
}

void task_publish_after(Core *c, const Task *t, TaskState state, const RunRecord *attempt) {
        c->ports->publish(c->userdata, &(CoreEvent){
                                               .seq = ++c->counters.events,
                                               .task_id = t->id,
                                               .queue = t->queue->name,
                                               .state = state,
                                               .reason = attempt->reason,
                                               .code = attempt->code,
                                               .attempt = attempt->attempt,
                                               .worker = attempt->worker,
                                       });
}
