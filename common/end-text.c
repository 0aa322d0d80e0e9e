/* See end-text.h. */
#include "common/end-text.h"

#include "common/wire.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

const char *end_text(const char *name, unsigned reason, int64_t code, char *buf, size_t size) {
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
                snprintf(buf, size, "by uid %" PRId64, code);
                break;
        case REASON_EXPIRED:
                snprintf(buf, size, "not started in time");
                break;
        case REASON_INTERRUPTED:
                snprintf(buf, size, "stopped by stint");
                break;
        default:
                snprintf(buf, size, "%s", name ? name : "unknown reason");
                break;
        }
        return buf;
}
