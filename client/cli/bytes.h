/* Bytes in and out of descriptors, whole. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Everything that comes, at most max bytes, into memory of the caller. 0; -EFBIG: more than max;
 * other negative errno. */
int read_all(int fd, size_t max, char **ret, size_t *ret_size);

/* 0, or negative errno. */
int write_all(int fd, const void *data, size_t size);

/* Who is told while a write waits for its reader: woken_fd is readable. true: give up the write. */
typedef struct WriteWatch {
        int woken_fd; /* -1: nobody is */
        bool (*woken)(void *userdata);
        void *userdata;
} WriteWatch;

/* The same to a pipe or terminal, whose reader may be slow. 0, -ECANCELED, or negative errno. */
int write_watching(int fd, const void *data, size_t size, const WriteWatch *watch);
