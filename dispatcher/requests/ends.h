/* Walks ranges of ids through the store, page by page: which of them have ended, which do not
 * exist. */
#pragma once

#include "dispatcher/reads.h"

#include <stdbool.h>

/* A page: done->ends and done->unknown, error set if the store could not read (then it is the
 * last). last: no more will come. */
typedef void (*EndsHandler)(void *context, const StoreDone *done, bool last);

/* Copies ranges. context must be one malloc()ed block: it is freed after the last page. 0, or
 * -ENOMEM: context stays the caller's. */
int ends_walk(Reads *reads, const WireRange *ranges, size_t n, EndsHandler handler, void *context);
