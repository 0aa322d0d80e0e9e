/* The pause before something that fails is tried again: it doubles from a least to a most, and
 * starts over once a try has lasted at least as long as the pause that it had cost. So who fails at
 * once is slowed down, and who worked for a while is not. */
#pragma once

#include "common/macro.h"
#include "common/time.h"

typedef struct Backoff {
        usec_t min_usec, max_usec;
        usec_t pause_usec; /* before the next try; 0: no failure yet */
} Backoff;

/* A try has failed after it had worked for worked_usec. Returns the pause. */
static inline usec_t backoff_failed(Backoff *b, usec_t worked_usec) {
        usec_t last_usec = worked_usec > 0 && worked_usec >= b->pause_usec ? 0 : b->pause_usec;
        b->pause_usec = MIN_OF(MAX_OF(2 * last_usec, b->min_usec), b->max_usec);
        return b->pause_usec;
}
