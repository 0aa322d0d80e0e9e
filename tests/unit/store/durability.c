/* What survives in sqlite:, and what memory: keeps of itself: ids and epochs, recovery of every
 * mixture, retention. */
#include "tests/unit/store/fixture.h"

#include <errno.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUN(n) RUN_ID(store_epoch(f.store), n)

/* The first number of a query, through a connection of its own, as the sqlite3 shell has one. */
static long long query(Fixture *f, const char *sql) {
        char path[128];
        snprintf(path, sizeof path, "%s/stint.db", f->directory);
        sqlite3 *db;
        sqlite3_stmt *st;
        cr_assert_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
        sqlite3_busy_timeout(db, WAIT_MSEC);
        cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK, "%s: %s", sql,
                     sqlite3_errmsg(db));
        int rc = sqlite3_step(st);
        cr_assert(rc == SQLITE_ROW || rc == SQLITE_DONE, "%s", sqlite3_errmsg(db));
        long long n = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : -1;
        sqlite3_finalize(st);
        sqlite3_close(db);
        return n;
}

/* Waits until the query gives n; every look is a read of the store, too, so nothing is timed. */
static void await_query(Fixture *f, const char *sql, long long n) {
        usec_t until = time_now_monotonic() + WAIT_MSEC * USEC_PER_MSEC;
        while (query(f, sql) != n)
                cr_assert_lt(time_now_monotonic(), until, "%s is %lld", sql, query(f, sql));
}

/* ---- ids and epochs ---- */

static void check_ids(const char *scheme) {
        Fixture f;
        fixture_open(&f, scheme);
        uint32_t epoch = store_epoch(f.store);
        uint64_t id = store_next_task_id(f.store);
        for (int i = 0; i < 3; i++) {
                cr_assert_leq(id, store_next_task_id(f.store));
                id = store_next_task_id(f.store);
                store_batch(&f, task(id), ended(id, .run = RUN(1)));
                fixture_reopen(&f);
                cr_assert_gt(store_epoch(f.store), epoch);
                cr_assert_gt(store_next_task_id(f.store), id);
                epoch = store_epoch(f.store);
        }
        fixture_close(&f);
}

Test(ids, epoch_rises_and_ids_are_not_reused_in_sqlite) {
        check_ids("sqlite");
}

Test(ids, epoch_rises_and_ids_are_not_reused_in_memory) {
        check_ids("memory");
}

Test(ids, the_store_keeps_its_id_and_memory_is_a_new_store_each_time) {
        uint8_t id[WIRE_UUID];
        Fixture f;
        fixture_open(&f, "sqlite");
        memcpy(id, store_id(f.store), sizeof id);
        fixture_reopen(&f);
        cr_assert_arr_eq(id, store_id(f.store), sizeof id);
        fixture_close(&f);
        fixture_open(&f, "memory");
        memcpy(id, store_id(f.store), sizeof id);
        fixture_reopen(&f);
        cr_assert_neq(memcmp(id, store_id(f.store), sizeof id), 0);
        fixture_close(&f);
}

Test(ids, of_forgotten_tasks_are_not_given_again) {
        Fixture f;
        fixture_open(&f, "sqlite");
        store_batch(&f, task(41), task(42), ended(41), ended(42));
        store_set_retention(f.store, USEC_INFINITY, 0, UINT64_MAX);
        await_query(&f, "SELECT count(*) FROM task", 0);
        fixture_reopen(&f);
        cr_assert_eq(store_next_task_id(f.store), 43);
        fixture_close(&f);
}

Test(ids, of_rows_that_a_person_deleted_are_not_given_again) {
        Fixture f;
        fixture_open(&f, "sqlite");
        store_batch(&f, task(42));
        query(&f, "DELETE FROM task");
        fixture_reopen(&f);
        cr_assert_eq(store_next_task_id(f.store), 43);
        fixture_close(&f);
}

/* ---- recovery ---- */

Test(recovery, gives_what_has_not_ended_in_order_of_ids) {
        Fixture f;
        fixture_open(&f, "sqlite");
        store_batch(&f, task(1), task(2, .queue = "mail", .priority = 5, .uid = 9, .submitted = 77),
                    task(3, .not_before = 4000000000000000), task(4));
        store_batch(&f, ended(1), ended(4));
        fixture_reopen_only(&f);
        Recovered r;
        recover(&f, &r);
        cr_assert_eq(r.task_count, 2);
        cr_assert_eq(r.tasks[0].id, 2);
        cr_assert_str_eq(r.tasks[0].queue, "mail");
        cr_assert_eq(r.tasks[0].policy.priority, 5);
        cr_assert_eq(r.tasks[0].policy.timeout_usec, 5 * USEC_PER_SEC);
        cr_assert_eq(r.tasks[0].uid, 9);
        cr_assert_eq(r.tasks[0].submitted_usec, 77);
        cr_assert_eq(r.tasks[0].due_usec, 0);
        cr_assert_eq(r.tasks[0].attempts, 0);
        cr_assert_not(r.tasks[0].cancel_requested);
        cr_assert_eq(r.tasks[1].id, 3);
        cr_assert_eq(r.tasks[1].due_usec, 4000000000000000);
        fixture_close(&f);
}

Test(recovery, tells_attempts_losses_and_when_a_retry_is_due) {
        Fixture f;
        fixture_open(&f, "sqlite");
        store_batch(&f, task(1), task(2), task(3));
        store_batch(&f, attempt(1, .run = RUN(1), .due = 100),
                    attempt(1, .run = RUN(2), .attempt = 2, .due = 200),
                    attempt(2, .run = RUN(3), .state = TASK_READY, .reason = REASON_INTERRUPTED),
                    attempt(2, .run = RUN(4), .reason = REASON_WORKER_LOST, .due = 300),
                    attempt(3, .run = RUN(5)), ended(3, .run = RUN(6), .attempt = 2));
        run_id_t second = RUN(2), fourth = RUN(4);
        fixture_reopen_only(&f);
        Recovered r;
        recover(&f, &r);
        cr_assert_eq(r.task_count, 2);
        cr_assert_eq(r.tasks[0].attempts, 2);
        cr_assert_eq(r.tasks[0].executions, 2);
        cr_assert_eq(r.tasks[0].lost, 0);
        cr_assert_eq(r.tasks[0].due_usec, 200);
        cr_assert_eq(r.tasks[0].last_run, second);
        cr_assert_eq(r.tasks[1].attempts, 1);
        cr_assert_eq(r.tasks[1].executions, 2);
        cr_assert_eq(r.tasks[1].lost, 1);
        cr_assert_eq(r.tasks[1].due_usec, 300);
        cr_assert_eq(r.tasks[1].last_run, fourth);
        fixture_close(&f);
}

Test(recovery, tells_marks_and_an_end_removes_them) {
        Fixture f;
        fixture_open(&f, "sqlite");
        store_batch(&f, task(1), task(2), task(3), task(4));
        store_batch(&f, make_mark(STORE_PUT_CANCEL, 1, 0), make_mark(STORE_PUT_START, 2, RUN(1)),
                    make_mark(STORE_PUT_START, 2, RUN(2)), make_mark(STORE_PUT_CANCEL, 4, 0),
                    make_mark(STORE_PUT_START, 4, RUN(3)));
        run_id_t second = RUN(2);
        store_batch(&f, ended(4, .run = RUN(3)));
        cr_assert_eq(query(&f, "SELECT count(*) FROM cancel"), 1);
        cr_assert_eq(query(&f, "SELECT count(*) FROM start"), 1);
        fixture_reopen_only(&f);
        Recovered r;
        recover(&f, &r);
        cr_assert_eq(r.task_count, 3);
        cr_assert(r.tasks[0].cancel_requested);
        cr_assert_eq(r.tasks[0].cancel_uid, 1001);
        cr_assert_eq(r.tasks[0].cancel_signal, 15);
        cr_assert_eq(r.tasks[0].started_run, 0);
        cr_assert_eq(r.tasks[1].started_run, second);
        cr_assert_eq(r.tasks[1].started_worker, 18);
        cr_assert_eq(r.tasks[1].started_attempt, 2);
        cr_assert_not(r.tasks[2].cancel_requested);
        cr_assert_eq(store_start(f.store), 0);
        /* Marks that were recovered go with the end as well. */
        store_batch(&f, ended(1), ended(2));
        cr_assert_eq(query(&f, "SELECT (SELECT count(*) FROM cancel) + count(*) FROM start"), 0);
        fixture_close(&f);
}

Test(recovery, gives_clients_but_not_those_that_were_idle_for_long) {
        Fixture f;
        fixture_open(&f, "sqlite");
        usec_t now = time_now_realtime();
        store_batch(&f, make_client(1, 5, now, "old answers"), make_client(2, 6, now, NULL),
                    make_client(3, 7, now - 11 * USEC_PER_MIN, "gone"),
                    make_client(4, 8, now, "dropped"));
        StoreOp drop = make_client(4, 0, 0, NULL);
        drop.kind = STORE_DROP_CLIENT;
        store_batch(&f, make_client(1, 9, now, "answers"), drop);
        fixture_reopen_only(&f);
        Recovered r;
        recover(&f, &r);
        cr_assert_eq(r.client_count, 2);
        cr_assert_eq(r.clients[0].id.bytes[0], 1);
        cr_assert_eq(r.clients[0].held, 9);
        cr_assert_eq(r.clients[0].uid, 1000);
        cr_assert(slice_is(r.clients[0].answers, "answers"));
        cr_assert_eq(r.clients[1].answers.size, 0);
        recovered_done(&r);
        cr_assert_eq(query(&f, "SELECT count(*) FROM client"), 2);
        fixture_close(&f);
}

static int stop_at_two(void *userdata, const RecoveredTask *t) {
        return t->id == 2 ? -ENOMEM : 0;
}

Test(recovery, is_ended_by_a_callback_that_fails) {
        Fixture f;
        fixture_open(&f, "sqlite");
        store_batch(&f, task(1), task(2), task(3));
        fixture_reopen_only(&f);
        Error error;
        cr_assert_eq(store_recover(f.store, stop_at_two, NULL, NULL, &error), -ENOMEM);
        fixture_close(&f);
}

Test(recovery, begins_at_the_low_water_mark) {
        Fixture f;
        fixture_open(&f, "sqlite");
        for (uint64_t first = 1; first <= 10000; first += 1000) {
                StoreOp ops[2000];
                for (uint64_t i = 0; i < 1000; i++) {
                        ops[2 * i] = task(first + i);
                        ops[2 * i + 1] = ended(first + i);
                }
                cr_assert_eq(await_ticket(&f, write_ops(&f, ops, 2000)), 0);
        }
        long long mark = query(&f, "SELECT value FROM meta WHERE key = 'low_water'");
        cr_assert_gt(mark, 10000 - 2 * 4096);
        cr_assert_leq(mark, 10001);
        store_batch(&f, task(10001));
        fixture_reopen_only(&f);
        Recovered r;
        recover(&f, &r);
        cr_assert_eq(r.task_count, 1);
        fixture_close(&f);
}

Test(recovery, of_memory_gives_nothing) {
        Fixture f;
        fixture_open(&f, "memory");
        store_batch(&f, task(1), make_client(1, 1, time_now_realtime(), NULL));
        fixture_reopen_only(&f);
        Recovered r;
        recover(&f, &r);
        cr_assert_eq(r.task_count + r.client_count, 0);
        fixture_close(&f);
}

/* ---- environments ---- */

Test(environments, are_stored_once_and_go_with_their_last_task) {
        Fixture f;
        fixture_open(&f, "sqlite");
        store_batch(&f, task(1, .environment = "A=1"), task(2, .environment = "A=1"),
                    task(3, .environment = "B=2"), task(4));
        store_batch(&f, task(5, .environment = "A=1"), task(6, .environment = "B=2"));
        cr_assert_eq(query(&f, "SELECT count(*) FROM environment"), 2);
        fixture_reopen(&f);
        store_batch(&f, task(7, .environment = "A=1"), task(8, .environment = "C=3"));
        cr_assert_eq(query(&f, "SELECT count(*) FROM environment"), 3);
        store_batch(&f, ended(3), ended(6), ended(8), ended(1));
        store_set_retention(f.store, USEC_INFINITY, 0, UINT64_MAX);
        await_query(&f, "SELECT count(*) FROM environment", 1);
        StoreDone d = ask_task(&f, 5);
        cr_assert(slice_is(d.tasks[0].task.environment, "A=1"));
        store_done_free(&d);
        store_batch(&f, task(9, .environment = "C=3"));
        d = ask_task(&f, 9);
        cr_assert(slice_is(d.tasks[0].task.environment, "C=3"));
        store_done_free(&d);
        fixture_close(&f);
}

/* ---- retention ---- */

static void await_gone(Fixture *f, uint64_t id) {
        usec_t until = time_now_monotonic() + WAIT_MSEC * USEC_PER_MSEC;
        while (task_exists(f, id))
                cr_assert_lt(time_now_monotonic(), until, "task %llu stays",
                             (unsigned long long)id);
}

static void check_retention(const char *scheme) {
        Fixture f;
        fixture_open(&f, scheme);
        run_id_t kept = RUN(1), gone = RUN(2), lost = RUN(3);
        make_output_file(&f, kept, STREAM_STDOUT, "kept");
        make_output_file(&f, gone, STREAM_STDOUT, "gone");
        make_output_file(&f, lost, STREAM_STDERR, "lost");
        store_batch(&f, task(1), task(2), task(3), task(4));
        store_batch(&f, attempt(2, .run = lost, .state = TASK_READY, .reason = REASON_WORKER_LOST));
        store_batch(&f, ended(2, .run = gone, .files = WIRE_FILE_OUT, .out_kept = 4), ended(3),
                    ended(4, .run = kept, .files = WIRE_FILE_OUT, .out_kept = 4));
        store_set_retention(f.store, USEC_INFINITY, 1, UINT64_MAX);
        await_gone(&f, 3);
        cr_assert_not(task_exists(&f, 2));
        cr_assert(task_exists(&f, 1), "what has not ended stays");
        cr_assert(task_exists(&f, 4));
        cr_assert(output_file_exists(&f, kept, STREAM_STDOUT));
        cr_assert_not(output_file_exists(&f, gone, STREAM_STDOUT));
        cr_assert_not(output_file_exists(&f, lost, STREAM_STDERR));
        fixture_close(&f);
}

Test(retention, by_number_in_sqlite) {
        check_retention("sqlite");
}

Test(retention, by_number_in_memory) {
        check_retention("memory");
}

static void check_age(const char *scheme) {
        Fixture f;
        fixture_open(&f, scheme);
        usec_t now = time_now_realtime(), old = now - USEC_PER_HOUR;
        store_batch(&f, task(1, .submitted = old), task(2, .submitted = old),
                    task(3, .submitted = old), task(4, .submitted = now));
        store_batch(&f, ended(2, .ended = old + 1), ended(3, .ended = now), ended(4, .ended = now));
        store_set_retention(f.store, 30 * USEC_PER_MIN, UINT64_MAX, UINT64_MAX);
        await_gone(&f, 2);
        cr_assert(task_exists(&f, 1));
        cr_assert(task_exists(&f, 3));
        cr_assert(task_exists(&f, 4));
        store_set_retention(f.store, 0, UINT64_MAX, UINT64_MAX);
        await_gone(&f, 4);
        await_gone(&f, 3);
        cr_assert(task_exists(&f, 1));
        fixture_close(&f);
}

Test(retention, by_age_in_sqlite) {
        check_age("sqlite");
}

Test(retention, by_age_in_memory) {
        check_age("memory");
}

static void check_age_passes(const char *scheme) {
        Fixture f;
        fixture_open(&f, scheme);
        store_set_retention(f.store, 200 * USEC_PER_MSEC, UINT64_MAX, UINT64_MAX);
        store_batch(&f, task(1), ended(1));
        cr_assert(task_exists(&f, 1));
        await_gone(&f, 1);
        fixture_close(&f);
}

Test(retention, by_age_comes_when_it_is_due_in_sqlite) {
        check_age_passes("sqlite");
}

Test(retention, by_age_comes_when_it_is_due_in_memory) {
        check_age_passes("memory");
}

static void check_bytes(const char *scheme) {
        Fixture f;
        fixture_open(&f, scheme);
        store_batch(&f, task(1, .payload = "12345"), ended(1, .out = "12345"));
        store_batch(&f, task(2, .payload = "12345"),
                    ended(2, .run = 5, .files = WIRE_FILE_OUT, .out_kept = 5));
        store_batch(&f, task(3, .payload = "a long payload of a task that waits"));
        if (strcmp(scheme, "sqlite") == 0)
                fixture_reopen(&f); /* counts what is there */
        store_set_retention(f.store, USEC_INFINITY, UINT64_MAX, 19);
        await_gone(&f, 1);
        cr_assert(task_exists(&f, 2));
        cr_assert(task_exists(&f, 3));
        fixture_close(&f);
}

Test(retention, by_bytes_in_sqlite) {
        check_bytes("sqlite");
}

Test(retention, by_bytes_in_memory) {
        check_bytes("memory");
}

static void end_many(Fixture *f, uint64_t first, uint64_t n) {
        StoreOp *ops = malloc(2 * n * sizeof *ops);
        for (uint64_t i = 0; i < n; i++) {
                ops[2 * i] = task(first + i, .payload = "0123456789012345678901234567890123456789");
                ops[2 * i + 1] = ended(first + i);
        }
        write_ops(f, ops, 2 * n);
        free(ops);
}

Test(retention, keeps_pace_under_load_and_the_file_stops_growing) {
        Fixture f;
        fixture_open(&f, "sqlite");
        store_set_retention(f.store, USEC_INFINITY, 2000, UINT64_MAX);
        long long pages = 0;
        for (uint64_t i = 0; i < 100; i++) {
                end_many(&f, 1 + 500 * i, 500);
                await_ticket(&f, f.ticket);
                if (i == 30)
                        pages = query(&f, "PRAGMA page_count");
        }
        cr_assert_lt(query(&f, "PRAGMA page_count"), pages * 5 / 4);
        await_query(&f, "SELECT count(*) FROM task", 2000);
        fixture_close(&f);
}

Test(retention, of_memory_keeps_pace_under_load) {
        Fixture f;
        fixture_open(&f, "memory");
        store_set_retention(f.store, USEC_INFINITY, 2000, UINT64_MAX);
        for (uint64_t i = 0; i < 100; i++)
                end_many(&f, 1 + 500 * i, 500);
        await_ticket(&f, f.ticket);
        await_gone(&f, 48000);
        cr_assert(task_exists(&f, 48001));
        fixture_close(&f);
}

Test(retention, removes_output_of_earlier_lives_of_memory_and_nothing_else) {
        Fixture f;
        fixture_open(&f, "memory");
        run_id_t earlier = RUN(1), of_sqlite = RUN_ID(5, 1);
        make_output_file(&f, earlier, STREAM_STDOUT, "x");
        make_output_file(&f, of_sqlite, STREAM_STDOUT, "x");
        fixture_reopen(&f);
        make_output_file(&f, RUN(1), STREAM_STDOUT, "x");
        usec_t until = time_now_monotonic() + WAIT_MSEC * USEC_PER_MSEC;
        while (output_file_exists(&f, earlier, STREAM_STDOUT))
                cr_assert_lt(time_now_monotonic(), until);
        cr_assert(output_file_exists(&f, of_sqlite, STREAM_STDOUT));
        cr_assert(output_file_exists(&f, RUN(1), STREAM_STDOUT));
        fixture_close(&f);
}

/* ---- history by SQL ---- */

Test(history, is_read_by_another_process_while_the_store_writes) {
        Fixture f;
        fixture_open(&f, "sqlite");
        store_batch(&f, task(1, .labels = "a=1,b=2"), ended(1, .state = TASK_FAILED, .code = 3));
        store_batch(&f, task(2));
        char command[512], line[256] = "";
        snprintf(command, sizeof command,
                 "sqlite3 -readonly '%s/stint.db' \"SELECT state, reason, code, labels, submitted >"
                 " '2000' FROM tasks WHERE id = 1 UNION ALL SELECT state, reason, code, labels, 0"
                 " FROM tasks WHERE id = 2\" | tr '\\n' ';'",
                 f.directory);
        FILE *shell = popen(command, "r");
        cr_assert(shell);
        cr_assert(fgets(line, sizeof line, shell));
        pclose(shell);
        cr_assert_str_eq(line, "failed|exit code|3|a=1 b=2|1;unended||||0;");
        fixture_close(&f);
}

Test(history, lists_attempts_with_the_end) {
        Fixture f;
        fixture_open(&f, "sqlite");
        store_batch(&f, task(1), attempt(1, .run = RUN(1)), ended(1, .run = RUN(2), .attempt = 2));
        store_batch(&f, task(2), ended(2, .state = TASK_CANCELLED));
        cr_assert_eq(query(&f, "SELECT count(*) FROM attempts"), 2);
        cr_assert_eq(query(&f, "SELECT attempt FROM attempts WHERE state = 'succeeded'"), 2);
        fixture_close(&f);
}

Test(files, are_private) {
        Fixture f;
        fixture_open(&f, "sqlite");
        store_batch(&f, task(1));
        static const char *const names[] = {"stint.db", "stint.db-wal", "stint.db-shm", "ballast"};
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                char path[128];
                struct stat st;
                snprintf(path, sizeof path, "%s/%s", f.directory, names[i]);
                cr_assert_eq(stat(path, &st), 0, "%s", path);
                cr_assert_eq(st.st_mode & 0777, 0600, "%s", path);
        }
        fixture_close(&f);
}
