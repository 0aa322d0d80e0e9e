/* `stint logs`: what a task wrote. */
#include "client/cli/json.h"
#include "client/cli/logs-tail.h"
#include "client/cli/pager.h"
#include "client/cli/selection.h"
#include "client/cli/stream-json.h"
#include "client/cli/stream.h"
#include "common/text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define STREAMS 2

typedef struct LogsOptions {
        SelectorOptions selector;
        enum { LOGS_OUT = 1, LOGS_ERR = 2 } streams; /* 0: both */
        bool follow, has_lines;
        uint64_t lines;
        unsigned attempt; /* 0: the last */
} LogsOptions;

static const char *set_stdout(void *target, const char *value) {
        ((LogsOptions *)target)->streams |= LOGS_OUT;
        return NULL;
}

static const char *set_stderr(void *target, const char *value) {
        ((LogsOptions *)target)->streams |= LOGS_ERR;
        return NULL;
}

static const char *set_follow(void *target, const char *value) {
        ((LogsOptions *)target)->follow = true;
        return NULL;
}

static const char *set_lines(void *target, const char *value) {
        LogsOptions *o = target;
        o->has_lines = true;
        return u64_parse(value, &o->lines) < 0 ? "is no number of lines" : NULL;
}

static const char *set_attempt(void *target, const char *value) {
        uint64_t attempt;
        if (u64_parse(value, &attempt) < 0 || attempt == 0 || attempt > UINT32_MAX)
                return "is no attempt: they are numbered from 1";
        ((LogsOptions *)target)->attempt = (unsigned)attempt;
        return NULL;
}

static const Option rows[] = {
        {"follow", 'f', NULL, "go on with what it writes until it ends", set_follow},
        {"lines", 'n', "LINES", "only the last lines of each stream", set_lines},
        {"attempt", 0, "N", "of this attempt (default: the last)", set_attempt},
        {"stdout", 0, NULL, "only what it wrote to stdout", set_stdout},
        {"stderr", 0, NULL, "only what it wrote to stderr", set_stderr},
};
static const OptionGroup logs_options = {"Which", rows, ARRAY_SIZE(rows)};

/* There must have been the attempt that is asked for; one that is followed may be yet to come. */
static int check_attempt(const TaskBrief *task, const LogsOptions *o, Error *error) {
        if (o->attempt > task->attempt && (stint_state_is_end(task->state) || !o->follow) &&
            task->attempt)
                return error_set(error, EXIT_DATA,
                                 "task %" PRIu64 " has no attempt %u: the last one is %u", task->id,
                                 o->attempt, task->attempt);
        return o->follow && !stint_state_is_end(task->state) ? 0 : task_has_output(task, error);
}

/* The streams that are asked for, of the attempt that is. */
static size_t choose_streams(const LogsOptions *o, const TaskBrief *task, Stream *ret) {
        unsigned streams = o->streams ? o->streams : LOGS_OUT | LOGS_ERR;
        Stream s = {.id = task->id, .watch.woken_fd = -1, .attempt = o->attempt};
        size_t n = 0;
        if (o->follow)
                s.flags = STINT_FOLLOW | (o->attempt ? 0 : STINT_ALL_ATTEMPTS);
        if (!s.attempt)
                s.attempt = MAX_OF(task->attempt, 1u);
        s.which = STINT_STDOUT;
        s.fd = STDOUT_FILENO;
        if (streams & LOGS_OUT)
                ret[n++] = s;
        s.which = STINT_STDERR;
        s.fd = STDERR_FILENO;
        if (streams & LOGS_ERR)
                ret[n++] = s;
        return n;
}

static int find_tails(StintClient *client, const LogsOptions *o, const TaskBrief *task,
                      Stream *streams, size_t n, Error *error) {
        int r = 0;
        for (size_t i = 0; r == 0 && o->has_lines && task->attempt && i < n; i++)
                r = logs_tail(client, streams[i].id, streams[i].attempt, streams[i].which, o->lines,
                              &streams[i].offset, error);
        return r;
}

/* All at once, each to its own descriptor, as the bytes come. */
static int follow_streams(const Invocation *x, StintClient *client, Stream *streams, size_t n,
                          Error *error) {
        int r = 0;
        for (size_t i = 0; r == 0 && i < n; i++) {
                if (x->general.json)
                        streams[i].take = stream_take_json;
                r = stream_start(&streams[i], client, error);
        }
        for (size_t i = 0; r == 0 && i < n; i++)
                r = stream_finish(&streams[i], error);
        return r;
}

/* One after the other. Who leaves the pager has read enough: that is no error. */
static int print_streams(StintClient *client, Stream *streams, size_t n, Error *error) {
        int r = 0;
        for (size_t i = 0; r == 0 && i < n; i++) {
                r = stream_start(&streams[i], client, error);
                if (r == 0)
                        r = stream_finish(&streams[i], error);
                if (streams[i].write_error == EPIPE && terminal_is_output())
                        return 0;
        }
        return r;
}

static int print_json(StintClient *client, Stream *streams, size_t n, Error *error) {
        json_t *object = json_pack("{sI sI}", "task", (json_int_t)streams[0].id, "attempt",
                                   (json_int_t)streams[0].attempt);
        int r = 0;
        for (size_t i = 0; r == 0 && i < n; i++)
                r = stream_into_json(&streams[i], client,
                                     streams[i].which == STINT_STDERR ? "stderr" : "stdout", object,
                                     error);
        if (r == 0)
                json_print_object("logs", json_incref(object));
        json_decref(object);
        return r;
}

static int logs_one(const Invocation *x, StintClient *client, uint64_t id, Error *error) {
        const LogsOptions *o = x->args;
        Stream streams[STREAMS];
        TaskBrief task;
        int r = task_brief(client, id, &task, error);
        if (r == 0)
                r = check_attempt(&task, o, error);
        if (r < 0)
                return r;
        size_t n = choose_streams(o, &task, streams);
        r = find_tails(client, o, &task, streams, n, error);
        if (r < 0)
                return r;
        if (o->follow)
                r = follow_streams(x, client, streams, n, error);
        else if (x->general.json)
                r = print_json(client, streams, n, error);
        else
                pager_start(x), r = print_streams(client, streams, n, error);
        for (size_t i = 0; r == 0 && !x->general.json && i < n; i++)
                stream_warn(&streams[i]);
        return r;
}

static int logs_run(Invocation *x, Error *error) {
        const LogsOptions *o = x->args;
        _cleanup_(stint_freep) StintClient *client = NULL;
        _cleanup_(selection_done) Selection selection = {0};
        uint64_t id, after = 0;
        int r = invocation_connect(x, 0, error, &client);
        if (r == 0)
                r = selection_or_last(client, x->operands, x->operand_count, x->args, &selection,
                                      error);
        if (r == 0 && o->follow && selection.ids.count > 1)
                return error_set(error, EXIT_USAGE,
                                 "--follow takes one task, not %zu: name one of them",
                                 selection.ids.count);
        while (r == 0 && selection_next(&selection, &after, &id, 1))
                r = logs_one(x, client, id, error);
        pager_finish();
        return r;
}

const Command command_logs = {
        .name = "logs",
        .summary = "what a task wrote",
        .synopsis = "[OPTION…] [SELECTOR…]",
        .description = "Copies what the last attempt has written so far to stdout, then to stderr, "
                       "of the\n"
                       "tasks that are named, or of your last one. With --follow both as they "
                       "come, of this\n"
                       "and later attempts, until the task ends.\n" SELECTOR_HELP,
        .groups = {&logs_options, &selector_options},
        .examples = {"stint logs 7", "stint logs -f -n 20", "stint logs --stderr --attempt 1 last"},
        .args_size = sizeof(LogsOptions),
        .run = logs_run,
};
