/* The last lines of a stream, found from its end without reading the rest. */
#pragma once

#include "common/error.h"

#include <stint/stint.h>

/* How many bytes can be read: what the attempt (0: the latest) has written so far, less what its
 * output limit cut off. 0, or -code. */
int logs_size(StintClient *client, uint64_t id, unsigned attempt, StintStream which, uint64_t *ret,
              Error *error);

/* Where the last `lines` lines of what there is now begin. 0, or -code. */
int logs_tail(StintClient *client, uint64_t id, unsigned attempt, StintStream which, uint64_t lines,
              uint64_t *ret_offset, Error *error);
