/* See ending.h. */
#include "client/cli/ending.h"

#include "common/end-text.h"
#include "common/error.h"
#include "common/text.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#define EXIT_OF_CANCELLED (EXIT_SIGNAL_BASE + SIGTERM)

int ending_exit_code(StintState state, StintReason reason, int64_t code) {
        if (state == STINT_SUCCEEDED)
                return 0;
        if (state == STINT_CANCELLED)
                return EXIT_OF_CANCELLED;
        switch (reason) {
        case STINT_REASON_EXIT:
                return code > 0 && code < 256 ? (int)code : 1;
        case STINT_REASON_SIGNAL:
                return code > 0 && code < NSIG ? EXIT_SIGNAL_BASE + (int)code : 1;
        case STINT_REASON_TIMEOUT:
                return EXIT_TIMED_OUT;
        case STINT_REASON_OUT_OF_MEMORY:
                return EXIT_SIGNAL_BASE + SIGKILL;
        case STINT_REASON_COULD_NOT_START:
                return code == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE;
        default:
                return 1;
        }
}

const char *ending_text(StintReason reason, int64_t code, char *buf, size_t size) {
        return end_text(stint_reason_name(reason), reason, code, buf, size);
}

const char *ending_of_attempt(const StintAttempt *a) {
        const char *state = a->state == STINT_READY ? "interrupted" : stint_state_name(a->state);
        return state ? state : "unknown";
}

const char *ending_why_of_attempt(const StintAttempt *a, char *buf, size_t size) {
        buf[0] = '\0';
        if (a->reason == STINT_REASON_COULD_NOT_START && a->detail && a->detail[0])
                snprintf(buf, size, "%s", stint_reason_name(a->reason));
        else if (a->state != STINT_SUCCEEDED)
                ending_text(a->reason, a->code, buf, size);
        return buf;
}

const char *ending_detail(const StintAttempt *a, char *buf, size_t size) {
        char text[512];
        buf[0] = '\0';
        if (a->detail && a->detail[0])
                snprintf(buf, size, "%s%s",
                         a->reason == STINT_REASON_WORKER_LOST ? "its worker ended: " : "",
                         text_escape(a->detail, strlen(a->detail), text, sizeof text));
        return buf;
}

json_t *ending_json(const StintEnd *end) {
        const char *state = stint_state_name(end->state), *reason = stint_reason_name(end->reason);
        return json_pack("{sI ss ss? sI}", "id", (json_int_t)end->id, "state",
                         state ? state : "unknown", "reason", reason, "code",
                         (json_int_t)end->code);
}

void ending_warn(const StintEnd *end) {
        char text[128];
        const char *state = stint_state_name(end->state);
        fprintf(stderr, "stint: task %" PRIu64 " %s: %s; see `stint show %" PRIu64 "`\n", end->id,
                state ? state : "ended", ending_text(end->reason, end->code, text, sizeof text),
                end->id);
}
