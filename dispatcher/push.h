/* From the core's decision to the worker's RUN: finds what the task carries, in the cache or, in
 * one read for all runs of a turn, in the store. A run that waits for that read keeps the (epoch,
 * n) under which it was assigned: if the worker has answered a newer SYNC meanwhile it will refuse
 * it, and the core has already taken it back. */
#pragma once

#include "dispatcher/payload.h"
#include "dispatcher/reads.h"
#include "dispatcher/worker-link.h"

typedef struct Push Push;

int push_new(PayloadCache *payloads, Reads *reads, WorkerLink *workers, Push **ret);
Push *push_free(Push *p); /* accepts NULL, returns NULL */
DEFINE_CLEANUP(Push *, push_free)

void push_run(Push *p, uint64_t serial, uint32_t epoch, uint64_t n, const CoreRun *run);
void push_flush(Push *p); /* once a turn, before worker_link_end_turn */
