/* `memory:` nothing survives but the ids (memory-ids.h). For queues whose work can be submitted
 * again, and for tests; the aim is speed.
 *
 * A task is one node in a table by id. Its slices are those of the operation, moved, not copied:
 * payloads and output stay in the message that brought them. Names of queues and pools are
 * interned. Ended tasks are also in a list in order of their ends, which is what retention takes
 * from: it costs the same however much waits. Marks and clients are not kept, since only recovery
 * reads them. */
#include "dispatcher/store/memory-internal.h"
#include "dispatcher/store/output-files.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define FORGET_STEP_MIN 256u

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
        blob_slice_drop(&t->group);
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
                .group = move_slice(&r->group),
                .retry_of = r->retry_of,
                .environment = move_slice(&r->environment),
                .payload = move_slice(&r->payload),
        };
        t->bytes = (uint64_t)t->name.size + t->summary.size + t->labels.size + t->group.size +
                   t->payload.size;
        Task *before = t->retry_of ? table_get(&m->tasks, t->retry_of) : NULL;
        if (before) /* ids rise */
                before->retried_as = t->id;
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
        t->ended_link = m->ended_end;
        *m->ended_end = t;
        m->ended_end = &t->ended_next;
        m->ended_count++;
        m->ended_bytes += t->bytes;
        m->ended_since_step++;
        return 0;
}

/* Of an ended task. */
static void forget(Memory *m, Task *t) {
        *t->ended_link = t->ended_next;
        if (t->ended_next)
                t->ended_next->ended_link = t->ended_link;
        else
                m->ended_end = t->ended_link;
        m->ended_count--;
        m->ended_bytes -= t->bytes;
        table_remove(&m->tasks, t->id);
        output_files_remove(m->state_dir, t->end->run_id, t->end->files, t->end->reason);
        for (const Run *r = t->attempts; r; r = r->older)
                output_files_remove(m->state_dir, r->run_id, r->files, r->reason);
        task_free(t);
}

static void purge(Memory *m, uint64_t id) {
        Task *t = table_get(&m->tasks, id);
        if (t && t->end)
                forget(m, t);
}

/* Before anything is changed: this is all that can fail for want of a disk. */
static int reserve_ids(Memory *m, const Batch *batches) {
        uint64_t highest = 0;
        for (const Batch *b = batches; b; b = b->next)
                for (size_t i = 0; i < b->n; i++)
                        if (b->ops[i].kind == STORE_PUT_TASK)
                                highest = MAX_OF(highest, b->ops[i].task.id);
        return memory_ids_reserve(&m->ids, highest);
}

static int memory_commit(Backend *b, Batch *batches) {
        Memory *m = memory_of(b);
        int reserved = reserve_ids(m, batches);
        if (reserved == -ENOSPC || reserved == -EDQUOT || reserved == -EFBIG)
                return -ENOSPC;
        if (reserved < 0)
                return backend_fail(b, "cannot write %s: %s", m->ids.path, strerror(-reserved));
        for (Batch *batch = batches; batch; batch = batch->next) {
                for (size_t i = 0; i < batch->n; i++) {
                        StoreOp *op = &batch->ops[i];
                        int r = 0;
                        if (op->kind == STORE_PUT_TASK)
                                r = put_task(m, &op->task);
                        else if (op->kind == STORE_PUT_END || op->kind == STORE_PUT_ATTEMPT)
                                r = put_run(m, op);
                        else if (op->kind == STORE_PURGE)
                                purge(m, op->mark.task_id);
                        if (r < 0)
                                return backend_fail(b, "the store memory: failed: %s",
                                                    strerror(-r));
                }
        }
        return 0;
}

/* ---- upkeep ---- */

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
                forget(m, m->ended_first);
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
