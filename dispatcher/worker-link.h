/* The channels to the workers: one PUSH per worker to its PULL on RUN/w/SERIAL.sock, one SUB for
 * what all of them publish.
 *
 * Runs and acks are collected during a turn and leave as one message per worker in
 * worker_link_flush. Nothing here is reliable and nothing needs to be: what is lost is healed by
 * SYNC. A send that would block means that the worker hangs; the message is dropped and counted.
 * Frames that do not decode are counted and dropped. */
#pragma once

#include "dispatcher/core/core.h"

#include <systemd/sd-event.h>

typedef struct WorkerLink WorkerLink;

/* What workers say. Bodies are valid during the call; on_end passes ownership of run's slices. */
typedef struct WorkerLinkHandlers {
        void (*on_hello)(void *userdata, const WireHello *hello);
        void (*on_started)(void *userdata, uint64_t serial, const WireStartedItem *started);
        void (*on_progress)(void *userdata, uint64_t serial, const WireProgressItem *progress);
        void (*on_end)(void *userdata, uint64_t serial, RunRecord *run);
} WorkerLinkHandlers;

int worker_link_new(sd_event *event, void *context, int results_fd, const char *run_dir,
                    int64_t priority, const WorkerLinkHandlers *handlers, void *userdata,
                    WorkerLink **ret);
WorkerLink *worker_link_free(WorkerLink *l); /* accepts NULL, returns NULL */
DEFINE_CLEANUP(WorkerLink *, worker_link_free)

int worker_link_add(WorkerLink *l, uint64_t serial); /* connects; 0 or negative errno */
void worker_link_remove(WorkerLink *l, uint64_t serial);

/* To a worker that is not connected all of these do nothing. */
void worker_link_sync(WorkerLink *l, uint64_t serial, uint32_t epoch, uint64_t n,
                      const uint8_t store_id[WIRE_UUID]);
void worker_link_run(WorkerLink *l, uint64_t serial, uint32_t epoch, uint64_t n, const CoreRun *run,
                     BlobSlice environment, BlobSlice payload);
void worker_link_ack(WorkerLink *l, uint64_t serial, run_id_t run_id);
void worker_link_stop(WorkerLink *l, uint64_t serial, run_id_t run_id, StopWhy why, int signal);
/* A signal for every process of a run, which goes on. */
void worker_link_signal(WorkerLink *l, uint64_t serial, run_id_t run_id, int signal);
void worker_link_spill(WorkerLink *l, uint64_t serial, run_id_t run_id);
/* Sends the runs of this turn. Acks go with them, or a little later: they are in no hurry. */
void worker_link_end_turn(WorkerLink *l);
/* Sends everything, acks too: before somebody who waits for them leaves. */
void worker_link_flush(WorkerLink *l);

/* Handles every result that has arrived: done before a worker's death is believed. */
void worker_link_drain(WorkerLink *l);
void worker_link_set_reading(WorkerLink *l, bool reading);

typedef struct WorkerLinkCounters {
        uint64_t malformed, unsent;
} WorkerLinkCounters;
void worker_link_counters(const WorkerLink *l, WorkerLinkCounters *ret);
