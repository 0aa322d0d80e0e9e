/* Opening `sqlite:PATH`: what the file is, settings that are read back, the schema, the epoch.
 * Nothing is changed in a file that is not known to be ours and of a version that this program
 * knows. */
#include "dispatcher/store/sqlite-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_MSEC       5000
#define PROGRESS_STEPS  1000000 /* of SQLite's machine, between two calls of progress */
#define WAL_BYTES_KEPT  "67108864"
#define CACHE_KIBIBYTES "-16384"

static int open_error(const Sqlite *s, int rc, Error *error) {
        const char *path = s->path;
        switch (rc & 0xff) {
        case SQLITE_NOTADB:
                return error_set(error, EXIT_DATA,
                                 "cannot open the store: %s is no database; restore a backup, or "
                                 "move it away to begin anew",
                                 path);
        case SQLITE_CORRUPT:
                return error_set(error, EXIT_DATA,
                                 "cannot open the store: %s is damaged: %s; restore a backup, or "
                                 "move it away to begin anew",
                                 path, s->db ? sqlite3_errmsg(s->db) : "");
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return error_set(error, EXIT_IO,
                                 "cannot open the store: another process holds %s locked; end it "
                                 "(fuser -v %s names it)",
                                 path, path);
        case SQLITE_READONLY:
        case SQLITE_PERM:
        case SQLITE_CANTOPEN:
                return error_set(error, EXIT_NO_PERMISSION,
                                 "cannot open the store: %s, %s-wal and %s-shm cannot be written: "
                                 "%s; make them and their directory writable for this account",
                                 path, path, path, sqlite3_errstr(rc));
        case SQLITE_FULL:
                return error_set(error, EXIT_IO,
                                 "cannot open the store: the disk of %s is full; make room there",
                                 path);
        default:
                return error_set(error, EXIT_IO, "cannot open the store: %s: %s", path,
                                 s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc));
        }
}

/* Makes the file with our mode (WAL and shm take it over) and says what is wrong with the path
 * better than SQLite does. */
static int prepare_file(const char *path, const char *directory, Error *error) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
        int r = fd < 0 ? -errno : 0;
        struct stat st = {0};
        if (r == 0 && fstat(fd, &st) < 0)
                r = -errno;
        if (fd >= 0)
                close(fd);
        if (r == -EISDIR || (r == 0 && !S_ISREG(st.st_mode)))
                return error_set(error, EXIT_IO,
                                 "cannot open the store: %s is no regular file; set store.url to a "
                                 "file",
                                 path);
        if (r == 0 && access(directory, W_OK | X_OK) < 0)
                r = -errno;
        if (r == -ENOENT)
                return error_set(error, EXIT_IO,
                                 "cannot open the store: the directory %s does not exist; make it",
                                 directory);
        if (r == -EACCES || r == -EROFS || r == -EPERM)
                return error_set(error, EXIT_NO_PERMISSION,
                                 "cannot open the store: %s: %s; make it and %s writable for this "
                                 "account",
                                 path, strerror(-r), directory);
        if (r < 0)
                return error_set(error, EXIT_IO, "cannot open the store: %s: %s", path,
                                 strerror(-r));
        return 0;
}

/* Runs sql; the first column of its first row as text, "" if there is none. */
static int ask(sqlite3 *db, const char *sql, char *ret, size_t size) {
        sqlite3_stmt *st;
        ret[0] = '\0';
        int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);
        if (rc != SQLITE_OK)
                return rc;
        if (sqlite3_step(st) == SQLITE_ROW)
                snprintf(ret, size, "%s", (const char *)sqlite3_column_text(st, 0));
        return sqlite3_finalize(st);
}

static int ask_number(sqlite3 *db, const char *sql, long *ret) {
        char text[32];
        int rc = ask(db, sql, text, sizeof text);
        *ret = strtol(text, NULL, 10);
        return rc;
}

/* Before anything is changed: is it ours, and of a version that this program knows? */
static int check_identity(Sqlite *s, bool *ret_empty, long *ret_version, Error *error) {
        long application = 0, objects = 0;
        int rc = ask_number(s->db, "PRAGMA application_id", &application);
        if (rc == SQLITE_OK)
                rc = ask_number(s->db, "PRAGMA user_version", ret_version);
        if (rc == SQLITE_OK)
                rc = ask_number(s->db, "SELECT count(*) FROM sqlite_schema", &objects);
        if (rc != SQLITE_OK)
                return open_error(s, rc, error);
        *ret_empty = application == 0 && *ret_version == 0 && objects == 0;
        if (!*ret_empty && application != SQLITE_STORE_APPLICATION)
                return error_set(error, EXIT_CONFIG,
                                 "cannot open the store: %s is the database of another program; "
                                 "set store.url to another file",
                                 s->path);
        if (*ret_version > SQLITE_STORE_SCHEMA)
                return error_set(error, EXIT_CONFIG,
                                 "cannot open the store: %s has schema %ld, this version of stint "
                                 "knows %d; install the newer stint, or use a backup",
                                 s->path, *ret_version, SQLITE_STORE_SCHEMA);
        return 0;
}

/* Still in the journal mode in which it was found. */
static int check_history(Sqlite *s, Error *error) {
        char mode[16];
        int rc = ask(s->db, "PRAGMA journal_mode", mode, sizeof mode);
        if (rc == SQLITE_OK && strcmp(mode, "wal") != 0)
                rc = sqlite_begin_history(s);
        return rc == SQLITE_OK ? 0 : open_error(s, rc, error);
}

static int apply_settings(Sqlite *s, Error *error) {
        static const struct {
                const char *set, *get, *expected;
        } settings[] = {
                {"PRAGMA journal_mode = WAL", "PRAGMA journal_mode", "wal"},
                {"PRAGMA synchronous = FULL", "PRAGMA synchronous", "2"},
                {"PRAGMA locking_mode = NORMAL", "PRAGMA locking_mode", "normal"},
                {"PRAGMA temp_store = MEMORY", "PRAGMA temp_store", "2"},
                {"PRAGMA wal_autocheckpoint = 0", "PRAGMA wal_autocheckpoint", "0"},
                {"PRAGMA journal_size_limit = " WAL_BYTES_KEPT, "PRAGMA journal_size_limit",
                 WAL_BYTES_KEPT},
                {"PRAGMA cache_size = " CACHE_KIBIBYTES, "PRAGMA cache_size", CACHE_KIBIBYTES},
                {"PRAGMA cell_size_check = ON", "PRAGMA cell_size_check", "1"},
                {"PRAGMA trusted_schema = OFF", "PRAGMA trusted_schema", "0"},
        };
        for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
                char value[32];
                int rc = ask(s->db, settings[i].set, value, sizeof value);
                if (rc == SQLITE_OK)
                        rc = ask(s->db, settings[i].get, value, sizeof value);
                if (rc != SQLITE_OK)
                        return open_error(s, rc, error);
                if (strcmp(value, settings[i].expected) != 0)
                        return error_set(error, EXIT_IO,
                                         "cannot open the store: %s: \"%s\" gives %s; a local "
                                         "filesystem is needed",
                                         s->path, settings[i].set, value);
        }
        return 0;
}

static int create(Sqlite *s, Error *error) {
        uint8_t id[WIRE_UUID];
        if (getrandom(id, sizeof id, 0) != (ssize_t)sizeof id)
                return error_set(error, EXIT_IO, "cannot open the store: no random numbers");
        char sql[256];
        int n = snprintf(
                sql, sizeof sql,
                "PRAGMA application_id = %d; PRAGMA user_version = %d;"
                "INSERT INTO meta VALUES ('epoch', 0), ('highest_id', 0), ('low_water', 1),"
                " ('store_id', x'",
                SQLITE_STORE_APPLICATION, SQLITE_STORE_SCHEMA);
        for (size_t i = 0; i < sizeof id; i++)
                n += snprintf(sql + n, sizeof sql - (size_t)n, "%02x", id[i]);
        snprintf(sql + n, sizeof sql - (size_t)n, "')");
        int rc = sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
        if (rc == SQLITE_OK)
                rc = sqlite_create_schema(s->db);
        if (rc == SQLITE_OK)
                rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
        if (rc == SQLITE_OK)
                rc = sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL);
        return rc == SQLITE_OK ? 0 : open_error(s, rc, error);
}

static int prepare_statements(Sqlite *s, Error *error) {
        for (size_t i = 0; i < ST_COUNT; i++) {
                int rc = sqlite3_prepare_v3(s->db, sqlite_statements[i], -1,
                                            SQLITE_PREPARE_PERSISTENT, &s->statements[i], NULL);
                if (rc != SQLITE_OK)
                        return open_error(s, rc, error);
        }
        return 0;
}

static int read_store_id(Sqlite *s) {
        sqlite3_stmt *st = s->statements[ST_GET_META];
        sqlite3_bind_text(st, 1, "store_id", -1, SQLITE_STATIC);
        int r = sqlite_next_row(s, ST_GET_META);
        if (r == 1 && sqlite3_column_bytes(st, 0) == WIRE_UUID)
                memcpy(s->base.id, sqlite3_column_blob(st, 0), WIRE_UUID);
        else if (r >= 0)
                r = backend_fail(&s->base, "the store %s has no valid store_id", s->path);
        sqlite_reset(s, ST_GET_META);
        return r < 0 ? r : 0;
}

/* The epoch is committed, and so synced, before anybody sees it. */
static int begin_epoch(Sqlite *s) {
        uint64_t epoch = 0;
        long top = 0;
        int r = sqlite_begin(s);
        if (r == 0)
                r = sqlite_get_meta(s, "epoch", &epoch);
        if (r == 0)
                r = sqlite_get_meta(s, "highest_id", &s->highest_id);
        if (r == 0)
                r = sqlite_get_meta(s, "low_water", &s->low_water);
        if (r == 0)
                r = read_store_id(s);
        if (r == 0)
                r = sqlite_error(s, ask_number(s->db, "SELECT max(id) FROM task", &top));
        if (r == 0)
                r = sqlite_put_meta(s, "epoch", ++epoch);
        if (r == 0)
                r = sqlite_commit_transaction(s);
        sqlite_rollback(s);
        s->highest_id = MAX_OF(s->highest_id, (uint64_t)top);
        s->base.epoch = (uint32_t)epoch;
        s->base.next_task_id = s->highest_id + 1;
        return r;
}

static int on_progress(void *userdata) {
        Sqlite *s = userdata;
        s->progress(s->userdata);
        return 0;
}

int sqlite_connect(Sqlite *s, Error *error) {
        int r = prepare_file(s->path, s->directory, error);
        if (r == 0)
                r = sqlite_check_wal(s->path, error);
        if (r < 0)
                return r;
        int rc = sqlite3_open_v2(
                s->path, &s->db,
                SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
        if (rc != SQLITE_OK)
                return open_error(s, rc, error);
        sqlite3_busy_timeout(s->db, BUSY_MSEC);
        if (s->progress)
                sqlite3_progress_handler(s->db, PROGRESS_STEPS, on_progress, s);
        bool empty;
        long version;
        r = check_identity(s, &empty, &version, error);
        if (r == 0 && !empty)
                r = check_history(s, error);
        if (r == 0)
                r = apply_settings(s, error);
        if (r == 0 && empty)
                r = create(s, error);
        else if (r == 0 && version < SQLITE_STORE_SCHEMA)
                r = sqlite_migrate(s->db, s->path, sqlite_migrations, (int)version,
                                   SQLITE_STORE_SCHEMA, error);
        if (r == 0)
                r = prepare_statements(s, error);
        if (r < 0)
                return r;
        sqlite3_wal_hook(s->db, sqlite_on_wal, s);
        return begin_epoch(s) < 0 ? open_error(s, sqlite3_extended_errcode(s->db), error) : 0;
}
