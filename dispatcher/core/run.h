/* A run: one execution that was given to a worker, or that a worker said it holds. Lives from the
 * decision until its end is accepted or it is known that it will never end here. */
#pragma once

#include "dispatcher/core/task.h"

typedef struct Worker Worker;

typedef enum RunStage {
        RUN_WRITING = 1, /* an at-most-once start is being written; not pushed */
        RUN_PUSHED,
        RUN_CLAIMED, /* recovered from a start record; its worker has not said yet whether it holds
                        it */
} RunStage;

/* How far it has come, as it told last. */
typedef struct RunProgress {
        uint8_t percent, size;
        char text[WIRE_PROGRESS_MAX];
} RunProgress;

struct Run {
        run_id_t run_id;
        Task *task;     /* NULL: a stray, of a task that is none of ours; only its slot counts */
        Worker *worker; /* NULL: recovered, its worker is not known (yet) */
        uint64_t serial;
        Run *prev, *next;      /* in worker->runs or in Core.orphans */
        usec_t pushed_usec;    /* monotonic; when it was last heard of */
        usec_t started_usec;   /* wall clock, 0: not told */
        uint64_t listed_n;     /* the HELLO that listed it last */
        RunProgress *progress; /* NULL: nothing told */
        uint8_t stage;         /* RunStage */
        bool started;          /* known to execute */
        bool end_due;          /* its worker said that it has ended; the end is on its way */
        bool stop_asked;       /* for a service stop */
};

/* A run of t (NULL: a stray) at w, counted there and found by its id; sets t->run. NULL: no memory.
 */
Run *run_new(Core *c, run_id_t id, Task *t, Worker *w, RunStage stage);
/* From a start record, without a worker: see run_attach. */
Run *run_new_orphan(Core *c, run_id_t id, Task *t, uint64_t serial);
void run_attach(Core *c, Run *r, Worker *w);
void run_free(Core *c, Run *r); /* frees its slot at once */
Run *run_find(const Core *c, run_id_t id);
void run_set_started(Core *c, Run *r, usec_t started_usec);
void run_set_progress(Run *r, uint64_t percent, WireText text);
void run_push(Core *c, Run *r);

/* It will never start, or has ended without a trace: its task goes back to its queue, same attempt;
 * or ends as cancelled if that was asked for. Frees r. */
void run_requeue(Core *c, Run *r);
