/* SUBMIT: checks a whole message, then makes all of its tasks, or none. */
#include "common/text.h"
#include "dispatcher/core/state.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

#define NEAREST_QUEUES_MAX 256 /* that a suggestion is looked for among */

static void task_records_drop(TaskRecord *tasks, size_t n) {
        for (size_t i = 0; i < n; i++)
                task_record_done(&tasks[i]);
}

/* ---- checks ---- */

static int policy_check(const TaskPolicy *p, Error *e) {
        if (p->kind != TASK_KIND_COMMAND && p->kind != TASK_KIND_MESSAGE)
                return error_set(e, EXIT_DATA, "kind %u of a task is unknown", p->kind);
        if (p->priority < -CORE_PRIORITY_MAX || p->priority > CORE_PRIORITY_MAX)
                return error_set(e, EXIT_DATA, "priority %d is not within -100 and 100",
                                 p->priority);
        if (p->at_most_once && p->retries > 0)
                return error_set(e, EXIT_DATA, "a task that runs at most once cannot have retries");
        if (p->backoff_max_msec && p->backoff_min_msec > p->backoff_max_msec)
                return error_set(e, EXIT_DATA, "the shortest backoff is above the longest");
        return 0;
}

static void policy_complete(TaskPolicy *p) {
        if (!p->grace_msec)
                p->grace_msec = CORE_GRACE_MSEC;
        if (!p->backoff_min_msec)
                p->backoff_min_msec = p->backoff_max_msec
                                              ? MIN_OF(CORE_BACKOFF_MIN_MSEC, p->backoff_max_msec)
                                              : CORE_BACKOFF_MIN_MSEC;
        if (!p->backoff_max_msec)
                p->backoff_max_msec = MAX_OF(CORE_BACKOFF_MAX_MSEC, p->backoff_min_msec);
}

/* Names the queue that may have been meant. */
static int queue_refuse(const Core *c, const char *name, Error *e) {
        const char *names[NEAREST_QUEUES_MAX];
        size_t n = 0;
        for (const Queue *q = c->queues_by_name; q && n < ARRAY_SIZE(names); q = q->hh.next)
                if (q->configured)
                        names[n++] = q->name;
        const char *nearest = text_nearest(name, names, n);
        if (nearest)
                return error_set(e, EXIT_DATA, "unknown queue '%s': did you mean '%s'?", name,
                                 nearest);
        return error_set(e, EXIT_DATA,
                         "unknown queue '%s': `stint status` lists the queues; new ones are made "
                         "in the configuration",
                         name);
}

static int queue_check(const Core *c, Queue *q, const TaskRecord *task, Error *e) {
        static const char *const kinds[KINDS] = {"", "command", "message"};
        if (!q || !q->configured)
                return queue_refuse(c, task->queue, e);
        if (!q->served[task->policy.kind])
                return error_set(e, EXIT_DATA,
                                 "no pool takes %s tasks from queue '%s': `stint status` shows "
                                 "what the pools handle",
                                 kinds[task->policy.kind], q->name);
        if (q->max_waiting && queue_waiting(q) + q->reserved >= q->max_waiting)
                return error_set(e, EXIT_TRY_AGAIN,
                                 "queue '%s' is full: %llu tasks wait; try again later", q->name,
                                 (unsigned long long)queue_waiting(q));
        q->reserved++;
        return 0;
}

/* Most messages are for one queue: the one found last is tried first. */
static Queue *queue_lookup(const Core *c, Queue *last, const char *name) {
        return last && strcmp(last->name, name) == 0 ? last : queue_find(c, name);
}

static int submit_check(const Core *c, const TaskRecord *tasks, size_t n, Error *e) {
        Queue *q = NULL;
        size_t checked;
        int r = 0;
        if (c->refuse_why)
                return error_set(e, EXIT_TRY_AGAIN, "%s", c->refuse_why);
        if (n == 0 || n > WIRE_TASKS_MAX)
                return error_set(e, EXIT_DATA, "a request takes 1 to %d tasks", WIRE_TASKS_MAX);
        for (checked = 0; checked < n && r == 0; checked++) {
                q = queue_lookup(c, q, tasks[checked].queue);
                r = policy_check(&tasks[checked].policy, e);
                if (r == 0)
                        r = queue_check(c, q, &tasks[checked], e);
        }
        for (size_t i = 0; i < checked; i++) {
                q = queue_lookup(c, q, tasks[i].queue);
                if (q)
                        q->reserved = 0;
        }
        return r;
}

/* ---- doing ---- */

static void submit_remove(Core *c, uint64_t first, size_t n) {
        for (size_t i = 0; i < n; i++)
                task_free(c, table_get(&c->tasks, first + i));
}

static int submit_make(Core *c, const CoreRequest *request, TaskRecord *tasks,
                       const uint64_t *delay_usec, size_t n) {
        Queue *q = NULL;
        for (size_t i = 0; i < n; i++) {
                q = queue_lookup(c, q, tasks[i].queue);
                policy_complete(&tasks[i].policy);
                Task *t = task_new(c, c->next_task_id + i, q, &tasks[i].policy);
                if (!t) {
                        submit_remove(c, c->next_task_id, i);
                        return -ENOMEM;
                }
                t->uid = request->uid;
                t->submitted_usec = c->now.realtime_usec;
                if (delay_usec && delay_usec[i])
                        t->due_usec = usec_add(c->now.monotonic_usec, delay_usec[i]);
        }
        return 0;
}

static void submit_write(Core *c, const CoreRequest *request, TaskRecord *record, uint64_t delay) {
        record->id = c->next_task_id++;
        record->uid = request->uid;
        record->submitted_usec = c->now.realtime_usec;
        record->not_before_usec = delay ? usec_add(c->now.realtime_usec, delay) : 0;
        StoreOp op = {.kind = STORE_PUT_TASK, .task = *record};
        journal_persist(c, &op);
}

void submit_do(Core *c, Client *client, const CoreRequest *request, TaskRecord *tasks,
               const uint64_t *delay_usec, size_t n, CoreSubmitWait wait) {
        Error e = {0};
        int r = submit_check(c, tasks, n, &e);
        if (r == 0 &&
            (client_reserve(client) < 0 || submit_make(c, request, tasks, delay_usec, n) < 0))
                r = error_set(&e, EXIT_TRY_AGAIN, "out of memory; try again later");
        if (r != 0) {
                task_records_drop(tasks, n);
                client_refuse(c, client, request, &e);
                return;
        }
        uint64_t first = c->next_task_id;
        for (size_t i = 0; i < n; i++)
                submit_write(c, request, &tasks[i], delay_usec ? delay_usec[i] : 0);
        client_add_answer(c, client,
                          (Answer){.seq = request->seq,
                                   .kind = ANSWER_SUBMITTED,
                                   .wait = wait,
                                   .origins = {.first = request->origin, .count = 1},
                                   .first_id = first,
                                   .count = n});
        journal_add(c,
                    (JournalEntry){.kind = JOURNAL_SUBMIT, .client = client, .seq = request->seq});
}

static void submit_defer(Core *c, Client *client, const CoreRequest *request, TaskRecord *tasks,
                         const uint64_t *delay_usec, size_t n, CoreSubmitWait wait) {
        _cleanup_(deferred_freep) Deferred *d = calloc(1, sizeof(*d));
        if (d) {
                d->tasks = reallocarray(NULL, n + 1, sizeof(*tasks));
                d->delay_usec = calloc(n + 1, sizeof(*d->delay_usec));
        }
        if (!d || !d->tasks || !d->delay_usec) {
                task_records_drop(tasks, n);
                core_reply_error(c, &request->origin, EXIT_TRY_AGAIN, "out of memory; try again");
                return;
        }
        d->kind = ANSWER_SUBMITTED;
        d->request = *request;
        d->wait = wait;
        d->n = n;
        memcpy(d->tasks, tasks, n * sizeof(*tasks));
        if (delay_usec)
                memcpy(d->delay_usec, delay_usec, n * sizeof(*delay_usec));
        client_defer(c, client, take_ptr(d));
}

void core_submit(Core *c, const CoreRequest *request, TaskRecord *tasks, const uint64_t *delay_usec,
                 size_t n, CoreSubmitWait wait) {
        Client *client;
        switch (client_admit(c, request, wait, &client)) {
        case CLIENT_ANSWERED:
                task_records_drop(tasks, n);
                return;
        case CLIENT_LATER:
                submit_defer(c, client, request, tasks, delay_usec, n, wait);
                return;
        case CLIENT_DO:
                submit_do(c, client, request, tasks, delay_usec, n, wait);
                return;
        }
}

void core_refuse_submits(Core *c, const char *why) {
        char *copy = why ? strdup(why) : NULL;
        if (why && !copy)
                return;
        free(c->refuse_why);
        c->refuse_why = copy;
}

/* ---- its ticket ---- */

void submit_committed(Core *c, const Answer *a) {
        for (uint64_t id = a->first_id; id < a->first_id + a->count; id++) {
                Task *t = table_get(&c->tasks, id);
                bool later = t->due_usec > c->now.monotonic_usec;
                task_set_phase(c, t, later ? PHASE_DELAYED : PHASE_READY);
                task_publish(c, t, 0);
        }
        c->counters.submitted += a->count;
}

/* Whoever named such an id before it failed may do so again: it is unknown, not ended. Ids that
 * fail one after the other are one range. */
static void submit_note_failed(Core *c, uint64_t first, uint64_t count) {
        uint64_t before = first - 1;
        uint64_t end = (uint64_t)(uintptr_t)table_last_to(&c->failed_ids, &before);
        uint64_t key = end == first ? before : first;
        MUST(table_put(&c->failed_ids, key, (void *)(uintptr_t)(first + count)));
}

bool submit_id_failed(const Core *c, uint64_t id) {
        uint64_t first = id;
        return id < (uint64_t)(uintptr_t)table_last_to(&c->failed_ids, &first);
}

void submit_undone(Core *c, const Answer *a) {
        submit_note_failed(c, a->first_id, a->count);
        for (uint64_t id = a->first_id; id < a->first_id + a->count; id++) {
                Task *t = table_get(&c->tasks, id);
                wait_task_vanished(c, t);
                c->ports->forget(c->userdata, id);
                task_free(c, t);
        }
}
