/* The serial is kept as 20 digits and a newline, so that it is always overwritten in place by one
 * write within one sector: it cannot be torn, and it needs no new space on a full disk. */
#include "host/instance.h"

#include "common/log.h"
#include "common/text.h"
#include "common/time.h"
#include "host/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define SERIAL_DIGITS 20

static int lock_take(Instance *i, const char *state, Error *error) {
        char holder[SERIAL_DIGITS + 2] = "";
        i->lock_fd = openat(i->state_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (i->lock_fd < 0)
                return error_set(error, EXIT_NO_PERMISSION,
                                 "cannot open %s/lock: %s; check its owner and mode", state,
                                 strerror(errno));
        if (flock(i->lock_fd, LOCK_EX | LOCK_NB) < 0) {
                if (errno != EWOULDBLOCK)
                        return error_set(error, EXIT_IO,
                                         "cannot lock %s/lock: %s; use a file system with flock",
                                         state, strerror(errno));
                if (pread(i->lock_fd, holder, sizeof holder - 1, 0) > 0)
                        holder[strcspn(holder, "\n")] = '\0';
                return error_set(
                        error, EXIT_TRY_AGAIN,
                        "cannot start: another instance with the state in %s runs as process %s; "
                        "stop that one first",
                        state, holder[0] ? holder : "(unknown)");
        }
        if (ftruncate(i->lock_fd, 0) < 0 || dprintf(i->lock_fd, "%d\n", getpid()) < 0)
                return error_set(error, EXIT_IO, "cannot write %s/lock: %s; make room on the disk",
                                 state, strerror(errno));
        return 0;
}

/* Signals still have their default meaning here: a SIGTERM simply ends the wait and us. */
static int wait_for_the_dead(const Instance *i, const char *state, Error *error) {
        usec_t told_at = usec_add(time_now_monotonic(), USEC_PER_SEC);
        while (flock(i->alive_fd, LOCK_EX | LOCK_NB) < 0) {
                if (errno != EWOULDBLOCK && errno != EINTR)
                        return error_set(error, EXIT_IO, "cannot lock %s/alive: %s", state,
                                         strerror(errno));
                if (time_now_monotonic() >= told_at) {
                        log_notice("waiting for processes of the instance before this one to end");
                        notify_status(0, "waiting for processes of the instance before this one to "
                                         "end");
                        told_at = USEC_INFINITY;
                }
                poll(NULL, 0, 20);
        }
        flock(i->alive_fd, LOCK_UN);
        return 0;
}

static int serial_write(const Instance *i, uint64_t serial) {
        char text[SERIAL_DIGITS + 2];
        int n = snprintf(text, sizeof text, "%0*" PRIu64 "\n", SERIAL_DIGITS, serial);
        if (pwrite(i->alive_fd, text, (size_t)n, 0) != n || fdatasync(i->alive_fd) < 0)
                return errno ? -errno : -EIO;
        return 0;
}

static int serial_read(Instance *i, const char *state, Error *error) {
        char text[SERIAL_DIGITS + 2] = "";
        ssize_t n = pread(i->alive_fd, text, sizeof text - 1, 0);
        if (n > 0)
                text[strcspn(text, "\n")] = '\0';
        if (n < 0 || (n > 0 && (n != SERIAL_DIGITS + 1 || u64_parse(text, &i->last_serial) < 0)))
                return error_set(error, EXIT_DATA,
                                 "cannot read the last worker serial from %s/alive: %s; write a "
                                 "number above "
                                 "every serial in the log there, with %d digits and a newline",
                                 state, n < 0 ? strerror(errno) : "not a serial", SERIAL_DIGITS);
        if (serial_write(i, i->last_serial) < 0 || fsync(i->state_fd) < 0)
                return error_set(error, EXIT_IO, "cannot write %s/alive: %s; make room on the disk",
                                 state, strerror(errno));
        return 0;
}

int instance_acquire(Instance *i, const char *state, Error *error) {
        i->state_fd = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (i->state_fd < 0)
                return error_set(error, EXIT_NO_PERMISSION,
                                 "cannot open %s: %s; check its owner and mode", state,
                                 strerror(errno));
        int r = lock_take(i, state, error);
        if (r < 0)
                return r;
        if (pipe2(i->life, O_CLOEXEC) < 0)
                return error_set(error, EXIT_SOFTWARE, "cannot make a pipe: %s; raise LimitNOFILE",
                                 strerror(errno));
        i->alive_fd = openat(i->state_fd, "alive", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (i->alive_fd < 0)
                return error_set(error, EXIT_NO_PERMISSION,
                                 "cannot open %s/alive: %s; check its owner and mode", state,
                                 strerror(errno));
        r = wait_for_the_dead(i, state, error);
        return r < 0 ? r : serial_read(i, state, error);
}

void instance_release(Instance *i) {
        int fds[] = {i->life[1], i->life[0], i->alive_fd, i->lock_fd, i->state_fd};
        for (size_t n = 0; n < ARRAY_SIZE(fds); n++)
                if (fds[n] >= 0)
                        close(fds[n]);
        *i = INSTANCE_NONE;
}

int instance_next_serial(Instance *i, uint64_t *ret_serial) {
        int r = serial_write(i, i->last_serial + 1);
        if (r < 0)
                return r;
        *ret_serial = ++i->last_serial;
        return 0;
}

int instance_open_alive(const Instance *i) {
        int fd = openat(i->state_fd, "alive", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0) {
                int r = -errno;
                close(fd);
                return r;
        }
        return fd < 0 ? -errno : fd;
}
