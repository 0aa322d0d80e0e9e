/* The log of log.h. One line is one write(2) with O_APPEND, so that lines of several processes
 * never mix.
 *
 * Rotation among processes without a leader: whoever would pass the bound takes an flock on the
 * file and, if it is still the one that it writes to, renames it and opens a new one. Everybody
 * looks at the path's inode before a write and opens it again when another process has rotated. The
 * lock is never waited for: who does not get it writes to the old file, some lines beyond the
 * bound.
 *
 * A mutex serialises the threads of a process. Lines that could not be written are counted, and the
 * first line that can be written again is followed by that count. */
#include "common/log.h"

#include "common/text.h"
#include "common/time.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION /* it would always be this file */
#include <systemd/sd-journal.h>

#define LOG_FILE_BYTES  (8 * 1024 * 1024)
#define LOG_MESSAGE_MAX 2048
#define LOG_LINE_MAX    8192
#define LOG_FIELDS_MAX  16 /* more are left out of the journal */
#define LOG_FIELD_MAX   512

typedef enum LogSink { LOG_SINK_STDERR, LOG_SINK_JOURNAL, LOG_SINK_FILE } LogSink;

static const struct {
        const char *name;
        int level;
} levels[] = {
        {"error", LOG_ERR}, {"warning", LOG_WARNING}, {"notice", LOG_NOTICE},
        {"info", LOG_INFO}, {"debug", LOG_DEBUG},
};

static struct {
        pthread_mutex_t mutex; /* guards fd and lost */
        const char *program;
        LogSink sink;
        int level;
        char path[PATH_MAX], old_path[PATH_MAX];
        int fd;
        uint64_t lost;
} state = {.mutex = PTHREAD_MUTEX_INITIALIZER, .program = "stint", .level = LOG_INFO, .fd = -1};

void log_set_level(int level) {
        state.level = level;
}

static const char *level_name(int level) {
        for (size_t i = 0; i < ARRAY_SIZE(levels); i++)
                if (level <= levels[i].level)
                        return levels[i].name;
        return "debug";
}

/* ---- the file ---- */

static int file_open(void) {
        int fd = open(state.path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY,
                      0600);
        if (fd < 0)
                return -errno;
        if (state.fd >= 0)
                close(state.fd);
        state.fd = fd;
        return 0;
}

static bool file_is_current(int fd) {
        struct stat ours, named;
        return fd >= 0 && fstat(fd, &ours) == 0 && stat(state.path, &named) == 0 &&
               ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

/* The lock is on a description of its own: processes that share state.fd since a fork would all get
 * it. */
static void file_rotate(void) {
        int lock = open(state.path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
        if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0 && file_is_current(state.fd))
                (void)rename(state.path, state.old_path); /* failing, the file grows on */
        if (lock >= 0)
                close(lock);
        if (!file_is_current(state.fd))
                (void)file_open();
}

static int file_write(const char *line, size_t size) {
        struct stat st;
        if (!file_is_current(state.fd)) {
                int r = file_open();
                if (r < 0)
                        return r;
        }
        if (fstat(state.fd, &st) == 0 && (uint64_t)st.st_size + size > LOG_FILE_BYTES)
                file_rotate();
        ssize_t n = write(state.fd, line, size);
        return n == (ssize_t)size ? 0 : n < 0 ? -errno : -EIO;
}

/* ---- lines ---- */

typedef struct Line {
        char text[LOG_LINE_MAX]; /* not terminated; the last byte is kept for the newline */
        size_t size;
} Line;

_printf_(2, 3) static void line_add(Line *l, const char *format, ...) {
        size_t room = sizeof(l->text) - l->size;
        va_list ap;
        va_start(ap, format);
        int n = vsnprintf(l->text + l->size, room, format, ap);
        va_end(ap);
        l->size += MIN_OF((size_t)MAX_OF(n, 0), room - 1);
}

/* ` key=value`, or ` key="some value"` with quotes escaped, so that no value can pose as a field.
 */
static void line_add_field(Line *l, const char *field) {
        char escaped[LOG_FIELD_MAX];
        size_t key = strcspn(field, "=");
        const char *value = field[key] ? field + key + 1 : "";

        line_add(l, " ");
        for (size_t i = 0; i < key; i++)
                line_add(l, "%c",
                         field[i] >= 'A' && field[i] <= 'Z' ? field[i] + ('a' - 'A') : field[i]);
        text_escape(value, strlen(value), escaped, sizeof(escaped));
        if (escaped[0] && !strpbrk(escaped, " \"=")) {
                line_add(l, "=%s", escaped);
                return;
        }
        line_add(l, "=\"");
        for (const char *p = escaped; *p; p++)
                line_add(l, *p == '"' ? "\\%c" : "%c", *p);
        line_add(l, "\"");
}

/* 2024-05-01T10:00:00.123+02:00 */
static void line_add_time(Line *l, usec_t now) {
        char text[64];
        time_format(now, text, sizeof(text));
        size_t length = strlen(text), zone = length > 6 ? length - 6 : length;
        line_add(l, "%.*s.%03" PRIu64 "%s", (int)zone, text, now / USEC_PER_MSEC % 1000,
                 text + zone);
}

static void line_make(Line *l, int level, const char *const *fields, const char *message) {
        char escaped[LOG_LINE_MAX - 1024];
        l->size = 0;
        line_add_time(l, time_now_realtime());
        line_add(l, " %.32s[%d] %s: %s", state.program, (int)getpid(), level_name(level),
                 text_escape(message, strlen(message), escaped, sizeof(escaped)));
        for (; fields && *fields; fields++)
                line_add_field(l, *fields);
        l->text[l->size++] = '\n';
}

static int line_write(const Line *l) {
        if (state.sink == LOG_SINK_FILE)
                return file_write(l->text, l->size);
        return write(STDERR_FILENO, l->text, l->size) < 0 ? -errno : 0;
}

static void log_write_text(int level, const char *const *fields, const char *message) {
        Line l;
        line_make(&l, level, fields, message);

        pthread_mutex_lock(&state.mutex);
        if (line_write(&l) < 0)
                state.lost++;
        else if (state.lost > 0) {
                char count[64];
                snprintf(count, sizeof(count), "%" PRIu64 " lines of this log were lost",
                         state.lost);
                line_make(&l, LOG_WARNING, NULL, count);
                if (line_write(&l) == 0)
                        state.lost = 0;
        }
        pthread_mutex_unlock(&state.mutex);
}

/* ---- the journal ---- */

/* JOURNAL_STREAM is DEVICE:INODE of the socket that stderr was when the service started. */
static bool stderr_is_journal(void) {
        const char *stream = getenv("JOURNAL_STREAM");
        uint64_t device, inode;
        struct stat st;
        return stream && sscanf(stream, "%" SCNu64 ":%" SCNu64, &device, &inode) == 2 &&
               fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

static void log_write_journal(int level, const char *const *fields, const char *message) {
        char head[3][LOG_MESSAGE_MAX + 32], texts[LOG_FIELDS_MAX][LOG_FIELD_MAX];
        struct iovec items[ARRAY_SIZE(head) + LOG_FIELDS_MAX];
        int n = 0;

        snprintf(head[0], sizeof(head[0]), "MESSAGE=%s", message);
        snprintf(head[1], sizeof(head[1]), "PRIORITY=%d", level);
        snprintf(head[2], sizeof(head[2]), "SYSLOG_IDENTIFIER=%s", state.program);
        for (size_t i = 0; i < ARRAY_SIZE(head); i++)
                items[n++] = (struct iovec){.iov_base = head[i], .iov_len = strlen(head[i])};
        for (size_t i = 0; fields && fields[i] && i < LOG_FIELDS_MAX; i++) {
                snprintf(texts[i], sizeof(texts[i]), "STINT_%s", fields[i]);
                items[n++] = (struct iovec){.iov_base = texts[i], .iov_len = strlen(texts[i])};
        }
        (void)sd_journal_sendv(items, n);
}

/* ---- opening and writing ---- */

static LogSink sink_choose(LogTarget target, const char *directory) {
        const char *variable = getenv("STINT_LOG");
        if (target == LOG_TARGET_AUTO && variable && strcmp(variable, "stderr") == 0)
                return LOG_SINK_STDERR;
        if (target == LOG_TARGET_AUTO && stderr_is_journal())
                return LOG_SINK_JOURNAL;
        if (target == LOG_TARGET_STDERR || !directory ||
            (target == LOG_TARGET_AUTO && isatty(STDERR_FILENO)))
                return LOG_SINK_STDERR;
        return LOG_SINK_FILE;
}

int log_open(const char *program, LogTarget target, const char *directory) {
        int r = 0;
        pthread_mutex_lock(&state.mutex);
        state.program = program;
        state.sink = sink_choose(target, directory);
        if (state.fd >= 0) {
                close(state.fd);
                state.fd = -1;
        }
        if (state.sink == LOG_SINK_FILE) {
                int n = snprintf(state.path, sizeof(state.path), "%s/stintd.log", directory);
                int m = snprintf(state.old_path, sizeof(state.old_path), "%s/stintd.log.1",
                                 directory);
                r = n >= PATH_MAX || m >= PATH_MAX ? -ENAMETOOLONG : file_open();
                if (r < 0)
                        state.sink = LOG_SINK_STDERR;
        }
        pthread_mutex_unlock(&state.mutex);
        return r;
}

void log_write(int level, const char *const *fields, const char *format, ...) {
        if (level > state.level)
                return;
        int saved_errno = errno;
        char message[LOG_MESSAGE_MAX];
        va_list ap;
        va_start(ap, format);
        vsnprintf(message, sizeof(message), format, ap);
        va_end(ap);

        if (state.sink == LOG_SINK_JOURNAL)
                log_write_journal(level, fields, message);
        else
                log_write_text(level, fields, message);
        errno = saved_errno;
}
