/* The log of daemons: the journal with structured fields when stderr is connected to it
 * (JOURNAL_STREAM), stderr when it is a terminal or --foreground asked for it (stintd tells its
 * children by STINT_LOG=stderr), else STATE/log/stintd.log and stintd.log.1 (two files of 8 MiB,
 * shared by all processes of the instance with O_APPEND). Logging never fails and never blocks on
 * anything but the file itself. common/ and core/ do not call it: they return what happened. Any
 * thread may write; log_open and log_set_level belong to the start of a program. */
#pragma once

#include "common/macro.h"

#include <syslog.h>

typedef enum LogTarget { LOG_TARGET_AUTO, LOG_TARGET_STDERR, LOG_TARGET_FILE } LogTarget;

/* program: name in each line, static. directory: STATE/log, needed for a file, may be NULL (then
 * stderr). 0, or negative errno when the file cannot be opened: then the log goes to stderr. */
int log_open(const char *program, LogTarget target, const char *directory);
void log_set_level(int level); /* LOG_ERR … LOG_DEBUG; default LOG_INFO */

/* fields: NULL or a list of "KEY=value" strings ended by NULL, such as {"TASK=42", "QUEUE=mail",
 * NULL}; each becomes STINT_KEY=value in the journal and `key=value` at the end of a text line,
 * with control characters escaped there. A line is 2024-05-01T10:00:00.123+02:00 stintd[123] info:
 * message key=value. errno is kept. */
void log_write(int level, const char *const *fields, const char *format, ...) _printf_(3, 4);

#define log_error(...)   log_write(LOG_ERR, NULL, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, NULL, __VA_ARGS__)
#define log_notice(...)  log_write(LOG_NOTICE, NULL, __VA_ARGS__)
#define log_info(...)    log_write(LOG_INFO, NULL, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_DEBUG, NULL, __VA_ARGS__)
