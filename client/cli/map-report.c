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

static void report_failures(Map *m) {
        char text[128];
        uint64_t named = MIN_OF(m->failed, (uint64_t)MAP_FAILURES_MAX);
        for (uint64_t i = 0; i < named; i++) {
                const MapFailure *f = &m->failures[i];
                map_say(m, "stint: task %" PRIu64 " %s: %s: %s\n", f->end.id,
                        stint_state_name(f->end.state),
                        ending_text(f->end.reason, f->end.code, text, sizeof text), f->input);
        }
        if (!m->failed)
                return;
        map_say(m, "stint: %" PRIu64 " of %" PRIu64 " tasks failed", m->failed, m->done);
        if (m->failed > named)
                map_say(m, ", %" PRIu64 " of them not named here", m->failed - named);
        map_say(m, "; see `stint show %" PRIu64 "`\n", m->failures[0].end.id);
}

static void report_cancelled(Map *m) {
        uint64_t total;
        if (m->stop != MAP_CANCELLED)
                return;
        map_say(m, "stint: %" PRIu64 " tasks cancelled, %" PRIu64 " had ended", m->cancelled,
                m->done - m->cancelled);
        if (map_input_total(m->input, &total) && total > m->done)
                map_say(m, ", %" PRIu64 " inputs not begun", total - m->done);
        map_say(m, "\n");
}

int map_report(Map *m) {
        int lost = map_writer_error(m->writer);
        if (m->leave_with) {
                map_say(m, "stint: %zu tasks are being cancelled; not waiting for their ends\n",
                        m->unfinished_count);
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
                         "the outputs of %" PRIu64 " tasks were purged before their turn, that of "
                         "task %" PRIu64 " last: use --unordered, or raise store.retention",
                         m->lost, m->lost_id);
        if (m->error->code)
                return -m->error->code;
        if (m->signal)
                return EXIT_SIGNAL_BASE + m->signal;
        return m->failed ? 1 : 0;
}
