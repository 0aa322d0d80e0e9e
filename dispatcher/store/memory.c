/* `memory:` nothing survives but the ids (memory-ids.h). For queues whose work can be submitted
 * again, and for tests; the aim is speed.
 *
 * A task is one node in a table by id. Its slices are those of the operation, moved, not copied:
 * payloads and output stay in the message that brought them. Names of queues and pools are
 * interned. Ended tasks are also in a list in order of their ends, which is what retention takes
 * from: it costs the same however much waits. Marks and clients are not kept, since only recovery
 * reads them. */
#include "common/table.h"
#include "dispatcher/store/backend.h"
#include "dispatcher/store/done.h"
#include "dispatcher/store/filter.h"
#include "dispatcher/store/memory-ids.h"
#include "dispatcher/store/output-files.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define FORGET_STEP_MIN 256u

typedef struct Name {
        struct Name *next;
        char text[WIRE_NAME_MAX + 1];
} Name;

typedef struct Run {
        struct Run *older; /* attempts of one task, newest first */
        run_id_t run_id;
        uint64_t worker;
        int64_t code;
        usec_t started_usec, ended_usec;
        uint64_t user_usec, system_usec, max_rss_bytes;
        uint64_t out_total, err_total, out_kept, err_kept;
        BlobSlice out, err, result, detail;
        const char *pool; /* interned */
        uint32_t attempt;
        uint8_t state, reason, files;
} Run;

typedef struct Task {
        uint64_t id;
        TaskPolicy policy;
        uint32_t uid;
        usec_t submitted_usec, not_before_usec;
        const char *queue; /* interned */
        BlobSlice name, summary, labels, environment, payload;
        Run *end, *attempts;
        struct Task *ended_next; /* in the list of ended tasks */
        uint64_t bytes;          /* what retention counts */
} Task;

typedef struct Memory {
        Backend base;
        char *state_dir;
        MemoryIds ids;
        Table tasks;
        Name *names;
        Task *ended_first, **ended_end;
        uint64_t ended_count, ended_bytes;
        uint64_t ended_since_step;
        unsigned swept; /* output directories that are free of earlier lives */
} Memory;

static Memory *memory_of(Backend *b) {
        return CONTAINER_OF(b, Memory, base);
}

/* There are as many names as queues and pools: few, and the same ones again and again. */
static const char *intern(Memory *m, const char *text) {
        for (Name *n = m->names; n; n = n->next)
                if (strcmp(n->text, text) == 0)
                        return n->text;
        Name *n = calloc(1, sizeof *n);
        if (!n)
                return NULL;
        snprintf(n->text, sizeof n->text, "%s", text);
        n->next = m->names;
        m->names = n;
        return n->text;
}

static Run *run_free(Run *r) {
        if (!r)
                return NULL;
        blob_slice_drop(&r->out);
        blob_slice_drop(&r->err);
        blob_slice_drop(&r->result);
        blob_slice_drop(&r->detail);
        free(r);
        return NULL;
}

static void task_free(Task *t) {
        run_free(t->end);
        for (Run *r; (r = t->attempts);) {
                t->attempts = r->older;
                run_free(r);
        }
        blob_slice_drop(&t->name);
        blob_slice_drop(&t->summary);
        blob_slice_drop(&t->labels);
        blob_slice_drop(&t->environment);
        blob_slice_drop(&t->payload);
        free(t);
}

/* ---- writing ---- */

static BlobSlice move_slice(BlobSlice *from) {
        BlobSlice s = *from;
        *from = (BlobSlice){0};
        return s;
}

static int put_task(Memory *m, TaskRecord *r) {
        int error = memory_ids_reserve(&m->ids, r->id);
        if (error < 0)
                return error;
        Task *t = malloc(sizeof *t);
        const char *queue = intern(m, r->queue);
        if (!t || !queue || table_put(&m->tasks, r->id, t) < 0) {
                free(t);
                return -ENOMEM;
        }
        *t = (Task){
                .id = r->id,
                .policy = r->policy,
                .uid = r->uid,
                .submitted_usec = r->submitted_usec,
                .not_before_usec = r->not_before_usec,
                .queue = queue,
                .name = move_slice(&r->name),
                .summary = move_slice(&r->summary),
                .labels = move_slice(&r->labels),
                .environment = move_slice(&r->environment),
                .payload = move_slice(&r->payload),
        };
        t->bytes = (uint64_t)t->name.size + t->summary.size + t->labels.size + t->payload.size;
        return 0;
}

static Run *run_new(Memory *m, RunRecord *r) {
        Run *n = malloc(sizeof *n);
        const char *pool = intern(m, r->pool);
        if (!n || !pool) {
                free(n);
                return NULL;
        }
        *n = (Run){
                .run_id = r->run_id,
                .worker = r->worker,
                .code = r->code,
                .started_usec = r->started_usec,
                .ended_usec = r->ended_usec,
                .user_usec = r->user_usec,
                .system_usec = r->system_usec,
                .max_rss_bytes = r->max_rss_bytes,
                .out_total = r->out_total,
                .err_total = r->err_total,
                .out_kept = r->out_kept,
                .err_kept = r->err_kept,
                .out = move_slice(&r->out),
                .err = move_slice(&r->err),
                .result = move_slice(&r->result),
                .detail = move_slice(&r->detail),
                .pool = pool,
                .attempt = r->attempt,
                .state = r->state,
                .reason = r->reason,
                .files = r->files,
        };
        return n;
}

static int put_run(Memory *m, StoreOp *op) {
        Task *t = table_get(&m->tasks, op->run.task_id);
        if (!t || t->end)
                return 0;
        Run *r = run_new(m, &op->run);
        if (!r)
                return -ENOMEM;
        t->bytes += r->out_kept + r->err_kept + r->result.size + r->detail.size;
        if (op->kind == STORE_PUT_ATTEMPT) {
                r->older = t->attempts;
                t->attempts = r;
                return 0;
        }
        t->end = r;
        *m->ended_end = t;
        m->ended_end = &t->ended_next;
        m->ended_count++;
        m->ended_bytes += t->bytes;
        m->ended_since_step++;
        return 0;
}

static int memory_commit(Backend *b, Batch *batches) {
        Memory *m = memory_of(b);
        for (Batch *batch = batches; batch; batch = batch->next) {
                for (size_t i = 0; i < batch->n; i++) {
                        StoreOp *op = &batch->ops[i];
                        int r = 0;
                        if (op->kind == STORE_PUT_TASK)
                                r = put_task(m, &op->task);
                        else if (op->kind == STORE_PUT_END || op->kind == STORE_PUT_ATTEMPT)
                                r = put_run(m, op);
                        if (r < 0)
                                return backend_fail(b, "the store memory: failed: %s",
                                                    strerror(-r));
                }
        }
        return 0;
}

/* ---- reading ---- */

typedef enum Parts { PARTS_ROW, PARTS_PAYLOAD, PARTS_ALL } Parts;

static BlobSlice size_only(BlobSlice s) {
        return (BlobSlice){.size = s.size};
}

static void describe_run(const Task *t, const Run *r, RunRecord *ret) {
        *ret = (RunRecord){
                .task_id = t->id,
                .run_id = r->run_id,
                .worker = r->worker,
                .attempt = r->attempt,
                .state = r->state,
                .reason = r->reason,
                .code = r->code,
                .started_usec = r->started_usec,
                .ended_usec = r->ended_usec,
                .user_usec = r->user_usec,
                .system_usec = r->system_usec,
                .max_rss_bytes = r->max_rss_bytes,
                .out_total = r->out_total,
                .err_total = r->err_total,
                .out_kept = r->out_kept,
                .err_kept = r->err_kept,
                .files = r->files,
                .out = size_only(r->out),
                .err = size_only(r->err),
                .result = size_only(r->result),
                .detail = blob_slice_ref(r->detail),
        };
        snprintf(ret->pool, sizeof ret->pool, "%s", r->pool);
}

static int describe_task(const Task *t, Parts parts, StoreDone *d) {
        StoredTask *s = done_add_task(d);
        if (!s)
                return -ENOMEM;
        s->task.id = t->id;
        if (parts != PARTS_ROW) {
                s->task.environment = blob_slice_ref(t->environment);
                s->task.payload = blob_slice_ref(t->payload);
        }
        if (parts == PARTS_PAYLOAD)
                return 0;
        s->task.policy = t->policy;
        s->task.uid = t->uid;
        s->task.submitted_usec = t->submitted_usec;
        s->task.not_before_usec = t->not_before_usec;
        snprintf(s->task.queue, sizeof s->task.queue, "%s", t->queue);
        s->task.name = blob_slice_ref(t->name);
        s->task.summary = blob_slice_ref(t->summary);
        s->task.labels = blob_slice_ref(t->labels);
        if (t->end)
                describe_run(t, t->end, &s->end);
        for (const Run *r = t->attempts; r; r = r->older)
                s->attempts++;
        return 0;
}

static int read_payloads(Memory *m, const StoreRead *read, StoreDone *d) {
        for (size_t i = 0; i < read->id_count; i++) {
                Task *t = table_get(&m->tasks, read->ids[i]);
                if (t && describe_task(t, PARTS_PAYLOAD, d) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int read_ends(Memory *m, const StoreRead *read, StoreDone *d) {
        uint64_t next = read->first;
        uint64_t stop = usec_add(read->first, read->count); /* saturates */
        for (unsigned scanned = 0; scanned < READ_ROWS_SCANNED_MAX; scanned++) {
                uint64_t id = next;
                Task *t = table_first_from(&m->tasks, &id);
                bool behind = !t || id >= stop;
                int r = done_reach(d, &next, behind ? stop : id);
                if (r != 0 || behind)
                        return r < 0 ? r : 0;
                if (t->end && done_add_end(d, (WireEndedTask){id, t->end->state, t->end->reason,
                                                              t->end->code}) < 0)
                        return -ENOMEM;
                next = id + 1;
        }
        d->next_first = next < stop ? next : 0;
        return 0;
}

static bool task_matches(const StoreFilter *f, const Task *t) {
        FilterRow row = {
                .uid = t->uid,
                .end_state = t->end ? t->end->state : 0,
                .submitted_usec = t->submitted_usec,
                .queue = t->queue,
                .queue_size = strlen(t->queue),
                .name = blob_slice_data(t->name),
                .name_size = t->name.size,
                .labels = blob_slice_data(t->labels),
                .labels_size = t->labels.size,
                .label_end = '\0',
        };
        return filter_matches(f, &row);
}

static int read_rows(Memory *m, const StoreFilter *f, StoreDone *d) {
        uint64_t id = filter_top(f);
        for (unsigned scanned = 0;; scanned++) {
                Task *t = table_last_to(&m->tasks, &id);
                if (!t || id < f->first_id)
                        return 0;
                if (d->task_count == filter_limit(f) || scanned == READ_ROWS_SCANNED_MAX) {
                        d->before = id + 1;
                        return 0;
                }
                if (task_matches(f, t) && describe_task(t, PARTS_ROW, d) < 0)
                        return -ENOMEM;
                if (id-- == 0)
                        return 0;
        }
}

static int read_task(Memory *m, uint64_t id, StoreDone *d) {
        Task *t = table_get(&m->tasks, id);
        if (!t)
                return -ENOENT;
        if (describe_task(t, PARTS_ALL, d) < 0)
                return -ENOMEM;
        size_t n = 0;
        for (const Run *r = t->attempts; r && n < READ_ATTEMPTS_MAX; r = r->older)
                n++;
        for (size_t i = 0; i < n; i++)
                if (!done_add_run(d))
                        return -ENOMEM;
        for (const Run *r = t->attempts; n > 0; r = r->older)
                describe_run(t, r, &d->runs[--n]);
        return 0;
}

static int read_output(Memory *m, const StoreRead *read, StoreDone *d) {
        if (read->run_id)
                return output_of_running(m->state_dir, read, d);
        Task *t = table_get(&m->tasks, read->first);
        if (!t)
                return -ENOENT;
        /* An end without a run (cancelled while it waited for a retry) has no output of its own. */
        const Run *r = t->end && t->end->run_id ? t->end : t->attempts;
        if (read->attempt && !(r && r->attempt == read->attempt))
                for (r = t->attempts; r && r->attempt != read->attempt;)
                        r = r->older;
        if (!r)
                return -ENOENT;
        RunRecord run;
        describe_run(t, r, &run);
        BlobSlice s = read->stream == STREAM_STDOUT   ? r->out
                      : read->stream == STREAM_STDERR ? r->err
                                                      : r->result;
        int error = output_of_run(m->state_dir, &run, read, blob_slice_data(s), s.size, d);
        blob_slice_drop(&run.detail);
        return error;
}

static int memory_read(Backend *b, const StoreRead *read, StoreDone *ret) {
        Memory *m = memory_of(b);
        switch (read->kind) {
        case STORE_READ_PAYLOADS:
                return read_payloads(m, read, ret);
        case STORE_READ_ENDS:
                return read_ends(m, read, ret);
        case STORE_READ_ROWS:
                return read_rows(m, &read->filter, ret);
        case STORE_READ_TASK:
                return read_task(m, read->first, ret);
        case STORE_READ_OUTPUT:
                return read_output(m, read, ret);
        }
        return -EINVAL;
}

/* ---- upkeep ---- */

static void forget_oldest_end(Memory *m) {
        Task *t = m->ended_first;
        m->ended_first = t->ended_next;
        if (!m->ended_first)
                m->ended_end = &m->ended_first;
        m->ended_count--;
        m->ended_bytes -= t->bytes;
        table_remove(&m->tasks, t->id);
        output_files_remove(m->state_dir, t->end->run_id, t->end->files, t->end->reason);
        for (const Run *r = t->attempts; r; r = r->older)
                output_files_remove(m->state_dir, r->run_id, r->files, r->reason);
        task_free(t);
}

static bool is_beyond(const Memory *m, const Retention *keep, usec_t now) {
        return m->ended_count > keep->tasks || m->ended_bytes > keep->bytes ||
               usec_add(m->ended_first->end->ended_usec, keep->age_usec) <= now;
}

static usec_t memory_maintain(Backend *b, const Retention *keep, StoreLoad load) {
        Memory *m = memory_of(b);
        usec_t now = time_now_realtime();
        uint64_t room = MAX_OF((uint64_t)FORGET_STEP_MIN, 2 * m->ended_since_step);
        m->ended_since_step = 0;
        while (m->ended_first && is_beyond(m, keep, now)) {
                if (room-- == 0)
                        return 0;
                forget_oldest_end(m);
        }
        if (load == STORE_IDLE && m->swept < OUTPUT_DIRECTORIES) {
                output_files_sweep(m->state_dir, m->swept++, MEMORY_EPOCH_BASE, b->epoch - 1);
                return 0;
        }
        if (m->swept < OUTPUT_DIRECTORIES)
                return 0;
        usec_t due = m->ended_first ? usec_add(m->ended_first->end->ended_usec, keep->age_usec)
                                    : USEC_INFINITY;
        return due == USEC_INFINITY ? due : due > now ? due - now : 0;
}

/* ---- opening and closing ---- */

static int memory_recover(Backend *b, const RecoverySink *sink, Error *error) {
        return 0;
}

static Backend *memory_close(Backend *b) {
        if (!b)
                return NULL;
        Memory *m = memory_of(b);
        uint64_t id = 0;
        for (Task *t; (t = table_first_from(&m->tasks, &id)); id++)
                task_free(t);
        table_done(&m->tasks);
        for (Name *n; (n = m->names);) {
                m->names = n->next;
                free(n);
        }
        free(m->state_dir);
        free(m);
        return NULL;
}

static int memory_open(const StoreOptions *options, const char *address, Error *error,
                       Backend **ret) {
        if (address[0])
                return error_set(error, EXIT_CONFIG,
                                 "cannot open the store: \"%s\" has a path; write memory: alone",
                                 options->url);
        Memory *m = calloc(1, sizeof *m);
        char *state_dir = strdup(options->state_dir);
        if (!m || !state_dir) {
                free(m);
                free(state_dir);
                return error_set(error, EXIT_IO, "cannot open the store: no memory");
        }
        m->base.type = &backend_memory;
        m->state_dir = state_dir;
        m->ended_end = &m->ended_first;
        int r = memory_ids_open(&m->ids, state_dir, error);
        if (r < 0) {
                memory_close(&m->base);
                return r;
        }
        m->base.epoch = m->ids.epoch;
        m->base.next_task_id = m->ids.reserved;
        /* A store of its own each time: runs of earlier ones are foreign, and are ended. */
        if (getrandom(m->base.id, sizeof m->base.id, 0) != (ssize_t)sizeof m->base.id) {
                memory_close(&m->base);
                return error_set(error, EXIT_IO, "cannot open the store: no random numbers");
        }
        *ret = &m->base;
        return 0;
}

const BackendType backend_memory = {
        .scheme = "memory:",
        .open = memory_open,
        .close = memory_close,
        .recover = memory_recover,
        .commit = memory_commit,
        .read = memory_read,
        .maintain = memory_maintain,
};
