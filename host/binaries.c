/* See binaries.h. */
#include "host/binaries.h"

#include "common/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int binary_open(const char *name, Error *error) {
        char path[PATH_MAX];
        int r = paths_find_helper(name, path, sizeof path);
        int fd = r < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return error_set(error, EXIT_SOFTWARE,
                                 "cannot open %s: %s; install it there or set STINT_LIBEXECDIR",
                                 path, strerror(r < 0 ? -r : errno));
        return fd;
}

static void set_close(BinarySet *set) {
        while (set->count > 0)
                close(set->fds[--set->count]);
        set->number = 0;
}

int binaries_open(Binaries *b, Error *error) {
        BinarySet set = {.number = b->openings + 1};
        ASSERT(b->count <= BINARIES_MAX && !binaries_on_trial(b));
        for (; set.count < b->count; set.count++) {
                int fd = binary_open(b->names[set.count], error);
                if (fd < 0) {
                        set_close(&set);
                        return fd;
                }
                set.fds[set.count] = fd;
        }
        b->before = b->now;
        b->now = set;
        b->openings++;
        return 0;
}

bool binaries_on_trial(const Binaries *b) {
        return b->before.number != 0;
}

void binaries_keep(Binaries *b) {
        set_close(&b->before);
}

void binaries_revert(Binaries *b) {
        ASSERT(binaries_on_trial(b));
        set_close(&b->now);
        b->now = b->before;
        b->before = (BinarySet){0};
}

void binaries_close(Binaries *b) {
        set_close(&b->now);
        set_close(&b->before);
}
