/* The store's inside, shared by store.c (the callers' side) and thread.c (the thread's side). What
 * is below `lock` is only touched with it held; the backend and the space belong to the thread
 * between store_start and store_close. */
#pragma once

#include "dispatcher/store/backend.h"
#include "dispatcher/store/space.h"

#include <pthread.h>

/* So many operations are enough for a commit: nothing more is waited for. */
#define STORE_GATHER_OPS 64u

typedef struct ReadRequest {
        struct ReadRequest *next;
        StoreRead read;
} ReadRequest;

typedef struct Completion {
        struct Completion *next;
        StoreDone done;
} Completion;

struct Store {
        Backend *backend;
        Space space;
        char *url, *state_dir;
        int event_fd;
        bool recovered;
        bool thread_started;
        pthread_t thread;

        pthread_mutex_t lock;
        pthread_cond_t wake; /* the thread waits here, on the monotonic clock */
        Batch *writes, **writes_end;
        size_t pending_ops; /* in writes */
        bool gathering;     /* the thread waits for more of them: see thread.c */
        ReadRequest *reads, **reads_end;
        Completion *completions, **completions_end;
        Retention retention;
        bool retention_changed;
        bool stopping;
};

/* The thread: argument is the Store, ends when it is stopping and everything pending is done. */
void *store_thread(void *argument);

/* Puts done (by value, with what it owns) before the caller of store_next. */
void store_complete(Store *s, const StoreDone *done);

void batch_free_all(Batch *first);
void read_request_free(ReadRequest *r);
