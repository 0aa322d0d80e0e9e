/* The store's parts by themselves: the set of unended tasks, filters, migration, pieces of output.
 */
#include "tests/unit/store/fixture.h"

#include "dispatcher/store/filter.h"
#include "dispatcher/store/output-files.h"
#include "dispatcher/store/sqlite-internal.h"
#include "dispatcher/store/unended.h"

#include <errno.h>
#include <unistd.h>

/* ---- unended ---- */

Test(unended, knows_the_oldest_and_what_each_weighs) {
        Unended u = {0};
        cr_assert_eq(unended_first(&u, 77), 77);
        cr_assert_eq(unended_add(&u, 300, 0), 0);
        cr_assert_eq(unended_add(&u, 5, 1000), 0);
        cr_assert_eq(unended_add(&u, 1000000, 1), 0);
        cr_assert_eq(unended_first(&u, 0), 5);
        unended_grow(&u, 5, 24);
        unended_grow(&u, 6, 24);
        cr_assert_eq(unended_take(&u, 5), 1024);
        cr_assert_eq(unended_take(&u, 5), 0, "taken once");
        cr_assert_eq(unended_first(&u, 0), 300);
        cr_assert_eq(unended_take(&u, 300), 0);
        cr_assert_eq(unended_first(&u, 0), 1000000);
        unended_done(&u);
}

Test(unended, weights_stop_at_4_gib) {
        Unended u = {0};
        cr_assert_eq(unended_add(&u, 1, UINT64_MAX), 0);
        unended_grow(&u, 1, UINT32_MAX);
        cr_assert_eq(unended_take(&u, 1), UINT32_MAX - 1);
        unended_done(&u);
}

/* Against a plain list of marks, in a random order with a printed seed. */
Test(unended, agrees_with_a_plain_list) {
        enum { IDS = 3000 };
        static uint8_t there[IDS];
        unsigned seed = (unsigned)time_now_realtime();
        fprintf(stderr, "# seed %u\n", seed);
        Unended u = {0};
        for (int i = 0; i < 20000; i++) {
                uint64_t id = (uint64_t)rand_r(&seed) % IDS;
                if (there[id])
                        cr_assert_eq(unended_take(&u, id), id + 1);
                else
                        cr_assert_eq(unended_add(&u, id, id + 1), 0);
                there[id] = !there[id];
                if (i % 100 == 0) {
                        const uint8_t *first = memchr(there, 1, IDS);
                        cr_assert_eq(unended_first(&u, IDS),
                                     first ? (uint64_t)(first - there) : IDS);
                }
        }
        unended_done(&u);
}

/* ---- filters ---- */

static bool label_matches(const char *labels, size_t size, const char *wanted) {
        StoreFilter f = {.any_uid = true, .label = (char *)(uintptr_t)wanted};
        FilterRow row = {.labels = labels, .labels_size = size, .queue = "", .name = ""};
        return filter_matches(&f, &row);
}

Test(filter, a_label_is_matched_whole) {
        cr_assert(label_matches("a=1\0b=2\0", 8, "a=1"));
        cr_assert(label_matches("a=1\0b=2\0", 8, "b=2"));
        cr_assert(label_matches("a=1\0b=2", 7, "b=2"), "the last one may lack its end");
        cr_assert_not(label_matches("a=1\0b=2\0", 8, "a="));
        cr_assert_not(label_matches("a=1\0b=2\0", 8, "=2"));
        cr_assert_not(label_matches("a=1\0b=2\0", 8, "a=12"));
        cr_assert_not(label_matches("", 0, "a=1"));
}

Test(filter, bounds_of_ids_fit_the_database) {
        cr_assert_eq(filter_top(&(StoreFilter){0}), INT64_MAX);
        cr_assert_eq(filter_top(&(StoreFilter){.last_id = UINT64_MAX}), INT64_MAX);
        cr_assert_eq(filter_top(&(StoreFilter){.last_id = 9}), 9);
        cr_assert_eq(filter_top(&(StoreFilter){.last_id = 9, .before = 5}), 4);
        cr_assert_eq(filter_top(&(StoreFilter){.last_id = 3, .before = 5}), 3);
        cr_assert_eq(filter_limit(&(StoreFilter){0}), WIRE_TASKS_MAX);
        cr_assert_eq(filter_limit(&(StoreFilter){.limit = 7}), 7);
        cr_assert_eq(filter_limit(&(StoreFilter){.limit = UINT32_MAX}), WIRE_TASKS_MAX);
}

/* ---- output ---- */

Test(output, a_piece_is_cut_at_both_ends) {
        BlobSlice s;
        cr_assert_eq(output_cut("0123456789", 10, 2, 3, &s), 0);
        cr_assert(slice_is(s, "234"));
        blob_slice_drop(&s);
        cr_assert_eq(output_cut("0123456789", 10, 8, 30, &s), 0);
        cr_assert(slice_is(s, "89"));
        blob_slice_drop(&s);
        cr_assert_eq(output_cut("0123456789", 10, 10, 1, &s), 0);
        cr_assert_eq(s.size, 0);
        cr_assert_eq(output_cut("0123456789", 10, 0, 0, &s), 0);
        cr_assert_eq(s.size, 0);
}

/* ---- migration ---- */

typedef struct Old {
        char path[64], backup[80];
        sqlite3 *db;
} Old;

/* A database of "version 1" with one row. */
static void old_open(Old *o) {
        snprintf(o->path, sizeof o->path, "/tmp/stint-store-XXXXXX");
        int fd = mkstemp(o->path);
        cr_assert_geq(fd, 0);
        close(fd);
        snprintf(o->backup, sizeof o->backup, "%s.v1", o->path);
        cr_assert_eq(sqlite3_open(o->path, &o->db), SQLITE_OK);
        cr_assert_eq(sqlite3_exec(o->db,
                                  "CREATE TABLE t (a); INSERT INTO t VALUES (1);"
                                  "PRAGMA user_version = 1",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
}

static void old_close(Old *o) {
        sqlite3_close(o->db);
        unlink(o->path);
        unlink(o->backup);
}

static int number(sqlite3 *db, const char *sql) {
        sqlite3_stmt *st;
        if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
                return -1;
        int n = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int(st, 0) : -1;
        sqlite3_finalize(st);
        return n;
}

Test(migration, takes_every_step_after_a_backup) {
        static const char *const steps[] = {NULL, "ALTER TABLE t ADD COLUMN b DEFAULT 5",
                                            "UPDATE t SET a = 7"};
        Old o;
        Error error;
        old_open(&o);
        cr_assert_eq(sqlite_migrate(o.db, o.path, steps, 1, 3, &error), 0);
        cr_assert_eq(number(o.db, "PRAGMA user_version"), 3);
        cr_assert_eq(number(o.db, "SELECT a + b FROM t"), 12);
        sqlite3 *backup;
        cr_assert_eq(sqlite3_open(o.backup, &backup), SQLITE_OK);
        cr_assert_eq(number(backup, "PRAGMA user_version"), 1);
        cr_assert_eq(number(backup, "SELECT a FROM t"), 1);
        sqlite3_close(backup);
        old_close(&o);
}

Test(migration, that_fails_leaves_all_as_it_was) {
        static const char *const steps[] = {NULL, "UPDATE t SET a = 7", "this is no SQL"};
        Old o;
        Error error;
        old_open(&o);
        cr_assert_lt(sqlite_migrate(o.db, o.path, steps, 1, 3, &error), 0);
        cr_assert_eq(error.code, EXIT_IO);
        cr_assert(strstr(error.text, "from version 1 to 3"), "%s", error.text);
        cr_assert_eq(number(o.db, "PRAGMA user_version"), 1);
        cr_assert_eq(number(o.db, "SELECT a FROM t"), 1);
        old_close(&o);
}

Test(migration, is_not_begun_without_a_backup) {
        static const char *const steps[] = {NULL, "UPDATE t SET a = 7"};
        Old o;
        Error error;
        old_open(&o);
        cr_assert_lt(sqlite_migrate(o.db, "/nonexistent/x", steps, 1, 2, &error), 0);
        cr_assert(strstr(error.text, "no backup"), "%s", error.text);
        cr_assert_eq(number(o.db, "SELECT a FROM t"), 1);
        old_close(&o);
}
