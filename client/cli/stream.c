/* See stream.h. */
#include "client/cli/stream.h"

#include "client/cli/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int stream_ask(Session *s, OutputStream *o, Error *error) {
        WireOutput ask = {.id = o->task_id,
                          .attempt = o->attempt,
                          .stream = o->kind,
                          .offset = o->offset,
                          .max = WIRE_OUTPUT_MAX,
                          .wait = o->follow == STREAM_FOLLOW};
        int64_t request = session_send(s, WIRE_TYPE_OUTPUT, &ask, (BlobSlice){0}, error);
        if (request < 0)
                return (int)request;
        o->request = (uint64_t)request;
        return 0;
}

int stream_start(Session *s, OutputStream *o, Error *error) {
        if (o->span == STREAM_EVERY_ATTEMPT && !o->attempt)
                o->attempt = 1;
        return stream_ask(s, o, error);
}

/* Waits until a pipe or terminal takes PIPE_BUF bytes without blocking, or we are woken. */
static int wait_writable(const OutputStream *o) {
        struct pollfd fds[] = {{.fd = o->fd, .events = POLLOUT},
                               {.fd = o->watched_fd, .events = POLLIN}};
        if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
                return errno == EINTR ? 0 : -errno;
        if (fds[1].revents && o->woken && o->woken(o->userdata) != 0)
                return -ECANCELED;
        return fds[0].revents ? 1 : 0;
}

static int stream_write(const OutputStream *o, const char *data, size_t size) {
        struct stat st;
        if (o->watched_fd < 0 || (fstat(o->fd, &st) == 0 && S_ISREG(st.st_mode)))
                return write_all(o->fd, data, size);
        while (size) {
                int r = wait_writable(o);
                if (r < 0)
                        return r;
                ssize_t n = r ? write(o->fd, data, MIN_OF(size, (size_t)PIPE_BUF)) : 0;
                if (n < 0 && errno != EAGAIN && errno != EINTR)
                        return -errno;
                if (n > 0) {
                        data += n;
                        size -= (size_t)n;
                }
        }
        return 0;
}

/* The attempt has no more bytes: is there another one to come? */
static int stream_attempt_ended(Session *s, OutputStream *o, Error *error) {
        o->dropped += o->dropped_now;
        o->dropped_now = 0;
        if (o->span == STREAM_ONE_ATTEMPT)
                return STREAM_ENDED;
        o->attempt++;
        o->offset = 0;
        return stream_ask(s, o, error);
}

static int stream_refused(OutputStream *o, const SessionAnswer *answer, Error *error) {
        int r = session_refused(answer, error);
        /* The task has ended without this attempt: the one before was its last. */
        if (r == -EXIT_DATA && o->span == STREAM_EVERY_ATTEMPT && !o->offset)
                return STREAM_ENDED;
        return r;
}

int stream_answer(Session *s, OutputStream *o, const SessionAnswer *answer, Error *error) {
        const WireOutputData *data = answer->body;
        o->request = 0;
        if (answer->type == WIRE_TYPE_ERROR)
                return stream_refused(o, answer, error);
        if (answer->type != WIRE_TYPE_OUTPUT_DATA || data->size != answer->payload_size)
                return error_set(error, EXIT_PROTOCOL,
                                 "the dispatcher's answer about output makes no sense: install "
                                 "the same version of both");
        if (!o->write_error)
                o->write_error = -stream_write(o, answer->payload, answer->payload_size);
        if (o->write_error)
                return STREAM_ENDED;
        o->offset += answer->payload_size;
        o->copied += answer->payload_size;
        o->dropped_now = data->dropped;
        if (data->attempt)
                o->attempt = data->attempt;
        if (data->end)
                return stream_attempt_ended(s, o, error);
        if (!answer->payload_size && o->follow == STREAM_WHAT_IS)
                return STREAM_ENDED;
        return stream_ask(s, o, error);
}

int stream_copy(Session *s, OutputStream *o, Error *error) {
        SessionAnswer answer;
        int r = stream_start(s, o, error);
        while (r == STREAM_GOES_ON) {
                r = session_receive(s, -1, &answer, error);
                if (r == 0 && answer.request_id == o->request)
                        r = stream_answer(s, o, &answer, error);
                else if (r == -EINTR)
                        r = 0;
        }
        return r < 0 ? r : 0;
}

int stream_read(Session *s, OutputStream *o, char **ret, size_t *ret_size, Error *error) {
        o->fd = memfd_create("stint-output", MFD_CLOEXEC);
        if (o->fd < 0)
                return error_set(error, EXIT_SOFTWARE, "cannot keep the output: %s",
                                 strerror(errno));
        int r = stream_copy(s, o, error);
        if (r == 0 && o->write_error)
                r = error_set(error, EXIT_SOFTWARE, "cannot keep the output: %s",
                              strerror(o->write_error));
        if (r == 0 && (lseek(o->fd, 0, SEEK_SET) < 0 ||
                       read_all(o->fd, (size_t)o->copied, ret, ret_size) < 0))
                r = error_set(error, EXIT_SOFTWARE, "cannot keep the output: out of memory");
        close(o->fd);
        o->fd = -1;
        return r;
}

void stream_warn(const OutputStream *o) {
        if (o->dropped + o->dropped_now)
                fprintf(stderr,
                        "stint: %" PRIu64 " bytes of %s of task %" PRIu64
                        " were beyond its output limit and are not kept; see --output-limit\n",
                        o->dropped + o->dropped_now, o->kind == STREAM_STDERR ? "stderr" : "stdout",
                        o->task_id);
}
