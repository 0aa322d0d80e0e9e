/* The status line is the process's own, as NOTIFY_SOCKET is: so it is kept here. */
#include "host/notify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#define PART_MAX 512

void notify_ready(void) {
        sd_notify(0, "READY=1");
}

void notify_reloading(void) {
        sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, time_now_monotonic());
}

void notify_stopping(void) {
        sd_notify(0, "STOPPING=1");
}

void notify_stop_takes(usec_t usec) {
        sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%" PRIu64, usec);
}

void notify_status(unsigned part, const char *format, ...) {
        static char parts[NOTIFY_PARTS][PART_MAX], told[NOTIFY_PARTS * (PART_MAX + 2)];
        char line[sizeof told] = "";
        va_list arguments;
        ASSERT(part < NOTIFY_PARTS);
        va_start(arguments, format);
        vsnprintf(parts[part], sizeof parts[part], format, arguments);
        va_end(arguments);
        for (size_t i = 0, n = 0; i < NOTIFY_PARTS; i++)
                if (parts[i][0])
                        n += (size_t)snprintf(line + n, sizeof line - n, "%s%s", n ? "; " : "",
                                              parts[i]);
        for (char *c = line; (c = strchr(c, '\n'));)
                *c = ' ';
        if (strcmp(line, told) == 0)
                return;
        memcpy(told, line, sizeof told);
        sd_notifyf(0, "STATUS=%s", line);
}
