/* See fixture.h. */
#include "tests/unit/store/fixture.h"

#include "common/output.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- opening ---- */

void fixture_reopen_only(Fixture *f) {
        Error error = {0};
        f->store = store_close(f->store);
        f->ticket = f->done = 0;
        cr_assert_eq(store_open(&f->options, &error, &f->store), 0, "%s", error.text);
}

void fixture_reopen(Fixture *f) {
        fixture_reopen_only(f);
        cr_assert_eq(store_start(f->store), 0);
}

void fixture_open(Fixture *f, const char *scheme) {
        *f = (Fixture){.directory = "/tmp/stint-store-XXXXXX"};
        cr_assert(mkdtemp(f->directory));
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/output", f->directory);
        cr_assert_eq(mkdir(path, 0700), 0);
        snprintf(f->url, sizeof f->url,
                 strcmp(scheme, "memory") == 0 ? "memory:" : "sqlite:%s/stint.db", f->directory);
        f->options = (StoreOptions){.url = f->url,
                                    .state_dir = f->directory,
                                    .retention_age_usec = USEC_INFINITY,
                                    .retention_tasks = UINT64_MAX,
                                    .retention_bytes = UINT64_MAX};
        fixture_reopen(f);
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        return remove(path);
}

void fixture_close(Fixture *f) {
        f->store = store_close(f->store);
        nftw(f->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- operations ---- */

BlobSlice slice_of(const char *text) {
        if (!text || !text[0])
                return (BlobSlice){0};
        return (BlobSlice){.blob = blob_new_copy(text, strlen(text)),
                           .size = (uint32_t)strlen(text)};
}

bool slice_is(BlobSlice s, const char *text) {
        return s.size == strlen(text) && memcmp(blob_slice_data(s), text, s.size) == 0;
}

static BlobSlice labels_of(const char *labels) {
        if (!labels)
                return (BlobSlice){0};
        size_t size = strlen(labels) + 1;
        char *copy = strdup(labels);
        for (char *c = copy; *c; c++)
                if (*c == ',')
                        *c = '\0';
        return (BlobSlice){.blob = blob_new_take(copy, size), .size = (uint32_t)size};
}

StoreOp make_task(uint64_t id, TaskArgs a) {
        StoreOp op = {.kind = STORE_PUT_TASK,
                      .task = {.id = id,
                               .policy = {.kind = TASK_KIND_COMMAND,
                                          .priority = (int8_t)a.priority,
                                          .retries = (uint16_t)a.retries,
                                          .timeout_usec = 5 * USEC_PER_SEC,
                                          .grace_msec = 10000,
                                          .backoff_min_msec = 2000,
                                          .backoff_max_msec = 300000,
                                          .at_most_once = a.at_most_once},
                               .uid = a.uid ? a.uid : 1000,
                               .submitted_usec = a.submitted ? a.submitted : time_now_realtime(),
                               .not_before_usec = a.not_before,
                               .name = slice_of(a.name),
                               .summary = slice_of(a.summary),
                               .labels = labels_of(a.labels),
                               .group = slice_of(a.group),
                               .retry_of = a.retry_of,
                               .environment = slice_of(a.environment),
                               .payload = slice_of(a.payload)}};
        snprintf(op.task.queue, sizeof op.task.queue, "%s", a.queue ? a.queue : "default");
        return op;
}

static StoreOp make_run(StoreOpKind kind, uint64_t id, RunArgs a) {
        StoreOp op = {.kind = kind,
                      .run = {.task_id = id,
                              .run_id = a.run,
                              .worker = a.worker ? a.worker : 17,
                              .attempt = a.attempt ? a.attempt : 1,
                              .state = a.state,
                              .reason = a.reason ? a.reason : REASON_EXIT,
                              .code = a.code,
                              .ended_usec = a.ended ? a.ended : time_now_realtime(),
                              .files = a.files,
                              .out = slice_of(a.out),
                              .err = slice_of(a.err),
                              .result = slice_of(a.result),
                              .detail = slice_of(a.detail),
                              .pool = "default"},
                      .due_usec = a.due};
        op.run.started_usec = op.run.ended_usec - 1000;
        op.run.out_kept = a.out_kept ? a.out_kept : op.run.out.size;
        op.run.out_total = a.out_total ? a.out_total : op.run.out_kept;
        op.run.err_total = op.run.err_kept = op.run.err.size;
        return op;
}

StoreOp make_end(uint64_t id, RunArgs a) {
        a.state = a.state ? a.state : TASK_SUCCEEDED;
        return make_run(STORE_PUT_END, id, a);
}

StoreOp make_attempt(uint64_t id, RunArgs a) {
        a.state = a.state ? a.state : TASK_FAILED;
        return make_run(STORE_PUT_ATTEMPT, id, a);
}

StoreOp make_mark(StoreOpKind kind, uint64_t id, run_id_t run) {
        return (StoreOp){.kind = kind,
                         .mark = {.task_id = id,
                                  .run_id = run,
                                  .worker = 18,
                                  .attempt = 2,
                                  .uid = 1001,
                                  .signal = 15}};
}

StoreOp make_client(uint8_t first_byte, uint64_t held, usec_t last, const char *answers) {
        return (StoreOp){.kind = STORE_PUT_CLIENT,
                         .client = {.id = {{first_byte}},
                                    .uid = 1000,
                                    .held = held,
                                    .last_usec = last,
                                    .answers = slice_of(answers)}};
}

uint64_t write_ops(Fixture *f, const StoreOp *ops, size_t n) {
        StoreOp *copy = malloc((n + 1) * sizeof *copy);
        for (size_t i = 0; i < n; i++)
                copy[i] = ops[i];
        store_write(f->store, ++f->ticket, copy, n);
        return f->ticket;
}

/* ---- completions ---- */

bool next_completion(Fixture *f, StoreDone *ret, int msec) {
        usec_t until = time_now_monotonic() + (usec_t)msec * USEC_PER_MSEC;
        while (!store_next(f->store, ret)) {
                usec_t now = time_now_monotonic();
                if (now >= until)
                        return false;
                struct pollfd fd = {.fd = store_fd(f->store), .events = POLLIN};
                poll(&fd, 1, (int)((until - now) / USEC_PER_MSEC) + 1);
        }
        if (ret->kind == STORE_DONE_WRITTEN) {
                cr_assert_eq(ret->first_ticket, f->done + 1, "tickets are done in order");
                f->done = ret->last_ticket;
                f->error = ret->error;
        } else if (ret->kind == STORE_DONE_SPACE) {
                memcpy(f->space, ret->text, sizeof f->space);
                f->spaces++;
        } else if (ret->kind == STORE_DONE_FATAL) {
                f->fatals++;
        }
        return true;
}

int await_ticket(Fixture *f, uint64_t ticket) {
        while (f->done < ticket) {
                StoreDone d;
                cr_assert(next_completion(f, &d, WAIT_MSEC), "the store does not answer");
                cr_assert_neq(d.kind, STORE_DONE_FATAL, "%s", d.text);
                store_done_free(&d);
        }
        return f->error;
}

StoreDone ask(Fixture *f, StoreRead read) {
        static uint64_t cookie;
        read.cookie = ++cookie;
        StoreReadKind kind = read.kind;
        store_read(f->store, &read);
        for (StoreDone d;; store_done_free(&d)) {
                cr_assert(next_completion(f, &d, WAIT_MSEC), "the store does not answer");
                if (d.kind != STORE_DONE_READ)
                        continue;
                cr_assert_eq(d.cookie, cookie);
                cr_assert_eq(d.read_kind, kind);
                return d;
        }
}

StoreDone ask_task(Fixture *f, uint64_t id) {
        return ask(f, (StoreRead){.kind = STORE_READ_TASK, .first = id});
}

StoreDone ask_output(Fixture *f, uint64_t id, uint32_t attempt_number, StreamKind stream,
                     uint64_t offset) {
        return ask(f, (StoreRead){.kind = STORE_READ_OUTPUT,
                                  .first = id,
                                  .attempt = attempt_number,
                                  .stream = stream,
                                  .offset = offset,
                                  .max = UINT32_MAX});
}

const char *rows_of(Fixture *f, StoreFilter filter) {
        static char text[65536];
        size_t n = 0;
        text[0] = '\0';
        StoreDone d = ask(f, (StoreRead){.kind = STORE_READ_ROWS, .filter = filter});
        cr_assert_eq(d.error, 0);
        for (size_t i = 0; i < d.task_count; i++)
                n += (size_t)snprintf(text + n, sizeof text - n, "%s%llu", i ? " " : "",
                                      (unsigned long long)d.tasks[i].task.id);
        if (d.before)
                snprintf(text + n, sizeof text - n, " <%llu", (unsigned long long)d.before);
        store_done_free(&d);
        return text;
}

bool task_exists(Fixture *f, uint64_t id) {
        StoreDone d = ask_task(f, id);
        cr_assert(d.error == 0 || d.error == -ENOENT);
        bool exists = d.error == 0;
        store_done_free(&d);
        return exists;
}

/* ---- recovery ---- */

static int on_task(void *userdata, const RecoveredTask *t) {
        Recovered *r = userdata;
        cr_assert_lt(r->task_count, ARRAY_SIZE(r->tasks));
        r->tasks[r->task_count] = *t;
        snprintf(r->queues[r->task_count], sizeof r->queues[0], "%s", t->queue);
        r->tasks[r->task_count].queue = r->queues[r->task_count];
        r->task_count++;
        return 0;
}

static int on_client(void *userdata, const ClientRecord *c) {
        Recovered *r = userdata;
        cr_assert_lt(r->client_count, ARRAY_SIZE(r->clients));
        r->clients[r->client_count] = *c;
        blob_slice_ref(c->answers);
        r->client_count++;
        return 0;
}

void recover(Fixture *f, Recovered *ret) {
        Error error = {0};
        *ret = (Recovered){0};
        cr_assert_eq(store_recover(f->store, on_task, on_client, ret, &error), 0, "%s", error.text);
}

void recovered_done(Recovered *r) {
        for (size_t i = 0; i < r->client_count; i++)
                blob_slice_drop(&r->clients[i].answers);
}

/* ---- output files ---- */

void make_output_file(Fixture *f, run_id_t run, StreamKind stream, const char *text) {
        char path[PATH_MAX];
        cr_assert_eq(output_directory(f->directory, run, path, sizeof path), 0);
        mkdir(path, 0700);
        cr_assert_eq(output_path(f->directory, run, stream, path, sizeof path), 0);
        FILE *file = fopen(path, "w");
        cr_assert(file);
        fputs(text, file);
        fclose(file);
}

bool output_file_exists(Fixture *f, run_id_t run, StreamKind stream) {
        char path[PATH_MAX];
        output_path(f->directory, run, stream, path, sizeof path);
        return access(path, F_OK) == 0;
}
