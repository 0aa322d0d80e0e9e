/* A temporary directory that goes away with all that is in it. */
#pragma once

#include <criterion/criterion.h>

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct Directory {
        char path[64];
} Directory;

static inline Directory directory_new(void) {
        Directory d = {.path = "/tmp/stint-test-XXXXXX"};
        cr_assert_not_null(mkdtemp(d.path));
        return d;
}

static inline int directory_remove_entry(const char *path, const struct stat *st, int type,
                                         struct FTW *walk) {
        return remove(path);
}

static inline void directory_done(Directory *d) {
        nftw(d->path, directory_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* PATH below the directory; the answer is valid until the sixteenth call after it. */
static inline const char *below(const Directory *d, const char *name) {
        static char paths[16][PATH_MAX];
        static unsigned next;
        char *path = paths[next++ % 16];
        snprintf(path, PATH_MAX, "%s/%s", d->path, name);
        return path;
}
