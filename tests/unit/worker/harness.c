/* See harness.h. */
#include "tests/unit/worker/harness.h"

#include "common/supervise.h"
#include "common/time.h"
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#define WAIT_MSEC 30000 /* generous: the machine may be busy, and sanitizers slow */

static const char config_text[] =
        "queues = ( { name = \"default\"; }, { name = \"noop\"; }, { name = \"echo\"; } );\n"
        "pools = ( { name = \"default\"; queues = [\"default\"]; handler = \"command\"; },\n"
        "          { name = \"silent\"; queues = [\"noop\"]; handler = \"noop\"; },\n"
        "          { name = \"loud\"; queues = [\"echo\"]; handler = \"echo\"; } );\n";

/* ---- start and stop ---- */

static void make_directories(Harness *h) {
        char path[128];
        (void)snprintf(h->dir, sizeof h->dir, "/tmp/stint-worker-XXXXXX");
        cr_assert_not_null(mkdtemp(h->dir));
        (void)snprintf(h->state, sizeof h->state, "%s/state", h->dir);
        (void)snprintf(h->run, sizeof h->run, "%s/run", h->dir);
        const char *parts[] = {"state", "state/log", "run", "run/w"};
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
                (void)snprintf(path, sizeof path, "%s/%s", h->dir, parts[i]);
                cr_assert_eq(mkdir(path, 0700), 0);
        }
}

static int make_config(Harness *h) {
        InstancePaths paths = {.kind = INSTANCE_USER};
        (void)snprintf(paths.state, sizeof paths.state, "%s", h->state);
        (void)snprintf(paths.run, sizeof paths.run, "%s", h->run);
        (void)snprintf(paths.config, sizeof paths.config, "%s/stintd.conf", h->dir);
        (void)snprintf(paths.config_d, sizeof paths.config_d, "%s/conf.d", h->dir);
        (void)snprintf(paths.control, sizeof paths.control, "%s/control.sock", h->run);
        (void)snprintf(paths.events, sizeof paths.events, "%s/events.sock", h->run);
        FILE *file = fopen(paths.config, "w");
        cr_assert_not_null(file);
        cr_assert_geq(fputs(config_text, file), 0);
        cr_assert_eq(fclose(file), 0);
        ConfigFindings findings = {0};
        Config *config = NULL;
        int fd = -1;
        int r = config_load(&paths, CONFIG_REQUIRED, &findings, &config);
        cr_assert_eq(r, 0, "%s", findings.count ? findings.lines[0] : "no finding");
        cr_assert_eq(config_seal(config, &fd), 0);
        config_free(config);
        config_findings_done(&findings);
        return fd;
}

static int listen_at(const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        cr_assert_geq(fd, 0);
        cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
        cr_assert_eq(listen(fd, 16), 0);
        return fd;
}

static void execute_worker(const Harness *h, const char *pool, const int fds[4]) {
        char serial[24];
        int high[4];
        (void)snprintf(serial, sizeof serial, "%u", SERIAL);
        for (int i = 0; i < 4; i++)
                high[i] = fcntl(fds[i], F_DUPFD, 100);
        for (int i = 0; i < 4; i++)
                (void)dup2(high[i], SUPERVISE_FD_CHANNEL + i);
        (void)close_range(SUPERVISE_FD_FIRST + 1, ~0u, 0);
        (void)execl(WORKER_BINARY, "stint-worker", "--state", h->state, "--run", h->run,
                    "--instance", "user", "--pool", pool, "--serial", serial, (char *)NULL);
        _exit(127);
}

static void open_sockets(Harness *h, const char *results_path, int results_fd) {
        char endpoint[128];
        cr_assert_eq(zcontext_new(&h->context), 0);
        cr_assert_eq(zsocket_new(h->context, ZMQ_SUB, &(ZSocketOptions){0}, &h->results), 0);
        cr_assert_eq(zsocket_subscribe(h->results, "", 0), 0);
        cr_assert_eq(zsocket_bind_fd(h->results, results_fd, results_path), 0);
        cr_assert_eq(zsocket_new(h->context, ZMQ_PUSH, &(ZSocketOptions){0}, &h->push), 0);
        (void)snprintf(endpoint, sizeof endpoint, "ipc://%s/w/%u.sock", h->run, SERIAL);
        cr_assert_eq(zsocket_connect(h->push, endpoint), 0);
        cr_assert_eq(wire_reader_new(&h->reader), 0);
}

Harness *harness_start_unsynced(const char *pool) {
        Harness *h = calloc(1, sizeof *h);
        char path[128], results_path[128];
        int pipe_ends[2];
        make_directories(h);
        cr_assert_eq(pipe2(pipe_ends, O_CLOEXEC), 0);
        h->channel = pipe_ends[1];
        (void)snprintf(path, sizeof path, "%s/alive", h->state);
        int alive = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        (void)snprintf(path, sizeof path, "%s/w/%u.sock", h->run, SERIAL);
        int fds[4] = {pipe_ends[0], make_config(h), alive, listen_at(path)};
        (void)snprintf(results_path, sizeof results_path, "%s/results.sock", h->run);
        int results_fd = listen_at(results_path);
        h->worker = fork();
        cr_assert_geq(h->worker, 0);
        if (h->worker == 0)
                execute_worker(h, pool, fds);
        for (int i = 0; i < 4; i++)
                (void)close(fds[i]);
        open_sockets(h, results_path, results_fd);
        (void)close(results_fd);
        h->epoch = 1;
        return h;
}

Harness *harness_start(const char *pool) {
        Harness *h = harness_start_unsynced(pool);
        harness_sync(h);
        return h;
}

void harness_stop(Harness *h) {
        int status = -1;
        char command[128];
        if (h->channel >= 0)
                (void)close(h->channel);
        if (h->worker > 0) {
                cr_assert_eq(waitpid(h->worker, &status, 0), h->worker);
                cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x", status);
        }
        for (size_t i = 0; i < h->other_count; i++)
                end_done(&h->others[i]);
        zmessage_done(&h->message);
        zsocket_free(h->push);
        zsocket_free(h->results);
        zcontext_free(h->context);
        wire_buffer_done(&h->buffer);
        wire_reader_free(h->reader);
        (void)snprintf(command, sizeof command, "rm -rf %s", h->dir);
        cr_assert_eq(system(command), 0);
        free(h);
}

/* ---- messages ---- */

static void send_body(Harness *h, WireType type, const void *body, const void *payload,
                      size_t size) {
        Blob *blob = size ? blob_new_copy(payload, size) : NULL;
        BlobSlice slice = size ? blob_slice(blob, 0, size) : (BlobSlice){0};
        cr_assert_eq(wire_encode(&h->buffer, type, 0, body), 0);
        cr_assert_eq(zsocket_send(h->push, h->buffer.data, h->buffer.size, slice), 0);
        blob_slice_drop(&slice);
        blob_unref(blob);
}

static size_t copy_ids(uint64_t to[8], WireNumbers from) {
        size_t n = MIN_OF(from.count, (size_t)8);
        if (n > 0)
                memcpy(to, from.items, n * sizeof *to);
        return from.count;
}

static void note(Harness *h, const WireMessage *m) {
        if (m->type == WIRE_TYPE_HELLO) {
                const WireHello *hello = m->body;
                cr_assert_eq(hello->serial, SERIAL);
                h->running_count = copy_ids(h->running, hello->running);
                h->unacked_count = copy_ids(h->unacked, hello->unacked);
        } else if (m->type == WIRE_TYPE_STARTED) {
                h->started_pid = (pid_t)((const WireStarted *)m->body)->runs.items[0].pid;
        }
}

bool harness_try_receive(Harness *h, int timeout_msec, WireMessage *ret) {
        int r = zsocket_receive(h->results, timeout_msec, &h->message);
        if (r == -ETIMEDOUT)
                return false;
        cr_assert_eq(r, 0, "%s", strerror(-r));
        const ZFrame *frame = &h->message.frames[0];
        cr_assert_eq(wire_decode(h->reader, frame->data, frame->size, ret), 0);
        note(h, ret);
        return true;
}

void harness_receive(Harness *h, WireMessage *ret) {
        cr_assert(harness_try_receive(h, WAIT_MSEC, ret), "the worker says nothing");
}

void harness_sync_once(Harness *h, const char *store) {
        WireSync sync = {.epoch = h->epoch, .n = ++h->n, .store = wire_text(store)};
        send_body(h, WIRE_TYPE_SYNC, &sync, NULL, 0);
}

void harness_sync(Harness *h) {
        usec_t until = time_now_monotonic() + WAIT_MSEC * USEC_PER_MSEC;
        for (;;) {
                WireMessage m;
                cr_assert_lt(time_now_monotonic(), until, "SYNC is not answered");
                harness_sync_once(h, STORE);
                while (harness_try_receive(h, 100, &m))
                        if (m.type == WIRE_TYPE_HELLO && ((const WireHello *)m.body)->n == h->n)
                                return;
        }
}

static size_t job_payload(const Job *job, void **ret) {
        const char *words[] = {"/bin/sh", "-c", job->shell, NULL};
        CommandSpec spec = job->spec;
        size_t size;
        if (job->payload) {
                *ret = malloc(job->payload_size + 1);
                memcpy(*ret, job->payload, job->payload_size);
                return job->payload_size;
        }
        if (job->shell) {
                spec.argv = words;
                spec.argc = 3;
        }
        if (spec.output_limit == 0)
                spec.output_limit = COMMAND_OUTPUT_LIMIT;
        cr_assert_eq(command_spec_encode(&spec, ret, &size), 0);
        return size;
}

void harness_push_run(Harness *h, uint64_t epoch, uint64_t n, uint64_t run_id, Job job) {
        _cleanup_(freep) void *payload = NULL;
        size_t size = job_payload(&job, &payload);
        if (!job.environment) {
                job.environment = "PATH=/usr/local/bin:/usr/bin:/bin";
                job.environment_size = strlen(job.environment) + 1;
        }
        WireRunItem item = {.run_id = run_id,
                            .task_id = run_id - 1000,
                            .attempt = 3,
                            .kind = job.payload ? TASK_KIND_MESSAGE : TASK_KIND_COMMAND,
                            .queue = wire_text("default"),
                            .timeout_usec = job.timeout_usec,
                            .grace_usec = job.grace_usec,
                            .environment_size = job.environment_size,
                            .payload_size = size};
        WireRun run = {.epoch = epoch, .n = n, .runs = {&item, 1}};
        _cleanup_(freep) char *body = malloc(job.environment_size + size + 1);
        memcpy(body, job.environment, job.environment_size);
        memcpy(body + job.environment_size, payload, size);
        send_body(h, WIRE_TYPE_RUN, &run, body, job.environment_size + size);
}

uint64_t harness_submit(Harness *h, Job job) {
        uint64_t run_id = ++h->last_task + 1000;
        harness_push_run(h, h->epoch, h->n, run_id, job);
        return run_id;
}

void harness_stop_run(Harness *h, uint64_t run_id, StopWhy why, int signal) {
        WireStop stop = {.run_id = run_id, .why = why, .signal = (uint64_t)signal};
        send_body(h, WIRE_TYPE_STOP, &stop, NULL, 0);
}

void harness_spill(Harness *h, uint64_t run_id) {
        send_body(h, WIRE_TYPE_SPILL, &(WireSpill){.run_id = run_id}, NULL, 0);
}

void harness_signal_run(Harness *h, uint64_t run_id, int signal) {
        WireSignalRun message = {.run_id = run_id, .signal = (uint64_t)signal};
        send_body(h, WIRE_TYPE_SIGNAL_RUN, &message, NULL, 0);
}

void harness_ack(Harness *h, uint64_t run_id) {
        send_body(h, WIRE_TYPE_ACK, &(WireAck){.runs = {&run_id, 1}}, NULL, 0);
}

/* ---- ends ---- */

static char *copy_bytes(const char *bytes, size_t size) {
        char *copy = calloc(1, size + 1);
        if (size > 0)
                memcpy(copy, bytes, size);
        return copy;
}

static End end_copy(const WireEndItem *item, const char *body) {
        End e = {.item = *item};
        e.out_size = item->files & WIRE_FILE_OUT ? 0 : item->out_kept;
        e.err_size = item->files & WIRE_FILE_ERR ? 0 : item->err_kept;
        e.result_size = item->result_size;
        e.out = copy_bytes(body, e.out_size);
        e.err = copy_bytes(body + e.out_size, e.err_size);
        e.result = copy_bytes(body + e.out_size + e.err_size, e.result_size);
        e.detail = copy_bytes(item->detail.data, item->detail.size);
        return e;
}

void end_done(End *e) {
        free(e->out);
        free(e->err);
        free(e->result);
        free(e->detail);
}

static bool other_take(Harness *h, uint64_t run_id, End *ret) {
        for (size_t i = 0; i < h->other_count; i++) {
                if (h->others[i].item.run_id != run_id)
                        continue;
                *ret = h->others[i];
                h->others[i] = h->others[--h->other_count];
                return true;
        }
        return false;
}

End harness_wait_end(Harness *h, uint64_t run_id) {
        for (;;) {
                WireMessage m;
                End e;
                if (other_take(h, run_id, &e))
                        return e;
                harness_receive(h, &m);
                if (m.type != WIRE_TYPE_END)
                        continue;
                const WireEnd *end = m.body;
                const char *body = h->message.count > 1 ? h->message.frames[1].data : "";
                for (size_t i = 0; i < end->runs.count; i++) {
                        e = end_copy(&end->runs.items[i], body);
                        body += e.out_size + e.err_size + e.result_size;
                        cr_assert_lt(h->other_count, HARNESS_OTHERS_MAX);
                        h->others[h->other_count++] = e;
                }
        }
}

void harness_wait_started(Harness *h, uint64_t run_id) {
        for (;;) {
                WireMessage m;
                harness_receive(h, &m);
                cr_assert_neq(m.type, WIRE_TYPE_END, "it ended before it was told to have started");
                if (m.type == WIRE_TYPE_STARTED &&
                    ((const WireStarted *)m.body)->runs.items[0].run_id == run_id)
                        return;
        }
}

End harness_execute(Harness *h, Job job) {
        uint64_t run_id = harness_submit(h, job);
        End e = harness_wait_end(h, run_id);
        harness_ack(h, run_id);
        return e;
}

/* ---- files and processes ---- */

static char *read_file(const char *path, size_t *ret_size) {
        FILE *file = fopen(path, "r");
        if (!file)
                return NULL;
        cr_assert_eq(fseek(file, 0, SEEK_END), 0);
        size_t size = (size_t)ftell(file);
        rewind(file);
        char *data = calloc(1, size + 1);
        cr_assert_eq(fread(data, 1, size, file), size);
        (void)fclose(file);
        *ret_size = size;
        return data;
}

char *harness_read_output(Harness *h, uint64_t run_id, StreamKind stream, size_t *ret_size) {
        char path[256];
        struct stat st;
        cr_assert_eq(output_path(h->state, run_id, stream, path, sizeof path), 0);
        cr_assert_eq(stat(path, &st), 0, "%s: %s", path, strerror(errno));
        cr_assert_eq(st.st_mode & 0777, 0600);
        return read_file(path, ret_size);
}

long harness_wait_number(Harness *h, const char *name) {
        char path[160];
        (void)snprintf(path, sizeof path, "%s/%s", h->dir, name);
        for (int i = 0; i < WAIT_MSEC / 10; i++) {
                size_t size;
                _cleanup_(freep) char *text = read_file(path, &size);
                if (text && strchr(text, '\n'))
                        return strtol(text, NULL, 10);
                (void)poll(NULL, 0, 10);
        }
        cr_assert_fail("%s does not appear", path);
        return 0;
}

void wait_until_dead(pid_t pid) {
        for (int i = 0; i < WAIT_MSEC / 10 && kill(pid, 0) == 0; i++)
                (void)poll(NULL, 0, 10);
        cr_assert_eq(kill(pid, 0), -1, "process %d lives", pid);
}

void wait_until_state(pid_t pid, char state) {
        char path[64], actual = 0;
        (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
        for (int i = 0; i < WAIT_MSEC / 10 && actual != state; i++) {
                FILE *file = fopen(path, "r");
                cr_assert_not_null(file);
                cr_assert_eq(fscanf(file, "%*d %*s %c", &actual), 1);
                (void)fclose(file);
                if (actual != state)
                        (void)poll(NULL, 0, 10);
        }
        cr_assert_eq(actual, state, "process %d is in state %c", pid, actual);
}
