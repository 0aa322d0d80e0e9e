/* One stream of a task, copied to a descriptor byte by byte as it was written: pulled from an
 * offset, so that nothing is lost or doubled when the dispatcher restarts in between. One request
 * is outstanding at a time; several streams share a session. */
#pragma once

#include "client/session.h"

typedef enum StreamSpan {
        STREAM_ONE_ATTEMPT,   /* the attempt that is asked for; 0: the latest */
        STREAM_EVERY_ATTEMPT, /* from that attempt on, one after the other until the task ends */
} StreamSpan;
typedef enum StreamFollow { STREAM_WHAT_IS, STREAM_FOLLOW } StreamFollow;

typedef struct OutputStream OutputStream;
/* Called when the watched descriptor becomes readable while a write waits for its reader; not 0:
 * give up the write. */
typedef int (*StreamWoken)(void *userdata);

struct OutputStream {
        uint64_t task_id, attempt;
        StreamKind kind;
        StreamSpan span;
        StreamFollow follow;
        int fd;
        int watched_fd; /* -1: none */
        StreamWoken woken;
        void *userdata;

        /* Results. */
        uint64_t copied, dropped; /* bytes of all attempts; dropped: beyond the output limit */
        int write_error;          /* errno of the descriptor; nothing is copied any more */

        /* Internal. */
        uint64_t offset, dropped_now;
        uint64_t request; /* outstanding; 0: none */
};

/* Asks for the first bytes. 0, or -code. */
int stream_start(Session *s, OutputStream *o, Error *error);

/* Takes an answer to o->request: copies its bytes and asks on. */
typedef enum StreamOutcome { STREAM_GOES_ON = 0, STREAM_ENDED = 1 } StreamOutcome;
int stream_answer(Session *s, OutputStream *o, const SessionAnswer *answer, Error *error);

/* Copies a whole stream with no other request outstanding. 0, or -code; see write_error. */
int stream_copy(Session *s, OutputStream *o, Error *error);

/* Says on stderr what the output limit cut off, if it did. */
void stream_warn(const OutputStream *o);

/* The same into memory of the caller, at most the output limit. 0, or -code. */
int stream_read(Session *s, OutputStream *o, char **ret, size_t *ret_size, Error *error);
