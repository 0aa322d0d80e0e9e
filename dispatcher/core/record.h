/* What the core decides and the store keeps: the records that cross between them. Pure data; every
 * pointer in a record that goes to the store is owned by it (texts are malloc()ed or inside a
 * Blob). Sizes in bytes, durations in microseconds, *_usec times on the wall clock (0: not set). */
#pragma once

#include "common/blob.h"
#include "common/time.h"
#include "common/wire.h"

/* Run id: epoch of the dispatcher that made it in the upper 32 bits, a counter below. Unique for
 * ever. */
typedef uint64_t run_id_t;
#define RUN_ID(epoch, counter) (((uint64_t)(epoch) << 32) | (uint32_t)(counter))
#define RUN_ID_EPOCH(id)       ((uint32_t)((id) >> 32))

typedef struct ClientId {
        uint8_t bytes[WIRE_UUID];
} ClientId;

/* The part of a task that the scheduler needs; small, since one is kept for each unended task. */
typedef struct TaskPolicy {
        uint64_t timeout_usec; /* 0: none */
        uint32_t grace_msec;   /* between TERM and KILL */
        uint32_t backoff_min_msec, backoff_max_msec;
        uint16_t retries; /* failed attempts that may be followed by another one */
        int8_t priority;  /* -100 … 100 */
        uint8_t kind;     /* TaskKind */
        bool at_most_once;
} TaskPolicy;

/* A submitted task, as it is stored. Written once, never updated. */
typedef struct TaskRecord {
        uint64_t id;
        TaskPolicy policy;
        uint32_t uid;
        usec_t submitted_usec, not_before_usec;
        char queue[WIRE_NAME_MAX + 1];
        BlobSlice name, summary; /* text without NUL */
        BlobSlice group;         /* a name, or empty */
        uint64_t retry_of;       /* the ended task that it repeats, as its client says; 0: none */
        BlobSlice labels;        /* texts of the form k=v, each followed by a NUL */
        BlobSlice environment;   /* opaque; stored once per distinct content */
        BlobSlice payload;       /* opaque: command spec or message */
} TaskRecord;

/* One execution that ended. state is TASK_SUCCEEDED, TASK_FAILED, TASK_CANCELLED, or TASK_READY for
 * an interrupted one. */
typedef struct RunRecord {
        uint64_t task_id;
        run_id_t run_id; /* 0: ended without a run (cancelled while waiting) */
        uint64_t worker; /* serial */
        uint32_t attempt;
        uint8_t state;  /* TaskState */
        uint8_t reason; /* EndReason */
        int64_t code;
        usec_t started_usec, ended_usec;
        uint64_t user_usec, system_usec, max_rss_bytes;
        uint64_t out_total, err_total; /* bytes that the command wrote */
        uint64_t out_kept, err_kept; /* bytes that are kept: in the slices below, or in the files if
                                        files says so */
        uint8_t files;               /* WIRE_FILE_OUT | WIRE_FILE_ERR */
        BlobSlice out, err, result, detail;
        char pool[WIRE_NAME_MAX + 1];
} RunRecord;

/* Everything the core asks the store to write. All operations of one turn of the loop share a
 * ticket, and are committed together or not at all: see store.h. */
typedef enum StoreOpKind {
        STORE_PUT_TASK, /* task */
        STORE_PUT_END,  /* run: the task's one accepted end; removes what PUT_CANCEL and PUT_START
                           wrote for it */
        STORE_PUT_ATTEMPT, /* run, due_usec: an attempt that is followed by another one, or an
                              interrupted one (not counted) */
        STORE_PUT_CANCEL,  /* task_id, uid, signal: asked for while it ran */
        STORE_PUT_START,   /* task_id, run_id, worker, attempt: an at-most-once run, before it is
                              pushed; replaces an older one */
        STORE_PUT_CLIENT,  /* client: its answers above held */
        STORE_PURGE,       /* mark.task_id: an ended task is forgotten, with output and attempts */
        STORE_DROP_CLIENT, /* client.id: idle for too long */
} StoreOpKind;

/* One client's remembered answers: the whole row, replaced. answers is opaque to the store. */
typedef struct ClientRecord {
        ClientId id;
        uint32_t uid;
        uint64_t held;
        usec_t last_usec;
        BlobSlice answers;
} ClientRecord;

typedef struct StoreOp {
        StoreOpKind kind;
        union {
                TaskRecord task;
                struct {
                        RunRecord run;
                        usec_t due_usec; /* PUT_ATTEMPT: when it becomes ready again */
                };
                struct {
                        uint64_t task_id;
                        run_id_t run_id;
                        uint64_t worker;
                        uint32_t attempt;
                        uint32_t uid;
                        int32_t signal;
                } mark; /* PUT_CANCEL, PUT_START, PURGE */
                ClientRecord client;
        };
} StoreOp;

/* Drop every slice that it holds. */
void task_record_done(TaskRecord *task);
void run_record_done(RunRecord *run);
void store_op_done(StoreOp *op);
