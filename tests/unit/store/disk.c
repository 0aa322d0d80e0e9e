/* A disk that is full, files that are damaged, foreign or not ours to write: clear errors, and
 * nothing acknowledged that is not there. */
#include "tests/unit/store/fixture.h"

#include "dispatcher/store/space.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- full ---- */

/* A fixture on a tmpfs of its own. Needs root. */
static bool fixture_open_small(Fixture *f, const char *size) {
        char data[32], path[128];
        *f = (Fixture){.directory = "/tmp/stint-store-XXXXXX"};
        cr_assert(mkdtemp(f->directory));
        snprintf(data, sizeof data, "size=%s", size);
        if (mount("tmpfs", f->directory, "tmpfs", 0, data) < 0) {
                rmdir(f->directory);
                return false;
        }
        snprintf(path, sizeof path, "%s/output", f->directory);
        cr_assert_eq(mkdir(path, 0700), 0);
        snprintf(f->url, sizeof f->url, "sqlite:%s/stint.db", f->directory);
        f->options = (StoreOptions){.url = f->url,
                                    .state_dir = f->directory,
                                    .retention_age_usec = USEC_INFINITY,
                                    .retention_tasks = UINT64_MAX,
                                    .retention_bytes = UINT64_MAX};
        fixture_reopen(f);
        return true;
}

static void fixture_close_small(Fixture *f) {
        f->store = store_close(f->store);
        umount2(f->directory, MNT_DETACH);
        rmdir(f->directory);
}

/* Fills the disk but for `leave` bytes. */
static void fill_disk(Fixture *f, const char *name, size_t most) {
        char path[128], block[65536] = {0};
        snprintf(path, sizeof path, "%s/%s", f->directory, name);
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        cr_assert_geq(fd, 0);
        for (size_t n = 0; n < most; n += sizeof block)
                if (write(fd, block, sizeof block) <= 0)
                        break;
        close(fd);
}

static void free_disk(Fixture *f, const char *name) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", f->directory, name);
        cr_assert_eq(unlink(path), 0);
}

static bool file_exists(Fixture *f, const char *name) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", f->directory, name);
        return access(path, F_OK) == 0;
}

/* Writes until the store says that submits are refused: it looks when it writes. */
static void await_low(Fixture *f) {
        usec_t until = time_now_monotonic() + WAIT_MSEC * USEC_PER_MSEC;
        while (!f->space[0]) {
                cr_assert_lt(time_now_monotonic(), until, "the store does not tell");
                cr_assert_eq(await_ticket(f, write_ops(f, NULL, 0)), 0);
        }
}

/* Waits until they are not: while they are, it looks by itself. */
static void await_room(Fixture *f) {
        for (StoreDone d; f->space[0]; store_done_free(&d))
                cr_assert(next_completion(f, &d, WAIT_MSEC), "the store does not tell");
}

static int write_until_full(Fixture *f, uint64_t *id) {
        char payload[16384];
        memset(payload, 'x', sizeof payload - 1);
        payload[sizeof payload - 1] = '\0';
        int r = 0;
        for (int i = 0; r == 0 && i < 100000; i++)
                r = await_ticket(f, write_batch(f, task(++*id, .payload = payload)));
        return r;
}

Test(disk, that_is_full_refuses_submits_keeps_ends_and_goes_on_when_freed) {
        Fixture f;
        if (!fixture_open_small(&f, "128m"))
                cr_skip_test("a tmpfs needs root");
        uint64_t id = 0;
        store_batch(&f, task(++id));
        cr_assert(file_exists(&f, "ballast"));
        cr_assert_eq(f.space[0], '\0');
        /* Nearly full: told before anything fails. */
        fill_disk(&f, "filler", 80u << 20);
        await_low(&f);
        cr_assert(strstr(f.space, "nearly full"), "%s", f.space);
        /* Full: that batch is not stored, not even in part. */
        fill_disk(&f, "filler-2", SIZE_MAX);
        cr_assert_eq(write_until_full(&f, &id), -ENOSPC);
        cr_assert_not(task_exists(&f, id));
        cr_assert_not(file_exists(&f, "ballast"), "it makes room");
        /* Now ends can be written. */
        store_batch(&f, ended(1, .out = "output"));
        free_disk(&f, "filler");
        free_disk(&f, "filler-2");
        await_room(&f);
        cr_assert(file_exists(&f, "ballast"));
        store_batch(&f, task(id));
        cr_assert_eq(f.fatals, 0);
        fixture_reopen(&f);
        cr_assert_eq(store_next_task_id(f.store), id + 1);
        StoreDone d = ask_task(&f, 1);
        cr_assert_eq(d.tasks[0].end.state, TASK_SUCCEEDED);
        store_done_free(&d);
        fixture_close_small(&f);
}

Test(disk, all_tickets_of_a_failed_commit_fail_and_later_ones_do_not) {
        Fixture f;
        if (!fixture_open_small(&f, "128m"))
                cr_skip_test("a tmpfs needs root");
        fill_disk(&f, "filler", SIZE_MAX);
        char *big = malloc((12u << 20) + 1);
        memset(big, 'x', 12u << 20);
        big[12u << 20] = '\0';
        uint64_t failed = write_batch(&f, task(1, .environment = "E=1"), task(2, .payload = big));
        cr_assert_eq(await_ticket(&f, failed), -ENOSPC);
        /* The environment was rolled back with it: its id must not be believed. */
        store_batch(&f, task(1, .environment = "E=1"));
        StoreDone d = ask_task(&f, 1);
        cr_assert(slice_is(d.tasks[0].task.environment, "E=1"));
        store_done_free(&d);
        cr_assert_not(task_exists(&f, 2));
        free(big);
        fixture_close_small(&f);
}

Test(disk, a_file_size_limit_is_a_full_disk) {
        Fixture f;
        fixture_open(&f, "sqlite");
        signal(SIGXFSZ, SIG_IGN);
        struct rlimit before, limit;
        getrlimit(RLIMIT_FSIZE, &before);
        limit = before;
        limit.rlim_cur = 9u << 20;
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        uint64_t id = 0;
        cr_assert_eq(write_until_full(&f, &id), -ENOSPC);
        setrlimit(RLIMIT_FSIZE, &before);
        store_batch(&f, task(id));
        cr_assert_eq(f.fatals, 0);
        fixture_close(&f);
}

Test(disk, running_out_of_descriptors_costs_a_read_and_no_commit) {
        Fixture f;
        fixture_open(&f, "sqlite");
        make_output_file(&f, 5, STREAM_STDOUT, "text");
        store_batch(&f, task(1), ended(1, .run = 5, .files = WIRE_FILE_OUT, .out_kept = 4));
        struct rlimit before, limit;
        getrlimit(RLIMIT_NOFILE, &before);
        limit = before;
        limit.rlim_cur = 3;
        setrlimit(RLIMIT_NOFILE, &limit);
        StoreDone d = ask_output(&f, 1, 0, STREAM_STDOUT, 0);
        cr_assert_eq(d.error, -EMFILE);
        store_done_free(&d);
        for (uint64_t id = 2; id < 3000; id++)
                write_batch(&f, task(id, .environment = "E"), ended(id));
        cr_assert_eq(await_ticket(&f, f.ticket), 0);
        setrlimit(RLIMIT_NOFILE, &before);
        d = ask_output(&f, 1, 0, STREAM_STDOUT, 0);
        cr_assert(slice_is(d.bytes, "text"));
        store_done_free(&d);
        fixture_close(&f);
}

/* ---- the threshold ---- */

Test(space, keeps_a_twentieth_but_64_mib_at_least) {
        const uint64_t mib = 1 << 20;
        cr_assert_eq(space_reserve(100 * mib), 64 * mib);
        cr_assert_eq(space_reserve(64 * 20 * mib), 64 * mib);
        cr_assert_eq(space_reserve(100000 * mib), 5000 * mib);
        cr_assert(space_is_low(64 * mib - 1, 1000 * mib));
        cr_assert_not(space_is_low(64 * mib, 1000 * mib));
        cr_assert(space_is_low(4999 * mib, 100000 * mib));
}

Test(space, without_a_directory_is_never_low) {
        Space p;
        char text[ERROR_TEXT_MAX];
        space_init(&p, NULL);
        space_exhausted(&p);
        cr_assert_not(space_check(&p, 1, text));
        cr_assert_eq(space_delay(&p, 1), USEC_INFINITY);
}

/* ---- files that cannot be the store ---- */

static void expect_refusal(Fixture *f, int code, const char *why) {
        Error error = {0};
        f->store = store_close(f->store);
        int r = store_open(&f->options, &error, &f->store);
        cr_assert_lt(r, 0);
        cr_assert_eq(error.code, code, "%d: %s", error.code, error.text);
        cr_assert(strstr(error.text, why), "%s", error.text);
        cr_assert(strchr(error.text, ';'), "says what to do: %s", error.text);
        cr_assert_null(f->store);
}

static void damage(Fixture *f, off_t at, const char *bytes, size_t size) {
        char path[128];
        f->store = store_close(f->store);
        snprintf(path, sizeof path, "%s/stint.db", f->directory);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        cr_assert_geq(fd, 0);
        cr_assert_eq(pwrite(fd, bytes, size, at), (ssize_t)size);
        close(fd);
}

static void execute(Fixture *f, const char *sql) {
        char path[128];
        f->store = store_close(f->store);
        snprintf(path, sizeof path, "%s/stint.db", f->directory);
        sqlite3 *db;
        cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
        cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
        sqlite3_close(db);
}

Test(refused, a_file_that_is_no_database) {
        Fixture f;
        fixture_open(&f, "sqlite");
        damage(&f, 0, "not a database at all", 21);
        expect_refusal(&f, EXIT_DATA, "is no database");
        fixture_close(&f);
}

Test(refused, a_database_with_a_damaged_page) {
        Fixture f;
        char garbage[4096];
        fixture_open(&f, "sqlite");
        memset(garbage, 0xee, sizeof garbage);
        damage(&f, 100, garbage, 3000);
        expect_refusal(&f, EXIT_DATA, "damaged");
        fixture_close(&f);
}

Test(refused, a_newer_schema) {
        Fixture f;
        fixture_open(&f, "sqlite");
        execute(&f, "PRAGMA user_version = 99");
        expect_refusal(&f, EXIT_CONFIG, "schema 99");
        fixture_close(&f);
}

Test(refused, the_database_of_another_program) {
        Fixture f;
        fixture_open(&f, "sqlite");
        execute(&f, "PRAGMA application_id = 5");
        expect_refusal(&f, EXIT_CONFIG, "another program");
        fixture_close(&f);
}

Test(refused, a_url_that_names_no_backend) {
        Fixture f;
        fixture_open(&f, "sqlite");
        static const char *const urls[] = {"mysql:/x", "", "sqlite:", "sqlite:relative.db",
                                           "memory:/path"};
        for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
                f.options.url = urls[i];
                expect_refusal(&f, EXIT_CONFIG, "cannot open the store");
        }
        fixture_close(&f);
}

Test(refused, a_directory_that_does_not_exist) {
        Fixture f;
        fixture_open(&f, "sqlite");
        f.options.url = "sqlite:/nonexistent/stint.db";
        expect_refusal(&f, EXIT_IO, "/nonexistent does not exist");
        fixture_close(&f);
}

Test(refused, a_directory_as_the_file) {
        Fixture f;
        fixture_open(&f, "sqlite");
        f.options.url = "sqlite:/tmp";
        expect_refusal(&f, EXIT_IO, "no regular file");
        fixture_close(&f);
}

Test(refused, a_database_that_another_process_has_locked) {
        Fixture f;
        fixture_open(&f, "sqlite");
        f.store = store_close(f.store);
        char path[128];
        snprintf(path, sizeof path, "%s/stint.db", f.directory);
        sqlite3 *db;
        cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
        cr_assert_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
        expect_refusal(&f, EXIT_IO, "locked");
        sqlite3_close(db);
        fixture_close(&f);
}

/* The commit waits for some seconds, fails as a whole, and the store goes on. */
Test(locked, by_a_person_for_long_costs_a_commit_and_not_the_store) {
        Fixture f;
        fixture_open(&f, "sqlite");
        char path[128];
        snprintf(path, sizeof path, "%s/stint.db", f.directory);
        sqlite3 *db;
        cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
        cr_assert_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
        cr_assert_eq(await_ticket(&f, write_batch(&f, task(1))), -EBUSY);
        sqlite3_close(db);
        cr_assert_not(task_exists(&f, 1));
        store_batch(&f, task(1));
        fixture_close(&f);
}

/* As an account that may not write. Needs root to become one. */
Test(refused, what_may_not_be_written) {
        Fixture f;
        char path[128];
        fixture_open(&f, "sqlite");
        f.store = store_close(f.store);
        snprintf(path, sizeof path, "%s/stint.db", f.directory);
        cr_assert_eq(chmod(path, 0444), 0);
        cr_assert_eq(chmod(f.directory, 0755), 0);
        bool root = geteuid() == 0;
        if (root)
                cr_assert_eq(seteuid(65534), 0);
        expect_refusal(&f, EXIT_NO_PERMISSION, "ermission denied");
        snprintf(f.url, sizeof f.url, "sqlite:%s/other.db", f.directory);
        if (root)
                expect_refusal(&f, EXIT_NO_PERMISSION, "ermission denied");
        f.options.url = "memory:";
        if (root) {
                expect_refusal(&f, EXIT_NO_PERMISSION, "ermission denied");
                cr_assert_eq(seteuid(0), 0);
        }
        fixture_close(&f);
}

Test(refused, damaged_ids_of_memory) {
        Fixture f;
        fixture_open(&f, "memory");
        char path[128];
        snprintf(path, sizeof path, "%s/memory-ids", f.directory);
        FILE *file = fopen(path, "w");
        fputs("epoch what", file);
        fclose(file);
        expect_refusal(&f, EXIT_IO, "memory-ids is damaged");
        fixture_close(&f);
}

/* ---- damage while it runs ---- */

Test(fatal, corruption_stops_the_store_and_nothing_more_is_acknowledged) {
        Fixture f;
        char garbage[8192];
        fixture_open(&f, "sqlite");
        for (uint64_t id = 1; id < 2000; id++)
                write_batch(&f, task(id, .payload = "a payload that fills some pages"));
        cr_assert_eq(await_ticket(&f, f.ticket), 0);
        memset(garbage, 0xee, sizeof garbage);
        for (off_t at = 4096; at < 40 * 4096; at += (off_t)sizeof garbage)
                damage(&f, at, garbage, sizeof garbage);
        Error error;
        if (store_open(&f.options, &error, &f.store) == 0 && store_start(f.store) == 0) {
                f.done = f.ticket = 0;
                for (uint64_t id = 1; id < 2000; id += 50)
                        write_batch(&f, task(5000 + id), ended(id));
                StoreDone d = {0};
                while (d.kind != STORE_DONE_FATAL) {
                        cr_assert(next_completion(&f, &d, WAIT_MSEC));
                        cr_assert_neq(d.text[0], '\0');
                }
                write_batch(&f, task(9000));
                d = ask_task(&f, 1);
                cr_assert_eq(d.error, -EIO);
                cr_assert_eq(f.done, 0);
        }
        fixture_close(&f);
}
