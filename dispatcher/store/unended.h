/* The set of tasks without an end, with what each weighs, in four bytes a task: a durable store
 * must know the oldest of them (recovery begins there) and, when a task ends, how many bytes
 * retention has to count for it, without reading its row. */
#pragma once

#include "common/table.h"

typedef struct Unended {
        Table chunks; /* zero is an empty set */
} Unended;

void unended_done(Unended *u);

int unended_add(Unended *u, uint64_t id, uint64_t bytes); /* 0 or -ENOMEM; id must not be in it */
void unended_grow(Unended *u, uint64_t id, uint64_t bytes);
/* Removes id and gives what it weighed; 0 when it was not in it. Weights beyond 4 GiB count as
 * that. */
uint64_t unended_take(Unended *u, uint64_t id);
uint64_t unended_first(const Unended *u, uint64_t otherwise);
