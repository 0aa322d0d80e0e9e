/* A copy of a database in the place of the original: a backup that was restored.
 *
 * What the original did after the copy was made, nobody knows here: ids that it gave may be in
 * people's notes and in clients that wait, its runs named output files. So a copy begins a history
 * of its own: another store id, a later epoch, ids beyond any that the original can have given.
 *
 * How a copy is known: ours are in WAL mode from their first moment, and what VACUUM INTO, .recover
 * or .dump make is not. The journal mode is the first thing that opening changes, so the new
 * history is committed before. */
#include "dispatcher/store/sqlite-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EPOCHS_SKIPPED   65536 /* more restarts than the original can have had since */
#define TASKS_PER_SECOND 1000u /* that it may have been given since, for so long at most: */
#define AGE_MAX_USEC     (30 * USEC_PER_DAY)
#define AGE_SLACK_USEC   (1000 * USEC_PER_SEC)
#define IDS_ROUND        1000000u

/* In the header of the file: the versions of the format for writing and reading, 2 with a WAL. */
#define FORMAT_OFFSET 18
#define FORMAT_WAL    2

uint64_t sqlite_id_after_copy(uint64_t highest_id, usec_t last_task_usec, usec_t now) {
        usec_t age = last_task_usec && now > last_task_usec ? now - last_task_usec : 0;
        age = MIN_OF(age, AGE_MAX_USEC) + AGE_SLACK_USEC;
        uint64_t beyond = highest_id + age / USEC_PER_SEC * TASKS_PER_SECOND;
        return (beyond / IDS_ROUND + 1) * IDS_ROUND;
}

int sqlite_check_wal(const char *path, Error *error) {
        char wal[PATH_MAX + 8];
        uint8_t format[2] = {FORMAT_WAL, FORMAT_WAL};
        snprintf(wal, sizeof wal, "%s-wal", path);
        struct stat st;
        if (stat(wal, &st) < 0 || st.st_size == 0)
                return 0;
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return 0; /* opening says what is wrong */
        ssize_t n = pread(fd, format, sizeof format, FORMAT_OFFSET);
        close(fd);
        if (n < (ssize_t)sizeof format || (format[0] == FORMAT_WAL && format[1] == FORMAT_WAL))
                return 0;
        return error_set(error, EXIT_DATA,
                         "cannot open the store: %s is a copy, and %s belongs to another "
                         "database and would damage it; move the latter away",
                         path, wal);
}

static int column_of(Sqlite *s, const char *sql, uint64_t *ret) {
        sqlite3_stmt *st;
        int rc = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);
        if (rc != SQLITE_OK)
                return rc;
        if (sqlite3_step(st) == SQLITE_ROW)
                *ret = column_u64(st, 0);
        return sqlite3_finalize(st);
}

int sqlite_begin_history(Sqlite *s) {
        uint64_t highest = 0, last_usec = 0;
        int rc = column_of(s,
                           "SELECT max(value, (SELECT coalesce(max(id), 0) FROM task)) FROM meta"
                           " WHERE key = 'highest_id'",
                           &highest);
        if (rc == SQLITE_OK)
                rc = column_of(s, "SELECT submitted_usec FROM task ORDER BY id DESC LIMIT 1",
                               &last_usec);
        if (rc != SQLITE_OK)
                return rc;
        uint64_t id = sqlite_id_after_copy(highest, last_usec, time_now_realtime());
        char sql[384];
        snprintf(sql, sizeof sql,
                 "BEGIN IMMEDIATE;"
                 "UPDATE meta SET value = value + %d WHERE key = 'epoch';"
                 "UPDATE meta SET value = %" PRIu64 " WHERE key = 'highest_id';"
                 "UPDATE meta SET value = randomblob(%d) WHERE key = 'store_id';"
                 "COMMIT",
                 EPOCHS_SKIPPED, id, WIRE_UUID);
        rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
        if (rc == SQLITE_OK)
                snprintf(s->base.note, sizeof s->base.note,
                         "the store %.300s is a restored copy: what ended after it was made is not "
                         "known to have ended and runs again; new tasks have ids from %" PRIu64,
                         s->path, id + 1);
        return rc;
}
