/* Tasks as programs give them: read whatever version of the struct they know, and checked. */
#pragma once

#include "client/client.h"

/* Is the i-th task of an array of the caller's as it should be? 0, or -STINT_INVALID with the
 * client's error naming the field. */
int task_check(StintClient *c, const StintTask *tasks, size_t i);

/* A checked task; room: for one that is not of our size. */
const StintTask *task_at(const StintTask *tasks, size_t i, StintTask *room);

/* Bytes that a checked task needs in the payload of a message, at most. */
size_t task_payload_bound(const StintTask *t);
/* The same for the header. */
size_t task_header_bound(const StintTask *t);
size_t task_argc(const StintTask *t);
size_t task_text_count(const char *const *texts); /* NULL: 0 */
