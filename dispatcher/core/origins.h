/* Everywhere that a request was asked from while it had no answer. Which of the connections still
 * lives is not known here, nor do copies arrive in the order in which they were sent: all of them
 * get the answer. Nearly every request has one, so the others take memory only once they come. */
#pragma once

#include "dispatcher/core/core.h"

#define ORIGINS_MAX 32u /* of more, the latest */

/* Set first and count to begin with one; zero is none. */
typedef struct Origins {
        CoreOrigin first;
        CoreOrigin *others; /* ORIGINS_MAX - 1 of them; NULL: no second one has come */
        uint32_t count;     /* that came; from ORIGINS_MAX on they take the place of earlier ones */
} Origins;

void origins_done(Origins *o);
size_t origins_count(const Origins *o);
const CoreOrigin *origins_at(const Origins *o, size_t i);
/* Each once. Without memory for a second one the latest is kept alone. */
void origins_add(Origins *o, const CoreOrigin *origin);
