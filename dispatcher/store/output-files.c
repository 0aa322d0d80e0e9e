/* See output-files.h. Files are read while the worker writes them: what counts is what is there. */
#include "dispatcher/store/output-files.h"

#include "common/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t clamp_size(uint64_t size, uint64_t offset, uint32_t max) {
        if (offset >= size)
                return 0;
        uint64_t most = MIN_OF(max, WIRE_OUTPUT_MAX);
        return MIN_OF(size - offset, most);
}

int output_cut(const void *data, size_t size, uint64_t offset, uint32_t max, BlobSlice *ret) {
        size_t n = clamp_size(size, offset, max);
        *ret = (BlobSlice){0};
        if (n == 0)
                return 0;
        Blob *b = blob_new_copy((const char *)data + offset, n);
        if (!b)
                return -ENOMEM;
        *ret = (BlobSlice){.blob = b, .size = (uint32_t)n};
        return 0;
}

static int read_piece(int fd, uint64_t offset, size_t n, BlobSlice *ret) {
        _cleanup_(freep) char *data = malloc(n ? n : 1);
        if (!data)
                return -ENOMEM;
        size_t got = 0;
        while (got < n) {
                ssize_t k = pread(fd, data + got, n - got, (off_t)(offset + got));
                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return -errno;
                if (k == 0)
                        break;
                got += (size_t)k;
        }
        *ret = (BlobSlice){0};
        if (got == 0)
                return 0;
        Blob *b = blob_new_take(data, got);
        if (!b)
                return -ENOMEM;
        (void)take_ptr(data);
        *ret = (BlobSlice){.blob = b, .size = (uint32_t)got};
        return 0;
}

/* As output_cut, from a run's file; ret_size: what the file has by now. -ENOENT: not there; other
 * errno. */
static int output_file_read(const char *state_dir, run_id_t run_id, StreamKind stream,
                            uint64_t offset, uint32_t max, BlobSlice *ret, uint64_t *ret_size) {
        char path[PATH_MAX];
        int r = output_path(state_dir, run_id, stream, path, sizeof path);
        if (r < 0)
                return r;
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return -errno;
        struct stat st;
        r = fstat(fd, &st) < 0 ? -errno : 0;
        if (r == 0) {
                *ret_size = (uint64_t)st.st_size;
                r = read_piece(fd, offset, clamp_size(*ret_size, offset, max), ret);
        }
        close(fd);
        return r;
}

int output_of_run(const char *state_dir, const RunRecord *run, const StoreRead *read,
                  const void *data, size_t size, StoreDone *ret) {
        ret->attempt = run->attempt;
        ret->complete = true;
        bool error_stream = read->stream == STREAM_STDERR;
        uint64_t kept = error_stream ? run->err_kept : run->out_kept;
        uint8_t in_file = error_stream ? WIRE_FILE_ERR : WIRE_FILE_OUT;
        if (read->stream == STREAM_RESULT) {
                ret->total = size;
                return output_cut(data, size, read->offset, read->max, &ret->bytes);
        }
        ret->total = error_stream ? run->err_total : run->out_total;
        ret->dropped = ret->total > kept ? ret->total - kept : 0;
        if (!(run->files & in_file))
                return output_cut(data, size, read->offset, read->max, &ret->bytes);
        uint64_t file_size;
        return output_file_read(state_dir, run->run_id, read->stream, read->offset, read->max,
                                &ret->bytes, &file_size);
}

int output_of_running(const char *state_dir, const StoreRead *read, StoreDone *ret) {
        ret->attempt = read->attempt;
        if (read->stream == STREAM_RESULT)
                return 0;
        return output_file_read(state_dir, read->run_id, read->stream, read->offset, read->max,
                                &ret->bytes, &ret->total);
}

static void remove_file(const char *state_dir, run_id_t run_id, StreamKind stream) {
        char path[PATH_MAX];
        if (output_path(state_dir, run_id, stream, path, sizeof path) == 0)
                unlink(path);
}

void output_files_remove(const char *state_dir, run_id_t run_id, uint8_t files, uint8_t reason) {
        bool lost = reason == REASON_WORKER_LOST || reason == REASON_INTERRUPTED;
        if (!run_id)
                return;
        if (lost || (files & WIRE_FILE_OUT))
                remove_file(state_dir, run_id, STREAM_STDOUT);
        if (lost || (files & WIRE_FILE_ERR))
                remove_file(state_dir, run_id, STREAM_STDERR);
}

void output_files_sweep(const char *state_dir, unsigned directory, uint32_t first, uint32_t last) {
        char path[PATH_MAX];
        if (output_directory(state_dir, directory, path, sizeof path) < 0)
                return;
        DIR *d = opendir(path);
        if (!d)
                return;
        for (struct dirent *e; (e = readdir(d));) {
                char *end;
                errno = 0;
                uint64_t run_id = strtoull(e->d_name, &end, 16);
                if (errno || end != e->d_name + 16)
                        continue;
                if (strcmp(end, ".out") != 0 && strcmp(end, ".err") != 0)
                        continue;
                if (RUN_ID_EPOCH(run_id) >= first && RUN_ID_EPOCH(run_id) <= last)
                        unlinkat(dirfd(d), e->d_name, 0);
        }
        closedir(d);
}
