/* The outputs of ended tasks, many in one request. */
#pragma once

#include "client/future.h"

/* Takes an ended future with STINT_COLLECT; it is over when its outputs have come. */
void collect_add(StintFuture *f);
void collect_forget(StintFuture *f); /* it is freed */
bool collect_is_due(const StintClient *c);
void collect_send(StintClient *c);
void collect_free(StintClient *c);
