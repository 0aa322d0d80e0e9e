/* What a map says itself: which tasks failed, what was cancelled, and the exit code. */
#include "client/cli/map.h"

#include "client/cli/ending.h"
#include "common/text.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>

void map_say(Map *m, const char *format, ...) {
        va_list ap;
        map_writer_flush(m->writer);
        map_progress_hide(&m->progress);
        va_start(ap, format);
        vfprintf(stderr, format, ap);
        va_end(ap);
}

void map_note_failure(Map *m, const MapTask *t, const StintEnd *end) {
        if (m->failed >= MAP_FAILURES_MAX)
                return;
        MapFailure *f = &m->failures[m->failed];
        f->end = *end;
        text_escape(t->input, t->input_size, f->input, sizeof f->input);
}

static const char *plural(uint64_t count) {
        return count == 1 ? "" : "s";
}

static int by_id(const void *a, const void *b) {
        const MapFailure *x = a, *y = b;
        return x->end.id < y->end.id ? -1 : x->end.id > y->end.id;
}

static void report_failures(Map *m) {
        char text[128];
        uint64_t named = MIN_OF(m->failed, (uint64_t)MAP_FAILURES_MAX);
        qsort(m->failures, named, sizeof m->failures[0], by_id);
        for (uint64_t i = 0; i < named; i++) {
                const MapFailure *f = &m->failures[i];
                map_say(m, "stint: task %" PRIu64 " %s for '%s': %s\n", f->end.id,
                        stint_state_name(f->end.state), f->input,
                        ending_text(f->end.reason, f->end.code, text, sizeof text));
        }
        if (!m->failed)
                return;
        map_say(m, "stint: %" PRIu64 " of %" PRIu64 " task%s failed", m->failed, m->done,
                plural(m->done));
        if (m->failed > named)
                map_say(m, ", %" PRIu64 " of them not named here", m->failed - named);
        map_say(m, "; see `stint show %" PRIu64 "`\n", m->failures[0].end.id);
}

static void report_cancelled(Map *m) {
        uint64_t total = m->done;
        bool all_read = map_input_total(m->input, &total);
        if (m->stop != MAP_CANCELLED || (!m->cancelled && all_read && total == m->done))
                return;
        map_say(m, "stint: %" PRIu64 " task%s cancelled, %" PRIu64 " had ended", m->cancelled,
                plural(m->cancelled), m->done - m->cancelled);
        if (!all_read)
                map_say(m, ", the inputs behind them not begun");
        else if (total > m->done)
                map_say(m, ", %" PRIu64 " input%s not begun", total - m->done,
                        plural(total - m->done));
        map_say(m, "\n");
}

int map_report(Map *m) {
        int lost = map_writer_error(m->writer);
        if (m->leave_with) {
                map_say(m, "stint: not waiting for the end%s of %zu task%s being cancelled\n",
                        plural(m->unfinished_count), m->unfinished_count,
                        plural(m->unfinished_count));
                return m->leave_with;
        }
        if (lost == EPIPE)
                return EXIT_SIGNAL_BASE + SIGPIPE;
        report_failures(m);
        report_cancelled(m);
        if (lost)
                return error_set(m->error, EXIT_IO, "cannot write to stdout: %s", strerror(lost));
        if (m->lost)
                map_fail(m, EXIT_DATA,
                         "outputs were purged before their turn: %" PRIu64 ", that of task %" PRIu64
                         " last: use --unordered, or raise store.retention",
                         m->lost, m->lost_id);
        if (m->error->code)
                return -m->error->code;
        if (m->signal)
                return EXIT_SIGNAL_BASE + m->signal;
        return m->failed ? 1 : 0;
}
