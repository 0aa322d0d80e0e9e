/* Tasks on their way into one SUBMIT, with copies of everything that they consist of. */
#pragma once

#include "client/client.h"

#define HEADER_OVERHEAD 256 /* of a SUBMIT beside its tasks */

typedef struct TextBlock TextBlock;

struct Gather {
        bool waits;     /* their ends are wanted */
        bool has_block; /* the environment is decided: it is at the start of the payload */
        size_t count, alloc;
        WireTask *tasks;
        StintFuture **futures; /* alloc of them if their ends are wanted; NULL once freed */
        char *payload;
        size_t payload_size, payload_alloc, environment_size;
        size_t header_size; /* at most */
        TextBlock *texts;
};

typedef enum GatherEnds { GATHER_WITHOUT_ENDS, GATHER_WITH_ENDS } GatherEnds;

Gather *gather_new(GatherEnds ends); /* NULL: no memory */
Gather *gather_free(Gather *g);      /* accepts NULL, returns NULL; not its futures */

/* Makes room for count tasks more with so many bytes of payload. 0 or -ENOMEM. */
int gather_reserve(Gather *g, size_t count, size_t payload);

/* Appends bytes, for which there is room, to the payload. */
void gather_payload(Gather *g, const void *data, size_t size);

/* Appends a task whose payload was appended before; copies its texts. future: NULL without ends. 0;
 * -ENOMEM, with nothing changed. */
int gather_task(Gather *g, const WireTask *task, StintFuture *future);
