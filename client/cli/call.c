/* `stint call`: a message task; with --wait also what its handler answered. */
#include "client/cli/bytes.h"
#include "client/cli/dry-run.h"
#include "client/cli/ending.h"
#include "client/cli/json.h"
#include "client/cli/queue-name.h"
#include "client/cli/stream.h"
#include "client/cli/submission.h"
#include "common/wire-schema.h" /* bounds */

#include <errno.h>
#include <string.h>
#include <unistd.h>

typedef struct CallOptions {
        TaskOptions task;
        bool wait;
} CallOptions;

static const char *set_wait(void *target, const char *value) {
        ((CallOptions *)target)->wait = true;
        return NULL;
}

static const Option rows[] = {
        {"wait", 'w', NULL, "wait for its end and print its result", set_wait},
};
static const OptionGroup call_options = {"Answer", rows, ARRAY_SIZE(rows)};

/* The operands: a queue, and what to send. ret_read is what was read from stdin, to be freed. */
static int call_payload(const Invocation *x, StintTask *t, char **ret_read, Error *error) {
        if (x->operand_count < 1 || x->operand_count > 2)
                return error_set(error, EXIT_USAGE,
                                 "call needs a queue and at most one payload: see `stint call "
                                 "--help`");
        const char *objection = queue_name_set(&t->queue, x->operands[0]);
        if (objection)
                return error_set(error, EXIT_USAGE, "`%s` %s", x->operands[0], objection);
        int r = 0;
        t->payload = x->operand_count > 1 ? x->operands[1] : "";
        t->payload_size = strlen(t->payload);
        if (strcmp(t->payload, "-") == 0) {
                r = read_all(STDIN_FILENO, WIRE_PAYLOAD_MAX, ret_read, &t->payload_size);
                t->payload = *ret_read;
        }
        if (r < 0 && r != -EFBIG)
                return error_set(error, EXIT_IO, "cannot read stdin: %s", strerror(-r));
        if (r == -EFBIG || t->payload_size > WIRE_PAYLOAD_MAX)
                return error_set(error, EXIT_DATA,
                                 "the payload has more than 8 MiB: send the name of a file "
                                 "instead");
        return 0;
}

/* What did not fit into the answer with others is read on its own. */
static int read_result(StintClient *client, const StintFuture *f, char **ret, size_t *ret_size,
                       Error *error) {
        const StintOutput *output = stint_future_output(f, STINT_RESULT);
        if (output && !output->complete) {
                Stream s = {.id = stint_future_id(f), .which = STINT_RESULT, .watch.woken_fd = -1};
                return stream_read(&s, client, ret, ret_size, error);
        }
        *ret_size = output ? output->size : 0;
        *ret = malloc(*ret_size + 1);
        if (!*ret)
                return error_set(error, EXIT_SOFTWARE, "out of memory");
        memcpy(*ret, output ? output->data : "", *ret_size);
        return 0;
}

static int print_result(const Invocation *x, StintClient *client, const StintFuture *f,
                        Error *error) {
        const StintEnd *end = stint_future_end(f);
        _cleanup_(freep) char *result = NULL;
        size_t size;
        int r = read_result(client, f, &result, &size, error);
        if (r < 0)
                return r;
        if (x->general.json) {
                json_t *task = ending_json(end);
                json_set_bytes(task, "result", result, size);
                json_print_object("task", task);
        } else if (size) {
                fwrite(result, 1, size, stdout);
        }
        return 0;
}

static int call_wait(const Invocation *x, StintClient *client, const StintTask *task,
                     Error *error) {
        _cleanup_(stint_future_freep) StintFuture *f = NULL;
        int r = stint_submit(client, task, 1, STINT_COLLECT, &f);
        if (r < 0)
                return client_error(client, r, error);
        r = stint_future_wait(f, -1);
        if (r < 0)
                return submit_refused(client, f, r, error);
        r = print_result(x, client, f, error);
        if (r < 0)
                return r;
        const StintEnd *end = stint_future_end(f);
        if (end->state != STINT_SUCCEEDED)
                ending_warn(end);
        return ending_exit_code(end->state, end->reason, end->code);
}

static int call_run(Invocation *x, Error *error) {
        CallOptions *o = x->args;
        _cleanup_(stint_freep) StintClient *client = NULL;
        _cleanup_(freep) char *read_bytes = NULL;
        StintTask *task = &o->task.task;
        uint64_t id;
        int r = task_options_check(&o->task, error);
        if (r == 0)
                r = call_payload(x, task, &read_bytes, error);
        if (r == 0 && o->task.dry_run)
                return dry_run_print(x, &o->task, task);
        if (r == 0)
                r = invocation_connect(x, STINT_START_OWN, error, &client);
        if (r < 0)
                return r;
        if (o->wait)
                return call_wait(x, client, task, error);
        r = submit_task(client, task, &id, error);
        return r < 0 ? r : submit_print(x, id, error);
}

const Command command_call = {
        .name = "call",
        .summary = "send a message to the handler of a queue",
        .synopsis = "[OPTION…] QUEUE [PAYLOAD|-]",
        .description =
                "PAYLOAD is sent as it is; - sends stdin, up to 8 MiB. Prints the id of the task,\n"
                "or with --wait the bytes that the handler answered.",
        .groups = {&call_options, &task_options},
        .examples = {"stint call thumbs /srv/pictures/1.jpg",
                     "stint call --wait echo - <request.json"},
        .args_size = sizeof(CallOptions),
        .run = call_run,
};
