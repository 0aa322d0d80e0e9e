/* stint-bench: how many tasks a running instance does a second, and how long each takes from submit
 * to the client knowing its end. Every client is a process of its own that uses libstint, as real
 * ones are; it keeps a window of tasks outstanding and fills it up in batches. Latencies go into
 * memory that all share; a gate opens when all have connected. */
#include "client/cli/json.h"
#include "client/cli/options.h"
#include "common/text.h"
#include "common/time.h"

#include <stint/stint.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define BATCH_BYTES_MAX (8u << 20)
#define BATCH_TASKS_MAX 4096
#define PAYLOAD_MAX     (8u << 20)
#define CLIENTS_MAX     1000

typedef struct Settings {
        StintOptions stint;
        const char *queue;
        uint64_t tasks, clients, window, payload;
        StintKind kind;
        enum { PRINT_TEXT, PRINT_JSON } print;
        enum { GO_ON, SHOW_HELP } help;
} Settings;

/* ---- options ---- */

static const char *set_user(void *target, const char *value) {
        ((Settings *)target)->stint.instance = STINT_INSTANCE_OWN;
        return NULL;
}

static const char *set_system(void *target, const char *value) {
        ((Settings *)target)->stint.instance = STINT_INSTANCE_SYSTEM;
        return NULL;
}

static const char *set_endpoint(void *target, const char *value) {
        ((Settings *)target)->stint.endpoint = value;
        return NULL;
}

static const char *set_count(uint64_t *ret, const char *value, uint64_t max) {
        return u64_parse(value, ret) < 0 || !*ret || *ret > max ? "is out of range" : NULL;
}

static const char *set_tasks(void *target, const char *value) {
        return set_count(&((Settings *)target)->tasks, value, 1000000000);
}

static const char *set_clients(void *target, const char *value) {
        return set_count(&((Settings *)target)->clients, value, CLIENTS_MAX);
}

static const char *set_window(void *target, const char *value) {
        return set_count(&((Settings *)target)->window, value, 1000000);
}

static const char *set_queue(void *target, const char *value) {
        ((Settings *)target)->queue = value;
        return name_is_valid(value) ? NULL : "is no name of a queue";
}

static const char *set_payload(void *target, const char *value) {
        uint64_t *payload = &((Settings *)target)->payload;
        return size_parse(value, payload) < 0 || *payload > PAYLOAD_MAX ? "is no size up to 8M"
                                                                        : NULL;
}

static const char *set_command(void *target, const char *value) {
        ((Settings *)target)->kind = STINT_COMMAND;
        return NULL;
}

static const char *set_json(void *target, const char *value) {
        ((Settings *)target)->print = PRINT_JSON;
        return NULL;
}

static const char *set_help(void *target, const char *value) {
        ((Settings *)target)->help = SHOW_HELP;
        return NULL;
}

static const Option rows[] = {
        {"user", 0, NULL, "your own instance", set_user},
        {"system", 0, NULL, "the instance of the system", set_system},
        {"endpoint", 0, "URL", "the dispatcher at this socket", set_endpoint},
        {"tasks", 'n', "N", "tasks in all (default: 100000)", set_tasks},
        {"clients", 'c', "N", "clients, a process each (default: 2)", set_clients},
        {"window", 'w', "N", "tasks outstanding per client (default: 1000)", set_window},
        {"queue", 'q', "NAME", "where to (default: default)", set_queue},
        {"payload", 0, "BYTES", "of each message task (default: 64)", set_payload},
        {"command", 0, NULL, "command tasks (/bin/true) instead of messages", set_command},
        {"json", 0, NULL, "print JSON", set_json},
        {"help", 'h', NULL, "explain it and exit", set_help},
};
static const OptionGroup group = {"Options", rows, ARRAY_SIZE(rows)};

static int show_help(void) {
        printf("stint-bench: throughput and latency of a running instance\n\n"
               "Usage: stint-bench [OPTION…]\n\n");
        for (size_t i = 0; i < group.count; i++) {
                const Option *o = &group.options[i];
                char left[64];
                snprintf(left, sizeof left, "%s%c%s--%s %s", o->letter ? "-" : "  ",
                         o->letter ? o->letter : ' ', o->letter ? ", " : " ", o->name,
                         o->metavar ? o->metavar : "");
                printf("  %-22s  %s\n", left, o->help);
        }
        printf("\nThe queue must be served by a pool that takes such tasks: handler \"noop\" or "
               "\"echo\" for\nmessages, \"command\" with --command.\n\nExample: stint-bench --user "
               "-q bench -n 200000 -w 4096\n");
        return 0;
}

/* ---- what the processes share ---- */

typedef struct ClientResult {
        uint64_t finished_usec, failed;
} ClientResult;

typedef struct Shared {
        ClientResult results[CLIENTS_MAX];
        uint32_t latencies_usec[]; /* of task i, each written by one client */
} Shared;

/* ---- a client ---- */

typedef struct Client {
        const Settings *settings;
        StintClient *stint;
        uint64_t to_send, outstanding, ended, failed, total;
        size_t batch_max;
        StintTask *tasks;      /* batch_max times the same */
        StintFuture **futures; /* of the batch that is being submitted */
        char *payload;
        uint32_t *latencies_usec;
} Client;

/* Tasks that were submitted at the same time; freed with the end of the last. */
typedef struct Batch {
        Client *client;
        usec_t sent_usec;
        size_t left;
} Batch;

static int client_tasks(Client *c) {
        static const char *const argv[] = {"/bin/true", NULL};
        const Settings *s = c->settings;
        StintTask task = {STINT_TASK, .queue = s->queue, .summary = "stint-bench"};
        c->batch_max = MIN_OF(s->window, (uint64_t)BATCH_TASKS_MAX);
        if (s->payload)
                c->batch_max =
                        MIN_OF(c->batch_max, MAX_OF(BATCH_BYTES_MAX / s->payload, (size_t)1));
        c->payload = calloc(1, s->payload + 1);
        c->tasks = calloc(c->batch_max, sizeof *c->tasks);
        c->futures = calloc(c->batch_max, sizeof *c->futures);
        if (!c->payload || !c->tasks || !c->futures)
                return -ENOMEM;
        if (s->kind == STINT_COMMAND) {
                task.argv = argv;
                task.cwd = "/";
                task.environment = STINT_ENVIRONMENT_NONE;
        } else {
                task.payload = c->payload;
                task.payload_size = s->payload;
        }
        for (size_t i = 0; i < c->batch_max; i++)
                c->tasks[i] = task;
        return 0;
}

static void on_over(StintFuture *f, void *userdata) {
        Batch *batch = userdata;
        Client *c = batch->client;
        const StintEnd *end = stint_future_end(f);
        usec_t latency = time_now_monotonic() - batch->sent_usec;
        if (!end || end->state != STINT_SUCCEEDED)
                c->failed++;
        c->latencies_usec[c->ended++] = (uint32_t)MIN_OF(latency, (usec_t)UINT32_MAX);
        c->outstanding--;
        stint_future_free(f);
        if (--batch->left == 0)
                free(batch);
}

static int client_submit(Client *c, size_t n) {
        Batch *batch = malloc(sizeof *batch);
        if (!batch)
                return -ENOMEM;
        *batch = (Batch){.client = c, .sent_usec = time_now_monotonic(), .left = n};
        int r = stint_submit(c->stint, c->tasks, n, 0, c->futures);
        if (r < 0) {
                free(batch);
                return r;
        }
        for (size_t i = 0; i < n; i++)
                stint_future_then(c->futures[i], on_over, batch);
        c->to_send -= n;
        c->outstanding += n;
        return 0;
}

/* Fills the window once a quarter of it is free, so that batches stay large. */
static int client_fill(Client *c) {
        uint64_t room = c->settings->window - c->outstanding;
        if (room < MAX_OF(c->settings->window / 4, (uint64_t)1) && room < c->to_send)
                return 0;
        while (room && c->to_send) {
                size_t n = MIN_OF(MIN_OF(room, c->to_send), (uint64_t)c->batch_max);
                int r = client_submit(c, n);
                if (r < 0)
                        return r;
                room -= n;
        }
        return 0;
}

static int client_run(Client *c) {
        int r = 0;
        while (r >= 0 && c->ended < c->total) {
                r = client_fill(c);
                if (r == 0)
                        r = stint_dispatch(c->stint, -1);
        }
        return r;
}

static void client_done(Client *c) {
        stint_free(c->stint); /* and its futures */
        free(c->payload);
        free(c->tasks);
        free(c->futures);
}

/* A client's process: connects, says so, waits for the gate, works. Returns its exit code. */
static int client_main(const Settings *settings, uint64_t tasks, int ready_fd, int gate_fd,
                       uint32_t *latencies_usec, ClientResult *result) {
        char byte = 0;
        _cleanup_(client_done) Client c = {.settings = settings,
                                           .stint = stint_new(&settings->stint),
                                           .to_send = tasks,
                                           .total = tasks,
                                           .latencies_usec = latencies_usec};
        int r = c.stint ? client_tasks(&c) : -ENOMEM;
        if (r == 0)
                r = stint_connect(c.stint);
        bool usable = r == 0 && write(ready_fd, &byte, 1) == 1;
        close(ready_fd); /* of one that failed nothing is expected any more */
        if (usable && read(gate_fd, &byte, 1) == 0)
                r = client_run(&c);
        result->finished_usec = time_now_monotonic();
        result->failed = c.failed;
        if (r < 0)
                fprintf(stderr, "stint-bench: %s\n",
                        r == -ENOMEM ? strerror(ENOMEM) : stint_error(c.stint));
        return r == -ENOMEM ? EXIT_SOFTWARE : -MIN_OF(r, 0);
}

/* ---- all of them ---- */

static uint64_t share(const Settings *s, uint64_t client) {
        return s->tasks / s->clients + (client < s->tasks % s->clients);
}

/* Starts the clients; returns how many. ret_latencies of client i begin where those before end. */
static uint64_t start_clients(const Settings *s, int ready[2], int gate[2], Shared *shared) {
        uint32_t *latencies = shared->latencies_usec;
        for (uint64_t i = 0; i < s->clients; i++) {
                uint64_t tasks = share(s, i);
                pid_t pid = fork();
                if (pid < 0)
                        return i;
                if (pid == 0) {
                        close(ready[0]);
                        close(gate[1]);
                        _exit(client_main(s, tasks, ready[1], gate[0], latencies,
                                          &shared->results[i]));
                }
                latencies += tasks;
        }
        return s->clients;
}

/* Opens the gate when all are ready and waits for them; the first exit code that is not 0. */
static int run_clients(const Settings *s, Shared *shared, usec_t *ret_started) {
        int ready[2], gate[2], code = 0;
        char byte;
        if (pipe(ready) < 0 || pipe(gate) < 0)
                return EXIT_SOFTWARE;
        uint64_t n = start_clients(s, ready, gate, shared);
        close(ready[1]);
        close(gate[0]);
        for (uint64_t i = 0; i < n && read(ready[0], &byte, 1) == 1;)
                i++;
        *ret_started = time_now_monotonic();
        close(gate[1]);
        for (uint64_t i = 0; i < n; i++) {
                int status = 0;
                wait(&status);
                if (!code)
                        code = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_SOFTWARE;
        }
        close(ready[0]);
        return n < s->clients ? EXIT_SOFTWARE : code;
}

static int compare(const void *a, const void *b) {
        uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
        return (x > y) - (x < y);
}

static void report(const Settings *s, Shared *shared, usec_t started) {
        static const unsigned percents[] = {50, 95, 99, 100};
        static const char *const names[] = {"p50", "p95", "p99", "max"};
        usec_t finished = started + 1;
        uint64_t failed = 0, values[ARRAY_SIZE(percents)];
        for (uint64_t i = 0; i < s->clients; i++) {
                finished = MAX_OF(finished, shared->results[i].finished_usec);
                failed += shared->results[i].failed;
        }
        qsort(shared->latencies_usec, s->tasks, sizeof(uint32_t), compare);
        for (size_t i = 0; i < ARRAY_SIZE(percents); i++)
                values[i] = shared->latencies_usec[(s->tasks - 1) * percents[i] / 100];
        double seconds = (double)(finished - started) / USEC_PER_SEC;
        double rate = (double)s->tasks / seconds;
        const char *kind = s->kind == STINT_COMMAND ? "command" : "message";
        if (s->print == PRINT_JSON) {
                json_t *latency = json_object();
                for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                        json_set_number(latency, names[i], values[i]);
                json_t *o = json_pack("{si ss sI sI sI sI ss sf sf so sI}", "schema", 1, "kind",
                                      kind, "tasks", (json_int_t)s->tasks, "clients",
                                      (json_int_t)s->clients, "window", (json_int_t)s->window,
                                      "payload_bytes", (json_int_t)s->payload, "queue", s->queue,
                                      "seconds", seconds, "tasks_per_sec", rate, "latency_us",
                                      latency, "not_succeeded", (json_int_t)failed);
                json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
                putchar('\n');
                json_decref(o);
                return;
        }
        printf("%" PRIu64 " %s tasks, %" PRIu64 " clients, window %" PRIu64 ": %.0f tasks/s\n",
               s->tasks, kind, s->clients, s->window, rate);
        printf("submit to known end: p50 %" PRIu64 " us, p95 %" PRIu64 " us, p99 %" PRIu64
               " us, max %" PRIu64 " us\n",
               values[0], values[1], values[2], values[3]);
        if (failed)
                printf("%" PRIu64 " tasks did not succeed\n", failed);
}

static int fail(Error *error, const char *what) {
        error_set(error, EXIT_SOFTWARE, "%s: %s", what, strerror(errno));
        error_print("stint-bench", error);
        return EXIT_SOFTWARE;
}

int main(int argc, char **argv) {
        Settings s = {.queue = "default",
                      .tasks = 100000,
                      .clients = 2,
                      .window = 1000,
                      .payload = 64,
                      .kind = STINT_MESSAGE,
                      .stint = {STINT_OPTIONS}};
        OptionTarget targets[] = {{&group, &s}};
        Error error = {0};
        int operands =
                options_parse(targets, 1, OPERANDS_ANYWHERE, argc, argv, "stint-bench", &error);
        if (operands > 0)
                operands = error_set(&error, EXIT_USAGE, "takes no `%s`: see `stint-bench --help`",
                                     argv[1]);
        if (operands < 0) {
                error_print("stint-bench", &error);
                return -operands;
        }
        if (s.help == SHOW_HELP)
                return show_help();
        s.clients = MIN_OF(s.clients, s.tasks);
        size_t size = sizeof(Shared) + s.tasks * sizeof(uint32_t);
        Shared *shared =
                mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (shared == MAP_FAILED)
                return fail(&error, "cannot make room for the latencies");
        usec_t started;
        int code = run_clients(&s, shared, &started);
        if (code == 0)
                report(&s, shared, started);
        munmap(shared, size);
        return fflush(stdout) ? EXIT_IO : code;
}
