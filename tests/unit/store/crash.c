/* Crashes of sqlite:. A child writes batches and says which it was told are written; it is killed
 * at a random moment, or its WAL is cut at many places as a power loss would. Whatever was
 * acknowledged is there, and no batch is there in part. */
#include "tests/unit/store/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A batch, whose number is its ticket: BATCH_TASKS tasks, then the ends of the batch before. */
#define BATCH_TASKS     5u
#define FIRST_ID(batch) (((batch)-1) * BATCH_TASKS + 1)

static uint64_t write_numbered(Fixture *f, uint64_t batch) {
        StoreOp ops[2 * BATCH_TASKS];
        size_t n = 0;
        for (uint64_t i = 0; i < BATCH_TASKS; i++)
                ops[n++] = task(FIRST_ID(batch) + i, .payload = "payload", .environment = "E=1");
        for (uint64_t i = 0; batch > 1 && i < BATCH_TASKS; i++)
                ops[n++] = ended(FIRST_ID(batch - 1) + i, .out = "output");
        return write_ops(f, ops, n);
}

/* How many whole batches the store holds: fails when one is there in part, or one is missing before
 * another. */
static uint64_t count_batches(Fixture *f) {
        uint64_t next = store_next_task_id(f->store);
        cr_assert_eq((next - 1) % BATCH_TASKS, 0, "a torn batch: next id %llu",
                     (unsigned long long)next);
        uint64_t batches = (next - 1) / BATCH_TASKS, ends = 0;
        for (uint64_t first = 1; first && first < next;) {
                StoreDone d = ask(f, (StoreRead){.kind = STORE_READ_ENDS,
                                                 .first = first,
                                                 .count = next - first});
                cr_assert_eq(d.error, 0);
                cr_assert_eq(d.unknown_count, 0, "a task is missing");
                ends += d.end_count;
                first = d.next_first;
                store_done_free(&d);
        }
        cr_assert_eq(ends, batches ? (batches - 1) * BATCH_TASKS : 0, "a torn batch");
        return batches;
}

/* ---- killed ---- */

static _Noreturn void write_for_ever(const Fixture *parent, uint64_t first_batch, int told) {
        Fixture f = *parent;
        Error error;
        if (store_open(&f.options, &error, &f.store) < 0 || store_start(f.store) < 0)
                _exit(1);
        f.done = f.ticket = first_batch - 1;
        for (uint64_t batch = first_batch;; batch++) {
                write_numbered(&f, batch);
                for (StoreDone d; store_next(f.store, &d); store_done_free(&d))
                        if (d.kind == STORE_DONE_WRITTEN && d.error == 0 &&
                            write(told, &d.last_ticket, sizeof d.last_ticket) < 0)
                                _exit(1);
                if (batch % 16 == 0)
                        poll(&(struct pollfd){.fd = store_fd(f.store), .events = POLLIN}, 1, 100);
        }
}

/* Lets a child write from first_batch on until it has told `enough` numbers, kills it, and gives
 * the last number told. */
static uint64_t kill_a_writer(const Fixture *f, uint64_t first_batch, unsigned enough) {
        int told[2];
        cr_assert_eq(pipe2(told, O_CLOEXEC), 0);
        pid_t child = fork();
        cr_assert_geq(child, 0);
        if (child == 0)
                write_for_ever(f, first_batch, told[1]);
        close(told[1]);
        uint64_t last = first_batch - 1, number;
        for (unsigned n = 0; read(told[0], &number, sizeof number) == sizeof number; n++) {
                last = number;
                if (n == enough)
                        kill(child, SIGKILL);
        }
        close(told[0]);
        int status;
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert(WIFSIGNALED(status), "the writer failed by itself");
        return last;
}

Test(crash, what_was_acknowledged_before_a_kill_is_there) {
        Fixture f;
        fixture_open(&f, "sqlite");
        unsigned seed = (unsigned)time_now_realtime();
        fprintf(stderr, "# seed %u\n", seed);
        uint64_t batches = 0;
        uint32_t epoch = 0;
        for (int round = 0; round < 25; round++) {
                f.store = store_close(f.store);
                uint64_t told = kill_a_writer(&f, batches + 1, (unsigned)rand_r(&seed) % 200);
                fixture_reopen(&f);
                cr_assert_gt(store_epoch(f.store), epoch);
                epoch = store_epoch(f.store);
                batches = count_batches(&f);
                cr_assert_geq(batches, told, "acknowledged and lost");
        }
        cr_assert_gt(batches, 0);
        fixture_close(&f);
}

Test(crash, memory_gives_no_id_twice_after_a_kill) {
        Fixture f;
        fixture_open(&f, "memory");
        for (int round = 0; round < 5; round++) {
                uint64_t next = store_next_task_id(f.store);
                f.store = store_close(f.store);
                uint64_t told = kill_a_writer(&f, next / BATCH_TASKS + 1, 20);
                fixture_reopen(&f);
                cr_assert_geq(store_next_task_id(f.store), FIRST_ID(told + 1));
        }
        fixture_close(&f);
}

/* ---- the WAL cut ---- */

static void copy_file(const char *from, const char *to, off_t size) {
        char buffer[65536];
        int in = open(from, O_RDONLY | O_CLOEXEC);
        int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        cr_assert(in >= 0 && out >= 0);
        while (size > 0) {
                ssize_t n = read(in, buffer, (size_t)MIN_OF(size, (off_t)sizeof buffer));
                if (n <= 0)
                        break;
                cr_assert_eq(write(out, buffer, (size_t)n), n);
                size -= n;
        }
        close(in);
        close(out);
}

static void path_of(char *ret, size_t size, const Fixture *f, const char *name) {
        snprintf(ret, size, "%s/%s", f->directory, name);
}

/* Opens a copy of f's files, with the WAL cut or with a byte in it changed, and gives its whole
 * batches. */
static uint64_t batches_after_damage(const Fixture *f, off_t cut, off_t flip) {
        Fixture g;
        char from[128], to[128];
        fixture_open(&g, "sqlite");
        g.store = store_close(g.store);
        path_of(from, sizeof from, f, "stint.db");
        path_of(to, sizeof to, &g, "stint.db");
        copy_file(from, to, INT32_MAX);
        path_of(from, sizeof from, f, "stint.db-wal");
        path_of(to, sizeof to, &g, "stint.db-wal");
        copy_file(from, to, cut);
        if (flip >= 0) {
                int fd = open(to, O_RDWR | O_CLOEXEC);
                char byte;
                cr_assert_eq(pread(fd, &byte, 1, flip), 1);
                byte = (char)~byte;
                cr_assert_eq(pwrite(fd, &byte, 1, flip), 1);
                close(fd);
        }
        fixture_reopen(&g);
        uint64_t batches = count_batches(&g);
        fixture_close(&g);
        return batches;
}

/* Reading the files of an open database would drop its locks in this process: the writer is a child
 * that is killed. */
static off_t make_wal(Fixture *f) {
        f->store = store_close(f->store);
        kill_a_writer(f, 1, 40);
        char path[128];
        struct stat st;
        path_of(path, sizeof path, f, "stint.db-wal");
        cr_assert_eq(stat(path, &st), 0);
        return st.st_size;
}

Test(crash, a_cut_wal_never_gives_half_a_batch) {
        Fixture f;
        fixture_open(&f, "sqlite");
        off_t size = make_wal(&f);
        unsigned seed = (unsigned)time_now_realtime();
        fprintf(stderr, "# seed %u\n", seed);
        uint64_t before = 0, whole = batches_after_damage(&f, size, -1);
        cr_assert_gt(whole, 0);
        const int cuts = 60;
        for (int i = 0; i <= cuts; i++) {
                off_t jitter = i > 0 && i < cuts ? (off_t)(rand_r(&seed) % 4096) : 0;
                off_t cut = MIN_OF(size, size / cuts * i + jitter);
                uint64_t batches = batches_after_damage(&f, i == cuts ? size : cut, -1);
                cr_assert_geq(batches, i == 0 ? 0 : before, "more bytes, less batches");
                before = batches;
        }
        cr_assert_eq(before, whole);
        fixture_close(&f);
}

Test(crash, a_damaged_wal_never_gives_half_a_batch) {
        Fixture f;
        fixture_open(&f, "sqlite");
        off_t size = make_wal(&f);
        unsigned seed = (unsigned)time_now_realtime();
        fprintf(stderr, "# seed %u\n", seed);
        for (int i = 0; i < 30; i++)
                batches_after_damage(&f, size, (off_t)(rand_r(&seed)) % size);
        fixture_close(&f);
}
