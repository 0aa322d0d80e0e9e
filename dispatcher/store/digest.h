/* What each block of consecutive ids holds, roughly: how many tasks, which ends, the newest time of
 * submission, and a Bloom filter of users, queues, names, groups and labels. A list passes over
 * the blocks that cannot hold what it wants, which is nearly all of a long history, and no index
 * has to be kept on disk for it (docs/decisions/033-digests.md). Two bytes of memory a task. */
#pragma once

#include "common/table.h"
#include "dispatcher/store/filter.h"

typedef struct Digest {
        Table blocks; /* zero knows no task */
} Digest;

void digest_done(Digest *d);

/* Each task is added once, with the end that it has; 0 or -ENOMEM. */
int digest_add(Digest *d, uint64_t id, const FilterRow *row);
void digest_end(Digest *d, uint64_t id, uint8_t end_state); /* it was added without an end */
void digest_forget(Digest *d, uint64_t id);                 /* it is not stored any more */

/* The greatest ids, up to *id, among which something may match f: sets *id to the greatest and
 * *ret_first to the smallest of them. False: nothing matches. */
bool digest_next(const Digest *d, const StoreFilter *f, uint64_t *id, uint64_t *ret_first);
