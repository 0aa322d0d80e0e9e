/* What a backend of the store does: the seam between the store's thread (thread.c) and the places
 * where rows live (sqlite.c, memory.c). One backend object, used by one thread at a time: by the
 * opener's until store_start, then by the store's thread until it is joined. A backend never logs
 * and never exits: it returns an errno, or declares itself failed (backend_fail) when what it holds
 * cannot be trusted any more; nothing is written to a failed backend again. */
#pragma once

#include "dispatcher/store/store.h"

/* One store_write, as the thread sees it. */
typedef struct Batch {
        struct Batch *next;
        uint64_t ticket;
        StoreOp *ops; /* owned, slices included */
        size_t n;
        size_t bytes; /* of all slices */
} Batch;

/* Ended tasks are kept until any of these is exceeded. */
typedef struct Retention {
        usec_t age_usec; /* USEC_INFINITY: for ever */
        uint64_t tasks;
        uint64_t bytes; /* of what ended tasks hold: texts, payloads, output in rows and in files */
} Retention;

typedef enum StoreLoad { STORE_IDLE, STORE_BUSY } StoreLoad;

typedef struct RecoverySink {
        int (*on_task)(void *userdata, const RecoveredTask *task);
        int (*on_client)(void *userdata, const ClientRecord *client);
        void *userdata;
} RecoverySink;

typedef struct Backend Backend;

typedef struct BackendType {
        const char *scheme; /* of the url, with its colon */

        /* address: the url behind its scheme. The epoch is raised and durable on return. */
        int (*open)(const StoreOptions *options, const char *address, Error *error, Backend **ret);
        Backend *(*close)(Backend *b);

        /* Called once, before the first commit; the sink's callbacks may be NULL. */
        int (*recover)(Backend *b, const RecoverySink *sink, Error *error);

        /* Writes all ops of a list of batches, or none. 0, or a negative errno: nothing of it is
         * stored, and the backend goes on unless it has failed. Ops are left to the caller, emptied
         * or not. */
        int (*commit)(Backend *b, Batch *batches);

        /* Fills ret (zeroed) and returns what becomes ret->error. */
        int (*read)(Backend *b, const StoreRead *read, StoreDone *ret);

        /* One bounded step of retention and upkeep. Returns when it wants to be called again if
         * nothing happens meanwhile: 0: at once, USEC_INFINITY: never, else in so many
         * microseconds. */
        usec_t (*maintain)(Backend *b, const Retention *keep, StoreLoad load);
} BackendType;

struct Backend {
        const BackendType *type;
        const char *directory; /* where the disk must have room; NULL: it writes nothing there */
        uint32_t epoch;
        uint8_t id[WIRE_UUID];
        uint64_t next_task_id;
        char failed[ERROR_TEXT_MAX]; /* "": it works */
        char note[ERROR_TEXT_MAX];   /* for people: what opening it did; "": nothing */
};

extern const BackendType backend_sqlite, backend_memory;

/* Declares b failed, with the reason for people; the first reason stays. Returns -EIO. */
int backend_fail(Backend *b, const char *format, ...) _printf_(2, 3);

static inline bool backend_has_failed(const Backend *b) {
        return b->failed[0] != '\0';
}
