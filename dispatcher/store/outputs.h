/* Building the answer to OUTPUTS, alike for every backend: items and one buffer of bytes, two
 * allocations however many tasks it tells of. */
#pragma once

#include "dispatcher/store/store.h"

/* Bounds of one answer: of its bytes, so that it fits a message, and of its ids, so that commits do
 * not wait for long behind it. */
#define OUTPUTS_BYTES_MAX ((size_t)4 << 20)
#define OUTPUTS_IDS_MAX   1024u

#define OUTPUTS_STREAMS 3u /* stdout, stderr, result */

/* The last run of an ended task; bytes are lent. attempt 0: there is none. */
typedef struct OutputsRun {
        uint32_t attempt;
        uint8_t files;
        uint64_t out_total, err_total, out_kept, err_kept;
        const void *data[OUTPUTS_STREAMS];
        size_t size[OUTPUTS_STREAMS];
} OutputsRun;

typedef struct Outputs {
        StoreDone *done;
        uint32_t max; /* bytes of a stream */
        char *data;
        size_t size, alloc;
} Outputs;

int outputs_begin(Outputs *o, const StoreRead *read, StoreDone *done); /* 0 or -ENOMEM */
/* 0; 1: the answer is full, and id is not in it; -ENOMEM. */
int outputs_add(Outputs *o, uint64_t id, const OutputsRun *run);
/* Hands the bytes over. error: of the last outputs_add or of the backend; gives what becomes the
 * read's error. */
int outputs_end(Outputs *o, int error);
