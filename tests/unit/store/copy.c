/* A copy in the place of the original begins a history of its own; a WAL that is not its own is
 * refused. */
#include "dispatcher/store/sqlite-internal.h"
#include "tests/unit/store/fixture.h"

#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

static const char *path_of(const Fixture *f) {
        return f->url + strlen("sqlite:");
}

static void execute(const char *path, const char *sql) {
        sqlite3 *db;
        cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
        cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
        sqlite3_close(db);
}

static void copy_to(const Fixture *f, char *ret, size_t size) {
        char sql[256];
        snprintf(ret, size, "%s/copy", f->directory);
        snprintf(sql, sizeof sql, "VACUUM INTO '%s'", ret);
        execute(path_of(f), sql);
}

Test(copy, a_restored_one_gives_no_id_and_no_epoch_again) {
        Fixture f;
        char copy[128];
        uint8_t id[WIRE_UUID];
        fixture_open(&f, "sqlite");
        store_batch(&f, task(1, .submitted = time_now_realtime()), ended(1, .run = 17));
        store_batch(&f, task(2, .submitted = time_now_realtime(), .queue = "mail"));
        cr_assert_str_empty(store_note(f.store));
        copy_to(&f, copy, sizeof copy);
        store_batch(&f, task(3, .submitted = time_now_realtime()));
        uint32_t epoch = store_epoch(f.store);
        memcpy(id, store_id(f.store), sizeof id);
        f.store = store_close(f.store);
        cr_assert_eq(rename(copy, path_of(&f)), 0);
        fixture_reopen(&f);
        cr_assert_gt(store_epoch(f.store), epoch + 1000);
        cr_assert_gt(store_next_task_id(f.store), 1000000);
        cr_assert_neq(memcmp(id, store_id(f.store), sizeof id), 0);
        cr_assert(strstr(store_note(f.store), "restored copy"), "%s", store_note(f.store));
        cr_assert(task_exists(&f, 2));
        cr_assert_not(task_exists(&f, 3));
        fixture_close(&f);
}

Test(copy, is_one_only_once) {
        Fixture f;
        char copy[128];
        fixture_open(&f, "sqlite");
        store_batch(&f, task(1, .submitted = time_now_realtime()));
        copy_to(&f, copy, sizeof copy);
        f.store = store_close(f.store);
        cr_assert_eq(rename(copy, path_of(&f)), 0);
        fixture_reopen(&f);
        uint32_t epoch = store_epoch(f.store);
        uint64_t next = store_next_task_id(f.store);
        fixture_reopen(&f);
        cr_assert_eq(store_epoch(f.store), epoch + 1);
        cr_assert_eq(store_next_task_id(f.store), next);
        cr_assert_str_empty(store_note(f.store));
        fixture_close(&f);
}

Test(copy, beside_the_wal_of_another_database_is_refused) {
        Fixture f;
        char copy[128], wal[160];
        Error error = {0};
        fixture_open(&f, "sqlite");
        store_batch(&f, task(1, .submitted = time_now_realtime()));
        copy_to(&f, copy, sizeof copy);
        f.store = store_close(f.store);
        cr_assert_eq(rename(copy, path_of(&f)), 0);
        snprintf(wal, sizeof wal, "%s-wal", path_of(&f));
        FILE *file = fopen(wal, "w");
        cr_assert_not_null(file);
        fputs("left by another one", file);
        fclose(file);
        cr_assert_eq(store_open(&f.options, &error, &f.store), -EXIT_DATA);
        cr_assert(strstr(error.text, "-wal belongs to another database"), "%s", error.text);
        unlink(wal);
        fixture_reopen(&f);
        cr_assert(task_exists(&f, 1));
        fixture_close(&f);
}

Test(copy, ids_go_on_beyond_what_the_original_may_have_given) {
        static const usec_t day = USEC_PER_DAY;
        for (uint64_t n = 0; n < 3000000; n += 99991) {
                uint64_t at_once = sqlite_id_after_copy(n, 50 * day, 50 * day),
                         later = sqlite_id_after_copy(n, 50 * day, 51 * day);
                cr_assert_geq(at_once, n + 1000000);
                cr_assert_geq(later, n + 24 * 3600 * 1000);
                cr_assert_eq(later % 1000000, 0);
        }
        /* A clock that goes wrong costs ids, not all of them. */
        cr_assert_lt(sqlite_id_after_copy(7, 1, 40000 * day), UINT64_C(3000000000));
        cr_assert_lt(sqlite_id_after_copy(7, 40000 * day, day), 3000000);
        cr_assert_lt(sqlite_id_after_copy(7, 0, 40000 * day), 3000000);
}
