/* `stint logs`: what a task wrote. `stint result`: the bytes that it gives. */
#include "client/cli/command.h"
#include "client/cli/json.h"
#include "client/cli/selection.h"
#include "client/cli/stream.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

typedef struct LogsOptions {
        enum { LOGS_OUT = 1, LOGS_ERR = 2 } streams; /* 0: both */
} LogsOptions;

static const char *set_stdout(void *target, const char *value) {
        ((LogsOptions *)target)->streams |= LOGS_OUT;
        return NULL;
}

static const char *set_stderr(void *target, const char *value) {
        ((LogsOptions *)target)->streams |= LOGS_ERR;
        return NULL;
}

static const Option rows[] = {
        {"stdout", 0, NULL, "only what it wrote to stdout", set_stdout},
        {"stderr", 0, NULL, "only what it wrote to stderr", set_stderr},
};
static const OptionGroup logs_options = {"Which", rows, ARRAY_SIZE(rows)};

static OutputStream stream_of(uint64_t id, StreamKind kind) {
        return (OutputStream){.task_id = id,
                              .kind = kind,
                              .fd = kind == STREAM_STDERR ? STDERR_FILENO : STDOUT_FILENO,
                              .watched_fd = -1};
}

/* Copies a stream to its descriptor. */
static int print_stream(Session *s, uint64_t id, StreamKind kind, Error *error) {
        OutputStream o = stream_of(id, kind);
        int r = stream_copy(s, &o, error);
        if (r < 0)
                return r;
        if (o.write_error)
                return error_set(error, EXIT_IO, "cannot write to %s: %s",
                                 kind == STREAM_STDERR ? "stderr" : "stdout",
                                 strerror(o.write_error));
        stream_warn(&o);
        return 0;
}

/* Puts a stream into object[key]. */
static int json_stream(Session *s, uint64_t id, StreamKind kind, const char *key, json_t *object,
                       Error *error) {
        OutputStream o = stream_of(id, kind);
        _cleanup_(freep) char *data = NULL;
        size_t size;
        int r = stream_read(s, &o, &data, &size, error);
        if (r < 0)
                return r;
        char dropped[32];
        snprintf(dropped, sizeof dropped, "%s_dropped", key);
        json_set_bytes(object, key, data, size);
        json_set_number(object, dropped, o.dropped + o.dropped_now);
        return 0;
}

static int not_yet(const TaskBrief *task, Error *error) {
        return error_set(error, EXIT_TRY_AGAIN,
                         "task %" PRIu64 " is %s: wait for it with `stint wait %" PRIu64 "`",
                         task->id, task_state_name(task->state), task->id);
}

/* An attempt there must have been. */
static int has_output(const TaskBrief *task, Error *error) {
        if (task->attempt)
                return 0;
        return task_state_is_end(task->state)
                       ? error_set(error, EXIT_DATA,
                                   "task %" PRIu64 " was %s before it ran: there is no output",
                                   task->id, task_state_name(task->state))
                       : not_yet(task, error);
}

static int logs_one(const Invocation *x, Session *s, uint64_t id, Error *error) {
        const LogsOptions *o = x->args;
        unsigned streams = o->streams ? o->streams : LOGS_OUT | LOGS_ERR;
        json_t *object = x->general.json ? json_pack("{sI}", "task", (json_int_t)id) : NULL;
        int r = 0;
        if (streams & LOGS_OUT)
                r = object ? json_stream(s, id, STREAM_STDOUT, "stdout", object, error)
                           : print_stream(s, id, STREAM_STDOUT, error);
        if (r == 0 && streams & LOGS_ERR)
                r = object ? json_stream(s, id, STREAM_STDERR, "stderr", object, error)
                           : print_stream(s, id, STREAM_STDERR, error);
        if (r == 0 && object)
                json_print_object("logs", json_incref(object));
        json_decref(object);
        return r;
}

static int result_one(const Invocation *x, Session *s, uint64_t id, Error *error) {
        TaskBrief task;
        int r = task_brief(s, id, &task, error);
        if (r == 0 && !task_state_is_end(task.state))
                r = not_yet(&task, error);
        if (r == 0)
                r = has_output(&task, error);
        if (r < 0)
                return r;
        StreamKind kind = task.kind == TASK_KIND_MESSAGE ? STREAM_RESULT : STREAM_STDOUT;
        if (!x->general.json)
                return print_stream(s, id, kind, error);
        json_t *object =
                json_pack("{sI ss}", "task", (json_int_t)id, "state", task_state_name(task.state));
        r = json_stream(s, id, kind, "bytes", object, error);
        if (r == 0)
                json_print_object("result", json_incref(object));
        json_decref(object);
        return r;
}

typedef int (*EachTask)(const Invocation *x, Session *s, uint64_t id, Error *error);

static int for_each(const Invocation *x, EachTask each, Error *error) {
        _cleanup_(session_closep) Session *s = NULL;
        _cleanup_(selection_done) Selection selection = {0};
        uint64_t id, after = 0;
        int r = invocation_open(x, SESSION_CONNECT_ONLY, error, &s);
        if (r == 0)
                r = selection_or_last(s, x->operands, x->operand_count, &selection, error);
        while (r == 0 && selection_next(&selection, &after, &id, 1))
                r = each(x, s, id, error);
        return r;
}

static int logs_checked(const Invocation *x, Session *s, uint64_t id, Error *error) {
        TaskBrief task;
        int r = task_brief(s, id, &task, error);
        if (r == 0)
                r = has_output(&task, error);
        return r < 0 ? r : logs_one(x, s, id, error);
}

static int logs_run(Invocation *x, Error *error) {
        return for_each(x, logs_checked, error);
}

static int result_run(Invocation *x, Error *error) {
        if (!x->operand_count)
                return error_set(error, EXIT_USAGE, "result names no task: write its id, or last");
        return for_each(x, result_one, error);
}

const Command command_logs = {
        .name = "logs",
        .summary = "what a task wrote",
        .synopsis = "[OPTION…] [SELECTOR]",
        .description = "Copies what the last attempt has written so far to stdout, then to stderr, "
                       "of the\n"
                       "tasks that are named, or of your last one.",
        .groups = {&logs_options},
        .examples = {"stint logs 7", "stint logs --stderr last"},
        .args_size = sizeof(LogsOptions),
        .run = logs_run,
};

const Command command_result = {
        .name = "result",
        .summary = "the bytes that a task gave",
        .synopsis = "[OPTION…] SELECTOR…",
        .description =
                "The answer of a message task, what a command task wrote to stdout. Only of tasks\n"
                "that have ended.",
        .examples = {"stint result 7 >answer", "stint result 7 8 9"},
        .run = result_run,
};
