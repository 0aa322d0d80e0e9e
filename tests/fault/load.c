/* A client that submits many tasks in few requests and keeps a log of what was acknowledged: one
 * write(2) per answer, so that the log is complete up to the very moment at which this program is
 * killed. What it says is the truth that the fault tests hold the store against.
 *
 *      ack FIRST COUNT            those ids are acknowledged
 *      refused CODE COUNT TEXT    so many tasks were refused
 *
 * Usage: load --count N --log FILE [OPTION…] [CMD ARG…]     without CMD: message tasks
 * Exit code: 0 if all were acknowledged, else the code of the first refusal or error. */
#include "client/session.h"
#include "common/command-spec.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

typedef struct Load Load;

/* A request under way. */
typedef struct Batch {
        Load *load;
        uint64_t count;
} Batch;

struct Load {
        uint64_t count, batch, window, payload, at_most_once, retries, on_refusal_go_on;
        const char *log_path, *queue;
        int log;
        uint64_t submitted, answered, sent;
        Batch batches[4096]; /* by number of the request % 4096 */
        WireTask tasks[WIRE_TASKS_MAX];
        Blob *body;
        size_t environment_size, spec_size;
        int code;   /* of the first refusal */
        int broken; /* exit code; not 0: give up */
};

static void say(Load *l, const char *text) {
        size_t size = strlen(text);
        if (write(l->log, text, size) != (ssize_t)size) {
                perror("load: log");
                exit(EXIT_IO);
        }
}

/* Environment, then batch times the same command or the same random bytes. */
static int body_make(Load *l, char **argv, int argc) {
        static const char environment[] = "PATH=/usr/local/bin:/usr/bin:/bin";
        _cleanup_(freep) void *spec = NULL;
        l->spec_size = l->payload;
        if (argc > 0) {
                CommandSpec command = {.argv = (const char *const *)argv,
                                       .argc = (size_t)argc,
                                       .umask = COMMAND_UMASK,
                                       .output_limit = COMMAND_OUTPUT_LIMIT};
                if (command_spec_encode(&command, &spec, &l->spec_size) < 0)
                        return -EINVAL;
                l->environment_size = sizeof environment;
        } else if (!(spec = calloc(1, l->payload + 1))) {
                return -ENOMEM;
        }
        size_t size = l->environment_size + l->batch * l->spec_size;
        char *data = malloc(size + 1), *at = data + l->environment_size;
        if (!data || !(l->body = blob_new_take(data, size)))
                return -ENOMEM;
        memcpy(data, environment, l->environment_size);
        for (uint64_t i = 0; i < l->batch; i++)
                memcpy(at + i * l->spec_size, spec, l->spec_size);
        for (uint64_t i = 0; i < l->batch; i++)
                l->tasks[i] = (WireTask){
                        .kind = argc > 0 ? TASK_KIND_COMMAND : TASK_KIND_MESSAGE,
                        .queue = wire_text(l->queue),
                        .retries = l->retries,
                        .flags = l->at_most_once ? WIRE_TASK_AT_MOST_ONCE : 0,
                        .payload_size = l->spec_size,
                };
        return 0;
}

static void acknowledged(Load *l, uint64_t count, const WireSubmitted *answer) {
        char text[64];
        snprintf(text, sizeof text, "ack %" PRIu64 " %" PRIu64 "\n", answer->first_id,
                 answer->count);
        say(l, text);
        if (answer->count != count)
                l->broken = EXIT_PROTOCOL;
}

static void give_up(Load *l, const Error *error) {
        l->broken = error->code;
        error_print("load", error);
}

static void refused(Load *l, uint64_t count, const Error *error) {
        char text[ERROR_TEXT_MAX + 64];
        snprintf(text, sizeof text, "refused %d %" PRIu64 " %s\n", error->code, count, error->text);
        say(l, text);
        l->code = l->code ? l->code : error->code;
        if (!l->on_refusal_go_on)
                give_up(l, error);
}

static void on_answer(void *userdata, const SessionAnswer *answer, const Error *error) {
        const Batch *batch = userdata;
        Load *l = batch->load;
        l->answered += batch->count;
        if (!answer && error->code == EXIT_NO_DISPATCHER)
                give_up(l, error); /* nobody knows whether they were taken */
        else if (!answer)
                refused(l, batch->count, error);
        else if (answer->type == WIRE_TYPE_SUBMITTED)
                acknowledged(l, batch->count, answer->body);
        else
                l->broken = EXIT_PROTOCOL;
}

static int batch_send(Load *l, Session *s, Error *error) {
        uint64_t count = MIN_OF(l->batch, l->count - l->submitted);
        size_t size = l->environment_size + count * l->spec_size;
        _cleanup_(blob_slice_drop) BlobSlice body = blob_slice(l->body, 0, size);
        WireSubmit submit = {.environment_size = l->environment_size, .tasks = {l->tasks, count}};
        Batch *batch = &l->batches[l->sent++ % ARRAY_SIZE(l->batches)];
        *batch = (Batch){l, count};
        session_number(s, &submit.client, &submit.seq, &submit.held);
        int64_t id = session_request(s, WIRE_TYPE_SUBMIT, &submit, body, on_answer, batch, error);
        if (id < 0)
                return (int)id;
        l->submitted += count;
        return 0;
}

/* Until something was answered. An error of a step was given to every request, too. */
static void answers_take(Load *l, Session *s) {
        Error error;
        for (uint64_t before = l->answered; l->answered == before;)
                if (session_step(s, &error) == 0)
                        session_wait(s, USEC_INFINITY, -1);
}

static int load_run(Load *l, Error *error) {
        _cleanup_(session_closep) Session *s = NULL;
        SessionOptions options = {.choice = INSTANCE_OWN, .start = SESSION_CONNECT_ONLY};
        int r = session_open(&options, error, &s);
        while (r == 0 && !l->broken && l->answered < l->count) {
                while (r == 0 && l->submitted < l->count &&
                       l->submitted - l->answered < l->window * l->batch)
                        r = batch_send(l, s, error);
                if (r == 0)
                        answers_take(l, s);
        }
        return r;
}

static int parse(Load *l, int argc, char **argv) {
        const struct {
                const char *name;
                uint64_t *number;
                const char **text;
        } rows[] = {{"count", &l->count, NULL},
                    {"batch", &l->batch, NULL},
                    {"window", &l->window, NULL},
                    {"payload", &l->payload, NULL},
                    {"retries", &l->retries, NULL},
                    {"at-most-once", &l->at_most_once, NULL},
                    {"go-on", &l->on_refusal_go_on, NULL},
                    {"log", NULL, &l->log_path},
                    {"queue", NULL, &l->queue}};
        struct option options[ARRAY_SIZE(rows) + 1] = {0};
        int index = 0;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                options[i] = (struct option){rows[i].name, required_argument, NULL, 1};
        for (int c; (c = getopt_long(argc, argv, "+", options, &index)) != -1;) {
                if (c != 1)
                        return -1;
                if (rows[index].text)
                        *rows[index].text = optarg;
                else
                        *rows[index].number = strtoull(optarg, NULL, 10);
        }
        bool fits = l->batch > 0 && l->batch <= WIRE_TASKS_MAX && l->window > 0 &&
                    l->window < ARRAY_SIZE(l->batches);
        return fits && l->count > 0 && l->log_path ? optind : -1;
}

int main(int argc, char **argv) {
        static Load l = {.batch = 64, .window = 4, .queue = "default"};
        Error error = {0};
        int first = parse(&l, argc, argv);
        if (first < 0) {
                fprintf(stderr, "usage: load --count N --log FILE [OPTION…] [CMD ARG…]\n");
                return EXIT_USAGE;
        }
        l.log = open(l.log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (l.log < 0 || body_make(&l, argv + first, argc - first) < 0) {
                perror("load");
                return EXIT_IO;
        }
        int r = load_run(&l, &error);
        blob_unref(l.body);
        if (r < 0)
                error_print("load", &error);
        return r < 0 ? -r : l.broken ? l.broken : l.code;
}
