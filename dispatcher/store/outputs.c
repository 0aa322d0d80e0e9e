/* See outputs.h. */
#include "dispatcher/store/outputs.h"

#include <errno.h>
#include <string.h>

#define BYTES_FIRST 16384u

int outputs_begin(Outputs *o, const StoreRead *read, StoreDone *done) {
        size_t most = MIN_OF(read->id_count, (size_t)OUTPUTS_IDS_MAX);
        *o = (Outputs){.done = done, .max = MIN_OF(read->max, WIRE_OUTPUT_MAX)};
        done->outputs = calloc(most + 1, sizeof *done->outputs);
        return done->outputs ? 0 : -ENOMEM;
}

static int make_room(Outputs *o, size_t size) {
        size_t needed = o->size + size;
        if (needed <= o->alloc)
                return 0;
        size_t alloc = MAX_OF(MAX_OF(2 * o->alloc, needed), (size_t)BYTES_FIRST);
        char *data = realloc(o->data, alloc);
        if (!data)
                return -ENOMEM;
        o->data = data;
        o->alloc = alloc;
        return 0;
}

static uint64_t dropped(uint64_t total, uint64_t kept) {
        return total > kept ? total - kept : 0;
}

/* Sizes of what is given; what is not is flagged. */
static size_t item_fill(const Outputs *o, const OutputsRun *run, WireOutputsItem *item) {
        static const uint64_t flags[] = {WIRE_OUTPUTS_OUT, WIRE_OUTPUTS_ERR, WIRE_OUTPUTS_RESULT};
        static const uint8_t files[] = {WIRE_FILE_OUT, WIRE_FILE_ERR, 0};
        uint64_t *sizes[] = {&item->out_size, &item->err_size, &item->result_size};
        size_t all = 0;
        for (size_t i = 0; i < OUTPUTS_STREAMS; i++) {
                if (run->files & files[i] || run->size[i] > o->max) {
                        item->flags |= flags[i];
                } else {
                        *sizes[i] = run->size[i];
                        all += run->size[i];
                }
        }
        item->attempt = run->attempt;
        item->out_total = run->out_total;
        item->err_total = run->err_total;
        item->out_dropped = dropped(run->out_total, run->out_kept);
        item->err_dropped = dropped(run->err_total, run->err_kept);
        return all;
}

int outputs_add(Outputs *o, uint64_t id, const OutputsRun *run) {
        StoreDone *d = o->done;
        WireOutputsItem item = {.id = id};
        size_t size = run->attempt ? item_fill(o, run, &item) : 0;
        if (d->output_count == OUTPUTS_IDS_MAX ||
            (d->output_count && o->size + size > OUTPUTS_BYTES_MAX))
                return 1;
        if (size && make_room(o, size) < 0)
                return -ENOMEM;
        const uint64_t sizes[] = {item.out_size, item.err_size, item.result_size};
        for (size_t i = 0; i < OUTPUTS_STREAMS; i++) {
                if (sizes[i])
                        memcpy(o->data + o->size, run->data[i], sizes[i]);
                o->size += sizes[i];
        }
        d->outputs[d->output_count++] = item;
        return 0;
}

int outputs_end(Outputs *o, int error) {
        Blob *b = error >= 0 && o->size ? blob_new_take(o->data, o->size) : NULL;
        if (!b)
                free(o->data);
        if (error >= 0 && o->size && !b)
                return -ENOMEM;
        if (b)
                o->done->bytes = (BlobSlice){.blob = b, .size = (uint32_t)o->size};
        return MIN_OF(error, 0);
}
