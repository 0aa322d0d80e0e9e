/* See filter.h. */
#include "dispatcher/store/filter.h"

#include <string.h>

static bool text_is(const char *data, size_t size, const char *wanted) {
        return strlen(wanted) == size && memcmp(data, wanted, size) == 0;
}

static bool labels_have(const FilterRow *row, const char *wanted) {
        const char *at = row->labels, *end = row->labels + row->labels_size;
        while (at < end) {
                const char *stop = memchr(at, row->label_end, (size_t)(end - at));
                size_t size = (size_t)((stop ? stop : end) - at);
                if (text_is(at, size, wanted))
                        return true;
                at += size + 1;
        }
        return false;
}

static bool state_matches(const StoreFilter *f, uint8_t end_state) {
        if (!f->end_states && !f->unended)
                return true;
        return end_state ? (f->end_states >> end_state) & 1 : f->unended;
}

bool filter_matches(const StoreFilter *f, const FilterRow *row) {
        return (f->any_uid || f->uid == row->uid) && state_matches(f, row->end_state) &&
               row->submitted_usec >= f->since_usec &&
               (!f->queue || text_is(row->queue, row->queue_size, f->queue)) &&
               (!f->name || text_is(row->name, row->name_size, f->name)) &&
               (!f->group || text_is(row->group, row->group_size, f->group)) &&
               (!f->label || labels_have(row, f->label));
}

uint64_t filter_top(const StoreFilter *f) {
        /* Ids are stored as signed 64-bit integers. */
        uint64_t top = f->last_id ? MIN_OF(f->last_id, (uint64_t)INT64_MAX) : INT64_MAX;
        return f->before ? MIN_OF(top, f->before - 1) : top;
}

uint32_t filter_limit(const StoreFilter *f) {
        return f->limit && f->limit < WIRE_TASKS_MAX ? f->limit : WIRE_TASKS_MAX;
}
