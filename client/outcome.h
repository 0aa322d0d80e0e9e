/* The lists of ids that a StintOutcome lends: kept by the client until the next call that makes
 * one. */
#pragma once

#include "common/wire.h"

typedef struct OutcomeIds {
        uint64_t *items;
        size_t count, alloc;
} OutcomeIds;

/* Zero is empty. */
typedef struct Outcomes {
        OutcomeIds unknown, denied, not_now;
} Outcomes;

void outcomes_done(Outcomes *o);
