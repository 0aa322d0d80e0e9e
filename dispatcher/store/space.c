/* See space.h. The ballast is really allocated (fallocate, or written where the filesystem cannot),
 * since a sparse file would give nothing back. It returns only when there is room for it beyond the
 * reserve, so that the state does not flap. */
#include "dispatcher/store/space.h"

#include "common/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

uint64_t space_reserve(uint64_t total_bytes) {
        return MAX_OF(total_bytes / 20, SPACE_RESERVE_MIN);
}

bool space_is_low(uint64_t free_bytes, uint64_t total_bytes) {
        return free_bytes < space_reserve(total_bytes);
}

void space_init(Space *p, const char *directory) {
        *p = (Space){0};
        if (!directory)
                return;
        snprintf(p->directory, sizeof p->directory, "%s", directory);
        int n = snprintf(p->ballast, sizeof p->ballast, "%s/ballast", directory);
        if (n < 0 || (size_t)n >= sizeof p->ballast)
                p->ballast[0] = '\0';
}

void space_note_written(Space *p, uint64_t bytes) {
        p->written_bytes += bytes;
}

static bool ballast_exists(const Space *p) {
        struct stat st;
        return stat(p->ballast, &st) == 0 && (uint64_t)st.st_size == SPACE_BALLAST_BYTES;
}

static int ballast_create(const Space *p) {
        int fd = open(p->ballast, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        int r = posix_fallocate(fd, 0, (off_t)SPACE_BALLAST_BYTES);
        close(fd);
        if (r != 0)
                unlink(p->ballast);
        return -r;
}

static void describe(const Space *p, const struct statvfs *fs, char *text) {
        char free_text[32], reserve_text[32];
        size_format((uint64_t)fs->f_bavail * fs->f_frsize, free_text, sizeof free_text);
        size_format(space_reserve((uint64_t)fs->f_blocks * fs->f_frsize), reserve_text,
                    sizeof reserve_text);
        snprintf(text, ERROR_TEXT_MAX,
                 "the disk of %.300s is nearly full: %s free, %s are kept back for results; make "
                 "room there",
                 p->directory, free_text, reserve_text);
}

bool space_check(Space *p, usec_t now, char *text) {
        if (!p->directory[0] || (p->checked_usec && now < p->checked_usec + SPACE_CHECK_USEC &&
                                 p->written_bytes < SPACE_CHECK_BYTES))
                return false;
        p->checked_usec = now;
        p->written_bytes = 0;
        struct statvfs fs;
        if (statvfs(p->directory, &fs) < 0)
                return false;
        uint64_t total = (uint64_t)fs.f_blocks * fs.f_frsize;
        uint64_t available = (uint64_t)fs.f_bavail * fs.f_frsize;
        bool low = space_is_low(available, total);
        bool room = !low && available - space_reserve(total) >= SPACE_BALLAST_BYTES;
        if (!ballast_exists(p) && room && ballast_create(p) == 0)
                p->exhausted = false;
        low = low || p->exhausted;
        if (low == p->low)
                return false;
        p->low = low;
        text[0] = '\0';
        if (low)
                describe(p, &fs, text);
        return true;
}

bool space_make_room(const char *directory) {
        struct statvfs fs;
        Space p;
        space_init(&p, directory);
        return statvfs(directory, &fs) == 0 &&
               (uint64_t)fs.f_bavail * fs.f_frsize < SPACE_BALLAST_BYTES && unlink(p.ballast) == 0;
}

void space_exhausted(Space *p) {
        if (!p->directory[0])
                return;
        unlink(p->ballast);
        p->exhausted = true;
        p->checked_usec = 0;
}

usec_t space_delay(const Space *p, usec_t now) {
        if (!p->low)
                return USEC_INFINITY;
        usec_t due = p->checked_usec + SPACE_CHECK_USEC;
        return due > now ? due - now : 0;
}
