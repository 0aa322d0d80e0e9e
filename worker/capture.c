/* See capture.h. */
#include "worker/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_SIZE      (64u << 10) /* a pipe's usual capacity */
#define READS_PER_TURN 8
#define READS_AT_END                                                                               \
        256 /* a pipe holds 1 MiB, but a stranger who was given it may still fill it               \
             */

/* Where every read lands first; one thread, one read at a time. */
static char scratch[READ_SIZE];

int capture_open(Capture *c, const char *state_dir, uint64_t run_id, StreamKind stream,
                 uint64_t limit, int *ret_writer) {
        int ends[2];
        *c = CAPTURE_NONE;
        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) {
                int r = -errno;
                (void)close(ends[0]);
                (void)close(ends[1]);
                return r;
        }
        c->state_dir = state_dir;
        c->run_id = run_id;
        c->stream = stream;
        c->limit = limit;
        c->pipe = ends[0];
        *ret_writer = ends[1];
        return 0;
}

/* ---- the file ---- */

static void capture_fail(Capture *c, int error) {
        if (c->error == 0)
                c->error = error;
}

static int sync_directory(const char *path) {
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        int r = fsync(fd) < 0 ? -errno : 0;
        (void)close(fd);
        return r;
}

/* Makes the directory of the file, and makes it survive a loss of power. */
static int make_directory(const Capture *c) {
        char path[PATH_MAX];
        int r = output_directory(c->state_dir, c->run_id, path, sizeof path);
        if (r < 0)
                return r;
        char *last = strrchr(path, '/');
        *last = '\0';
        if (mkdir(path, 0700) < 0 && errno != EEXIST)
                return -errno;
        *last = '/';
        if (mkdir(path, 0700) < 0)
                return errno == EEXIST ? 0 : -errno;
        *last = '\0';
        return sync_directory(path);
}

/* Run ids are unique in a store; a file that is there is of a store that somebody has removed. */
static int open_file(const Capture *c) {
        char path[PATH_MAX];
        int r = output_path(c->state_dir, c->run_id, c->stream, path, sizeof path);
        if (r < 0)
                return r;
        int flags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW;
        int fd = open(path, flags, 0600);
        if (fd < 0 && errno == ENOENT) {
                r = make_directory(c);
                if (r < 0)
                        return r;
                fd = open(path, flags, 0600);
        }
        return fd < 0 ? -errno : fd;
}

/* Appends; how many bytes went in before the first error. */
static size_t file_append(Capture *c, const char *data, size_t size) {
        size_t done = 0;
        while (done < size) {
                ssize_t n = write(c->file, data + done, size - done);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) {
                        capture_fail(c, errno);
                        break;
                }
                done += (size_t)n;
        }
        return done;
}

/* From memory into the file. Should that not open, what is in memory stays there and goes into END.
 */
static void move_to_file(Capture *c) {
        int fd = open_file(c);
        if (fd < 0) {
                capture_fail(c, -fd);
                return;
        }
        c->file = fd;
        c->in_file = true;
        c->kept = file_append(c, c->data, c->size);
        free(c->data);
        c->data = NULL;
        c->size = c->alloc = 0;
}

void capture_spill(Capture *c) {
        if (!c->in_file && !c->error)
                move_to_file(c);
}

/* ---- reading ---- */

static size_t memory_append(Capture *c, const char *data, size_t size) {
        if (c->size + size > c->alloc) {
                size_t alloc = MIN_OF(MAX_OF(c->size + size, 2 * c->alloc), (size_t)WIRE_TAIL_MAX);
                char *grown = realloc(c->data, alloc);
                if (!grown) {
                        capture_fail(c, ENOMEM);
                        return 0;
                }
                c->data = grown;
                c->alloc = alloc;
        }
        memcpy(c->data + c->size, data, size);
        c->size += size;
        return size;
}

static void capture_take(Capture *c, const char *data, size_t size) {
        c->total += size;
        if (c->error)
                return;
        size = (size_t)MIN_OF((uint64_t)size, c->limit - c->kept);
        if (size == 0)
                return;
        if (!c->in_file && c->size + size > WIRE_TAIL_MAX) {
                move_to_file(c);
                if (c->error)
                        return;
        }
        c->kept += c->in_file ? file_append(c, data, size) : memory_append(c, data, size);
}

static void close_pipe(Capture *c) {
        if (c->pipe >= 0)
                (void)close(take_fd(&c->pipe));
}

static bool read_some(Capture *c, unsigned reads) {
        for (unsigned i = 0; c->pipe >= 0 && i < reads; i++) {
                ssize_t n = read(c->pipe, scratch, sizeof scratch);
                if (n > 0)
                        capture_take(c, scratch, (size_t)n);
                else if (n < 0 && errno == EAGAIN)
                        break;
                else if (n == 0 || errno != EINTR)
                        close_pipe(c);
        }
        return c->pipe >= 0;
}

bool capture_read(Capture *c) {
        return read_some(c, READS_PER_TURN);
}

/* ---- the end ---- */

static void sync_file(Capture *c) {
        char directory[PATH_MAX];
        int r = fsync(c->file) < 0 ? -errno : 0;
        if (r == 0)
                r = output_directory(c->state_dir, c->run_id, directory, sizeof directory);
        if (r == 0)
                r = sync_directory(directory);
        if (r < 0)
                capture_fail(c, -r);
        if (close(take_fd(&c->file)) < 0)
                capture_fail(c, errno);
}

void capture_finish(Capture *c, BlobSlice *ret) {
        (void)read_some(c, READS_AT_END);
        close_pipe(c);
        if (c->file >= 0)
                sync_file(c);
        if (c->size == 0)
                return;
        Blob *blob = blob_new_take(c->data, c->size);
        if (!blob) {
                capture_fail(c, ENOMEM);
                c->kept = 0;
                return;
        }
        c->data = NULL;
        *ret = blob_slice(blob, 0, c->size);
        blob_unref(blob);
}

void capture_done(Capture *c) {
        close_pipe(c);
        if (c->file >= 0)
                (void)close(c->file);
        free(c->data);
        *c = CAPTURE_NONE;
}
