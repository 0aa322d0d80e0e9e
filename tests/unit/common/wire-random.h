/* Random bodies for every message, made and compared through the tables of the schema, so that a
 * new message is tested without another line. Also makes the seeds of the fuzz corpus. */
#pragma once

#include "common/wire.h"

typedef struct Random {
        uint64_t state; /* never 0 */
} Random;

uint64_t random_next(Random *r);
uint64_t random_below(Random *r, uint64_t n);

/* How long lists become. Texts take up to their bound in each. */
typedef enum Fullness { FULL_SMALL, FULL_BOUNDS } Fullness;

typedef struct Bodies Bodies; /* what was made, to be freed at once */
Bodies *bodies_new(void);
Bodies *bodies_free(Bodies *b);
DEFINE_CLEANUP(Bodies *, bodies_free)

/* FULL_BOUNDS: every list has as many items as it may, with short texts in them. */
void *random_body(Bodies *b, Random *r, const WireSchema *s, Fullness fullness);
bool bodies_equal(const WireSchema *s, const void *a, const void *b);
