/* The worker's side of the protocol with the dispatcher, as pure state: which SYNC it answered
 * last, which runs it holds, which ends wait for their acknowledgement. No I/O, no clock, so that
 * the simulator drives the same code as stint-worker.
 *
 * Rules (docs/protocol.md, "SYNC"):
 * - SYNC(epoch, n) of the store that it knows, or of any store when it holds nothing, is answered
 * with HELLO and followed by every unacked end again. An older (epoch, n) than the last one
 * answered is ignored, whatever its store: it may have been under way for long. A newer SYNC of
 * another store first kills all runs and forgets all ends (they are nobody's). A store that was
 * exchanged for one with lower epochs meets silence, and its dispatcher has the worker killed.
 * - Runs that are held but not started when a SYNC arrives are dropped: HELLO does not list them,
 * so the dispatcher gives them out again.
 * - A RUN is taken only if its (epoch, n) is the last SYNC that was answered, and its run id is not
 * already held.
 * - An end is kept until its run id is acked, and sent again on each SYNC.
 * - HELLO lists everything that is held, so no more is held than it has room for: a RUN beyond that
 * is refused, and given out again by the SYNC that its silence causes. */
#pragma once

#include "common/macro.h"
#include "common/wire.h"

#include <stdbool.h>

#define LEDGER_RUNS_MAX ((size_t)WIRE_TASKS_MAX) /* held at once, unacked ends included */

typedef struct Ledger Ledger;

typedef enum LedgerRunState { LEDGER_QUEUED = 1, LEDGER_STARTED, LEDGER_ENDED } LedgerRunState;

/* One run that is held. owner is the worker's (its Run object, its kept end); the ledger never
 * looks into it. */
typedef struct LedgerEntry {
        uint64_t run_id, task_id;
        LedgerRunState state;
        void *owner;
} LedgerEntry;

/* Gives back the owner of an entry that is held no more, for whatever reason; state: the entry's
 * last one. Must not call back. */
typedef void (*LedgerDrop)(void *owner, LedgerRunState state, void *userdata);

int ledger_new(uint64_t serial, LedgerDrop drop, void *userdata,
               Ledger **ret);   /* drop may be NULL */
Ledger *ledger_free(Ledger *l); /* drops every owner; accepts NULL, returns NULL */
DEFINE_CLEANUP(Ledger *, ledger_free)

/* Outcomes of a SYNC. */
typedef enum LedgerSync {
        LEDGER_SYNC_STALE = 0, /* ignore it */
        LEDGER_SYNC_ANSWER, /* answer with ledger_hello and send all unacked ends again; queued runs
                               were dropped */
        /* Another store's, while runs are started: kill them all, do not answer; SYNC comes again.
         * Until one is answered nothing is taken, and what ends is forgotten: it is nobody's. */
        LEDGER_SYNC_FOREIGN,
} LedgerSync;
LedgerSync ledger_on_sync(Ledger *l, const WireSync *sync);

/* HELLO for the last SYNC answered; its lists are valid until the next call. false: never synced.
 */
bool ledger_hello(Ledger *l, WireHello *ret);

/* 0: held as queued; -ESTALE: not of the last SYNC; -EEXIST: held already; -ENOBUFS: too many are
 * held; -ENOMEM. */
int ledger_add(Ledger *l, uint64_t epoch, uint64_t n, uint64_t run_id, uint64_t task_id,
               void *owner);
LedgerEntry *ledger_get(Ledger *l, uint64_t run_id); /* NULL: not held */
LedgerEntry *ledger_next_queued(Ledger *l);          /* the oldest queued one, NULL: none */
void ledger_started(Ledger *l, LedgerEntry *e);      /* queued -> started */
/* queued or started -> ended: kept until acked. false: another store's, and dropped at once:
 * nothing is to be sent. */
bool ledger_ended(Ledger *l, LedgerEntry *e);
void ledger_ack(Ledger *l,
                uint64_t run_id); /* drops it if it has ended; anything else is ignored */

/* Walks the unacked ends in the order in which they ended; start with *cursor = 0, go on with the
 * same cursor to get only those that ended since. NULL: done. */
LedgerEntry *ledger_next_ended(Ledger *l, uint64_t *cursor);
size_t ledger_count(const Ledger *l, LedgerRunState state);
