/* One run inside the worker, from the RUN that brought it to the ACK that lets it go. Made and
 * owned by the executor (through its ledger); a handler holds it between start and run_end. */
#pragma once

#include "common/blob.h"
#include "common/time.h"
#include "worker/ledger.h"
#include "worker/link.h"

typedef struct Executor Executor;

typedef struct Run Run;
struct Run {
        Executor *executor;
        LedgerEntry *entry;
        Run *prev, *next; /* among the started ones */

        uint64_t run_id, task_id;
        uint32_t attempt;
        TaskKind kind;
        char queue[WIRE_NAME_MAX + 1];
        usec_t timeout_usec;            /* 0: none */
        usec_t grace_usec;              /* between the first signal and KILL */
        bool spill;                     /* asked for before it was started */
        uint64_t signals; /* asked for before it was started: bit N - 1 stands for signal N */
        BlobSlice environment, payload; /* dropped when the run has ended */

        LinkEnd end;      /* what END says; the handler fills it in before run_end */
        char *end_detail; /* memory of end.item.detail, NULL: none */
        void *state;      /* the handler's own, while it is started */
};

/* For handlers: how it ended. Sets end.item's state, reason and code. */
void run_set_result(Run *run, TaskState state, EndReason reason, int64_t code);
/* And what a person should know about it; "" is left as it is. At most WIRE_TEXT_MAX bytes; a
 * second text follows the first after "; ". */
void run_add_detail(Run *run, const char *format, ...) _printf_(2, 3);

/* For handlers: it runs and does not end at once. STARTED tells the dispatcher. */
void run_announce(Run *run, usec_t started_usec, pid_t pid);
/* For handlers: how far it has come, percent of 100. A run that lasts was announced before. */
void run_tell_progress(Run *run, unsigned percent, WireText text);
/* For handlers: it has ended as run->end says; nothing of it is left. The handler must not touch
 * run afterwards. */
void run_end(Run *run);
