/* uthash as the core uses it: lack of memory is told (hh.tbl stays NULL), not the end of the
 * process; and a hash function without the fall-through that clang warns of. */
#pragma once

#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION     HASH_OAT

#include <uthash.h>
