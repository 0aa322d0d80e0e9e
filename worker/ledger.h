/* The worker's side of the protocol with the dispatcher, as pure state: which SYNC it answered last, which runs it holds, which
 * ends wait for their acknowledgement. No I/O, no clock, so that the simulator drives the same code as stint-worker.
 *
 * Rules (docs/protocol.md, "SYNC"):
 * - SYNC(epoch, n) of the store that it knows, or of any store when it holds nothing, is answered with HELLO and followed by every
 *   unacked end again. An older (epoch, n) than the last one answered is ignored. A SYNC of another store first kills all runs and forgets all ends (they are nobody's).
 * - Runs that are held but not started when a SYNC arrives are dropped: HELLO does not list them, so the dispatcher gives them out again.
 * - A RUN is taken only if its (epoch, n) is the last SYNC that was answered, and its run id is not already held.
 * - An end is kept until its run id is acked, and sent again on each SYNC. */
#pragma once

#include "common/macro.h"
#include "common/wire.h"

#include <stdbool.h>

typedef struct Ledger Ledger;

typedef enum LedgerRunState { LEDGER_QUEUED = 1, LEDGER_STARTED, LEDGER_ENDED } LedgerRunState;

/* One run that is held. owner is the worker's (its Run object, its kept end); the ledger never looks into it. */
typedef struct LedgerEntry {
        uint64_t run_id;
        LedgerRunState state;
        void *owner;
} LedgerEntry;

int ledger_new(uint64_t serial, void (*drop)(void *owner, LedgerRunState state, void *userdata), void *userdata, Ledger **ret);
Ledger *ledger_free(Ledger *l); /* drops every owner; accepts NULL, returns NULL */
DEFINE_CLEANUP(Ledger *, ledger_free)

/* Outcomes of a SYNC. */
typedef enum LedgerSync {
        LEDGER_SYNC_STALE = 0,   /* ignore it */
        LEDGER_SYNC_ANSWER,      /* answer with ledger_hello and send all unacked ends again; queued runs were dropped */
        LEDGER_SYNC_FOREIGN,     /* another store while runs are started: kill them all and, when none is left, SYNC will come again; do not answer now */
} LedgerSync;
LedgerSync ledger_on_sync(Ledger *l, const WireSync *sync);

/* HELLO for the last SYNC answered; its lists are valid until the ledger changes. false: never synced. */
bool ledger_hello(Ledger *l, WireHello *ret);

/* 0: held as queued; -ESTALE: not of the last SYNC; -EEXIST: held already; -ENOMEM. */
int ledger_add(Ledger *l, uint64_t epoch, uint64_t n, uint64_t run_id, void *owner);
LedgerEntry *ledger_get(Ledger *l, uint64_t run_id); /* NULL: not held */
LedgerEntry *ledger_next_queued(Ledger *l);          /* the oldest queued one, NULL: none */
void ledger_started(Ledger *l, LedgerEntry *e);      /* queued -> started */
void ledger_ended(Ledger *l, LedgerEntry *e);        /* queued or started -> ended: kept until acked */
void ledger_ack(Ledger *l, uint64_t run_id);         /* drops it if it has ended; anything else is ignored */

/* Walks the unacked ends in the order in which they ended; start with *cursor = 0. NULL: done. */
LedgerEntry *ledger_next_ended(Ledger *l, uint64_t *cursor);
size_t ledger_count(const Ledger *l, LedgerRunState state);
