/* See memory-ids.h. The file is one line "epoch E ids N", written anew beside itself, synced and
 * renamed, so that it is whole at every moment. */
#include "dispatcher/store/memory-ids.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static int sync_directory(const char *path) {
        char copy[PATH_MAX];
        snprintf(copy, sizeof copy, "%s", path);
        int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        int r = fsync(fd) < 0 ? -errno : 0;
        close(fd);
        return r;
}

static int write_whole(const char *path, const char *text, size_t size) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        ssize_t n = write(fd, text, size);
        int r = n < 0 ? -errno : (size_t)n != size ? -ENOSPC : 0;
        if (r == 0 && fdatasync(fd) < 0)
                r = -errno;
        close(fd);
        return r;
}

static int save(const MemoryIds *m, uint64_t reserved) {
        char temporary[PATH_MAX + 4], line[64];
        snprintf(temporary, sizeof temporary, "%s.new", m->path);
        int size = snprintf(line, sizeof line, "epoch %" PRIu32 " ids %" PRIu64 "\n", m->epoch,
                            reserved);
        int r = write_whole(temporary, line, (size_t)size);
        if (r == 0 && rename(temporary, m->path) < 0)
                r = -errno;
        if (r == 0)
                r = sync_directory(m->path);
        return r;
}

static int load(MemoryIds *m) {
        FILE *f = fopen(m->path, "re");
        if (!f && errno == ENOENT) {
                m->epoch = MEMORY_EPOCH_BASE;
                m->reserved = 1;
                return 0;
        }
        if (!f)
                return -errno;
        int n = fscanf(f, "epoch %" SCNu32 " ids %" SCNu64, &m->epoch, &m->reserved);
        fclose(f);
        bool valid = n == 2 && m->epoch >= MEMORY_EPOCH_BASE && m->epoch < INT32_MAX &&
                     m->reserved > 0 && m->reserved < INT64_MAX - MEMORY_IDS_BLOCK;
        return valid ? 0 : -EBADMSG;
}

int memory_ids_open(MemoryIds *m, const char *state_dir, Error *error) {
        int n = snprintf(m->path, sizeof m->path, "%s/memory-ids", state_dir);
        int r = n < 0 || (size_t)n >= sizeof m->path ? -ENAMETOOLONG : load(m);
        if (r == -EBADMSG)
                return error_set(error, EXIT_IO,
                                 "cannot open the store: %s is damaged; remove it if no task id "
                                 "of the past matters any more",
                                 m->path);
        if (r == 0) {
                m->epoch++;
                r = save(m, m->reserved);
        }
        if (r < 0)
                return error_set(error, r == -EACCES ? EXIT_NO_PERMISSION : EXIT_IO,
                                 "cannot open the store: %s: %s; make %s writable for this account",
                                 m->path, strerror(-r), state_dir);
        return 0;
}

int memory_ids_reserve(MemoryIds *m, uint64_t id) {
        if (id < m->reserved)
                return 0;
        int r = save(m, id + MEMORY_IDS_BLOCK);
        if (r == 0)
                m->reserved = id + MEMORY_IDS_BLOCK;
        return r;
}
