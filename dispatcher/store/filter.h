/* Which rows a list wants: the conditions of a StoreFilter, the same for every backend. */
#pragma once

#include "dispatcher/store/store.h"

/* The few columns of a task that conditions look at; texts are lent. */
typedef struct FilterRow {
        uint32_t uid;
        uint8_t end_state; /* TaskState, 0: none */
        usec_t submitted_usec;
        const char *queue, *name, *labels, *group;
        size_t queue_size, name_size, labels_size, group_size;
        char label_end; /* what ends, or separates, labels in `labels` */
} FilterRow;

bool filter_matches(const StoreFilter *f, const FilterRow *row);

/* The greatest id that f wants. */
uint64_t filter_top(const StoreFilter *f);
/* Rows that the answer may hold. */
uint32_t filter_limit(const StoreFilter *f);
