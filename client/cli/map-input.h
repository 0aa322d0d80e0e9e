/* The inputs of a map: records of a file or of stdin, read as they come, or operands.
 *
 * A stream is read up to 1 MiB ahead of what is taken, never blocking as long as it is read only
 * when its descriptor is readable: so the number of inputs is known early where there are few, and
 * memory is bounded where there are many. */
#pragma once

#include "common/error.h"

#include <stdbool.h>

#define MAP_INPUT_MAX ((size_t)8 << 20) /* bytes of one input */

typedef struct MapInput MapInput;

typedef struct MapInputOptions {
        char **operands; /* not NULL: these are the inputs, nothing is read */
        size_t operand_count;
        const char *file; /* NULL or "-": stdin */
        char separator;   /* '\n' or '\0'; the last record need not end with it */
} MapInputOptions;

/* 0, or -code. */
int map_input_new(const MapInputOptions *options, Error *error, MapInput **ret);
MapInput *map_input_free(MapInput *in); /* accepts NULL, returns NULL */
DEFINE_CLEANUP(MapInput *, map_input_free)

/* The descriptor whose readability map_input_read waits for; -1: there is nothing to read now. */
int map_input_fd(const MapInput *in);

/* Reads what is there. 0, or -code. */
int map_input_read(MapInput *in, Error *error);

typedef enum MapInputState { MAP_INPUT_TAKEN = 1, MAP_INPUT_LATER, MAP_INPUT_END } MapInputState;

/* Takes the next input, which ends with a NUL behind its size bytes and is lent until the next
 * call. LATER: more must be read first. */
MapInputState map_input_next(MapInput *in, const char **ret, size_t *ret_size);

/* How many inputs there are, taken or not; false while that is unknown. */
bool map_input_total(const MapInput *in, uint64_t *ret);
