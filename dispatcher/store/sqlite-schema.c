/* Tables, views and statements of `sqlite:`; docs/store.md explains them to people who query
 * history.
 *
 * The shape follows from cost: a submit appends one row to task, an end appends one row to
 * task_end, and neither updates nor indexes anything, which is what makes group commit fast. "Not
 * ended" is the absence of a row; recovery is bounded by a low-water mark in meta. Files do not
 * shrink: pages that retention frees are used again (docs/decisions/031-store-free-pages.md). */
#include "dispatcher/store/sqlite-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define RUN_TABLE_COLUMNS                                                                          \
        " run_id INTEGER NOT NULL, worker INTEGER NOT NULL, attempt INTEGER NOT NULL,"             \
        " state INTEGER NOT NULL, reason INTEGER NOT NULL, code INTEGER NOT NULL,"                 \
        " started_usec INTEGER NOT NULL, ended_usec INTEGER NOT NULL,"                             \
        " user_usec INTEGER NOT NULL, system_usec INTEGER NOT NULL,"                               \
        " max_rss_bytes INTEGER NOT NULL, out_total INTEGER NOT NULL, err_total INTEGER NOT NULL," \
        " out_kept INTEGER NOT NULL, err_kept INTEGER NOT NULL, files INTEGER NOT NULL,"           \
        " pool TEXT NOT NULL, detail TEXT, result BLOB, out BLOB, err BLOB"

/* SQL is laid out by hand. */
/* clang-format off */
#define WORD(number, NAME, text) " WHEN " #number " THEN '" text "'"
#define STATE_WORD(column)       "CASE " column TASK_STATES(WORD) " ELSE 'unended' END"
#define REASON_WORD(column)      "CASE " column END_REASONS(WORD) " END"
#define TIME_TEXT(column)                                                                          \
        "CASE WHEN " column " > 0 THEN strftime('%Y-%m-%d %H:%M:%f', " column                      \
        " / 1000000.0, 'unixepoch', 'localtime') END"

#define RUN_VIEW_COLUMNS(p)                                                                        \
        STATE_WORD(p "state") " AS state, " REASON_WORD(p "reason") " AS reason, " p "code, "      \
        TIME_TEXT(p "started_usec") " AS started, " TIME_TEXT(p "ended_usec") " AS ended, "        \
        "(" p "ended_usec - nullif(" p "started_usec, 0)) / 1e6 AS wall_s, "                       \
        p "user_usec / 1e6 AS user_s, " p "system_usec / 1e6 AS system_s, "                        \
        p "max_rss_bytes, " p "pool, " p "out_total AS stdout_bytes, "                             \
        p "err_total AS stderr_bytes, " p "detail"

/* Rows of nearly all tasks have no retry_of: the index holds only those that do. It is also what
 * makes the newest repetition of a task cheap to find. */
#define TASK_TABLE                                                                                 \
        "CREATE TABLE task (id INTEGER PRIMARY KEY, queue TEXT NOT NULL, kind INTEGER NOT NULL,"   \
        " priority INTEGER NOT NULL, uid INTEGER NOT NULL, submitted_usec INTEGER NOT NULL,"       \
        " not_before_usec INTEGER NOT NULL, timeout_usec INTEGER NOT NULL,"                        \
        " grace_msec INTEGER NOT NULL, retries INTEGER NOT NULL,"                                  \
        " backoff_min_msec INTEGER NOT NULL, backoff_max_msec INTEGER NOT NULL,"                   \
        " at_most_once INTEGER NOT NULL, name TEXT, labels TEXT, summary TEXT,"                    \
        " group_name TEXT, retry_of INTEGER, environment INTEGER, payload BLOB) STRICT;"           \
        "CREATE INDEX task_by_retry ON task (retry_of) WHERE retry_of IS NOT NULL;"
/* What filters look at; a task_end is e. */
#define SCAN_COLUMNS                                                                               \
        "t.id, t.uid, t.submitted_usec, t.queue, t.name, t.labels, t.group_name, e.state"
#define RETRIED_AS "(SELECT max(id) FROM task r WHERE r.retry_of = t.id)"

#define TASK_VIEWS                                                                                 \
        "CREATE VIEW tasks AS SELECT t.id, t.queue,"                                               \
        " CASE t.kind WHEN 1 THEN 'command' ELSE 'message' END AS kind, t.priority, t.uid,"        \
        " t.name, replace(t.labels, char(31), ' ') AS labels, t.summary,"                          \
        " t.group_name, t.retry_of, " RETRIED_AS " AS retried_as,"                                 \
        " " TIME_TEXT("t.submitted_usec") " AS submitted,"                                         \
        " " TIME_TEXT("t.not_before_usec") " AS not_before,"                                       \
        " coalesce(e.attempt, (SELECT max(attempt) FROM attempt a WHERE a.task = t.id), 0)"        \
        " AS attempt, " RUN_VIEW_COLUMNS("e.")                                                     \
        " FROM task t LEFT JOIN task_end e ON e.task = t.id;"                                      \
        "CREATE VIEW attempts AS"                                                                  \
        " SELECT r.task, r.attempt, " RUN_VIEW_COLUMNS("r.") " FROM attempt r"                     \
        " UNION ALL"                                                                               \
        " SELECT r.task, r.attempt, " RUN_VIEW_COLUMNS("r.") " FROM task_end r"                    \
        " WHERE r.run_id <> 0;"

static const char schema[] =
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;"
        TASK_TABLE
        "CREATE TABLE task_end (task INTEGER PRIMARY KEY," RUN_TABLE_COLUMNS ") STRICT;"
        "CREATE TABLE attempt (task INTEGER NOT NULL, due_usec INTEGER NOT NULL," RUN_TABLE_COLUMNS
        ", PRIMARY KEY (task, run_id)) STRICT, WITHOUT ROWID;"
        "CREATE TABLE cancel (task INTEGER PRIMARY KEY, uid INTEGER NOT NULL,"
        " signal INTEGER NOT NULL) STRICT;"
        "CREATE TABLE start (task INTEGER PRIMARY KEY, run_id INTEGER NOT NULL,"
        " worker INTEGER NOT NULL, attempt INTEGER NOT NULL) STRICT;"
        "CREATE TABLE client (id BLOB PRIMARY KEY, uid INTEGER NOT NULL, held INTEGER NOT NULL,"
        " last_usec INTEGER NOT NULL, answers BLOB) STRICT, WITHOUT ROWID;"
        "CREATE TABLE environment (id INTEGER PRIMARY KEY, hash INTEGER NOT NULL,"
        " content BLOB NOT NULL) STRICT;"
        "CREATE INDEX environment_by_hash ON environment (hash);"
        TASK_VIEWS;

#define RUN_VALUES "?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22"
#define RUN_NAMES                                                                                  \
        "run_id, worker, attempt, state, reason, code, started_usec, ended_usec, user_usec,"       \
        " system_usec, max_rss_bytes, out_total, err_total, out_kept, err_kept, files, pool,"      \
        " detail, result, out, err"
#define STREAM_COLUMN "CASE ?2 WHEN 0 THEN result WHEN 1 THEN out ELSE err END"
#define OUTPUTS_COLUMNS                                                                            \
        "run_id, attempt, files, out_total, err_total, out_kept, err_kept, out, err, result"
/* Whoever may see all costs no look at the task's row. */
#define TASK_IS_SEEN "(?2 OR ?3 = (SELECT uid FROM task t WHERE t.id = r.task))"
#define RUN_BYTES                                                                                  \
        "out_kept + err_kept + coalesce(length(result), 0) +"                                      \
        " coalesce(length(CAST(detail AS BLOB)), 0)"
#define TASK_BYTES                                                                                 \
        "coalesce(length(CAST(name AS BLOB)), 0) + coalesce(length(CAST(summary AS BLOB)), 0) +"   \
        " coalesce(length(CAST(labels AS BLOB)) + 1, 0) + coalesce(length(payload), 0) +"        \
        " coalesce(length(CAST(group_name AS BLOB)), 0)"

const char *const sqlite_statements[ST_COUNT] = {
        [ST_BEGIN] = "BEGIN IMMEDIATE",
        [ST_COMMIT] = "COMMIT",
        [ST_ROLLBACK] = "ROLLBACK",
        [ST_GET_META] = "SELECT value FROM meta WHERE key = ?1",
        [ST_PUT_META] = "INSERT INTO meta VALUES (?1, ?2)"
                        " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        [ST_PUT_TASK] = "INSERT INTO task VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,"
                        "?15,?16,?17,?18,?19,?20)",
        [ST_PUT_END] =
                "INSERT OR IGNORE INTO task_end (task, " RUN_NAMES ") VALUES (?1," RUN_VALUES ")",
        [ST_PUT_ATTEMPT] = "INSERT OR REPLACE INTO attempt (task, " RUN_NAMES
                           ", due_usec) VALUES (?1," RUN_VALUES ",?23)",
        [ST_PUT_CANCEL] = "INSERT OR REPLACE INTO cancel VALUES (?1, ?2, ?3)",
        [ST_PUT_START] = "INSERT OR REPLACE INTO start VALUES (?1, ?2, ?3, ?4)",
        [ST_DROP_CANCEL] = "DELETE FROM cancel WHERE task = ?1",
        [ST_DROP_START] = "DELETE FROM start WHERE task = ?1",
        [ST_PUT_CLIENT] = "INSERT INTO client VALUES (?1, ?2, ?3, ?4, ?5)"
                          " ON CONFLICT (id) DO UPDATE SET uid = excluded.uid,"
                          " held = excluded.held, last_usec = excluded.last_usec,"
                          " answers = excluded.answers",
        [ST_DROP_CLIENT] = "DELETE FROM client WHERE id = ?1",
        [ST_FIND_ENVIRONMENT] = "SELECT id, content FROM environment WHERE hash = ?1",
        [ST_PUT_ENVIRONMENT] = "INSERT INTO environment (hash, content) VALUES (?1, ?2)",
        [ST_GET_ENVIRONMENT] = "SELECT content FROM environment WHERE id = ?1",
        [ST_DROP_ENVIRONMENT] = "DELETE FROM environment WHERE id = ?1",
        [ST_LIST_ENVIRONMENTS] = "SELECT id FROM environment",
        [ST_GET_PAYLOAD] = "SELECT environment, payload FROM task WHERE id = ?1",
        [ST_GET_ENDS] = "SELECT t.id, e.state, e.reason, e.code FROM task t"
                        " LEFT JOIN task_end e ON e.task = t.id"
                        " WHERE t.id >= ?1 AND t.id <= ?2 ORDER BY t.id",
        [ST_GET_OWNER] = "SELECT t.uid, e.state FROM task t LEFT JOIN task_end e ON e.task = t.id"
                         " WHERE t.id = ?1",
        [ST_SCAN_TASKS] = "SELECT " SCAN_COLUMNS
                          " FROM task t LEFT JOIN task_end e ON e.task = t.id"
                          " WHERE t.id <= ?1 AND t.id >= ?2 ORDER BY t.id DESC",
        [ST_GET_TASK] = "SELECT " TASK_COLUMNS("t.") ", " RUN_COLUMNS(
                "e.") ","
                      " (SELECT count(*) FROM attempt a WHERE a.task = t.id),"
                      " " RETRIED_AS " FROM task t LEFT JOIN task_end e ON e.task = t.id"
                      " WHERE t.id = ?1",
        [ST_GET_ATTEMPTS] = "SELECT * FROM (SELECT " RUN_COLUMNS(
                "") " FROM attempt"
                    " WHERE task = ?1 ORDER BY run_id DESC LIMIT ?2) ORDER BY run_id",
        [ST_GET_END_OUTPUT] = "SELECT " RUN_COLUMNS(
                "") ", " STREAM_COLUMN " FROM task_end"
                    " WHERE task = ?1 AND run_id <> 0 AND (?3 = 0 OR attempt = ?3)",
        [ST_GET_ATTEMPT_OUTPUT] =
                "SELECT " RUN_COLUMNS("") ", " STREAM_COLUMN " FROM attempt"
                                          " WHERE task = ?1 AND (?3 = 0 OR attempt = ?3)"
                                          " ORDER BY run_id DESC LIMIT 1",
        [ST_GET_END_OUTPUTS] = "SELECT " OUTPUTS_COLUMNS " FROM task_end r"
                               " WHERE r.task = ?1 AND " TASK_IS_SEEN,
        [ST_GET_ATTEMPT_OUTPUTS] = "SELECT " OUTPUTS_COLUMNS " FROM attempt r"
                                   " WHERE r.task = ?1 AND " TASK_IS_SEEN
                                   " ORDER BY run_id DESC LIMIT 1",
        [ST_SUMMARIZE] = "SELECT " SCAN_COLUMNS ", t.environment, " TASK_BYTES ","
                         " coalesce(out_kept + err_kept + coalesce(length(result), 0) +"
                         " coalesce(length(CAST(detail AS BLOB)), 0), 0),"
                         " (SELECT coalesce(sum(" RUN_BYTES "), 0) FROM attempt a"
                         " WHERE a.task = t.id)"
                         " FROM task t LEFT JOIN task_end e ON e.task = t.id"
                         " WHERE t.id >= ?1 AND t.id <= ?2 ORDER BY t.id LIMIT ?3",
        [ST_OLDEST_ENDS] = "SELECT task FROM task_end ORDER BY task LIMIT ?1",
        [ST_ENDS_BY_AGE] = "SELECT e.task, e.ended_usec, t.submitted_usec FROM task_end e"
                           " JOIN task t ON t.id = e.task WHERE e.task >= ?1"
                           " ORDER BY e.task LIMIT ?2",
        [ST_FORGET_END] = "DELETE FROM task_end WHERE task = ?1"
                          " RETURNING run_id, files, reason, " RUN_BYTES,
        [ST_FORGET_ATTEMPTS] = "DELETE FROM attempt WHERE task = ?1"
                               " RETURNING run_id, files, reason, " RUN_BYTES,
        [ST_FORGET_TASK] = "DELETE FROM task WHERE id = ?1 RETURNING environment, " TASK_BYTES,
};

/* clang-format on */

int sqlite_create_schema(sqlite3 *db) {
        return sqlite3_exec(db, schema, NULL, NULL, NULL);
}

/* ---- migration ---- */

/* The columns of 2 are in front of the payload, so that lists need not read over it: the rows are
 * written anew. */
static const char to_2[] =
        "DROP VIEW tasks; DROP VIEW attempts; ALTER TABLE task RENAME TO task_1;" TASK_TABLE
        "INSERT INTO task SELECT id, queue, kind, priority, uid, submitted_usec, not_before_usec,"
        " timeout_usec, grace_msec, retries, backoff_min_msec, backoff_max_msec, at_most_once,"
        " name, labels, summary, NULL, NULL, environment, payload FROM task_1;"
        "DROP TABLE task_1;" TASK_VIEWS;

/* Version 1 is the first one; 0 never was. */
const char *const sqlite_migrations[SQLITE_STORE_SCHEMA] = {NULL, to_2};

static int sync_file(const char *path) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        int r = fsync(fd) < 0 ? -errno : 0;
        close(fd);
        return r;
}

static int back_up(sqlite3 *db, const char *target) {
        unlink(target);
        sqlite3_stmt *st;
        int rc = sqlite3_prepare_v2(db, "VACUUM INTO ?1", -1, &st, NULL);
        if (rc != SQLITE_OK)
                return rc;
        sqlite3_bind_text(st, 1, target, -1, SQLITE_STATIC);
        sqlite3_step(st);
        rc = sqlite3_finalize(st);
        return rc == SQLITE_OK && sync_file(target) < 0 ? SQLITE_IOERR : rc;
}

static int run_steps(sqlite3 *db, const char *const *steps, int from, int to) {
        int rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
        for (int v = from; rc == SQLITE_OK && v < to; v++)
                rc = sqlite3_exec(db, steps[v], NULL, NULL, NULL);
        char version[64];
        snprintf(version, sizeof version, "PRAGMA user_version = %d; COMMIT", to);
        return rc == SQLITE_OK ? sqlite3_exec(db, version, NULL, NULL, NULL) : rc;
}

int sqlite_migrate(sqlite3 *db, const char *path, const char *const *steps, int from, int to,
                   Error *error) {
        char backup[PATH_MAX];
        int n = snprintf(backup, sizeof backup, "%s.v%d", path, from);
        int rc = n < 0 || (size_t)n >= sizeof backup ? SQLITE_CANTOPEN : back_up(db, backup);
        if (rc != SQLITE_OK)
                return error_set(error, EXIT_IO,
                                 "cannot migrate the store %s: no backup at %s: %s; make room or "
                                 "make its directory writable",
                                 path, backup, sqlite3_errstr(rc));
        rc = run_steps(db, steps, from, to);
        if (rc == SQLITE_OK)
                return 0;
        error_set(error, EXIT_IO,
                  "cannot migrate the store %s from version %d to %d: %s; it is as it was, and %s "
                  "is a copy",
                  path, from, to, sqlite3_errmsg(db), backup);
        if (!sqlite3_get_autocommit(db))
                sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
        return -EXIT_IO;
}
