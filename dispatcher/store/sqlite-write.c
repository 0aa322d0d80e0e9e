/* Commits of `sqlite:`: a group of batches as one transaction of appends.
 *
 * What memory knows beside the tables (unended, references of environments, accounts of retention)
 * is changed after the commit, so that a rollback has nothing to undo but the cache of
 * environments. Marks alone are set before: one too many costs a DELETE that finds nothing. */
#include "dispatcher/store/sqlite-internal.h"

#include <errno.h>
#include <string.h>

#define LOW_WATER_STEP 4096u /* ids that it may lag behind, so that it costs nothing a task */

static uint64_t task_bytes(const TaskRecord *t) {
        return (uint64_t)t->name.size + t->summary.size + t->labels.size + t->group.size +
               t->payload.size;
}

static uint64_t run_bytes(const RunRecord *r) {
        return r->out_kept + r->err_kept + r->result.size + r->detail.size;
}

/* ---- operations ---- */

/* Labels leave with separators between them instead of a NUL behind each. buffer must live until
 * the row is written. */
static void bind_labels(sqlite3_stmt *st, int column, BlobSlice labels, char *buffer, size_t size) {
        if (labels.size < 2 || labels.size > size) {
                sqlite3_bind_null(st, column);
                return;
        }
        const char *from = blob_slice_data(labels);
        for (uint32_t i = 0; i < labels.size; i++)
                buffer[i] = from[i] ? from[i] : LABEL_SEPARATOR;
        sqlite3_bind_text(st, column, buffer, (int)labels.size - 1, SQLITE_STATIC);
}

/* An id, or NULL for none. */
static void bind_id(sqlite3_stmt *st, int column, uint64_t id) {
        if (id)
                bind_u64(st, column, id);
        else
                sqlite3_bind_null(st, column);
}

static int put_task(Sqlite *s, const TaskRecord *t, uint64_t *ret_environment) {
        sqlite3_stmt *st = s->statements[ST_PUT_TASK];
        char labels[WIRE_LABELS_MAX * (WIRE_LABEL_MAX + 1)];
        int r = environment_put(s, t->environment, ret_environment);
        if (r < 0)
                return r;
        bind_u64(st, 1, t->id);
        sqlite3_bind_text(st, 2, t->queue, -1, SQLITE_STATIC);
        sqlite3_bind_int(st, 3, t->policy.kind);
        sqlite3_bind_int(st, 4, t->policy.priority);
        bind_u64(st, 5, t->uid);
        bind_u64(st, 6, t->submitted_usec);
        bind_u64(st, 7, t->not_before_usec);
        bind_u64(st, 8, t->policy.timeout_usec);
        bind_u64(st, 9, t->policy.grace_msec);
        sqlite3_bind_int(st, 10, t->policy.retries);
        bind_u64(st, 11, t->policy.backoff_min_msec);
        bind_u64(st, 12, t->policy.backoff_max_msec);
        sqlite3_bind_int(st, 13, t->policy.at_most_once);
        bind_text(st, 14, t->name);
        bind_labels(st, 15, t->labels, labels, sizeof labels);
        bind_text(st, 16, t->summary);
        bind_text(st, 17, t->group);
        bind_id(st, 18, t->retry_of);
        bind_id(st, 19, *ret_environment);
        bind_blob(st, 20, t->payload);
        return sqlite_run(s, ST_PUT_TASK);
}

static void bind_run(sqlite3_stmt *st, const RunRecord *r) {
        bind_u64(st, 1, r->task_id);
        bind_u64(st, 2, r->run_id);
        bind_u64(st, 3, r->worker);
        bind_u64(st, 4, r->attempt);
        sqlite3_bind_int(st, 5, r->state);
        sqlite3_bind_int(st, 6, r->reason);
        sqlite3_bind_int64(st, 7, r->code);
        bind_u64(st, 8, r->started_usec);
        bind_u64(st, 9, r->ended_usec);
        bind_u64(st, 10, r->user_usec);
        bind_u64(st, 11, r->system_usec);
        bind_u64(st, 12, r->max_rss_bytes);
        bind_u64(st, 13, r->out_total);
        bind_u64(st, 14, r->err_total);
        bind_u64(st, 15, r->out_kept);
        bind_u64(st, 16, r->err_kept);
        sqlite3_bind_int(st, 17, r->files);
        sqlite3_bind_text(st, 18, r->pool, -1, SQLITE_STATIC);
        bind_text(st, 19, r->detail);
        bind_blob(st, 20, r->result);
        bind_blob(st, 21, r->out);
        bind_blob(st, 22, r->err);
}

static int put_end(Sqlite *s, const RunRecord *run) {
        bind_run(s->statements[ST_PUT_END], run);
        int r = sqlite_run(s, ST_PUT_END);
        if (r < 0 || s->marks.count == 0 || !table_get(&s->marks, run->task_id))
                return r;
        bind_u64(s->statements[ST_DROP_CANCEL], 1, run->task_id);
        bind_u64(s->statements[ST_DROP_START], 1, run->task_id);
        r = sqlite_run(s, ST_DROP_CANCEL);
        return r < 0 ? r : sqlite_run(s, ST_DROP_START);
}

static int put_attempt(Sqlite *s, const StoreOp *op) {
        bind_run(s->statements[ST_PUT_ATTEMPT], &op->run);
        bind_u64(s->statements[ST_PUT_ATTEMPT], 23, op->due_usec);
        return sqlite_run(s, ST_PUT_ATTEMPT);
}

static int put_mark(Sqlite *s, const StoreOp *op) {
        Statement which = op->kind == STORE_PUT_CANCEL ? ST_PUT_CANCEL : ST_PUT_START;
        sqlite3_stmt *st = s->statements[which];
        if (table_put(&s->marks, op->mark.task_id, s) < 0)
                return -ENOMEM;
        bind_u64(st, 1, op->mark.task_id);
        if (op->kind == STORE_PUT_CANCEL) {
                bind_u64(st, 2, op->mark.uid);
                sqlite3_bind_int(st, 3, op->mark.signal);
        } else {
                bind_u64(st, 2, op->mark.run_id);
                bind_u64(st, 3, op->mark.worker);
                bind_u64(st, 4, op->mark.attempt);
        }
        return sqlite_run(s, which);
}

static int put_client(Sqlite *s, const ClientRecord *c) {
        sqlite3_stmt *st = s->statements[ST_PUT_CLIENT];
        sqlite3_bind_blob(st, 1, c->id.bytes, sizeof c->id.bytes, SQLITE_STATIC);
        bind_u64(st, 2, c->uid);
        bind_u64(st, 3, c->held);
        bind_u64(st, 4, c->last_usec);
        bind_blob(st, 5, c->answers);
        return sqlite_run(s, ST_PUT_CLIENT);
}

static int drop_client(Sqlite *s, const ClientRecord *c) {
        sqlite3_bind_blob(s->statements[ST_DROP_CLIENT], 1, c->id.bytes, sizeof c->id.bytes,
                          SQLITE_STATIC);
        return sqlite_run(s, ST_DROP_CLIENT);
}

static int put_op(Sqlite *s, const StoreOp *op, Written *ret) {
        switch (op->kind) {
        case STORE_PUT_TASK:
                return put_task(s, &op->task, &ret->environment);
        case STORE_PUT_END:
                return put_end(s, &op->run);
        case STORE_PUT_ATTEMPT:
                return put_attempt(s, op);
        case STORE_PUT_CANCEL:
        case STORE_PUT_START:
                return put_mark(s, op);
        case STORE_PUT_CLIENT:
                return put_client(s, &op->client);
        case STORE_DROP_CLIENT:
                return drop_client(s, &op->client);
        case STORE_PURGE:
                ret->purged = retention_forget(s, op->mark.task_id, &ret->bytes, &ret->environment);
                return MIN_OF(ret->purged, 0);
        }
        return backend_fail(&s->base, "the store was asked for operation %d", (int)op->kind);
}

/* ---- one group ---- */

static int put_batches(Sqlite *s, const Batch *batches) {
        size_t at = 0;
        for (const Batch *b = batches; b; b = b->next) {
                for (size_t i = 0; i < b->n; i++) {
                        int r = put_op(s, &b->ops[i], &s->written[at++]);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

static int put_progress(Sqlite *s, uint64_t highest, uint64_t low_water) {
        int r = 0;
        if (highest != s->highest_id)
                r = sqlite_put_meta(s, "highest_id", highest);
        if (r == 0 && low_water != s->low_water)
                r = sqlite_put_meta(s, "low_water", low_water);
        return r;
}

static int note_op(Sqlite *s, const StoreOp *op, const Written *w) {
        uint64_t bytes;
        switch (op->kind) {
        case STORE_PUT_TASK:
                if (unended_add(&s->unended, op->task.id, task_bytes(&op->task)) < 0 ||
                    retention_note_task(s, &op->task) < 0)
                        return -ENOMEM;
                return w->environment ? environment_add_references(s, w->environment, 1) : 0;
        case STORE_PUT_ATTEMPT:
                unended_grow(&s->unended, op->run.task_id, run_bytes(&op->run));
                return 0;
        case STORE_PUT_END:
                bytes = unended_take(&s->unended, op->run.task_id) + run_bytes(&op->run);
                retention_note_end(s, op->run.task_id, op->run.state, bytes);
                if (s->marks.count)
                        table_remove(&s->marks, op->run.task_id);
                return 0;
        case STORE_PURGE:
                if (w->purged > 0)
                        retention_note_purged(s, op->mark.task_id, w->bytes, w->environment);
                return 0;
        default:
                return 0;
        }
}

static int note_batches(Sqlite *s, const Batch *batches) {
        size_t at = 0;
        for (const Batch *b = batches; b; b = b->next)
                for (size_t i = 0; i < b->n; i++)
                        if (note_op(s, &b->ops[i], &s->written[at++]) < 0)
                                return backend_fail(&s->base, "the store has no memory left");
        return 0;
}

/* Makes room for what is noted of each op; gives the highest id that the group brings. */
static int prepare(Sqlite *s, const Batch *batches, uint64_t *highest) {
        size_t n = 0;
        for (const Batch *b = batches; b; b = b->next) {
                n += b->n;
                for (size_t i = 0; i < b->n; i++)
                        if (b->ops[i].kind == STORE_PUT_TASK)
                                *highest = MAX_OF(*highest, b->ops[i].task.id);
        }
        if (n > s->written_size) {
                Written *list = realloc(s->written, n * sizeof *list);
                if (!list)
                        return -ENOMEM;
                s->written = list;
                s->written_size = n;
        }
        if (n > 0)
                memset(s->written, 0, n * sizeof *s->written);
        return 0;
}

int sqlite_commit(Backend *b, Batch *batches) {
        Sqlite *s = sqlite_of(b);
        uint64_t highest = s->highest_id;
        uint64_t low_water = unended_first(&s->unended, s->highest_id + 1);
        if (low_water < s->low_water + LOW_WATER_STEP)
                low_water = s->low_water;
        int r = prepare(s, batches, &highest);
        if (r == 0)
                r = sqlite_begin(s);
        if (r == 0)
                r = put_batches(s, batches);
        if (r == 0)
                r = put_progress(s, highest, low_water);
        if (r == 0)
                r = sqlite_commit_transaction(s);
        environment_forget_last(s);
        if (r < 0) {
                sqlite_rollback(s);
                environment_clear_cache(s);
                return r;
        }
        s->highest_id = highest;
        s->low_water = low_water;
        return note_batches(s, batches);
}
