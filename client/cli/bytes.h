/* Bytes in and out of descriptors, whole. */
#pragma once

#include <stddef.h>

/* Everything that comes, at most max bytes, into memory of the caller. 0; -EFBIG: more than max;
 * other negative errno. */
int read_all(int fd, size_t max, char **ret, size_t *ret_size);

/* 0, or negative errno. */
int write_all(int fd, const void *data, size_t size);
