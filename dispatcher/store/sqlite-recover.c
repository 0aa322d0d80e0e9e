/* Recovery of `sqlite:`: every task without an end from the low-water mark on, with what attempts
 * and marks say about it.
 *
 * Four cursors in order of task ids move forward together, so that the cost is one pass whatever
 * the mixture:
 *
 *      task ⟕ task_end   1  2  3  …     tasks whose end is missing are given out
 *      attempt           ·  2  ·        how many counted, when the retry is due
 *      cancel, start     ·  ·  3        marks */
#include "dispatcher/store/sqlite-internal.h"

#include <errno.h>
#include <string.h>

typedef struct Cursor {
        sqlite3_stmt *st;
        uint64_t task; /* of the row that it is at; UINT64_MAX: behind the last */
} Cursor;

typedef struct Recovery {
        Sqlite *s;
        const RecoverySink *sink;
        Cursor attempt, cancel, start;
} Recovery;

static int cursor_advance(Recovery *r, Cursor *c) {
        int rc = sqlite3_step(c->st);
        c->task = rc == SQLITE_ROW ? column_u64(c->st, 0) : UINT64_MAX;
        return sqlite_error(r->s, rc);
}

static int cursor_open(Recovery *r, Cursor *c, const char *sql, uint64_t first) {
        int rc = sqlite3_prepare_v2(r->s->db, sql, -1, &c->st, NULL);
        if (rc != SQLITE_OK)
                return sqlite_error(r->s, rc);
        bind_u64(c->st, 1, first);
        return cursor_advance(r, c);
}

/* Moves to the first row of task or behind it. */
static int cursor_seek(Recovery *r, Cursor *c, uint64_t task) {
        int error = 0;
        while (error == 0 && c->task < task)
                error = cursor_advance(r, c);
        return error;
}

static int take_attempts(Recovery *r, RecoveredTask *t, uint64_t *bytes) {
        int error = cursor_seek(r, &r->attempt, t->id);
        while (error == 0 && r->attempt.task == t->id) {
                /* In order of run ids: the latest says when it is due. */
                t->executions++;
                if (sqlite3_column_int(r->attempt.st, 2) != TASK_READY)
                        t->attempts++;
                if (sqlite3_column_int(r->attempt.st, 3) == REASON_WORKER_LOST)
                        t->lost++;
                t->last_run = column_u64(r->attempt.st, 1);
                t->due_usec = column_u64(r->attempt.st, 4);
                *bytes += column_u64(r->attempt.st, 5);
                error = cursor_advance(r, &r->attempt);
        }
        return error;
}

static int take_marks(Recovery *r, RecoveredTask *t) {
        int error = cursor_seek(r, &r->cancel, t->id);
        if (error == 0 && r->cancel.task == t->id) {
                t->cancel_requested = true;
                t->cancel_uid = (uint32_t)column_u64(r->cancel.st, 1);
                t->cancel_signal = sqlite3_column_int(r->cancel.st, 2);
        }
        if (error == 0)
                error = cursor_seek(r, &r->start, t->id);
        if (error == 0 && r->start.task == t->id) {
                t->started_run = column_u64(r->start.st, 1);
                t->started_worker = column_u64(r->start.st, 2);
                t->started_attempt = (uint32_t)column_u64(r->start.st, 3);
        }
        if (error == 0 && (t->cancel_requested || t->started_run) &&
            table_put(&r->s->marks, t->id, r->s) < 0)
                return -ENOMEM;
        return error;
}

static void take_task(sqlite3_stmt *st, RecoveredTask *t) {
        *t = (RecoveredTask){.id = column_u64(st, 0),
                             .queue = (const char *)sqlite3_column_text(st, 1),
                             .uid = (uint32_t)column_u64(st, 4),
                             .submitted_usec = column_u64(st, 5),
                             .due_usec = column_u64(st, 6),
                             .policy = {
                                     .kind = (uint8_t)sqlite3_column_int(st, 2),
                                     .priority = (int8_t)sqlite3_column_int(st, 3),
                                     .timeout_usec = column_u64(st, 7),
                                     .grace_msec = (uint32_t)column_u64(st, 8),
                                     .retries = (uint16_t)sqlite3_column_int(st, 9),
                                     .backoff_min_msec = (uint32_t)column_u64(st, 10),
                                     .backoff_max_msec = (uint32_t)column_u64(st, 11),
                                     .at_most_once = sqlite3_column_int(st, 12) != 0,
                             }};
}

static int recover_task(Recovery *r, sqlite3_stmt *st) {
        RecoveredTask t;
        take_task(st, &t);
        uint64_t bytes = column_u64(st, TASK_COLUMN_COUNT);
        int error = take_attempts(r, &t, &bytes);
        if (error == 0)
                error = take_marks(r, &t);
        if (error == 0)
                error = unended_add(&r->s->unended, t.id, bytes);
        if (error == 0 && r->sink->on_task)
                error = r->sink->on_task(r->sink->userdata, &t);
        return error;
}

static int recover_tasks(Recovery *r) {
        Cursor task = {0};
        int error = cursor_open(
                r, &task,
                "SELECT " TASK_COLUMNS(
                        "t.") ", "
                              "coalesce(length(t.name), 0) + coalesce(length(t.summary), 0) +"
                              " coalesce(length(t.labels), 0) + coalesce(length(t.payload), 0) +"
                              " coalesce(length(t.group_name), 0)"
                              " FROM task t LEFT JOIN task_end e ON e.task = t.id"
                              " WHERE t.id >= ?1 AND e.task IS NULL ORDER BY t.id",
                r->s->low_water);
        while (error == 0 && task.task != UINT64_MAX) {
                error = recover_task(r, task.st);
                if (error == 0)
                        error = cursor_advance(r, &task);
        }
        sqlite3_finalize(task.st);
        return error;
}

/* Clients that were idle for too long have been given up by themselves; theirs are removed. */
static int recover_clients(Recovery *r) {
        usec_t now = time_now_realtime();
        uint64_t oldest = now > CORE_CLIENT_IDLE_USEC ? now - CORE_CLIENT_IDLE_USEC : 0;
        sqlite3_stmt *st;
        int error = sqlite_error(r->s, sqlite3_prepare_v2(r->s->db,
                                                          "SELECT id, uid, held, last_usec, answers"
                                                          " FROM client WHERE last_usec >= ?1",
                                                          -1, &st, NULL));
        if (error < 0)
                return error;
        bind_u64(st, 1, oldest);
        int rc;
        while (error == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
                ClientRecord c = {.uid = (uint32_t)column_u64(st, 1),
                                  .held = column_u64(st, 2),
                                  .last_usec = column_u64(st, 3)};
                const void *id = sqlite3_column_blob(st, 0);
                if (!id || sqlite3_column_bytes(st, 0) != sizeof c.id.bytes)
                        continue;
                memcpy(c.id.bytes, id, sizeof c.id.bytes);
                error = column_slice(st, 4, &c.answers);
                if (error == 0 && r->sink->on_client)
                        error = r->sink->on_client(r->sink->userdata, &c);
                blob_slice_drop(&c.answers);
        }
        rc = sqlite3_finalize(st);
        return error < 0 ? error : sqlite_error(r->s, rc);
}

static int drop_idle_clients(Sqlite *s) {
        char sql[128];
        snprintf(sql, sizeof sql, "DELETE FROM client WHERE last_usec < %lld",
                 (long long)(time_now_realtime() - CORE_CLIENT_IDLE_USEC));
        int r = sqlite_error(s, sqlite3_exec(s->db, sql, NULL, NULL, NULL));
        sqlite_rollback(s);
        /* They are skipped in any case; what cannot be removed now is removed another time. */
        return backend_has_failed(&s->base) ? r : 0;
}

int sqlite_recover(Backend *b, const RecoverySink *sink, Error *error) {
        Sqlite *s = sqlite_of(b);
        Recovery r = {.s = s, .sink = sink};
        int e = cursor_open(&r, &r.attempt,
                            "SELECT task, run_id, state, reason, due_usec, out_kept + err_kept +"
                            " coalesce(length(result), 0) + coalesce(length(detail), 0)"
                            " FROM attempt WHERE task >= ?1 ORDER BY task, run_id",
                            s->low_water);
        if (e == 0)
                e = cursor_open(&r, &r.cancel,
                                "SELECT task, uid, signal FROM cancel WHERE task >= ?1"
                                " ORDER BY task",
                                s->low_water);
        if (e == 0)
                e = cursor_open(&r, &r.start,
                                "SELECT task, run_id, worker, attempt FROM start WHERE task >= ?1"
                                " ORDER BY task",
                                s->low_water);
        if (e == 0)
                e = recover_tasks(&r);
        sqlite3_finalize(r.attempt.st);
        sqlite3_finalize(r.cancel.st);
        sqlite3_finalize(r.start.st);
        if (e == 0)
                e = recover_clients(&r);
        if (e == 0)
                e = drop_idle_clients(s);
        if (e < 0)
                error_set(error, s->damaged ? EXIT_DATA : EXIT_IO,
                          "cannot recover: %s; restore a backup, or move it away to begin anew",
                          backend_has_failed(b) ? b->failed : strerror(-e));
        /* Accounts of retention: what is there is counted in the background, what comes is counted
         * as it comes. */
        s->summary.end = s->highest_id;
        sqlite3_progress_handler(s->db, 0, NULL, NULL);
        return e;
}
