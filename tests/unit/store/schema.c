/* Databases of older schemas are opened, with everything that is in them. */
#include "tests/unit/store/fixture.h"

#include <sqlite3.h>
#include <unistd.h>

#define RUN_COLUMNS_1                                                                              \
        " run_id INTEGER NOT NULL, worker INTEGER NOT NULL, attempt INTEGER NOT NULL,"             \
        " state INTEGER NOT NULL, reason INTEGER NOT NULL, code INTEGER NOT NULL,"                 \
        " started_usec INTEGER NOT NULL, ended_usec INTEGER NOT NULL,"                             \
        " user_usec INTEGER NOT NULL, system_usec INTEGER NOT NULL,"                               \
        " max_rss_bytes INTEGER NOT NULL, out_total INTEGER NOT NULL, err_total INTEGER NOT NULL," \
        " out_kept INTEGER NOT NULL, err_kept INTEGER NOT NULL, files INTEGER NOT NULL,"           \
        " pool TEXT NOT NULL, detail TEXT, result BLOB, out BLOB, err BLOB"

/* As version 1 made it, with three tasks: ended, between two attempts, waiting. */
static const char version_1[] =
        "PRAGMA journal_mode = WAL;"
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;"
        "CREATE TABLE task (id INTEGER PRIMARY KEY, queue TEXT NOT NULL, kind INTEGER NOT NULL,"
        " priority INTEGER NOT NULL, uid INTEGER NOT NULL, submitted_usec INTEGER NOT NULL,"
        " not_before_usec INTEGER NOT NULL, timeout_usec INTEGER NOT NULL,"
        " grace_msec INTEGER NOT NULL, retries INTEGER NOT NULL,"
        " backoff_min_msec INTEGER NOT NULL, backoff_max_msec INTEGER NOT NULL,"
        " at_most_once INTEGER NOT NULL, name TEXT, labels TEXT, summary TEXT,"
        " environment INTEGER, payload BLOB) STRICT;"
        "CREATE TABLE task_end (task INTEGER PRIMARY KEY," RUN_COLUMNS_1 ") STRICT;"
        "CREATE TABLE attempt (task INTEGER NOT NULL, due_usec INTEGER NOT NULL," RUN_COLUMNS_1
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
        "CREATE VIEW tasks AS SELECT t.id, e.state FROM task t LEFT JOIN task_end e"
        " ON e.task = t.id;"
        "CREATE VIEW attempts AS SELECT task, attempt FROM attempt;"
        "PRAGMA application_id = 0x73746e74; PRAGMA user_version = 1;"
        "INSERT INTO meta VALUES ('epoch', 4), ('highest_id', 9), ('low_water', 1),"
        " ('store_id', x'000102030405060708090a0b0c0d0e0f');"
        "INSERT INTO environment VALUES (1, 5, CAST('HOME=/x' AS BLOB));"
        "INSERT INTO task VALUES (1, 'default', 1, 0, 1000, 5, 0, 0, 10000, 0, 2000, 300000, 0,"
        " 'first', 'a=1', 'true', 1, x'61726776');"
        "INSERT INTO task VALUES (2, 'mail', 2, -3, 1000, 6, 0, 0, 10000, 3, 2000, 300000, 0,"
        " NULL, NULL, NULL, NULL, x'74776f');"
        "INSERT INTO task VALUES (9, 'default', 2, 0, 1000, 7, 0, 0, 10000, 0, 2000, 300000, 1,"
        " NULL, NULL, NULL, 1, NULL);"
        "INSERT INTO task_end VALUES (1, 17, 3, 1, 6, 1, 0, 8, 9, 0, 0, 0, 2, 0, 2, 0, 0,"
        " 'default', NULL, NULL, x'6869', NULL);"
        "INSERT INTO attempt VALUES (2, 99, 18, 3, 1, 7, 1, 4, 8, 9, 0, 0, 0, 0, 0, 0, 0, 0,"
        " 'default', NULL, NULL, NULL, NULL);";

static const char *path_of(const Fixture *f) {
        return f->url + strlen("sqlite:");
}

static void fixture_open_version_1(Fixture *f) {
        sqlite3 *db;
        fixture_open(f, "sqlite");
        f->store = store_close(f->store);
        cr_assert_eq(unlink(path_of(f)), 0);
        cr_assert_eq(sqlite3_open(path_of(f), &db), SQLITE_OK);
        cr_assert_eq(sqlite3_exec(db, version_1, NULL, NULL, NULL), SQLITE_OK, "%s",
                     sqlite3_errmsg(db));
        sqlite3_close(db);
        fixture_reopen_only(f);
}

static int number(const char *path, const char *sql) {
        sqlite3 *db;
        sqlite3_stmt *st;
        cr_assert_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
        cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK, "%s",
                     sqlite3_errmsg(db));
        cr_assert_eq(sqlite3_step(st), SQLITE_ROW);
        int n = sqlite3_column_int(st, 0);
        sqlite3_finalize(st);
        sqlite3_close(db);
        return n;
}

Test(schema, a_database_of_version_1_is_opened_with_all_that_is_in_it) {
        Fixture f;
        Recovered r;
        fixture_open_version_1(&f);
        cr_assert_eq(store_epoch(f.store), 5);
        cr_assert_eq(store_next_task_id(f.store), 10);
        recover(&f, &r);
        cr_assert_eq(r.task_count, 2);
        cr_assert_eq(r.tasks[0].id, 2);
        cr_assert_eq(r.tasks[0].attempts, 1);
        cr_assert_eq(r.tasks[1].id, 9);
        cr_assert(r.tasks[1].policy.at_most_once);
        recovered_done(&r);
        cr_assert_eq(store_start(f.store), 0);
        StoreDone d = ask_task(&f, 1);
        cr_assert(slice_is(d.tasks[0].task.name, "first"));
        cr_assert(slice_is(d.tasks[0].task.environment, "HOME=/x"));
        cr_assert(slice_is(d.tasks[0].task.payload, "argv"));
        cr_assert_eq(d.tasks[0].task.group.size, 0);
        cr_assert_eq(d.tasks[0].task.retry_of, 0);
        cr_assert_eq(d.tasks[0].end.state, TASK_SUCCEEDED);
        store_done_free(&d);
        store_batch(&f, task(10, .group = "g", .retry_of = 1), ended(10, .run = 77));
        d = ask_task(&f, 1);
        cr_assert_eq(d.tasks[0].retried_as, 10);
        store_done_free(&d);
        fixture_close(&f);
}

Test(schema, migration_leaves_a_copy_and_the_views_know_the_new_columns) {
        Fixture f;
        char backup[160];
        fixture_open_version_1(&f);
        f.store = store_close(f.store);
        snprintf(backup, sizeof backup, "%s.v1", path_of(&f));
        cr_assert_eq(number(backup, "PRAGMA user_version"), 1);
        cr_assert_eq(number(backup, "SELECT count(*) FROM task"), 3);
        cr_assert_eq(number(path_of(&f), "PRAGMA user_version"), 2);
        cr_assert_eq(number(path_of(&f), "SELECT count(*) FROM tasks WHERE group_name IS NULL AND"
                                         " retry_of IS NULL AND retried_as IS NULL"),
                     3);
        cr_assert_eq(number(path_of(&f), "SELECT count(*) FROM attempts"), 2);
        cr_assert_eq(number(path_of(&f), "SELECT count(*) FROM sqlite_schema WHERE name ="
                                         " 'task_by_retry'"),
                     1);
        fixture_close(&f);
}

/* What a migrated database has and what a new one has must not differ. */
Test(schema, a_migrated_database_is_like_a_new_one) {
        static const char columns[] = "SELECT sum(unicode(name) * (cid + 1)) + 1000 * count(*)"
                                      " FROM pragma_table_info('task')";
        Fixture old, new;
        fixture_open_version_1(&old);
        fixture_open(&new, "sqlite");
        cr_assert_eq(number(path_of(&old), columns), number(path_of(&new), columns));
        fixture_close(&old);
        fixture_close(&new);
}
