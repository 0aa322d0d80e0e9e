/* See done.h. A list grows by doubling from LIST_MIN, so its room follows from its count and needs
 * no field in the public struct. */
#include "dispatcher/store/done.h"

#include <errno.h>
#include <string.h>

#define LIST_MIN 16u

/* Room for one more element behind count; zeroed. */
static void *list_grow(void *list, size_t count, size_t size) {
        char *items = list;
        if (count == 0 || (count >= LIST_MIN && (count & (count - 1)) == 0)) {
                items = realloc(items, (count ? 2 * count : LIST_MIN) * size);
                if (!items)
                        return NULL;
        }
        memset(items + count * size, 0, size);
        return items;
}

StoredTask *done_add_task(StoreDone *d) {
        StoredTask *list = list_grow(d->tasks, d->task_count, sizeof *list);
        if (!list)
                return NULL;
        d->tasks = list;
        return &list[d->task_count++];
}

RunRecord *done_add_run(StoreDone *d) {
        RunRecord *list = list_grow(d->runs, d->run_count, sizeof *list);
        if (!list)
                return NULL;
        d->runs = list;
        return &list[d->run_count++];
}

int done_add_end(StoreDone *d, WireEndedTask end) {
        WireEndedTask *list = list_grow(d->ends, d->end_count, sizeof *list);
        if (!list)
                return -ENOMEM;
        d->ends = list;
        list[d->end_count++] = end;
        return 0;
}

static int done_add_unknown(StoreDone *d, uint64_t id) {
        uint64_t *list = list_grow(d->unknown, d->unknown_count, sizeof *list);
        if (!list)
                return -ENOMEM;
        d->unknown = list;
        list[d->unknown_count++] = id;
        return 0;
}

int done_reach(StoreDone *d, uint64_t *next, uint64_t id) {
        for (; *next < id; ++*next) {
                if (d->unknown_count == WIRE_TASKS_MAX)
                        break;
                if (done_add_unknown(d, *next) < 0)
                        return -ENOMEM;
        }
        if (*next == id && d->end_count < WIRE_TASKS_MAX)
                return 0;
        d->next_first = *next;
        return 1;
}

static void task_record_drop(TaskRecord *t) {
        blob_slice_drop(&t->name);
        blob_slice_drop(&t->summary);
        blob_slice_drop(&t->labels);
        blob_slice_drop(&t->group);
        blob_slice_drop(&t->environment);
        blob_slice_drop(&t->payload);
}

static void run_record_drop(RunRecord *r) {
        blob_slice_drop(&r->out);
        blob_slice_drop(&r->err);
        blob_slice_drop(&r->result);
        blob_slice_drop(&r->detail);
}

void store_done_free(StoreDone *d) {
        for (size_t i = 0; i < d->task_count; i++) {
                task_record_drop(&d->tasks[i].task);
                run_record_drop(&d->tasks[i].end);
        }
        for (size_t i = 0; i < d->run_count; i++)
                run_record_drop(&d->runs[i]);
        free(d->tasks);
        free(d->runs);
        free(d->ends);
        free(d->unknown);
        free(d->outputs);
        blob_slice_drop(&d->bytes);
        *d = (StoreDone){0};
}
