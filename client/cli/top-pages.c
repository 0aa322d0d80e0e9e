/* See top-pages.h. */
#include "client/cli/top-pages.h"

#include "client/cli/ending.h"
#include "client/cli/logs-tail.h"
#include "common/text.h"
#include "common/time.h"

#include <inttypes.h>
#include <string.h>

#define LINE_MAX_BYTES 4096 /* of a line of output; what follows is cut */
#define TAB_CELLS      8

/* ---- details ---- */

static void field(TopPage *p, const char *name, const char *text) {
        char escaped[2048];
        if (text && text[0])
                top_page_line(p, "%-10s %s", name,
                              text_escape(text, strlen(text), escaped, sizeof escaped));
}

static void field_time(TopPage *p, const char *name, uint64_t usec) {
        char text[64];
        if (usec)
                field(p, name, time_format(usec, text, sizeof text));
}

static void field_duration(TopPage *p, const char *name, uint64_t usec) {
        char text[64];
        if (usec)
                field(p, name, duration_format(usec, text, sizeof text));
}

static void details_state(TopPage *p, const StintInfo *i) {
        char why[128], text[192];
        const char *state = stint_state_name(i->state);
        why[0] = '\0';
        if (i->state != STINT_SUCCEEDED)
                ending_text(i->reason, i->code, why, sizeof why);
        snprintf(text, sizeof text, "%s%s%s", state ? state : "?", why[0] ? ", " : "", why);
        field(p, "state", text);
        if (i->progress >= 0) {
                snprintf(text, sizeof text, "%d%% %s", i->progress, i->progress_text);
                field(p, "progress", text);
        }
}

static void details_command(TopPage *p, const StintDetails *d) {
        char text[2048];
        size_t n = 0;
        while (d->argv && d->argv[n])
                n++;
        if (d->argv)
                field(p, "command",
                      text_shell_quote((char *const *)(uintptr_t)d->argv, n, text, sizeof text));
        else
                field(p, "message", d->info.summary);
        field(p, "directory", d->cwd);
        for (const char *const *label = d->info.labels; label && *label; label++)
                field(p, "label", *label);
}

static void details_attempt(TopPage *p, const StintAttempt *a) {
        char took[64], why[128], memory[32], detail[640];
        uint64_t usec = a->ended_usec > a->started_usec ? a->ended_usec - a->started_usec : 0;
        ending_why_of_attempt(a, why, sizeof why);
        top_page_line(p, "attempt %-2u %s%s%s, took %s, memory %s", a->attempt,
                      ending_of_attempt(a), why[0] ? ", " : "", why,
                      duration_format_brief(usec, took, sizeof took),
                      size_format(a->max_rss_bytes, memory, sizeof memory));
        if (ending_detail(a, detail, sizeof detail)[0])
                top_page_line(p, "           %s", detail);
}

void top_page_details(TopPage *p, const StintDetails *d, uint64_t now_usec) {
        char text[64];
        const StintInfo *i = &d->info;
        top_page_clear(p);
        p->kind = TOP_PAGE_DETAILS;
        p->id = i->id;
        p->offset = 0;
        snprintf(p->title, sizeof p->title, "Task %" PRIu64, i->id);
        field(p, "name", i->name);
        details_state(p, i);
        field(p, "queue", i->queue);
        field(p, "group", i->group);
        snprintf(text, sizeof text, "%d", i->priority);
        field(p, "priority", i->priority ? text : "");
        details_command(p, d);
        field_time(p, "submitted", i->submitted_usec);
        field_time(p, "due", i->state == STINT_DELAYED ? i->due_usec : 0);
        field_time(p, "started", i->started_usec);
        field_time(p, "ended", i->ended_usec);
        uint64_t end = i->ended_usec ? i->ended_usec : now_usec;
        if (i->started_usec && end > i->started_usec)
                field(p, i->ended_usec ? "took" : "runs for",
                      duration_format_brief(end - i->started_usec, text, sizeof text));
        field_duration(p, "timeout", d->timeout_usec);
        snprintf(text, sizeof text, "%u", d->retries);
        field(p, "retries", d->retries ? text : "");
        snprintf(text, sizeof text, "%" PRIu64, i->retry_of);
        field(p, "retry of", i->retry_of ? text : "");
        snprintf(text, sizeof text, "%" PRIu64, i->retried_as);
        field(p, "retried as", i->retried_as ? text : "");
        for (const StintAttempt *const *a = d->attempts; a && *a; a++)
                details_attempt(p, *a);
}

/* ---- output ---- */

static void add_line(TopPage *p, const char *data, size_t size) {
        char text[LINE_MAX_BYTES], escaped[LINE_MAX_BYTES];
        size_t n = 0, cells = 0;
        if (size && data[size - 1] == '\r')
                size--;
        const char *overwritten = memrchr(data, '\r', size);
        if (overwritten) {
                size -= (size_t)(overwritten + 1 - data);
                data = overwritten + 1;
        }
        for (size_t i = 0; i < size && n + TAB_CELLS < sizeof text; i++) {
                if (data[i] != '\t') {
                        text[n++] = data[i];
                        cells += ((unsigned char)data[i] & 0xC0) != 0x80;
                        continue;
                }
                do
                        text[n++] = ' ';
                while (++cells % TAB_CELLS);
        }
        top_page_line(p, "%s", text_escape(text, n, escaped, sizeof escaped));
}

void top_page_output(TopPage *p, const char *data, size_t size, bool is_cut) {
        const char *end = data + size;
        if (is_cut) {
                const char *newline = memchr(data, '\n', size);
                top_page_line(p, "(the end of it; all with `stint logs %" PRIu64 "`)", p->id);
                data = newline ? newline + 1 : data;
        }
        while (data < end) {
                const char *newline = memchr(data, '\n', (size_t)(end - data));
                const char *stop = newline ? newline : end;
                add_line(p, data, (size_t)(stop - data));
                data = newline ? newline + 1 : end;
        }
}

int top_page_logs(TopPage *p, StintClient *client, char *buf, size_t size) {
        Error error;
        uint64_t all = 0;
        size_t got = 0;
        int64_t n = logs_size(client, p->id, 0, p->stream, &all, &error);
        uint64_t offset = all > size ? all - size : 0;
        for (bool more = n == 0; more && got<size; more = n> 0) {
                n = stint_read(client, p->id, 0, p->stream, offset + got, buf + got, size - got,
                               NULL);
                got += n > 0 ? (size_t)n : 0;
        }
        if (n < 0)
                return (int)n;
        top_page_clear(p);
        p->kind = TOP_PAGE_LOGS;
        snprintf(p->title, sizeof p->title, "Task %" PRIu64 ": %s", p->id,
                 p->stream == STINT_STDERR ? "stderr" : "stdout");
        top_page_output(p, buf, got, offset > 0);
        if (!p->count)
                top_page_line(p, "(nothing yet)");
        return 0;
}
