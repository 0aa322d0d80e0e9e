/* How fast the store is: submit and end of tasks through store.h, by tasks a commit, for both
 * backends.
 *
 *      bench/store [DIRECTORY] [SECONDS]     default: a new directory below the current one, 2 s a
 * row
 *
 * A turn writes SIZE new tasks (64-byte payloads, one environment for all) and the ends of the SIZE
 * tasks of the turn before under one ticket, as the dispatcher does under load. `alone` waits for
 * each ticket, so that a commit holds exactly one turn; `ahead` keeps four tickets going and lets
 * the store group them. */
#include "dispatcher/store/store.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define PAYLOAD_BYTES     64u
#define ENVIRONMENT_BYTES 2048u
#define AHEAD             4u

typedef struct Bench {
        Store *store;
        Blob *environment, *payloads;
        uint64_t next_id, ticket, done;
        usec_t now;
        int error;
} Bench;

static void fill_task(const Bench *b, StoreOp *op, uint64_t id, size_t index) {
        *op = (StoreOp){.kind = STORE_PUT_TASK,
                        .task = {.id = id,
                                 .policy = {.kind = TASK_KIND_MESSAGE},
                                 .uid = 1000,
                                 .submitted_usec = b->now,
                                 .queue = "default"}};
        op->task.environment = blob_slice(b->environment, 0, ENVIRONMENT_BYTES);
        op->task.payload = blob_slice(b->payloads, index % 1024 * PAYLOAD_BYTES, PAYLOAD_BYTES);
}

static void fill_end(const Bench *b, StoreOp *op, uint64_t id) {
        *op = (StoreOp){.kind = STORE_PUT_END,
                        .run = {.task_id = id,
                                .run_id = RUN_ID(store_epoch(b->store), id),
                                .worker = 17,
                                .attempt = 1,
                                .state = TASK_SUCCEEDED,
                                .reason = REASON_EXIT,
                                .started_usec = b->now,
                                .ended_usec = b->now + 100,
                                .user_usec = 50,
                                .max_rss_bytes = 1 << 21,
                                .pool = "default"}};
}

static int submit_turn(Bench *b, size_t size) {
        StoreOp *ops = malloc(2 * size * sizeof *ops);
        if (!ops)
                return -ENOMEM;
        for (size_t i = 0; i < size; i++) {
                fill_task(b, &ops[2 * i], b->next_id + i, i);
                fill_end(b, &ops[2 * i + 1], b->next_id + i - (b->ticket > 0 ? size : 0));
                if (b->ticket == 0) /* nothing has been submitted before the first turn */
                        ops[2 * i + 1].run.task_id = 0;
        }
        b->next_id += size;
        store_write(b->store, ++b->ticket, ops, 2 * size);
        return 0;
}

static void await(Bench *b, uint64_t ticket) {
        while (b->done < ticket && b->error == 0) {
                struct pollfd fd = {.fd = store_fd(b->store), .events = POLLIN};
                poll(&fd, 1, -1);
                for (StoreDone d; store_next(b->store, &d); store_done_free(&d)) {
                        if (d.kind == STORE_DONE_WRITTEN && d.error == 0)
                                b->done = d.last_ticket;
                        else if (d.kind == STORE_DONE_FATAL || d.error)
                                b->error = -EIO;
                }
        }
}

static double processor_seconds(void) {
        struct rusage u;
        getrusage(RUSAGE_SELF, &u);
        return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
               (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int run_row(const char *url, const char *directory, size_t size, unsigned ahead,
                   usec_t length) {
        Error error;
        StoreOptions options = {.url = url,
                                .state_dir = directory,
                                .retention_age_usec = USEC_INFINITY,
                                .retention_tasks = 1000000,
                                .retention_bytes = UINT64_MAX};
        static char bytes[1024 * PAYLOAD_BYTES];
        Bench b = {.now = time_now_realtime(),
                   .environment = blob_new_copy(bytes, ENVIRONMENT_BYTES),
                   .payloads = blob_new_copy(bytes, sizeof bytes)};
        if (store_open(&options, &error, &b.store) < 0) {
                error_print("store", &error);
                return -1;
        }
        int r = store_start(b.store);
        b.next_id = store_next_task_id(b.store);
        usec_t begin = time_now_monotonic();
        double processor = processor_seconds();
        while (r == 0 && b.error == 0 && time_now_monotonic() < begin + length) {
                r = submit_turn(&b, size);
                if (b.ticket >= ahead)
                        await(&b, b.ticket - ahead + 1);
        }
        await(&b, b.ticket);
        double seconds = (double)(time_now_monotonic() - begin) / 1e6;
        double tasks = (double)size * (double)b.ticket;
        processor = processor_seconds() - processor;
        b.store = store_close(b.store);
        b.environment = blob_unref(b.environment);
        b.payloads = blob_unref(b.payloads);
        printf("%-8.*s %6zu  %-6s %12.0f %14.2f\n", (int)strcspn(url, ":") + 1, url, size,
               ahead == 1 ? "alone" : "ahead", tasks / seconds, processor / tasks * 1e6);
        fflush(stdout);
        return b.error ? b.error : r;
}

static int run_all(const char *directory, usec_t length) {
        static const size_t sizes[] = {1, 64, 256, 1024};
        for (int backend = 0; backend < 2; backend++) {
                for (size_t i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
                        char path[4096], url[4096 + 8];
                        snprintf(path, sizeof path, "%s/bench.db", directory);
                        snprintf(url, sizeof url, backend ? "memory:" : "sqlite:%s", path);
                        if (run_row(url, directory, sizes[i / 2], i % 2 ? AHEAD : 1, length) < 0)
                                return 1;
                        unlink(path);
                }
        }
        return 0;
}

int main(int argc, char **argv) {
        char directory[4096] = "";
        unsigned long seconds = argc > 2 ? strtoul(argv[2], NULL, 10) : 2;
        if (argc > 1)
                snprintf(directory, sizeof directory, "%s", argv[1]);
        else if (!getcwd(directory, sizeof directory - 32) ||
                 !mkdtemp(strcat(directory, "/stint-bench-store-XXXXXX"))) {
                perror("bench/store");
                return 1;
        }
        printf("%-8s %6s  %-6s %12s %14s\n", "backend", "size", "turns", "tasks/s", "processor us");
        int r = run_all(directory, seconds * USEC_PER_SEC);
        char file[4096 + 16];
        static const char *const left[] = {"ballast", "memory-ids"};
        for (size_t i = 0; i < ARRAY_SIZE(left); i++) {
                snprintf(file, sizeof file, "%s/%s", directory, left[i]);
                unlink(file);
        }
        if (argc <= 1)
                rmdir(directory);
        return r;
}
