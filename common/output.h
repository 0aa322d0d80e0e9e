/* Where a run's output is kept once it does not fit into its END, or once somebody reads it while
 * it runs: STATE/output/NNN/RUNID.out and .err, NNN = run id % 1000 in three digits, RUNID in 16
 * hex digits, mode 0600. The worker writes them, the dispatcher's store thread reads and removes
 * them. */
#pragma once

#include "common/wire.h"

#include <stddef.h>
#include <stdint.h>

/* 0, or -ENAMETOOLONG. stream: STREAM_STDOUT or STREAM_STDERR. */
int output_path(const char *state_dir, uint64_t run_id, StreamKind stream, char *ret, size_t size);
/* The directory of it. */
int output_directory(const char *state_dir, uint64_t run_id, char *ret, size_t size);
