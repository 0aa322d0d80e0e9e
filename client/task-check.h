/* Tasks as programs give them: read whatever version of the struct they know, and checked. */
#pragma once

#include "client/client.h"

/* The i-th task of an array of the caller's. 0 and a copy, or -STINT_INVALID with the client's
 * error naming the field. */
int task_read(StintClient *c, const StintTask *tasks, size_t i, StintTask *ret);

/* Bytes that a task of task_read needs in the payload of a message, at most. */
size_t task_payload_bound(const StintTask *t);
/* The same for the header. */
size_t task_header_bound(const StintTask *t);
size_t task_argc(const StintTask *t);
size_t task_text_count(const char *const *texts); /* NULL: 0 */
