/* `stint call`: a message task; with --wait also what its handler answered. */
#include "client/cli/bytes.h"
#include "client/cli/command.h"
#include "client/cli/ending.h"
#include "client/cli/json.h"
#include "client/cli/stream.h"
#include "client/cli/submission.h"
#include "common/text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

typedef struct CallOptions {
        TaskOptions task;
        SubmitWait wait;
} CallOptions;

static const char *set_wait(void *target, const char *value) {
        ((CallOptions *)target)->wait = SUBMIT_AND_WAIT;
        return NULL;
}

static const Option rows[] = {
        {"wait", 'w', NULL, "wait for its end and print its result", set_wait},
};
static const OptionGroup call_options = {"Answer", rows, ARRAY_SIZE(rows)};

/* The operands: a queue, and what to send. ret_read is what was read from stdin, to be freed. */
static int call_payload(const Invocation *x, WireText *ret, char **ret_read, Error *error) {
        size_t size;
        if (x->operand_count < 1 || x->operand_count > 2)
                return error_set(error, EXIT_USAGE,
                                 "call needs a queue and at most one payload: see `stint call "
                                 "--help`");
        if (!name_is_valid(x->operands[0]))
                return error_set(error, EXIT_USAGE,
                                 "`%s` is no name of a queue: write 1 to 64 characters of A-Z a-z "
                                 "0-9 _ . -",
                                 x->operands[0]);
        *ret = wire_text(x->operand_count > 1 ? x->operands[1] : "");
        if (x->operand_count > 1 && strcmp(x->operands[1], "-") == 0) {
                int r = read_all(STDIN_FILENO, WIRE_PAYLOAD_MAX, ret_read, &size);
                if (r < 0 && r != -EFBIG)
                        return error_set(error, EXIT_IO, "cannot read stdin: %s", strerror(-r));
                *ret = r == 0 ? wire_bytes(*ret_read, size)
                              : wire_bytes(NULL, WIRE_PAYLOAD_MAX + 1);
        }
        return ret->size <= WIRE_PAYLOAD_MAX
                       ? 0
                       : error_set(error, EXIT_DATA,
                                   "the payload has more than 8 MiB: send the name of a file "
                                   "instead");
}

/* Its beginning, not cut within a character. */
static WireText summary_of(WireText payload) {
        size_t size = MIN_OF(payload.size, (size_t)WIRE_SUMMARY_MAX);
        while (size && size < payload.size && ((unsigned char)payload.data[size] & 0xC0) == 0x80)
                size--;
        return wire_bytes(payload.data, size);
}

static int print_result(const Invocation *x, Session *s, const WireEndedTask *end, Error *error) {
        OutputStream o = {
                .task_id = end->id, .kind = STREAM_RESULT, .fd = STDOUT_FILENO, .watched_fd = -1};
        _cleanup_(freep) char *result = NULL;
        size_t size = 0;
        int r = stream_read(s, &o, &result, &size, error);
        if (r < 0 && r != -EXIT_DATA) /* EXIT_DATA: no attempt was made */
                return r;
        if (x->general.json) {
                json_t *task = json_pack("{sI ss sI}", "id", (json_int_t)end->id, "state",
                                         task_state_name((TaskState)end->state), "code",
                                         (json_int_t)end->code);
                json_object_set_new(task, "reason",
                                    json_string(end_reason_name((EndReason)end->reason)));
                json_set_bytes(task, "result", result ? result : "", size);
                json_print_object("task", task);
        } else if (size) {
                fwrite(result, 1, size, stdout);
        }
        return 0;
}

static int call_wait(const Invocation *x, Session *s, int64_t request, uint64_t id, Error *error) {
        WireEndedTask end;
        char text[128];
        int r = submit_end(s, request, &end, error);
        if (r == 0)
                r = print_result(x, s, &end, error);
        if (r < 0)
                return r;
        if (end.state != TASK_SUCCEEDED)
                fprintf(stderr, "stint: task %" PRIu64 " %s: %s; see `stint show %" PRIu64 "`\n",
                        id, task_state_name((TaskState)end.state),
                        ending_text((EndReason)end.reason, end.code, text, sizeof text), id);
        return ending_exit_code((TaskState)end.state, (EndReason)end.reason, end.code);
}

static int call_run(Invocation *x, Error *error) {
        CallOptions *o = x->args;
        _cleanup_(session_closep) Session *s = NULL;
        _cleanup_(freep) char *read_bytes = NULL;
        WireText payload;
        uint64_t id;
        int r = task_options_check(&o->task, error);
        if (r == 0)
                r = call_payload(x, &payload, &read_bytes, error);
        if (r == 0)
                r = invocation_open(x, SESSION_START_OWN, error, &s);
        if (r < 0)
                return r;
        o->task.task.queue = wire_text(x->operands[0]);
        o->task.task.summary = summary_of(payload);
        int64_t request = submit_message(s, &o->task, payload, o->wait, error);
        r = request < 0 ? (int)request : submit_id(s, request, &id, error);
        if (r < 0)
                return r;
        return o->wait == SUBMIT_AND_WAIT ? call_wait(x, s, request, id, error)
                                          : submit_print(x, id, error);
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
