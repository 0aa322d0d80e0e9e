/* What the service manager is told (sd_notify(3)); nothing happens where there is none. */
#pragma once

#include "common/macro.h"
#include "common/time.h"

#define NOTIFY_PARTS 4

void notify_ready(void); /* also ends a reload */
void notify_reloading(void);
void notify_stopping(void);
void notify_stop_takes(usec_t usec); /* from now on, at most, whatever the unit says */

/* One part of the line of `systemctl status`; parts that are not empty are joined by "; ", newlines
 * become blanks, and a line that was just told is not told again. part: below NOTIFY_PARTS. */
void notify_status(unsigned part, const char *format, ...) _printf_(2, 3);
