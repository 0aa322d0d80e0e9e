/* What the parts of libstint know of a future. It belongs to a batch, the futures of one request
 * that is answered as they end, until it is over; ends find it by its id in the batch. */
#pragma once

#include "client/client.h"

/* The outputs of a future with STINT_COLLECT. */
typedef struct Collected {
        Blob *blob; /* of the whole answer; many futures share one */
        StintOutput streams[3];
} Collected;

struct StintFuture {
        StintClient *client;
        StintFuture *next, **link;           /* of all of the client's */
        StintFuture *over_next, **over_link; /* of those whose handlers are to be called */
        Batch *batch;                        /* NULL: over, or not sent yet */
        Collecting *collecting;              /* collect.c; NULL: not asked yet */
        size_t index;                        /* in the list that it is in */
        StintEnd end;                        /* id 0: not acknowledged */
        int status;
        bool over, ended, cancel;
        enum { FUTURE_IDLE, FUTURE_GATHERED, FUTURE_WANTED, FUTURE_COLLECTING } place;
        char *error; /* NULL: none, or the memory was out */
        StintFutureHandler handler;
        void *userdata;
        uint64_t wait_stamp; /* wait.c */
        size_t wait_index;
        Collected *collected; /* behind the struct; NULL: without STINT_COLLECT */
};

/* flags: of stint_submit. NULL: no memory. */
StintFuture *future_new(StintClient *c, unsigned flags);

/* Ends it with a status, and text for -code; error may be NULL. */
void future_over(StintFuture *f, int status, const char *error);

/* The futures of a SUBMIT that is about to be sent, in the order of its tasks; entries may be NULL.
 * Takes the array over. NULL: no memory, the array stays the caller's. */
Batch *batch_new(StintClient *c, StintFuture **futures, size_t n);
/* The request was sent as id, or could not be: -code. */
void batch_sent(Batch *b, int64_t id);
/* Its handler; userdata: the batch. */
void batch_answer(void *userdata, const SessionAnswer *answer, const Error *error);

void futures_send(StintClient *c); /* waits for what is wanted, and cancels */
void futures_tell(StintClient *c); /* calls the handlers of those that are over */
void futures_free(StintClient *c);
