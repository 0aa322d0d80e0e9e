/* `stint show`: everything that is known of a task. */
#include "client/cli/command.h"
#include "client/cli/ending.h"
#include "client/cli/row.h"
#include "client/cli/selection.h"
#include "client/cli/shown.h"
#include "common/text.h"
#include "common/time.h"

#include <inttypes.h>
#include <string.h>

#define LABEL_WIDTH 12

static void print_line(const char *label, const char *text) {
        printf("%-*s%s\n", LABEL_WIDTH, label, text);
}

static void print_text(const char *label, WireText text) {
        char escaped[4 * WIRE_TEXT_MAX + 8];
        if (text.size)
                print_line(label, text_escape(text.data, text.size, escaped, sizeof escaped));
}

static void print_duration(const char *label, uint64_t usec) {
        char text[64];
        if (usec)
                print_line(label, duration_format(usec, text, sizeof text));
}

static void print_time(const char *label, uint64_t usec) {
        char text[64];
        if (usec)
                print_line(label, time_format(usec, text, sizeof text));
}

static void print_state(const WireRow *row) {
        char reason[128], line[256];
        const char *state = task_state_name((TaskState)row->state);
        ending_text((EndReason)row->reason, row->code, reason, sizeof reason);
        snprintf(line, sizeof line, "%s%s%s", state ? state : "?", reason[0] ? ": " : "", reason);
        print_line("state", line);
}

static void print_policy(const Shown *s) {
        const WireShown *w = s->wire;
        char line[256], least[64], most[64];
        print_duration("timeout", w->timeout_usec);
        print_duration("grace", w->grace_usec);
        if (w->retries) {
                snprintf(line, sizeof line, "%" PRIu64 ", backoff %s..%s", w->retries,
                         duration_format(w->backoff_min_usec, least, sizeof least),
                         duration_format(w->backoff_max_usec, most, sizeof most));
                print_line("retries", line);
        }
        if (w->task.items[0].flags & WIRE_TASK_AT_MOST_ONCE)
                print_line("starts", "at most once");
}

static void print_row(const WireRow *row) {
        char line[64];
        snprintf(line, sizeof line, "%" PRIu64, row->id);
        print_line("task", line);
        print_state(row);
        print_text("name", row->name);
        for (size_t i = 0; i < row->labels.count; i++)
                print_text("label", row->labels.items[i]);
        print_text("queue", row->queue);
        snprintf(line, sizeof line, "%" PRId64, row->priority);
        print_line("priority", line);
        snprintf(line, sizeof line, "%" PRIu64, row->uid);
        print_line("uid", line);
        print_time("submitted", row->submitted_usec);
        print_time("due", row->due_usec);
        print_time("started", row->started_usec);
        print_time("ended", row->ended_usec);
}

static void print_quoted(const char *label, const char *const *words, size_t n) {
        char *quoted = malloc(64 * 1024), *escaped = malloc(256 * 1024);
        if (quoted && escaped) {
                text_shell_quote((char *const *)words, n, quoted, 64 * 1024);
                print_line(label, text_escape(quoted, strlen(quoted), escaped, 256 * 1024));
        }
        free(quoted);
        free(escaped);
}

static void print_command(const CommandSpec *c) {
        char line[64], size[64];
        print_quoted("command", c->argv, c->argc);
        print_text("directory", wire_text(c->cwd ? c->cwd : "/"));
        snprintf(line, sizeof line, "%04o", c->umask);
        print_line("umask", line);
        if (c->stdin_kind == COMMAND_STDIN_FILE)
                print_text("stdin", wire_text(c->stdin_file));
        else if (c->stdin_kind == COMMAND_STDIN_BYTES)
                print_line("stdin", size_format(c->stdin_bytes.size, size, sizeof size));
        print_line("keeps", size_format(c->output_limit, size, sizeof size));
        for (size_t i = 0; i < c->env_count; i++)
                print_text("env", wire_text(c->env[i]));
}

static void print_output(const WireAttempt *a) {
        char out[64], err[64];
        if (!a->out_total && !a->err_total && !a->result_size)
                return;
        printf("%-*s  stdout %s, stderr %s", LABEL_WIDTH, "",
               size_format(a->out_total, out, sizeof out),
               size_format(a->err_total, err, sizeof err));
        if (a->out_dropped || a->err_dropped)
                printf(" (not kept: %s, %s)", size_format(a->out_dropped, out, sizeof out),
                       size_format(a->err_dropped, err, sizeof err));
        if (a->result_size)
                printf(", result %s", size_format(a->result_size, out, sizeof out));
        printf("\n");
}

static void print_attempt(const WireAttempt *a) {
        char label[32], reason[128], wall[64], user[64], system[64], rss[64];
        const char *state = a->state == TASK_READY ? "interrupted" : NULL;
        snprintf(label, sizeof label, "attempt %" PRIu64, a->attempt);
        state = state ? state : task_state_name((TaskState)a->state);
        printf("%-*s%s: %s; %s wall, %s user, %s system, %s memory, worker %" PRIu64 "\n",
               LABEL_WIDTH, label, state ? state : "?",
               ending_text((EndReason)a->reason, a->code, reason, sizeof reason),
               duration_format_brief(
                       a->ended_usec > a->started_usec ? a->ended_usec - a->started_usec : 0, wall,
                       sizeof wall),
               duration_format_brief(a->user_usec, user, sizeof user),
               duration_format_brief(a->system_usec, system, sizeof system),
               size_format(a->max_rss_bytes, rss, sizeof rss), a->worker);
        print_text("", a->detail);
        print_output(a);
}

static void print_shown(const Shown *s) {
        char text[64];
        print_row(&s->wire->task.items[0]);
        print_policy(s);
        if (s->command) {
                print_command(s->command);
                snprintf(text, sizeof text, "%zu variables (see --json)", s->variable_count);
                print_line("environment", text);
        } else {
                print_text("payload", s->wire->task.items[0].summary);
                print_line("size", size_format(s->payload.size, text, sizeof text));
        }
        for (size_t i = 0; i < s->wire->attempts.count; i++)
                print_attempt(&s->wire->attempts.items[i]);
}

static int show_run(Invocation *x, Error *error) {
        _cleanup_(session_closep) Session *s = NULL;
        _cleanup_(selection_done) Selection selection = {0};
        uint64_t id, after = 0, shown = 0;
        if (!x->operand_count)
                return error_set(error, EXIT_USAGE, "show names no task: write its id, or last");
        int r = invocation_open(x, SESSION_CONNECT_ONLY, error, &s);
        if (r == 0)
                r = selection_or_last(s, x->operands, x->operand_count, &selection, error);
        while (r == 0 && selection_next(&selection, &after, &id, 1)) {
                _cleanup_(shown_done) Shown task = {0};
                r = shown_ask(s, id, &task, error);
                if (r < 0)
                        break;
                if (x->general.json)
                        json_print_object("task", shown_json(&task));
                else
                        printf("%s", shown++ ? "\n" : ""), print_shown(&task);
        }
        return r;
}

const Command command_show = {
        .name = "show",
        .summary = "everything about a task",
        .synopsis = "[OPTION…] SELECTOR…",
        .description =
                "What was asked for, every attempt with its times and usage, and how it ended.",
        .examples = {"stint show 7", "stint show --json last"},
        .run = show_run,
};
