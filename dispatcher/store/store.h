/* The store: where tasks and results become durable.
 *
 * One thread, the only one of the dispatcher, owns the database connection and the output directory
 * after store_start. Requests and completions cross by value through two mutex-protected queues; an
 * eventfd wakes the loop. The thread takes every batch that is pending and commits them as one
 * transaction (group commit), then answers reads, then does a small step of retention when there is
 * nothing else. Reads are done in their order with writes: they see every batch written before
 * them.
 *
 * Backends: `sqlite:PATH` and `memory:`; one conformance suite (tests/unit/store) runs over all.
 *
 * Errors. A full disk fails the batches of that commit with -ENOSPC and the store goes on; what
 * cannot be trusted any more (I/O or sync error, corruption) is STORE_DONE_FATAL: the dispatcher
 * must exit and recover. */
#pragma once

#include "common/error.h"
#include "dispatcher/core/core.h"

typedef struct Store Store;

typedef struct StoreOptions {
        const char *url;       /* "memory:" or "sqlite:/path" */
        const char *state_dir; /* STATE: output/ and the ballast live in it */
        usec_t retention_age_usec;
        uint64_t retention_tasks, retention_bytes;
        /* Called now and then while opening, migrating and recovering, so that the supervisor sees
         * life. */
        void (*progress)(void *userdata);
        void *userdata;
} StoreOptions;

/* Opens or creates, migrates, raises the epoch and commits it. On failure error says what, why and
 * what to do; its code is EXIT_CONFIG for a newer schema or a bad url, EXIT_IO or
 * EXIT_NO_PERMISSION else. On the caller's thread. */
int store_open(const StoreOptions *options, Error *error, Store **ret);
Store *
store_close(Store *s); /* writes what is pending, stops the thread; accepts NULL, returns NULL */
DEFINE_CLEANUP(Store *, store_close)

uint32_t store_epoch(const Store *s);
const uint8_t *store_id(const Store *s);     /* WIRE_UUID bytes, made with the database */
uint64_t store_next_task_id(const Store *s); /* above every id ever given */

/* Between open and start, on the caller's thread: every unended task in order of ids, then every
 * client. A negative errno from a callback ends the walk and is returned. */
int store_recover(Store *s, int (*on_task)(void *userdata, const RecoveredTask *task),
                  int (*on_client)(void *userdata, const ClientRecord *client), void *userdata,
                  Error *error);

int store_start(Store *s);    /* starts the thread; 0 or negative errno */
int store_fd(const Store *s); /* eventfd: readable when completions wait */

/* Retention may change on reload. */
void store_set_retention(Store *s, usec_t age_usec, uint64_t tasks, uint64_t bytes);

/* ---- writing ---- */

/* Hands over a batch; ops is an array from malloc that the store frees, slices included. Tickets
 * rise. */
void store_write(Store *s, uint64_t ticket, StoreOp *ops, size_t n);

/* ---- reading ---- */

typedef enum StoreReadKind {
        STORE_READ_PAYLOADS, /* ids: environment and payload of each */
        STORE_READ_ENDS, /* ids first … first + count - 1: the ended among them, and which do not
                            exist */
        STORE_READ_ROWS, /* by filter, newest first; with ids: of these alone, in their order */
        STORE_READ_TASK, /* one, whole, with attempts, environment and payload */
        STORE_READ_OUTPUT,  /* bytes of a stream of an attempt */
        STORE_READ_OWNERS,  /* ids: uid and end of each that exists, in the order asked */
        STORE_READ_OUTPUTS, /* ids: what the last attempt of each ended one wrote, if it is small */
} StoreReadKind;

/* All conditions must hold; zero means "any". Texts are owned by the filter (malloc). */
typedef struct StoreFilter {
        uint64_t first_id, last_id; /* last_id 0: no bound */
        uint64_t before;            /* only ids below, 0: no bound */
        uint32_t uid;               /* with any_uid false */
        bool any_uid;
        uint32_t end_states; /* 1 << TaskState of ends that are wanted */
        bool unended;        /* tasks without an end are wanted, too */
        char *queue, *name, *label, *group;
        usec_t since_usec; /* submitted at or after */
        uint32_t limit;    /* rows, at most WIRE_TASKS_MAX */
        bool ids_only;     /* of each row task.id and end.state are enough */
} StoreFilter;

typedef struct StoreRead {
        StoreReadKind kind;
        uint64_t cookie; /* comes back with the answer */
        uint64_t *ids;   /* PAYLOADS, OWNERS, OUTPUTS, and ROWS if not NULL: malloc, freed by the
                            store; at most WIRE_TASKS_MAX for ROWS */
        size_t id_count;
        uint64_t first, count; /* ENDS: the range. TASK, OUTPUT: first is the id */
        StoreFilter filter;    /* ROWS; OUTPUTS: only uid and any_uid */
        uint32_t attempt;      /* OUTPUT: 0 is the latest that ended */
        run_id_t run_id;       /* OUTPUT: not 0: read the files of this running run instead */
        StreamKind stream;
        uint64_t offset;
        uint32_t max; /* OUTPUT: bytes. OUTPUTS: bytes of each stream */
} StoreRead;

void store_read(Store *s, StoreRead *read); /* takes ownership of ids and filter texts */

/* A row as it is stored. state: 0 while it has no durable end (then the core knows). */
typedef struct StoredTask {
        TaskRecord task; /* payload and environment only for PAYLOADS and TASK */
        RunRecord end;   /* state 0: none; slices only sizes (TASK, ROWS do not load output) */
        uint32_t attempts;
        uint64_t retried_as; /* the newest task whose retry_of this is; 0: none. ROWS, TASK */
} StoredTask;

typedef enum StoreDoneKind {
        STORE_DONE_WRITTEN, /* first_ticket … last_ticket, error */
        STORE_DONE_READ,    /* read.kind, read.cookie, and what the kind gives */
        STORE_DONE_SPACE,   /* space_low changed: text says why submits are to be refused, "" when
                               they may go on */
        STORE_DONE_FATAL,   /* text: why; nothing more will be written */
} StoreDoneKind;

typedef struct StoreDone {
        StoreDoneKind kind;
        int error; /* WRITTEN: 0 or negative errno. READ: 0, -ENOENT (no such task or attempt,
                      output no longer there, a running run without a file yet), other */
        uint64_t first_ticket, last_ticket;
        StoreReadKind read_kind;
        uint64_t cookie;
        StoredTask *tasks; /* PAYLOADS, ROWS, TASK; OWNERS: id, uid and end.state only */
        size_t task_count;
        uint64_t before;     /* ROWS: where to go on, 0: no more. The store may stop early to stay
                                responsive: rows < limit and before != 0 */
        WireEndedTask *ends; /* ENDS: at most WIRE_TASKS_MAX */
        size_t end_count;
        uint64_t *unknown; /* ENDS */
        size_t unknown_count;
        uint64_t next_first; /* ENDS: where to go on, 0: the range is done */
        RunRecord *runs;     /* TASK: attempts before the end, oldest first (at most 255) */
        size_t run_count;
        WireOutputsItem *outputs; /* OUTPUTS: of the first ids, as many as fit, at least one */
        size_t output_count;
        BlobSlice bytes;         /* OUTPUT; OUTPUTS: out, err, result, one item after the other */
        uint64_t total, dropped; /* OUTPUT: bytes the command wrote to this stream, and how many
                                    were not kept */
        bool complete;    /* OUTPUT: the attempt has ended, bytes beyond total - dropped will never
                             come */
        uint32_t attempt; /* OUTPUT */
        char text[ERROR_TEXT_MAX]; /* SPACE, FATAL */
} StoreDone;

/* The next completion, if there is one. The caller drops it with store_done_free. */
bool store_next(Store *s, StoreDone *ret);
void store_done_free(StoreDone *d);

/* What opening did that people should hear of, "" if nothing. */
const char *store_note(const Store *s);

/* For people and for status. */
const char *store_url(const Store *s);
