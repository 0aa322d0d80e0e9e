/* What waits for its turn to be printed, in order: one word each, so that a slow first task among a
 * million costs little memory.
 *
 * A word is a task that is in memory (MapTask), or one whose output stays in the dispatcher until
 * its turn comes: then the word is its id. If its input is needed again, to tag its lines, that
 * goes to a temporary file, and the word says where. */
#pragma once

#include "common/macro.h"

#include <stdbool.h>

typedef struct MapTask MapTask;

typedef struct MapOrder {
        uint64_t *words; /* a ring; alloc is a power of two */
        size_t alloc;
        uint64_t first, next; /* numbers of what is in it */
        int file;             /* -1: none yet */
        uint64_t file_size;
} MapOrder;

void map_order_init(MapOrder *o);
void map_order_done(MapOrder *o); /* frees no task */

bool map_order_is_empty(const MapOrder *o);

/* Appends a task. *ret: its number. 0, -ENOMEM. */
int map_order_push(MapOrder *o, MapTask *t, uint64_t *ret);
void map_order_pop(MapOrder *o);

/* The task with that number; NULL: it is deferred. */
MapTask *map_order_task(const MapOrder *o, uint64_t number);
void map_order_set(MapOrder *o, uint64_t number, MapTask *t);

/* Keeps only the id, and the input if there is one. 0, or negative errno of the file. */
int map_order_defer(MapOrder *o, uint64_t number, uint64_t id, const char *input, size_t size);
/* What was deferred: *ret_input as it was given, in memory of the caller, NULL if there was none.
 * 0, or negative errno. */
int map_order_deferred(const MapOrder *o, uint64_t number, uint64_t *ret_id, char **ret_input,
                       size_t *ret_size);
