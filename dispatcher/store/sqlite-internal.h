/* The inside of the backend `sqlite:`. The only header that includes sqlite3.h; seen by
 * dispatcher/store/sqlite*.c alone.
 *
 *      sqlite.c              statements, transactions, errors, closing
 *      sqlite-open.c         checks, settings, epoch
 *      sqlite-copy.c         backups that were restored
 *      sqlite-schema.c       tables, views, migration, every statement
 *      sqlite-write.c        commits
 *      sqlite-environment.c  environments, stored once per content
 *      sqlite-recover.c      what a new dispatcher learns
 *      sqlite-read.c         answers to reads
 *      sqlite-retention.c    forgetting
 *
 * One connection, one thread. Internal functions return 0 or a negative errno that sqlite_error
 * made of SQLite's result. */
#pragma once

#include "common/table.h"
#include "dispatcher/store/backend.h"
#include "dispatcher/store/digest.h"
#include "dispatcher/store/unended.h"

#include <sqlite3.h>

#define SQLITE_STORE_APPLICATION 0x73746e74 /* "stnt" */
#define SQLITE_STORE_SCHEMA      2
#define LABEL_SEPARATOR          '\x1f' /* between labels in a row: a NUL would end the text */

typedef enum Statement {
        ST_BEGIN,
        ST_COMMIT,
        ST_ROLLBACK,
        ST_GET_META,
        ST_PUT_META,
        ST_PUT_TASK,
        ST_PUT_END,
        ST_PUT_ATTEMPT,
        ST_PUT_CANCEL,
        ST_PUT_START,
        ST_DROP_CANCEL,
        ST_DROP_START,
        ST_PUT_CLIENT,
        ST_DROP_CLIENT,
        ST_FIND_ENVIRONMENT,
        ST_PUT_ENVIRONMENT,
        ST_GET_ENVIRONMENT,
        ST_DROP_ENVIRONMENT,
        ST_LIST_ENVIRONMENTS,
        ST_GET_PAYLOAD,
        ST_GET_ENDS,
        ST_GET_OWNER,
        ST_SCAN_TASKS,
        ST_GET_TASK,
        ST_GET_ATTEMPTS,
        ST_GET_END_OUTPUT,
        ST_GET_ATTEMPT_OUTPUT,
        ST_GET_END_OUTPUTS,
        ST_GET_ATTEMPT_OUTPUTS,
        ST_SUMMARIZE,
        ST_OLDEST_ENDS,
        ST_ENDS_BY_AGE,
        ST_FORGET_END,
        ST_FORGET_ATTEMPTS,
        ST_FORGET_TASK,
        ST_COUNT,
} Statement;

/* clang-format off */
/* Columns of a task and of a run in the order in which sqlite-read.c takes them; p: prefix such as
 * "t." */
#define TASK_COLUMNS(p)                                                                            \
        p "id, " p "queue, " p "kind, " p "priority, " p "uid, " p "submitted_usec, "              \
        p "not_before_usec, " p "timeout_usec, " p "grace_msec, " p "retries, "                    \
        p "backoff_min_msec, " p "backoff_max_msec, " p "at_most_once, " p "name, "                \
        p "labels, " p "summary, " p "group_name, " p "retry_of"
#define RUN_COLUMNS(p)                                                                             \
        p "run_id, " p "worker, " p "attempt, " p "state, " p "reason, " p "code, "                \
        p "started_usec, " p "ended_usec, " p "user_usec, " p "system_usec, "                      \
        p "max_rss_bytes, " p "out_total, " p "err_total, " p "out_kept, " p "err_kept, "          \
        p "files, " p "pool, " p "detail, length(" p "result), length(" p "out), length(" p "err)"
/* clang-format on */
enum { TASK_COLUMN_COUNT = 18, RUN_COLUMN_COUNT = 21, SCAN_COLUMN_COUNT = 8 };

#define ENVIRONMENT_CACHE_SLOTS 32u

typedef struct CachedEnvironment {
        uint64_t id; /* 0: free */
        uint64_t hash;
        BlobSlice content; /* a copy of our own, so that no message is kept alive */
} CachedEnvironment;

typedef struct Environments {
        CachedEnvironment slots[ENVIRONMENT_CACHE_SLOTS]; /* by hash */
        BlobSlice last; /* lent by the batch that is being written */
        uint64_t last_id;
        Table references; /* id -> number of tasks, as a pointer-sized count */
        Table unused;     /* ids that lost their last reference, to be removed -> any pointer */
} Environments;

/* How much retention has to do. Tasks that were there at the start are counted in the background,
 * from low ids to high. */
typedef struct Summary {
        uint64_t cursor, end; /* ids cursor … end are not counted yet */
        uint64_t ended_count, ended_bytes;
        uint64_t ended_since_step;
        usec_t stepped_usec;  /* monotonic: last step */
        uint64_t age_cursor;  /* where the pass by age goes on */
        usec_t age_next_usec; /* wall clock: when a pass begins, in a pass 0 */
        usec_t age_due_usec;  /* wall clock: earliest end of life that this pass saw */
        usec_t age_limit;     /* the retention of this plan */
} Summary;

/* What an operation did, for the accounts once it is committed. */
typedef struct Written {
        uint64_t environment, bytes;
        int purged; /* 1: the task was there */
} Written;

typedef struct Sqlite {
        Backend base;
        char *path, *directory, *state_dir;
        sqlite3 *db;
        sqlite3_stmt *statements[ST_COUNT];
        void (*progress)(void *userdata);
        void *userdata;

        Unended unended;
        Digest digest; /* of what is counted */
        Table marks;   /* id of each task that may have a row in cancel or start -> any pointer */
        Environments environments;
        Summary summary;
        uint64_t highest_id, low_water; /* as stored */
        Written *written;               /* of each op of the group that is being written */
        size_t written_size;
        int wal_pages;
        bool damaged; /* what failed the backend */
} Sqlite;

static inline Sqlite *sqlite_of(Backend *b) {
        return CONTAINER_OF(b, Sqlite, base);
}

/* ---- sqlite.c ---- */

/* What became of rc: -ENOSPC, -EBUSY and -ENOMEM are passing; all else means that the database
 * cannot be trusted or reached, and fails the backend. SQLITE_OK, _ROW and _DONE give 0. */
int sqlite_error(Sqlite *s, int rc);

/* Runs a statement that gives no row and resets it. */
int sqlite_run(Sqlite *s, Statement st);

/* After SQLITE_ROW: 1, at the end: 0. Anything else resets the statement. */
int sqlite_next_row(Sqlite *s, Statement st);
void sqlite_reset(Sqlite *s, Statement st);

/* Ends the transaction that is open, if SQLite has not already. */
void sqlite_rollback(Sqlite *s);
/* BEGIN; COMMIT and a checkpoint when the WAL is long. */
int sqlite_begin(Sqlite *s);
int sqlite_commit_transaction(Sqlite *s);

int sqlite_get_meta(Sqlite *s, const char *key, uint64_t *ret); /* -ENOENT */
int sqlite_put_meta(Sqlite *s, const char *key, uint64_t value);

void bind_u64(sqlite3_stmt *st, int column, uint64_t value);
void bind_text(sqlite3_stmt *st, int column, BlobSlice text);
void bind_blob(sqlite3_stmt *st, int column, BlobSlice bytes);
uint64_t column_u64(sqlite3_stmt *st, int column);
/* A copy; -ENOMEM. */
int column_slice(sqlite3_stmt *st, int column, BlobSlice *ret);

/* SQLite's hook of commits: notes how long the WAL is. */
int sqlite_on_wal(void *userdata, sqlite3 *db, const char *name, int pages);

/* ---- sqlite-open.c ---- */

/* Opens s->path, up to an epoch that is committed. On failure the caller closes what is there. */
int sqlite_connect(Sqlite *s, Error *error);

/* ---- sqlite-copy.c ---- */

/* Before a file is opened: refuses (EXIT_DATA) a copy beside which somebody else's WAL lies, since
 * SQLite would write that into it. */
int sqlite_check_wal(const char *path, Error *error);

/* Makes the history of a copy its own, and the note for who opened it; a result code of SQLite. */
int sqlite_begin_history(Sqlite *s);

/* The highest id that the original may have given by now, and more. Pure. */
uint64_t sqlite_id_after_copy(uint64_t highest_id, usec_t last_task_usec, usec_t now);

/* ---- sqlite-schema.c ---- */

extern const char *const sqlite_statements[ST_COUNT];
int sqlite_create_schema(sqlite3 *db); /* a result code of SQLite */

/* Steps from `from` to `to`, steps[i] leading from version i to i + 1, in one transaction after a
 * backup at PATH.vFROM. 0, or -code with error. */
int sqlite_migrate(sqlite3 *db, const char *path, const char *const *steps, int from, int to,
                   Error *error);
extern const char *const sqlite_migrations[SQLITE_STORE_SCHEMA];

/* ---- sqlite-write.c ---- */

int sqlite_commit(Backend *b, Batch *batches);

/* ---- sqlite-environment.c ---- */

/* Inside a transaction: the id of content, which is stored if it is new. 0 for an empty one. */
int environment_put(Sqlite *s, BlobSlice content, uint64_t *ret_id);
int environment_get(Sqlite *s, uint64_t id, BlobSlice *ret);
/* No batch is being written: what was lent is gone. */
void environment_forget_last(Sqlite *s);
/* A transaction was rolled back: ids in the cache may not exist. */
void environment_clear_cache(Sqlite *s);
int environment_add_references(Sqlite *s, uint64_t id, uint64_t n);
bool environment_drop_reference(Sqlite *s, uint64_t id); /* true: that was the last one */
/* Inside a transaction: deletes it, unless it has been used again meanwhile. */
int environment_remove(Sqlite *s, uint64_t id);
void environment_done(Sqlite *s);

/* ---- sqlite-recover.c, sqlite-read.c, sqlite-retention.c ---- */

int sqlite_recover(Backend *b, const RecoverySink *sink, Error *error);
int sqlite_read(Backend *b, const StoreRead *read, StoreDone *ret);
usec_t sqlite_maintain(Backend *b, const Retention *keep, StoreLoad load);
/* Retention's accounts and the digest, after a commit. */
int retention_note_task(Sqlite *s, const TaskRecord *t); /* 0 or -ENOMEM */
void retention_note_end(Sqlite *s, uint64_t id, uint8_t state, uint64_t bytes);
void retention_note_purged(Sqlite *s, uint64_t id, uint64_t bytes, uint64_t environment);

/* Everything in the store is counted, and in the digest. */
bool retention_is_counted(const Sqlite *s);
/* The row at which st is, if it begins with SCAN_COLUMNS; texts are lent. */
void column_filter_row(sqlite3_stmt *st, FilterRow *ret);

/* Inside a transaction: deletes an ended task with its attempts and files; adds what it weighed and
 * gives its environment, 0: none. 1; 0: there is no such end, and nothing was done. */
int retention_forget(Sqlite *s, uint64_t id, uint64_t *bytes, uint64_t *ret_environment);
