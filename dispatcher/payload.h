/* A bounded cache of what tasks carry (environment and payload), so that a task that starts soon
 * after its submit is not read back from the store. The core never sees these bytes. What does not
 * fit is read from the store when its run is pushed. */
#pragma once

#include "common/blob.h"
#include "common/macro.h"

#include <stdbool.h>

typedef struct PayloadCache PayloadCache;

PayloadCache *payload_cache_new(size_t bytes_max); /* NULL: no memory */
PayloadCache *payload_cache_free(PayloadCache *c); /* accepts NULL, returns NULL */
DEFINE_CLEANUP(PayloadCache *, payload_cache_free)

/* Keeps references of its own while there is room; else does nothing. */
void payload_cache_put(PayloadCache *c, uint64_t task_id, BlobSlice environment, BlobSlice payload);

/* Lends the slices: valid until payload_cache_drop. false: not cached. */
bool payload_cache_get(PayloadCache *c, uint64_t task_id, BlobSlice *ret_environment,
                       BlobSlice *ret_payload);
void payload_cache_drop(PayloadCache *c, uint64_t task_id);
