/* Answers of `memory:` to reads. */
#include "dispatcher/store/done.h"
#include "dispatcher/store/filter.h"
#include "dispatcher/store/memory-internal.h"
#include "dispatcher/store/output-files.h"
#include "dispatcher/store/outputs.h"

#include <errno.h>
#include <string.h>

typedef enum Parts { PARTS_ID, PARTS_ROW, PARTS_PAYLOAD, PARTS_ALL } Parts;

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
        if (parts == PARTS_ID) {
                s->end.state = t->end ? t->end->state : 0;
                return 0;
        }
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
        s->task.group = blob_slice_ref(t->group);
        s->task.retry_of = t->retry_of;
        s->retried_as = t->retried_as;
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
                .group = blob_slice_data(t->group),
                .group_size = t->group.size,
        };
        return filter_matches(f, &row);
}

static Parts parts_of_rows(const StoreFilter *f) {
        return f->ids_only ? PARTS_ID : PARTS_ROW;
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
                if (task_matches(f, t) && describe_task(t, parts_of_rows(f), d) < 0)
                        return -ENOMEM;
                if (id-- == 0)
                        return 0;
        }
}

static int read_named_rows(Memory *m, const StoreRead *read, StoreDone *d) {
        for (size_t i = 0; i < read->id_count; i++) {
                const StoreFilter *f = &read->filter;
                const Task *t = table_get(&m->tasks, read->ids[i]);
                if (t && task_matches(f, t) && describe_task(t, parts_of_rows(f), d) < 0)
                        return -ENOMEM;
        }
        return 0;
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

/* An end without a run (cancelled while it waited for a retry) has no output of its own. */
static const Run *last_run(const Task *t) {
        return t->end && t->end->run_id ? t->end : t->attempts;
}

static int read_output(Memory *m, const StoreRead *read, StoreDone *d) {
        if (read->run_id)
                return output_of_running(m->state_dir, read, d);
        Task *t = table_get(&m->tasks, read->first);
        if (!t)
                return -ENOENT;
        const Run *r = last_run(t);
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

static int read_owners(Memory *m, const StoreRead *read, StoreDone *d) {
        for (size_t i = 0; i < read->id_count; i++) {
                const Task *t = table_get(&m->tasks, read->ids[i]);
                if (!t)
                        continue;
                StoredTask *s = done_add_task(d);
                if (!s)
                        return -ENOMEM;
                s->task.id = t->id;
                s->task.uid = t->uid;
                s->end.state = t->end ? t->end->state : 0;
        }
        return 0;
}

static void describe_outputs(const Run *r, OutputsRun *ret) {
        const BlobSlice streams[OUTPUTS_STREAMS] = {r->out, r->err, r->result};
        *ret = (OutputsRun){.attempt = r->attempt,
                            .files = r->files,
                            .out_total = r->out_total,
                            .err_total = r->err_total,
                            .out_kept = r->out_kept,
                            .err_kept = r->err_kept};
        for (size_t i = 0; i < OUTPUTS_STREAMS; i++) {
                ret->data[i] = blob_slice_data(streams[i]);
                ret->size[i] = streams[i].size;
        }
}

static int read_outputs(Memory *m, const StoreRead *read, StoreDone *d) {
        Outputs o;
        int r = outputs_begin(&o, read, d);
        for (size_t i = 0; r == 0 && i < read->id_count; i++) {
                const Task *t = table_get(&m->tasks, read->ids[i]);
                bool seen = t && t->end && (read->filter.any_uid || read->filter.uid == t->uid);
                const Run *last = seen ? last_run(t) : NULL;
                OutputsRun run = {0};
                if (last)
                        describe_outputs(last, &run);
                r = outputs_add(&o, read->ids[i], &run);
        }
        return outputs_end(&o, r);
}

int memory_read(Backend *b, const StoreRead *read, StoreDone *ret) {
        Memory *m = memory_of(b);
        switch (read->kind) {
        case STORE_READ_PAYLOADS:
                return read_payloads(m, read, ret);
        case STORE_READ_ENDS:
                return read_ends(m, read, ret);
        case STORE_READ_ROWS:
                return read->ids ? read_named_rows(m, read, ret) : read_rows(m, &read->filter, ret);
        case STORE_READ_TASK:
                return read_task(m, read->first, ret);
        case STORE_READ_OUTPUT:
                return read_output(m, read, ret);
        case STORE_READ_OWNERS:
                return read_owners(m, read, ret);
        case STORE_READ_OUTPUTS:
                return read_outputs(m, read, ret);
        }
        return -EINVAL;
}
