/* One output stream of a running command: a pipe on one side, and on the other up to WIRE_TAIL_MAX
 * bytes in memory or, beyond that or once somebody wants to read it, a file of common/output.h.
 * Never blocks the command: beyond the limit, and when the file cannot be written, what comes is
 * read, counted and dropped. What is kept is always the head, without holes. */
#pragma once

#include "common/blob.h"
#include "common/macro.h"
#include "common/output.h"

#include <stdbool.h>

typedef struct Capture {
        const char *state_dir;
        uint64_t run_id;
        StreamKind stream;
        uint64_t limit; /* bytes that are kept at most */

        int pipe; /* reading end, non-blocking; -1: nothing can come any more */
        int file; /* -1: in memory */
        bool in_file;
        int error; /* the errno that ended keeping, 0: none */
        char *data;
        size_t size, alloc;
        uint64_t total, kept;
} Capture;

#define CAPTURE_NONE ((Capture){.pipe = -1, .file = -1})

/* 0 and the writing end for the command, close-on-exec; or negative errno, and c is CAPTURE_NONE.
 * state_dir must outlive c. */
int capture_open(Capture *c, const char *state_dir, uint64_t run_id, StreamKind stream,
                 uint64_t limit, int *ret_writer);

/* Reads what is there, bounded: one turn's worth. false: nothing will ever come (again). */
bool capture_read(Capture *c);

/* From now on in its file, which is there when this returns, be it empty: who waits for it need not
 * guess. */
void capture_spill(Capture *c);

/* The command and all that it left are dead: reads what is still in the pipe, syncs and closes the
 * file. When this returns, c->kept bytes are in c->in_file ? the file : *ret, whose reference is
 * the caller's. */
void capture_finish(Capture *c, BlobSlice *ret);

/* Frees what is left of it; the file stays. */
void capture_done(Capture *c);
