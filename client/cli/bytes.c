/* See bytes.h. */
#include "client/cli/bytes.h"

#include "common/macro.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#define READ_FIRST 4096

int read_all(int fd, size_t max, char **ret, size_t *ret_size) {
        size_t size = 0, room = MIN_OF(max, (size_t)READ_FIRST) + 1; /* one more tells too much */
        _cleanup_(freep) char *data = malloc(room);
        while (data) {
                ssize_t n = read(fd, data + size, room - size);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0) {
                        *ret = take_ptr(data);
                        *ret_size = size;
                        return 0;
                }
                size += (size_t)n;
                if (size > max)
                        return -EFBIG;
                if (size < room)
                        continue;
                room = MIN_OF(2 * room, max + 1);
                char *more = realloc(data, room);
                if (!more)
                        break;
                data = more;
        }
        return -ENOMEM;
}

int write_all(int fd, const void *data, size_t size) {
        const char *at = data;
        while (size) {
                ssize_t n = write(fd, at, size);
                if (n < 0 && errno == EAGAIN) /* somebody made our terminal or pipe non-blocking */
                        poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
                else if (n < 0 && errno != EINTR)
                        return -errno;
                if (n <= 0)
                        continue;
                at += n;
                size -= (size_t)n;
        }
        return 0;
}

/* Waits until a pipe or terminal takes PIPE_BUF bytes without blocking. 1: it does, 0: look again,
 * or negative errno. */
static int wait_writable(int fd, const WriteWatch *watch) {
        struct pollfd fds[] = {{.fd = fd, .events = POLLOUT},
                               {.fd = watch->woken_fd, .events = POLLIN}};
        if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
                return errno == EINTR ? 0 : -errno;
        if (fds[1].revents && watch->woken(watch->userdata))
                return -ECANCELED;
        return fds[0].revents != 0;
}

int write_watching(int fd, const void *data, size_t size, const WriteWatch *watch) {
        const char *at = data;
        while (size) {
                int r = wait_writable(fd, watch);
                if (r < 0)
                        return r;
                ssize_t n = r ? write(fd, at, MIN_OF(size, (size_t)PIPE_BUF)) : 0;
                if (n < 0 && errno != EAGAIN && errno != EINTR)
                        return -errno;
                if (n > 0) {
                        at += n;
                        size -= (size_t)n;
                }
        }
        return 0;
}
