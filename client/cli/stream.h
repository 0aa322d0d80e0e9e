/* One stream of a task, copied byte by byte as it was written, to a descriptor or into memory. */
#pragma once

#include "client/cli/bytes.h"
#include "common/error.h"

#include <stdbool.h>
#include <stdio.h>
#include <stint/stint.h>

typedef struct Stream Stream;

struct Stream {
        uint64_t id;
        unsigned attempt; /* 0: the latest; with STINT_ALL_ATTEMPTS: the first */
        StintStream which;
        uint64_t offset;
        unsigned flags; /* STINT_FOLLOW, STINT_ALL_ATTEMPTS */
        int fd;         /* where to, unless there is a handler */
        WriteWatch watch;
        /* NULL, or who takes the bytes instead; not 0: no more. */
        int (*take)(Stream *s, const StintChunk *chunk);

        /* Results. */
        bool over;
        uint64_t dropped; /* bytes of all attempts beyond the output limit */
        int write_error;  /* errno of the descriptor; nothing is copied any more */
        int code;         /* of what failed, 0 if nothing did; then error says why */
        Error error;

        /* Internal. */
        StintClient *client;
        StintReader *reader;
        FILE *memory; /* of stream_read */
};

/* Asks for the first bytes; s stays where it is until it is over. 0, or -code. */
int stream_start(Stream *s, StintClient *client, Error *error);

/* Dispatches until it is over. 0, or -code, also where the descriptor took no more. */
int stream_finish(Stream *s, Error *error);

/* What came of it, once it is over: 0, or -code. */
int stream_outcome(const Stream *s, Error *error);

/* Says on stderr what the output limit cut off, if it did. */
void stream_warn(const Stream *s);

/* A whole stream into memory of the caller. 0, or -code. */
int stream_read(Stream *s, StintClient *client, char **ret, size_t *ret_size, Error *error);
