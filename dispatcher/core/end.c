/* How an execution ends, and what follows from it: END of a worker, the death of a worker, a
 * cancel.
 *
 * An end is matched by its run id. Its slot is free at once; the task is ENDING or RETRYING until
 * the record of it is on disk, and whatever else happens to it until then changes nothing any more.
 */
#include "dispatcher/core/state.h"

#include <string.h>

/* ---- records ---- */

/* What a record says of r when its worker cannot say it any more. */
static RunRecord record_of_run(const Core *c, const Run *r, TaskState state, EndReason reason) {
        RunRecord record = {
                .task_id = r->task->id,
                .run_id = r->run_id,
                .worker = r->serial,
                .attempt = r->task->executions + 1,
                .state = (uint8_t)state,
                .reason = (uint8_t)reason,
                .started_usec = r->started_usec,
                .ended_usec = c->now.realtime_usec,
        };
        if (r->worker)
                memcpy(record.pool, r->worker->pool->name, sizeof(record.pool));
        return record;
}

static void record_detail(RunRecord *record, const char *text) {
        size_t size = text ? strlen(text) : 0;
        Blob *b = size ? blob_new_copy(text, size) : NULL;
        if (!b)
                return; /* of use to people only */
        record->detail = blob_slice(b, 0, size);
        blob_unref(b);
}

static void record_set_cancelled(RunRecord *record, const Task *t) {
        record->state = TASK_CANCELLED;
        record->reason = REASON_CANCELLED;
        record->code = t->cancel_uid;
}

/* ---- without an END ---- */

void end_cancelled(Core *c, Task *t) {
        RunRecord record = {
                .task_id = t->id,
                .attempt = t->executions,
                .ended_usec = c->now.realtime_usec,
        };
        record_set_cancelled(&record, t);
        if (t->phase == PHASE_STARTING)
                run_free(c, t->run);
        if (t->phase != PHASE_RETRYING)
                t->flags |= TASK_DROPPED;
        journal_end(c, t, &record, 0);
}

void end_requeue(Core *c, Task *t) {
        if (t->flags & TASK_CANCEL_ASKED) {
                end_cancelled(c, t);
                return;
        }
        bool was_running = t->phase == PHASE_RUNNING;
        task_set_phase(c, t, PHASE_READY);
        if (was_running)
                task_publish(c, t, t->executions);
}

/* The worker and everything below it is dead. */
void end_lost(Core *c, Run *r, const char *why) {
        Task *t = r->task;
        if (!t || r->stage == RUN_WRITING) {
                run_requeue(c, r);
                return;
        }
        RunRecord record = record_of_run(c, r, TASK_READY, REASON_WORKER_LOST);
        bool started = r->started;
        if (started && t->deaths < UINT8_MAX)
                t->deaths++;
        t->last_run = r->run_id;
        run_free(c, r);
        c->counters.requeued++;
        if (t->flags & TASK_CANCEL_ASKED)
                record_set_cancelled(&record, t);
        else if (t->at_most_once || t->deaths >= CORE_DEATHS_MAX)
                record.state = TASK_FAILED;
        else if (!started) {
                end_requeue(c, t);
                return;
        }
        record_detail(&record, why);
        if (record.state == TASK_READY)
                journal_attempt(c, t, &record, 0, 0);
        else
                journal_end(c, t, &record, 0);
}

/* ---- END ---- */

static uint64_t mix(uint64_t x) {
        /* The finaliser of splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number
         * generators", 2014. */
        x += UINT64_C(0x9e3779b97f4a7c15);
        x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
        return x ^ (x >> 31);
}

/* Doubles from min to max; a fifth more or less by chance, so that tasks that failed together do
 * not all come back together, but within min and max. */
static usec_t end_backoff(const Core *c, const Task *t) {
        uint64_t min = t->backoff_min_msec, max = MAX_OF(t->backoff_max_msec, t->backoff_min_msec);
        uint64_t base = t->failures >= 32 ? max : MIN_OF(min << t->failures, max);
        uint64_t draw = mix(c->seed ^ mix(t->id ^ ((uint64_t)t->failures << 48))) % 401;
        uint64_t usec = base * (800 + draw);
        return MIN_OF(MAX_OF(usec, min * USEC_PER_MSEC), max * USEC_PER_MSEC);
}

typedef enum EndOutcome {
        END_FINAL = 1,
        END_RETRY,       /* failed, and may try again */
        END_INTERRUPTED, /* ready again, nothing counted */
        END_NEVER_BEGAN, /* it leaves no trace */
} EndOutcome;

static EndOutcome end_decide(const Task *t, RunRecord *run, bool started) {
        bool cancel = t->flags & TASK_CANCEL_ASKED;
        bool retry = run->state == TASK_FAILED && t->failures < t->retries && !t->at_most_once;
        if (cancel && (run->state == TASK_READY || retry))
                record_set_cancelled(run, t);
        if (run->state == TASK_CANCELLED)
                record_set_cancelled(run, t);
        else if (run->state == TASK_READY && !started)
                return END_NEVER_BEGAN;
        else if (run->state == TASK_READY && !t->at_most_once)
                return END_INTERRUPTED;
        else if (run->state == TASK_READY)
                run->state = TASK_FAILED;
        else if (retry)
                return END_RETRY;
        return END_FINAL;
}

/* A peer says what it likes; the rest of the core relies on these. */
static void end_sanitise(RunRecord *run) {
        if (run->state != TASK_SUCCEEDED && run->state != TASK_CANCELLED &&
            run->state != TASK_READY)
                run->state = TASK_FAILED;
        if (run->reason > REASON_MAX)
                run->reason = REASON_HANDLER;
        if (run->state == TASK_READY)
                run->reason = REASON_INTERRUPTED;
}

static void end_accept(Core *c, Task *t, uint64_t serial, RunRecord *run, bool started) {
        Worker *w = worker_find(c, serial);
        run->task_id = t->id;
        run->worker = serial;
        run->attempt = t->executions + 1;
        if (w) {
                memcpy(run->pool, w->pool->name, sizeof(run->pool));
                w->pool->spawn_backoff_usec = 0; /* its workers work */
        }
        t->last_run = run->run_id;
        switch (end_decide(t, run, started)) {
        case END_FINAL:
                journal_end(c, t, run, serial);
                return;
        case END_RETRY:
                c->counters.retried++;
                journal_attempt(c, t, run, serial, end_backoff(c, t));
                return;
        case END_INTERRUPTED:
                c->counters.interrupted++;
                journal_attempt(c, t, run, serial, 0);
                return;
        case END_NEVER_BEGAN:
                c->counters.requeued++;
                journal_ack(c, serial, run->run_id);
                if (t->phase == PHASE_RUNNING)
                        end_requeue(c, t);
                return;
        }
}

/* Of a run that an older dispatcher pushed to a worker that has not told of it yet. */
static bool end_is_inherited(const Core *c, const Task *t, const RunRecord *run) {
        return t && task_is_parked(c, t) && task_is_waiting(t) && run->run_id > t->last_run &&
               RUN_ID_EPOCH(run->run_id) < c->epoch;
}

/* What the end of a run tells of its start, and of its worker. */
static void run_note_end(Core *c, const Run *r, const RunRecord *run) {
        if (!run->started_usec)
                return;
        c->counters.started += !r->started;
        if (r->worker)
                r->worker->quick = run->ended_usec < usec_add(run->started_usec, WORKER_QUICK_USEC);
}

void core_on_end(Core *c, uint64_t serial, RunRecord *run) {
        Run *r = run_find(c, run->run_id);
        Task *t = r ? r->task : table_get(&c->tasks, run->task_id);
        bool started = run->started_usec != 0 || (r && r->started);
        end_sanitise(run);
        if (r && r->serial == serial && r->stage != RUN_WRITING) {
                run_note_end(c, r, run);
                run_free(c, r);
                if (t)
                        end_accept(c, t, serial, run, started);
                else
                        journal_ack(c, serial, run->run_id);
        } else if (!r && end_is_inherited(c, t, run)) {
                end_accept(c, t, serial, run, started);
        } else if (t && t->last_run == run->run_id && !(t->flags & TASK_DROPPED) &&
                   (t->phase == PHASE_ENDING || t->phase == PHASE_RETRYING)) {
                /* Said again while it is being written: the commit brings the ack of both. */
        } else {
                c->counters.late_ends++;
                journal_ack(c, serial, run->run_id);
        }
        run_record_done(run);
}
