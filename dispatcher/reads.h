/* Reads of the store and who waits for them: a cookie per read, a function and its context. The
 * context is the caller's until its function runs, exactly once, or until reads_free gives it to
 * its release function. */
#pragma once

#include "dispatcher/store/store.h"

typedef struct Reads Reads;

/* done->tasks and the other parts are valid during the call. */
typedef void (*ReadHandler)(void *context, StoreDone *done);

int reads_new(Store *store, Reads **ret);
Reads *reads_free(
        Reads *r); /* frees contexts of unanswered reads with free(); accepts NULL, returns NULL */
DEFINE_CLEANUP(Reads *, reads_free)

/* context is from malloc or NULL. 0: read's parts and context are taken; -ENOMEM: nothing was
 * asked, all stays the caller's. */
int reads_ask(Reads *r, StoreRead *read, ReadHandler handler, void *context);

/* done->kind is STORE_DONE_READ. */
void reads_answer(Reads *r, StoreDone *done);
size_t reads_pending(const Reads *r);
