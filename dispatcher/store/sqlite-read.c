/* Answers of `sqlite:` to reads. Lists look at narrow rows first and load whole ones only of what
 * matches. */
#include "dispatcher/store/done.h"
#include "dispatcher/store/filter.h"
#include "dispatcher/store/output-files.h"
#include "dispatcher/store/outputs.h"
#include "dispatcher/store/sqlite-internal.h"

#include <errno.h>
#include <string.h>

static void column_name(sqlite3_stmt *st, int column, char *ret, size_t size) {
        const char *text = (const char *)sqlite3_column_text(st, column);
        snprintf(ret, size, "%s", text ? text : "");
}

/* The inverse of what bind_labels in sqlite-write.c does. */
static int column_labels(sqlite3_stmt *st, int column, BlobSlice *ret) {
        const char *text = sqlite3_column_blob(st, column);
        size_t size = (size_t)sqlite3_column_bytes(st, column);
        *ret = (BlobSlice){0};
        if (!text || size == 0)
                return 0;
        char *copy = malloc(size + 1);
        Blob *b = copy ? blob_new_take(copy, size + 1) : NULL;
        if (!b) {
                free(copy);
                return -ENOMEM;
        }
        for (size_t i = 0; i < size; i++)
                copy[i] = text[i] == LABEL_SEPARATOR ? '\0' : text[i];
        copy[size] = '\0';
        *ret = (BlobSlice){.blob = b, .size = (uint32_t)size + 1};
        return 0;
}

static int column_task(sqlite3_stmt *st, TaskRecord *t) {
        t->id = column_u64(st, 0);
        column_name(st, 1, t->queue, sizeof t->queue);
        t->policy.kind = (uint8_t)sqlite3_column_int(st, 2);
        t->policy.priority = (int8_t)sqlite3_column_int(st, 3);
        t->uid = (uint32_t)column_u64(st, 4);
        t->submitted_usec = column_u64(st, 5);
        t->not_before_usec = column_u64(st, 6);
        t->policy.timeout_usec = column_u64(st, 7);
        t->policy.grace_msec = (uint32_t)column_u64(st, 8);
        t->policy.retries = (uint16_t)sqlite3_column_int(st, 9);
        t->policy.backoff_min_msec = (uint32_t)column_u64(st, 10);
        t->policy.backoff_max_msec = (uint32_t)column_u64(st, 11);
        t->policy.at_most_once = sqlite3_column_int(st, 12) != 0;
        int r = column_slice(st, 13, &t->name);
        if (r == 0)
                r = column_labels(st, 14, &t->labels);
        if (r == 0)
                r = column_slice(st, 15, &t->summary);
        t->retry_of = column_u64(st, 17);
        return r == 0 ? column_slice(st, 16, &t->group) : r;
}

/* RUN_COLUMNS from column c on; sizes instead of output and result. */
static int column_run(sqlite3_stmt *st, int c, uint64_t task_id, RunRecord *r) {
        r->task_id = task_id;
        r->run_id = column_u64(st, c);
        r->worker = column_u64(st, c + 1);
        r->attempt = (uint32_t)column_u64(st, c + 2);
        r->state = (uint8_t)sqlite3_column_int(st, c + 3);
        r->reason = (uint8_t)sqlite3_column_int(st, c + 4);
        r->code = sqlite3_column_int64(st, c + 5);
        r->started_usec = column_u64(st, c + 6);
        r->ended_usec = column_u64(st, c + 7);
        r->user_usec = column_u64(st, c + 8);
        r->system_usec = column_u64(st, c + 9);
        r->max_rss_bytes = column_u64(st, c + 10);
        r->out_total = column_u64(st, c + 11);
        r->err_total = column_u64(st, c + 12);
        r->out_kept = column_u64(st, c + 13);
        r->err_kept = column_u64(st, c + 14);
        r->files = (uint8_t)sqlite3_column_int(st, c + 15);
        column_name(st, c + 16, r->pool, sizeof r->pool);
        r->result.size = (uint32_t)column_u64(st, c + 18);
        r->out.size = (uint32_t)column_u64(st, c + 19);
        r->err.size = (uint32_t)column_u64(st, c + 20);
        return column_slice(st, c + 17, &r->detail);
}

/* ---- PAYLOADS ---- */

static int load_payload(Sqlite *s, uint64_t id, TaskRecord *t) {
        sqlite3_stmt *st = s->statements[ST_GET_PAYLOAD];
        bind_u64(st, 1, id);
        int r = sqlite_next_row(s, ST_GET_PAYLOAD);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        r = column_slice(st, 1, &t->payload);
        uint64_t environment = column_u64(st, 0);
        sqlite_reset(s, ST_GET_PAYLOAD);
        if (r == 0 && environment)
                r = environment_get(s, environment, &t->environment);
        return r;
}

static int read_payloads(Sqlite *s, const StoreRead *read, StoreDone *d) {
        for (size_t i = 0; i < read->id_count; i++) {
                TaskRecord t = {.id = read->ids[i]};
                int r = load_payload(s, t.id, &t);
                if (r == -ENOENT)
                        continue;
                StoredTask *stored = r == 0 ? done_add_task(d) : NULL;
                if (!stored) {
                        blob_slice_drop(&t.payload);
                        blob_slice_drop(&t.environment);
                        return r < 0 ? r : -ENOMEM;
                }
                stored->task = t;
        }
        return 0;
}

/* ---- ENDS ---- */

/* Takes the row at which ST_GET_ENDS is. 1: the answer is full. */
static int take_end(sqlite3_stmt *st, uint64_t *next, StoreDone *d) {
        uint64_t id = column_u64(st, 0);
        int r = done_reach(d, next, id);
        if (r != 0)
                return r;
        *next = id + 1;
        if (sqlite3_column_type(st, 1) == SQLITE_NULL)
                return 0;
        return done_add_end(d, (WireEndedTask){id, column_u64(st, 1), column_u64(st, 2),
                                               sqlite3_column_int64(st, 3)});
}

static int read_ends(Sqlite *s, const StoreRead *read, StoreDone *d) {
        sqlite3_stmt *st = s->statements[ST_GET_ENDS];
        uint64_t next = read->first, stop = usec_add(read->first, read->count); /* saturates */
        int r = 0;
        if (read->count == 0)
                return 0;
        bind_u64(st, 1, MIN_OF(next, (uint64_t)INT64_MAX));
        bind_u64(st, 2, MIN_OF(stop - 1, (uint64_t)INT64_MAX));
        for (unsigned scanned = 0; (r = sqlite_next_row(s, ST_GET_ENDS)) > 0; scanned++) {
                if (scanned == READ_ROWS_SCANNED_MAX)
                        d->next_first = next;
                r = scanned == READ_ROWS_SCANNED_MAX ? 1 : take_end(st, &next, d);
                if (r != 0)
                        break;
        }
        if (r == 0)
                r = done_reach(d, &next, stop);
        sqlite_reset(s, ST_GET_ENDS);
        return r < 0 ? r : 0;
}

/* ---- ROWS, TASK ---- */

static int load_task(Sqlite *s, uint64_t id, StoreDone *d) {
        sqlite3_stmt *st = s->statements[ST_GET_TASK];
        bind_u64(st, 1, id);
        int r = sqlite_next_row(s, ST_GET_TASK);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        StoredTask *t = done_add_task(d);
        r = t ? column_task(st, &t->task) : -ENOMEM;
        if (r == 0 && sqlite3_column_type(st, TASK_COLUMN_COUNT) != SQLITE_NULL)
                r = column_run(st, TASK_COLUMN_COUNT, id, &t->end);
        if (r == 0) {
                t->attempts = (uint32_t)column_u64(st, TASK_COLUMN_COUNT + RUN_COLUMN_COUNT);
                t->retried_as = column_u64(st, TASK_COLUMN_COUNT + RUN_COLUMN_COUNT + 1);
        }
        sqlite_reset(s, ST_GET_TASK);
        return r;
}

void column_filter_row(sqlite3_stmt *st, FilterRow *ret) {
        *ret = (FilterRow){
                .uid = (uint32_t)column_u64(st, 1),
                .submitted_usec = column_u64(st, 2),
                .end_state = (uint8_t)sqlite3_column_int(st, 7),
                .label_end = LABEL_SEPARATOR,
        };
        const char **texts[] = {&ret->queue, &ret->name, &ret->labels, &ret->group};
        size_t *sizes[] = {&ret->queue_size, &ret->name_size, &ret->labels_size, &ret->group_size};
        for (int i = 0; i < 4; i++) {
                const char *text = (const char *)sqlite3_column_text(st, 3 + i);
                *texts[i] = text ? text : "";
                *sizes[i] = (size_t)sqlite3_column_bytes(st, 3 + i);
        }
}

/* The row of ST_SCAN_TASKS that f wants. */
static int take_row(Sqlite *s, const StoreFilter *f, uint64_t id, const FilterRow *row,
                    StoreDone *d) {
        if (!f->ids_only)
                return load_task(s, id, d);
        StoredTask *t = done_add_task(d);
        if (!t)
                return -ENOMEM;
        t->task.id = id;
        t->end.state = row->end_state;
        return 0;
}

/* Rows among ids low … top, newest first. 1: stopped before the end, d->before says where. */
static int scan(Sqlite *s, const StoreFilter *f, uint64_t top, uint64_t low, unsigned *scanned,
                StoreDone *d) {
        sqlite3_stmt *st = s->statements[ST_SCAN_TASKS];
        FilterRow row;
        int r;
        bind_u64(st, 1, top);
        bind_u64(st, 2, low);
        for (; (r = sqlite_next_row(s, ST_SCAN_TASKS)) > 0; ++*scanned) {
                uint64_t id = column_u64(st, 0);
                if (d->task_count == filter_limit(f) || *scanned >= READ_ROWS_SCANNED_MAX) {
                        d->before = id + 1;
                        break;
                }
                column_filter_row(st, &row);
                r = filter_matches(f, &row) ? take_row(s, f, id, &row, d) : 0;
                if (r < 0)
                        break;
        }
        sqlite_reset(s, ST_SCAN_TASKS);
        return r;
}

static int read_named_rows(Sqlite *s, const StoreRead *read, StoreDone *d) {
        unsigned scanned = 0;
        int r = 0;
        for (size_t i = 0; r == 0 && i < read->id_count; i++)
                r = scan(s, &read->filter, read->ids[i], read->ids[i], &scanned, d);
        return MIN_OF(r, 0);
}

static int read_rows(Sqlite *s, const StoreFilter *f, StoreDone *d) {
        uint64_t top = filter_top(f), bottom = MIN_OF(f->first_id, (uint64_t)INT64_MAX), low;
        unsigned scanned = 0;
        int r = 0;
        if (!retention_is_counted(s))
                return MIN_OF(scan(s, f, top, bottom, &scanned, d), 0);
        while (r == 0 && digest_next(&s->digest, f, &top, &low) && top >= bottom) {
                r = scan(s, f, top, MAX_OF(low, bottom), &scanned, d);
                if (low == 0)
                        break;
                top = low - 1;
        }
        return MIN_OF(r, 0);
}

static int read_task(Sqlite *s, uint64_t id, StoreDone *d) {
        int r = load_task(s, id, d);
        if (r == 0)
                r = load_payload(s, id, &d->tasks[0].task);
        if (r < 0 || d->tasks[0].attempts == 0)
                return r;
        sqlite3_stmt *st = s->statements[ST_GET_ATTEMPTS];
        bind_u64(st, 1, id);
        bind_u64(st, 2, READ_ATTEMPTS_MAX);
        while ((r = sqlite_next_row(s, ST_GET_ATTEMPTS)) > 0) {
                RunRecord *run = done_add_run(d);
                r = run ? column_run(st, 0, id, run) : -ENOMEM;
                if (r < 0)
                        break;
        }
        sqlite_reset(s, ST_GET_ATTEMPTS);
        return r;
}

/* ---- OUTPUT ---- */

static int output_from(Sqlite *s, Statement which, const StoreRead *read, StoreDone *d) {
        sqlite3_stmt *st = s->statements[which];
        bind_u64(st, 1, read->first);
        bind_u64(st, 2, read->stream);
        bind_u64(st, 3, read->attempt);
        int r = sqlite_next_row(s, which);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        RunRecord run = {0};
        r = column_run(st, 0, read->first, &run);
        blob_slice_drop(&run.detail);
        if (r == 0) {
                const void *data = sqlite3_column_blob(st, RUN_COLUMN_COUNT);
                size_t size = (size_t)sqlite3_column_bytes(st, RUN_COLUMN_COUNT);
                r = output_of_run(s->state_dir, &run, read, data, size, d);
        }
        sqlite_reset(s, which);
        return r;
}

static int read_output(Sqlite *s, const StoreRead *read, StoreDone *d) {
        if (read->run_id)
                return output_of_running(s->state_dir, read, d);
        int r = output_from(s, ST_GET_END_OUTPUT, read, d);
        return r == -ENOENT && !d->complete ? output_from(s, ST_GET_ATTEMPT_OUTPUT, read, d) : r;
}

/* ---- OWNERS ---- */

static int read_owners(Sqlite *s, const StoreRead *read, StoreDone *d) {
        sqlite3_stmt *st = s->statements[ST_GET_OWNER];
        for (size_t i = 0; i < read->id_count; i++) {
                bind_u64(st, 1, read->ids[i]);
                int r = sqlite_next_row(s, ST_GET_OWNER);
                if (r < 0)
                        return r;
                if (r == 0)
                        continue;
                StoredTask *t = done_add_task(d);
                if (t) {
                        t->task.id = read->ids[i];
                        t->task.uid = (uint32_t)column_u64(st, 0);
                        t->end.state = (uint8_t)sqlite3_column_int(st, 1);
                }
                sqlite_reset(s, ST_GET_OWNER);
                if (!t)
                        return -ENOMEM;
        }
        return 0;
}

/* ---- OUTPUTS ---- */

/* The row at which st is: OUTPUTS_COLUMNS of sqlite-schema.c. What it lends lives as long. */
static void column_outputs(sqlite3_stmt *st, OutputsRun *ret) {
        static const int column[OUTPUTS_STREAMS] = {7, 8, 9};
        *ret = (OutputsRun){.attempt = (uint32_t)column_u64(st, 1),
                            .files = (uint8_t)sqlite3_column_int(st, 2),
                            .out_total = column_u64(st, 3),
                            .err_total = column_u64(st, 4),
                            .out_kept = column_u64(st, 5),
                            .err_kept = column_u64(st, 6)};
        for (size_t i = 0; i < OUTPUTS_STREAMS; i++) {
                ret->data[i] = sqlite3_column_blob(st, column[i]);
                ret->size[i] = (size_t)sqlite3_column_bytes(st, column[i]);
        }
}

/* 0: there is no such row; 1; negative errno. run_id 0 is a row without a run. */
static int outputs_step(Sqlite *s, Statement which, const StoreRead *read, uint64_t id) {
        sqlite3_stmt *st = s->statements[which];
        bind_u64(st, 1, id);
        sqlite3_bind_int(st, 2, read->filter.any_uid);
        bind_u64(st, 3, read->filter.uid);
        return sqlite_next_row(s, which);
}

static int outputs_one(Sqlite *s, const StoreRead *read, uint64_t id, Outputs *o) {
        Statement which = ST_GET_END_OUTPUTS;
        OutputsRun run = {0};
        int r = outputs_step(s, which, read, id);
        if (r > 0 && column_u64(s->statements[which], 0) == 0) {
                sqlite_reset(s, which);
                which = ST_GET_ATTEMPT_OUTPUTS;
                r = outputs_step(s, which, read, id);
        }
        if (r > 0)
                column_outputs(s->statements[which], &run);
        if (r >= 0)
                r = outputs_add(o, id, &run);
        sqlite_reset(s, which);
        return r;
}

static int read_outputs(Sqlite *s, const StoreRead *read, StoreDone *d) {
        Outputs o;
        int r = outputs_begin(&o, read, d);
        for (size_t i = 0; r == 0 && i < read->id_count; i++)
                r = outputs_one(s, read, read->ids[i], &o);
        return outputs_end(&o, r);
}

int sqlite_read(Backend *b, const StoreRead *read, StoreDone *ret) {
        Sqlite *s = sqlite_of(b);
        switch (read->kind) {
        case STORE_READ_PAYLOADS:
                return read_payloads(s, read, ret);
        case STORE_READ_ENDS:
                return read_ends(s, read, ret);
        case STORE_READ_ROWS:
                return read->ids ? read_named_rows(s, read, ret) : read_rows(s, &read->filter, ret);
        case STORE_READ_TASK:
                return read_task(s, read->first, ret);
        case STORE_READ_OUTPUT:
                return read_output(s, read, ret);
        case STORE_READ_OWNERS:
                return read_owners(s, read, ret);
        case STORE_READ_OUTPUTS:
                return read_outputs(s, read, ret);
        }
        return -EINVAL;
}
