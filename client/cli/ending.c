/* See ending.h. */
#include "client/cli/ending.h"

#include "common/error.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#define EXIT_OF_CANCELLED (EXIT_SIGNAL_BASE + SIGTERM)

int ending_exit_code(TaskState state, EndReason reason, int64_t code) {
        if (state == TASK_SUCCEEDED)
                return 0;
        if (state == TASK_CANCELLED)
                return EXIT_OF_CANCELLED;
        switch (reason) {
        case REASON_EXIT:
                return code > 0 && code < 256 ? (int)code : 1;
        case REASON_SIGNAL:
                return code > 0 && code < NSIG ? EXIT_SIGNAL_BASE + (int)code : 1;
        case REASON_TIMEOUT:
                return EXIT_TIMED_OUT;
        case REASON_OUT_OF_MEMORY:
                return EXIT_SIGNAL_BASE + SIGKILL;
        case REASON_COULD_NOT_START:
                return code == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE;
        default:
                return 1;
        }
}

const char *ending_text(EndReason reason, int64_t code, char *buf, size_t size) {
        const char *name = end_reason_name(reason);
        switch (reason) {
        case REASON_NONE:
                snprintf(buf, size, "%s", "");
                break;
        case REASON_EXIT:
                snprintf(buf, size, "exit code %" PRId64, code);
                break;
        case REASON_SIGNAL:
                name = code > 0 && code < NSIG ? sigabbrev_np((int)code) : NULL;
                snprintf(buf, size, "killed by signal %" PRId64 "%s%s%s", code, name ? " (" : "",
                         name ? name : "", name ? ")" : "");
                break;
        case REASON_COULD_NOT_START:
                snprintf(buf, size, "could not start: %s",
                         code > 0 && code < 4096 ? strerror((int)code) : "unknown error");
                break;
        case REASON_CANCELLED:
                snprintf(buf, size, "cancelled by uid %" PRId64, code);
                break;
        default:
                snprintf(buf, size, "%s", name ? name : "unknown reason");
                break;
        }
        return buf;
}
