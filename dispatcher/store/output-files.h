/* Output that is in files (common/output.h says where): reading a piece of it, and removing it with
 * its task. */
#pragma once

#include "dispatcher/store/store.h"

/* A copy of at most max bytes (never more than WIRE_OUTPUT_MAX) behind offset; empty beyond the
 * end. -ENOMEM. */
int output_cut(const void *data, size_t size, uint64_t offset, uint32_t max, BlobSlice *ret);

/* Answers OUTPUT of a run that has ended. data, size: the stream's bytes when they are not in a
 * file. */
int output_of_run(const char *state_dir, const RunRecord *run, const StoreRead *read,
                  const void *data, size_t size, StoreDone *ret);

/* Answers OUTPUT of a run that is still running. No file yet is no output yet. */
int output_of_running(const char *state_dir, const StoreRead *read, StoreDone *ret);

/* Removes what an attempt left in files: what its record says and, of one that was lost, whatever
 * is there. */
void output_files_remove(const char *state_dir, run_id_t run_id, uint8_t files, uint8_t reason);

/* Removes the files in one of the OUTPUT_DIRECTORIES whose run's epoch is first … last. */
#define OUTPUT_DIRECTORIES 1000u
void output_files_sweep(const char *state_dir, unsigned directory, uint32_t first, uint32_t last);
