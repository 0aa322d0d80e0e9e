/* See info.h. */
#include "client/info.h"

size_t info_need(const WireRow *row) {
        size_t size = arena_need((row->labels.count + 1) * sizeof(char *)) + row->queue.size +
                      row->name.size + row->group.size + row->summary.size +
                      row->progress_text.size + 5;
        for (size_t i = 0; i < row->labels.count; i++)
                size += row->labels.items[i].size + 1;
        return size;
}

static const char *const *labels_fill(const WireTexts *labels, Arena *a) {
        const char **list = arena_take(a, (labels->count + 1) * sizeof *list);
        for (size_t i = 0; i < labels->count; i++)
                list[i] = arena_text(a, labels->items[i]);
        return list;
}

void info_fill(const WireRow *row, Arena *a, StintInfo *ret) {
        *ret = (StintInfo){
                .id = row->id,
                .kind = (StintKind)row->kind,
                .state = (StintState)row->state,
                .reason = (StintReason)row->reason,
                .code = row->code,
                .priority = (int)row->priority,
                .attempt = (unsigned)row->attempt,
                .uid = (uint32_t)row->uid,
                .flags = row->flags & WIRE_TASK_AT_MOST_ONCE ? STINT_AT_MOST_ONCE : 0,
                .submitted_usec = row->submitted_usec,
                .due_usec = row->due_usec,
                .started_usec = row->started_usec,
                .ended_usec = row->ended_usec,
                .queue = arena_text(a, row->queue),
                .name = arena_text(a, row->name),
                .group = arena_text(a, row->group),
                .summary = arena_text(a, row->summary),
                .worker = row->worker,
                .run_id = row->run_id,
                .retry_of = row->retry_of,
                .retried_as = row->retried_as,
                .progress = row->progress ? (int)row->progress - 1 : -1,
                .progress_text = arena_text(a, row->progress_text),
        };
        ret->labels = labels_fill(&row->labels, a);
}
