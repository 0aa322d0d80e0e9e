/* `sqlite:PATH`: statements, transactions, what errors mean, closing. See docs/store.md.
 *
 * Durable means WAL with synchronous=FULL: a commit returns after the sync of its frames.
 * Checkpoints are ours, not SQLite's own, whose errors a commit does not report: a failed sync must
 * never be tried again on the same handle. */
#include "dispatcher/store/sqlite-internal.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>

#define WAL_PAGES 4000 /* 16 MiB: checkpoint then */

/* ---- errors ---- */

/* A quota or a file-size limit is a full disk, too, but SQLite calls it an I/O error; which one,
 * only the file knows: the errno of the connection is often that of a later call. */
static bool hit_a_limit(sqlite3 *db, int which) {
        sqlite3_file *file = NULL;
        int error = 0;
        if (sqlite3_file_control(db, "main", which, &file) != SQLITE_OK || !file || !file->pMethods)
                return false;
        file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error);
        return error == EDQUOT || error == EFBIG;
}

static bool is_full(sqlite3 *db, int rc) {
        if ((rc & 0xff) == SQLITE_FULL || rc == SQLITE_IOERR_SHMSIZE)
                return true;
        return rc == SQLITE_IOERR_WRITE && (hit_a_limit(db, SQLITE_FCNTL_JOURNAL_POINTER) ||
                                            hit_a_limit(db, SQLITE_FCNTL_FILE_POINTER));
}

int sqlite_error(Sqlite *s, int rc) {
        switch (rc & 0xff) {
        case SQLITE_OK:
        case SQLITE_ROW:
        case SQLITE_DONE:
                return 0;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return -EBUSY;
        case SQLITE_NOMEM:
                return -ENOMEM;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
                s->damaged = true;
                return backend_fail(&s->base, "the store %s is damaged: %s", s->path,
                                    sqlite3_errmsg(s->db));
        default:
                if (is_full(s->db, rc))
                        return -ENOSPC;
                int error = sqlite3_system_errno(s->db);
                return backend_fail(&s->base, "the store %s failed: %s%s%s", s->path,
                                    sqlite3_errmsg(s->db), error ? ": " : "",
                                    error ? strerror(error) : "");
        }
}

/* ---- statements ---- */

int sqlite_run(Sqlite *s, Statement st) {
        int r = sqlite_error(s, sqlite3_step(s->statements[st]));
        sqlite3_reset(s->statements[st]);
        return r;
}

int sqlite_next_row(Sqlite *s, Statement st) {
        int rc = sqlite3_step(s->statements[st]);
        if (rc == SQLITE_ROW)
                return 1;
        int r = sqlite_error(s, rc);
        sqlite3_reset(s->statements[st]);
        return r;
}

void sqlite_reset(Sqlite *s, Statement st) {
        sqlite3_reset(s->statements[st]);
}

void bind_u64(sqlite3_stmt *st, int column, uint64_t value) {
        sqlite3_bind_int64(st, column, (sqlite3_int64)value);
}

void bind_text(sqlite3_stmt *st, int column, BlobSlice text) {
        if (text.size)
                sqlite3_bind_text(st, column, blob_slice_data(text), (int)text.size, SQLITE_STATIC);
        else
                sqlite3_bind_null(st, column);
}

void bind_blob(sqlite3_stmt *st, int column, BlobSlice bytes) {
        if (bytes.size)
                sqlite3_bind_blob(st, column, blob_slice_data(bytes), (int)bytes.size,
                                  SQLITE_STATIC);
        else
                sqlite3_bind_null(st, column);
}

uint64_t column_u64(sqlite3_stmt *st, int column) {
        return (uint64_t)sqlite3_column_int64(st, column);
}

int column_slice(sqlite3_stmt *st, int column, BlobSlice *ret) {
        *ret = (BlobSlice){0};
        const void *data = sqlite3_column_blob(st, column);
        int size = sqlite3_column_bytes(st, column);
        if (!data || size <= 0)
                return 0;
        Blob *b = blob_new_copy(data, (size_t)size);
        if (!b)
                return -ENOMEM;
        *ret = (BlobSlice){.blob = b, .size = (uint32_t)size};
        return 0;
}

int sqlite_get_meta(Sqlite *s, const char *key, uint64_t *ret) {
        sqlite3_stmt *st = s->statements[ST_GET_META];
        sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
        int r = sqlite_next_row(s, ST_GET_META);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        *ret = column_u64(st, 0);
        sqlite_reset(s, ST_GET_META);
        return 0;
}

int sqlite_put_meta(Sqlite *s, const char *key, uint64_t value) {
        sqlite3_stmt *st = s->statements[ST_PUT_META];
        sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
        bind_u64(st, 2, value);
        return sqlite_run(s, ST_PUT_META);
}

/* ---- transactions ---- */

int sqlite_begin(Sqlite *s) {
        return sqlite_run(s, ST_BEGIN);
}

void sqlite_rollback(Sqlite *s) {
        /* A full disk has rolled everything back already. */
        if (!sqlite3_get_autocommit(s->db))
                sqlite_run(s, ST_ROLLBACK);
}

int sqlite_on_wal(void *userdata, sqlite3 *db, const char *name, int pages) {
        ((Sqlite *)userdata)->wal_pages = pages;
        return SQLITE_OK;
}

int sqlite_commit_transaction(Sqlite *s) {
        int r = sqlite_run(s, ST_COMMIT);
        if (r < 0 || s->wal_pages < WAL_PAGES)
                return r;
        s->wal_pages = 0; /* set again by the next commit if readers hold it up */
        r = sqlite_error(
                s, sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL));
        /* Full or busy: the WAL is as good. The commit itself is done, unless all has failed. */
        return backend_has_failed(&s->base) ? r : 0;
}

/* ---- opening and closing ---- */

static Backend *sqlite_close(Backend *b) {
        if (!b)
                return NULL;
        Sqlite *s = sqlite_of(b);
        for (size_t i = 0; i < ST_COUNT; i++)
                sqlite3_finalize(s->statements[i]);
        sqlite3_close(s->db);
        unended_done(&s->unended);
        digest_done(&s->digest);
        table_done(&s->marks);
        environment_done(s);
        free(s->written);
        free(s->directory);
        free(s->state_dir);
        free(s->path);
        free(s);
        return NULL;
}

static int sqlite_open(const StoreOptions *options, const char *address, Error *error,
                       Backend **ret) {
        if (address[0] != '/' || strlen(address) >= PATH_MAX - 16)
                return error_set(error, EXIT_CONFIG,
                                 "cannot open the store: \"%.200s\" has no absolute path; write "
                                 "sqlite:/PATH",
                                 options->url);
        Sqlite *s = calloc(1, sizeof *s);
        if (!s)
                return error_set(error, EXIT_IO, "cannot open the store: no memory");
        /* Statistics of memory cost a mutex per allocation, a fifth of a commit. Refused, and
         * harmless, when SQLite is in use already. */
        sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
        s->base.type = &backend_sqlite;
        s->progress = options->progress;
        s->userdata = options->userdata;
        char copy[PATH_MAX];
        snprintf(copy, sizeof copy, "%s", address);
        s->path = strdup(address);
        s->directory = strdup(dirname(copy));
        s->state_dir = strdup(options->state_dir);
        int r = s->path && s->directory && s->state_dir
                        ? 0
                        : error_set(error, EXIT_IO, "cannot open the store: no memory");
        if (r == 0)
                r = sqlite_connect(s, error);
        if (r < 0) {
                sqlite_close(&s->base);
                return r;
        }
        s->base.directory = s->directory;
        *ret = &s->base;
        return 0;
}

const BackendType backend_sqlite = {
        .scheme = "sqlite:",
        .open = sqlite_open,
        .close = sqlite_close,
        .recover = sqlite_recover,
        .commit = sqlite_commit,
        .read = sqlite_read,
        .maintain = sqlite_maintain,
};
