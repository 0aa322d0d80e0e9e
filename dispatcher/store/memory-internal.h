/* What memory.c (writing, forgetting) and memory-read.c share: the nodes of `memory:`. */
#pragma once

#include "common/table.h"
#include "dispatcher/store/backend.h"
#include "dispatcher/store/memory-ids.h"

typedef struct Name {
        struct Name *next;
        char text[WIRE_NAME_MAX + 1];
} Name;

typedef struct Run {
        struct Run *older; /* attempts of one task, newest first */
        run_id_t run_id;
        uint64_t worker;
        int64_t code;
        usec_t started_usec, ended_usec;
        uint64_t user_usec, system_usec, max_rss_bytes;
        uint64_t out_total, err_total, out_kept, err_kept;
        BlobSlice out, err, result, detail;
        const char *pool; /* interned */
        uint32_t attempt;
        uint8_t state, reason, files;
} Run;

typedef struct Task {
        uint64_t id;
        TaskPolicy policy;
        uint32_t uid;
        usec_t submitted_usec, not_before_usec;
        const char *queue; /* interned */
        uint64_t retry_of, retried_as;
        BlobSlice name, summary, labels, group, environment, payload;
        Run *end, *attempts;
        struct Task *ended_next,
                **ended_link; /* in the list of ended tasks; link: what points here */
        uint64_t bytes;       /* what retention counts */
} Task;

typedef struct Memory {
        Backend base;
        char *state_dir;
        MemoryIds ids;
        Table tasks;
        Name *names;
        Task *ended_first, **ended_end;
        uint64_t ended_count, ended_bytes;
        uint64_t ended_since_step;
        unsigned swept; /* output directories that are free of earlier lives */
} Memory;

static inline Memory *memory_of(Backend *b) {
        return CONTAINER_OF(b, Memory, base);
}

int memory_read(Backend *b, const StoreRead *read, StoreDone *ret);
