/* What the parts of libstint share: one StintClient is one conversation (session.h) and what is
 * under way in it.
 *
 *      stint.h ─┬─ client.c    opening, loop, errors, requests that wait for their one answer
 *               ├─ submit.c    tasks become SUBMITs, gathered; acknowledgements
 *               ├─ future.c    ends of tasks; collect.c: their outputs, many in one request
 *               ├─ wait.c      any, all, ranges
 *               ├─ reader.c    streams
 *               ├─ query.c     lists; details.c: one task; status.c, config.c
 *               ├─ change.c    cancel, signal, purge, reload; retry.c
 *               └─ watch.c     events and their gaps
 *                     │
 *               session.c      requests that are answered once, whatever dies in between
 *                     │
 *               link.c         ZeroMQ: DEALER, its monitor, SUB, and one descriptor for them all
 *
 * Nothing here is exported but what stint.h declares (libstint.map). */
#pragma once

#include "client/outcome.h"
#include "client/session.h"

#include <stint/stint.h>

typedef struct Gather Gather;         /* submit.c */
typedef struct Batch Batch;           /* future.c */
typedef struct Collecting Collecting; /* collect.c */

/* Each part owns what is under its name. */
struct StintClient {
        Session *session; /* NULL before stint_connect */
        StintOptions options;
        char *endpoint; /* what options points to */
        StintPeer peer;
        Error error;
        int interrupt_fd;
        unsigned handling; /* handlers of the program that are running */
        unsigned unlooked; /* messages handled since we last looked at the time and the interrupt */

        Gather *gather;        /* submit.c: tasks that are not sent yet; NULL: none */
        size_t unacknowledged; /* also those */
        Error refusal;         /* of the first task that nobody else is told of */

        StintFuture *futures;              /* future.c: all of them */
        Batch *batches;                    /* requests that tell of ends */
        StintFuture *over, **over_end;     /* whose handlers are to be called */
        StintFuture **wanted;              /* of stint_future_of, not asked for yet */
        size_t wanted_count, wanted_alloc; /* entries may be NULL */
        uint64_t *cancels;                 /* ids to be cancelled */
        size_t cancel_count, cancel_alloc;
        StintFuture **collect; /* collect.c: ended, outputs not asked for; entries may be NULL */
        size_t collect_first, collect_count, collect_alloc; /* before the first: taken */
        Collecting *collecting;                             /* requests under way */
        unsigned collecting_count;

        uint64_t wait_stamp; /* wait.c: of the futures that are waited for now */
        size_t wait_left;
        size_t wait_index; /* of the last of them that was over */
        int wait_status;   /* the first that was refused */

        StintReader *readers; /* reader.c */

        Outcomes outcomes; /* change.c */

        void *watches; /* watch.c */
        void (*watches_free)(StintClient *c);
};

/* Sets the text that stint_error gives; returns -code. */
int client_fail(StintClient *c, int code, const char *format, ...) _printf_(3, 4);

Session *client_session(StintClient *c);
Outcomes *client_outcomes(StintClient *c);

/* For every public function that waits: 0 with the last error cleared, or -code when the client is
 * not connected or a handler is running. */
int client_enter(StintClient *c);
/* The same for one that does not wait. */
int client_enter_now(StintClient *c);
/* Before control goes back to the program, in every function that sent or received something:
 * stint_fd becomes readable if something is left to do. Returns r. */
int client_leave(StintClient *c, int r);

/* The time at which a wait of a public function is over, on the monotonic clock. */
usec_t client_deadline(int timeout_msec);

/* Handles one message; with none there sends what has gathered and waits. 1: a message was handled;
 * 0: look again; -STINT_TIMED_OUT: deadline, or the interrupt; -code: every request was failed. */
int client_step(StintClient *c, usec_t deadline);

/* Sends a request and waits for its one answer, or an ERROR, which becomes the client's error; what
 * else comes meanwhile is handled. ret is valid until the next call. 0, or -code. Enters and
 * leaves. */
int client_call(StintClient *c, WireType type, const void *body, BlobSlice payload,
                WireType expected, SessionAnswer *ret);
int client_call_until(StintClient *c, WireType type, const void *body, BlobSlice payload,
                      WireType expected, usec_t deadline, SessionAnswer *ret);
