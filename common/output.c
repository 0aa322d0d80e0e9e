/* See output.h. */
#include "common/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define OUTPUT_DIRECTORIES 1000u

int output_directory(const char *state_dir, uint64_t run_id, char *ret, size_t size) {
        int n = snprintf(ret, size, "%s/output/%03u", state_dir,
                         (unsigned)(run_id % OUTPUT_DIRECTORIES));
        return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

int output_path(const char *state_dir, uint64_t run_id, StreamKind stream, char *ret, size_t size) {
        int n = snprintf(ret, size, "%s/output/%03u/%016" PRIx64 ".%s", state_dir,
                         (unsigned)(run_id % OUTPUT_DIRECTORIES), run_id,
                         stream == STREAM_STDERR ? "err" : "out");
        return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}
