/* Building the answers to reads: growing lists inside a StoreDone, and what both backends do alike
 * with them. */
#pragma once

#include "dispatcher/store/store.h"

/* Rows that one read looks at, at most, before it answers with where to go on. */
#define READ_ROWS_SCANNED_MAX 4096u
/* Attempts that TASK gives beside the end, the newest ones. */
#define READ_ATTEMPTS_MAX 255u

/* Each adds a zeroed element; NULL: no memory. */
StoredTask *done_add_task(StoreDone *d);
RunRecord *done_add_run(StoreDone *d);

int done_add_end(StoreDone *d, WireEndedTask end);

/* ENDS, going up: *next is the first id that is not accounted for. Ids *next … id - 1 are not in
 * the store, so they are unknown. 0: *next is id; 1: the answer is full, and d->next_first says
 * where to go on; -ENOMEM. */
int done_reach(StoreDone *d, uint64_t *next, uint64_t id);
