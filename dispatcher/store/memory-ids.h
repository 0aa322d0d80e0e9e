/* The one thing that `memory:` keeps on disk: STATE/memory-ids, so that task ids and epochs are
 * unique over restarts although nothing else survives. Ids are reserved in blocks: one small synced
 * write for a million tasks. See docs/decisions/030-memory-ids.md. */
#pragma once

#include "common/error.h"

#include <limits.h>

#define MEMORY_IDS_BLOCK ((uint64_t)1 << 20)
/* Epochs of `memory:` count from here, those of `sqlite:` from 1: run ids, and so the names of
 * output files, of two stores that were used in one STATE never meet. */
#define MEMORY_EPOCH_BASE (1u << 30)

typedef struct MemoryIds {
        char path[PATH_MAX];
        uint32_t epoch;
        uint64_t reserved; /* every id below may have been given */
} MemoryIds;

/* Reads the file or makes it, raises the epoch and syncs it. An error names the file and the way
 * out. */
int memory_ids_open(MemoryIds *m, const char *state_dir, Error *error);

/* Makes id safe to give: a block beyond it is on disk on return. 0 or negative errno. */
int memory_ids_reserve(MemoryIds *m, uint64_t id);
