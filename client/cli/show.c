/* `stint show`: everything that is known of a task. */
#include "client/cli/details.h"
#include "client/cli/ending.h"
#include "client/cli/pager.h"
#include "client/cli/row.h"
#include "client/cli/selection.h"
#include "common/text.h"
#include "common/time.h"

#include <inttypes.h>
#include <string.h>

#define LABEL_WIDTH 12
#define TEXT_SIZE   8192

static void print_line(const char *label, const char *text) {
        printf("%-*s%s\n", LABEL_WIDTH, label, text);
}

/* Nothing for no text. */
static void print_text(const char *label, const char *text) {
        char escaped[TEXT_SIZE];
        if (text && text[0])
                print_line(label, text_escape(text, strlen(text), escaped, sizeof escaped));
}

static void print_duration(const char *label, uint64_t usec) {
        char text[64];
        if (usec)
                print_line(label, duration_format(usec, text, sizeof text));
}

static void print_id(const char *label, uint64_t id) {
        if (id)
                printf("%-*s%" PRIu64 "\n", LABEL_WIDTH, label, id);
}

/* The time, and how far away it is. */
static void print_time(const char *label, uint64_t usec, uint64_t now_usec) {
        char time[64], away[64];
        if (!usec)
                return;
        bool past = usec <= now_usec;
        duration_format_brief(past ? now_usec - usec : usec - now_usec, away, sizeof away);
        printf("%-*s%s (%s%s%s)\n", LABEL_WIDTH, label, time_format(usec, time, sizeof time),
               past ? "" : "in ", away, past ? " ago" : "");
}

static void print_state(const StintInfo *info, const GeneralOptions *general) {
        char reason[128];
        const char *state = stint_state_name(info->state);
        const char *color = color_is_wanted(general) ? color_of_state(info->state) : "";
        reason[0] = '\0';
        if (info->state != STINT_SUCCEEDED)
                ending_text(info->reason, info->code, reason, sizeof reason);
        printf("%-*s%s%s%s%s%s\n", LABEL_WIDTH, "state", color, state ? state : "?",
               color[0] ? COLOR_END : "", reason[0] ? ": " : "", reason);
}

static void print_policy(const StintDetails *d) {
        char line[256], least[64], most[64];
        print_duration("timeout", d->timeout_usec);
        print_duration("grace", d->grace_usec);
        if (d->retries) {
                snprintf(line, sizeof line, "%u, backoff %s..%s", d->retries,
                         duration_format(d->backoff_min_usec, least, sizeof least),
                         duration_format(d->backoff_max_usec, most, sizeof most));
                print_line("retries", line);
        }
        if (d->info.flags & STINT_AT_MOST_ONCE)
                print_line("starts", "at most once");
}

static void print_progress(const StintInfo *info) {
        char line[256];
        if (info->progress < 0)
                return;
        snprintf(line, sizeof line, "%d%% %s", info->progress, info->progress_text);
        print_text("progress", line);
}

static void print_info(const StintInfo *info, const GeneralOptions *general) {
        uint64_t now_usec = time_now_realtime();
        print_id("task", info->id);
        print_state(info, general);
        print_progress(info);
        print_text("name", info->name);
        print_text("group", info->group);
        for (const char *const *label = info->labels; label && *label; label++)
                print_text("label", *label);
        print_text("queue", info->queue);
        printf("%-*s%d\n", LABEL_WIDTH, "priority", info->priority);
        printf("%-*s%u\n", LABEL_WIDTH, "uid", info->uid);
        print_id("retry of", info->retry_of);
        print_id("retried as", info->retried_as);
        print_time("submitted", info->submitted_usec, now_usec);
        print_time("due", info->due_usec, now_usec);
        print_time("started", info->started_usec, now_usec);
        print_time("ended", info->ended_usec, now_usec);
}

static void print_quoted(const char *label, const char *const *words) {
        char *quoted = malloc(64 * 1024), *escaped = malloc(256 * 1024);
        size_t n = 0;
        while (words[n])
                n++;
        if (quoted && escaped) {
                text_shell_quote((char *const *)words, n, quoted, 64 * 1024);
                print_line(label, text_escape(quoted, strlen(quoted), escaped, 256 * 1024));
        }
        free(quoted);
        free(escaped);
}

static void print_command(const StintDetails *d) {
        char size[64];
        size_t variables = 0;
        print_quoted("command", d->argv);
        print_text("directory", d->cwd);
        printf("%-*s%04o\n", LABEL_WIDTH, "umask", d->umask);
        if (d->nice)
                printf("%-*s%d\n", LABEL_WIDTH, "nice", d->nice);
        print_text("stdin", d->stdin_file);
        if (d->stdin_size)
                print_line("stdin", size_format(d->stdin_size, size, sizeof size));
        print_line("keeps", size_format(d->output_limit, size, sizeof size));
        for (const char *const *item = d->env; item && *item; item++)
                print_text("env", *item);
        while (d->environment && d->environment[variables])
                variables++;
        printf("%-*s%zu variables (see --json)\n", LABEL_WIDTH, "environment", variables);
}

static void print_output(const StintAttempt *a) {
        char out[64], err[64];
        if (!a->out_total && !a->err_total && !a->result_size)
                return;
        printf("%-*sstdout %s, stderr %s", LABEL_WIDTH, "",
               size_format(a->out_total, out, sizeof out),
               size_format(a->err_total, err, sizeof err));
        if (a->out_dropped || a->err_dropped)
                printf(" (not kept: %s, %s)", size_format(a->out_dropped, out, sizeof out),
                       size_format(a->err_dropped, err, sizeof err));
        if (a->result_size)
                printf(", result %s", size_format(a->result_size, out, sizeof out));
        printf("\n");
}

static void print_attempt(const StintAttempt *a) {
        char label[32], why[128], wall[64], user[64], system[64], rss[64], detail[640];
        snprintf(label, sizeof label, "attempt %u", a->attempt);
        ending_why_of_attempt(a, why, sizeof why);
        printf("%-*s%s%s%s; worker %" PRIu64 "\n", LABEL_WIDTH, label, ending_of_attempt(a),
               why[0] ? ": " : "", why, a->worker);
        bool measured = a->started_usec && a->ended_usec > a->started_usec;
        printf("%-*s%s wall, %s user, %s system, %s memory\n", LABEL_WIDTH, "",
               duration_format_brief(measured ? a->ended_usec - a->started_usec : 0, wall,
                                     sizeof wall),
               duration_format_brief(a->user_usec, user, sizeof user),
               duration_format_brief(a->system_usec, system, sizeof system),
               size_format(a->max_rss_bytes, rss, sizeof rss));
        if (ending_detail(a, detail, sizeof detail)[0])
                print_line("", detail);
        print_output(a);
}

static void print_details(const StintDetails *d, const GeneralOptions *general) {
        char text[64];
        print_info(&d->info, general);
        print_policy(d);
        if (d->argv) {
                print_command(d);
        } else {
                print_text("payload", d->info.summary);
                print_line("size", size_format(d->payload_size, text, sizeof text));
        }
        for (const StintAttempt *const *a = d->attempts; a && *a; a++)
                print_attempt(*a);
}

static int show_one(Invocation *x, StintClient *client, uint64_t id, const char *before,
                    Error *error) {
        StintDetails *d;
        int r = stint_show(client, id, &d);
        if (r < 0) {
                pager_finish();
                return client_error(client, r, error);
        }
        if (x->general.json) {
                json_print_object("task", details_json(d));
        } else {
                pager_start(x);
                printf("%s", before);
                print_details(d, &x->general);
        }
        stint_details_free(d);
        return 0;
}

static int show_run(Invocation *x, Error *error) {
        _cleanup_(stint_freep) StintClient *client = NULL;
        _cleanup_(selection_done) Selection selection = {0};
        uint64_t id, after = 0, shown = 0;
        if (!x->operand_count)
                return error_set(error, EXIT_USAGE, "show names no task: write its id, or last");
        int r = invocation_connect(x, 0, error, &client);
        if (r == 0)
                r = selection_or_last(client, x->operands, x->operand_count, x->args, &selection,
                                      error);
        while (r == 0 && selection_next(&selection, &after, &id, 1))
                r = show_one(x, client, id, shown++ ? "\n" : "", error);
        pager_finish();
        return r;
}

const Command command_show = {
        .name = "show",
        .summary = "everything about a task",
        .synopsis = "[OPTION…] SELECTOR…",
        .description = "What was asked for, every attempt with its times and usage, and how it "
                       "ended.\n" SELECTOR_HELP,
        .groups = {&selector_options},
        .examples = {"stint show 7", "stint show --json last"},
        .args_size = sizeof(SelectorOptions),
        .run = show_run,
};
