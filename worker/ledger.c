/* See ledger.h. Every entry is in one table by run id and, while it is queued or ended, in an
 * intrusive list in the order in which it came there: only ledger_add allocates, so a run that has
 * ended can always be kept. */
#include "worker/ledger.h"

#include "common/table.h"

#include <errno.h>
#include <utlist.h>

typedef struct Entry Entry;
struct Entry {
        LedgerEntry public;
        uint64_t order; /* rises along Ledger.ended: what the cursors of ledger_next_ended count */
        Entry *prev, *next;
};

struct Ledger {
        uint64_t serial;
        LedgerDrop drop;
        void *userdata;

        bool synced;    /* a SYNC has been answered: epoch, n and store are its */
        bool condemned; /* another store's SYNC came while runs were started: they all die */
        uint64_t epoch, n;
        uint8_t store[WIRE_UUID];
        size_t store_size;

        Table runs; /* run id -> Entry, all */
        Entry *queued, *ended;
        size_t queued_count, ended_count;
        uint64_t last_order;
        Entry *last_walked; /* what ledger_next_ended gave last, while it is kept */

        uint64_t *hello; /* room for the four lists of ledger_hello, LEDGER_RUNS_MAX numbers each */
};

int ledger_new(uint64_t serial, LedgerDrop drop, void *userdata, Ledger **ret) {
        Ledger *l = calloc(1, sizeof *l);
        if (!l)
                return -ENOMEM;
        l->hello = calloc(4 * (size_t)LEDGER_RUNS_MAX, sizeof *l->hello);
        if (!l->hello) {
                free(l);
                return -ENOMEM;
        }
        l->serial = serial;
        l->drop = drop;
        l->userdata = userdata;
        *ret = l;
        return 0;
}

static void leave_list(Ledger *l, Entry *e) {
        if (e->public.state == LEDGER_QUEUED) {
                DL_DELETE(l->queued, e);
                l->queued_count--;
        } else if (e->public.state == LEDGER_ENDED) {
                DL_DELETE(l->ended, e);
                l->ended_count--;
        }
}

/* Forgets e and gives its owner back. */
static void entry_drop(Ledger *l, Entry *e) {
        leave_list(l, e);
        (void)table_remove(&l->runs, e->public.run_id);
        if (l->last_walked == e)
                l->last_walked = NULL;
        if (l->drop)
                l->drop(e->public.owner, e->public.state, l->userdata);
        free(e);
}

Ledger *ledger_free(Ledger *l) {
        if (!l)
                return NULL;
        uint64_t key = 0;
        for (Entry *e; (e = table_first_from(&l->runs, &key));)
                entry_drop(l, e);
        table_done(&l->runs);
        free(l->hello);
        free(l);
        return NULL;
}

static bool is_own_store(const Ledger *l, WireText store) {
        return l->synced && store.size == l->store_size &&
               memcmp(store.data, l->store, store.size) == 0;
}

LedgerSync ledger_on_sync(Ledger *l, const WireSync *sync) {
        bool own = is_own_store(l, sync->store);
        bool newer = sync->epoch > l->epoch || (sync->epoch == l->epoch && sync->n > l->n);
        if (sync->store.size > sizeof l->store || (l->synced && !newer))
                return LEDGER_SYNC_STALE;

        while (l->queued)
                entry_drop(l, l->queued);
        while (!own && l->ended)
                entry_drop(l, l->ended);
        if ((!own || l->condemned) && ledger_count(l, LEDGER_STARTED) > 0) {
                l->condemned = true;
                return LEDGER_SYNC_FOREIGN;
        }
        l->synced = true;
        l->condemned = false;
        l->epoch = sync->epoch;
        l->n = sync->n;
        l->store_size = sync->store.size;
        if (sync->store.size > 0)
                memcpy(l->store, sync->store.data, sync->store.size);
        return LEDGER_SYNC_ANSWER;
}

bool ledger_hello(Ledger *l, WireHello *ret) {
        if (!l->synced)
                return false;
        uint64_t *running = l->hello, *running_tasks = running + LEDGER_RUNS_MAX;
        uint64_t *unacked = running_tasks + LEDGER_RUNS_MAX,
                 *unacked_tasks = unacked + LEDGER_RUNS_MAX;
        size_t running_count = 0, unacked_count = 0;
        uint64_t key = 0;
        for (Entry *e; (e = table_first_from(&l->runs, &key)); key++) {
                if (e->public.state != LEDGER_STARTED)
                        continue;
                running_tasks[running_count] = e->public.task_id;
                running[running_count++] = e->public.run_id;
        }
        for (Entry *e = l->ended; e; e = e->next) {
                unacked_tasks[unacked_count] = e->public.task_id;
                unacked[unacked_count++] = e->public.run_id;
        }
        *ret = (WireHello){
                .serial = l->serial,
                .epoch = l->epoch,
                .n = l->n,
                .store = wire_bytes(l->store, l->store_size),
                .running = {running, running_count},
                .unacked = {unacked, unacked_count},
                .running_tasks = {running_tasks, running_count},
                .unacked_tasks = {unacked_tasks, unacked_count},
        };
        return true;
}

int ledger_add(Ledger *l, uint64_t epoch, uint64_t n, uint64_t run_id, uint64_t task_id,
               void *owner) {
        if (!l->synced || l->condemned || epoch != l->epoch || n != l->n)
                return -ESTALE;
        if (table_get(&l->runs, run_id))
                return -EEXIST;
        if (l->runs.count >= LEDGER_RUNS_MAX)
                return -ENOBUFS;
        Entry *e = calloc(1, sizeof *e);
        if (!e)
                return -ENOMEM;
        e->public = (LedgerEntry){
                .run_id = run_id, .task_id = task_id, .state = LEDGER_QUEUED, .owner = owner};
        if (table_put(&l->runs, run_id, e) < 0) {
                free(e);
                return -ENOMEM;
        }
        DL_APPEND(l->queued, e);
        l->queued_count++;
        return 0;
}

LedgerEntry *ledger_get(Ledger *l, uint64_t run_id) {
        Entry *e = table_get(&l->runs, run_id);
        return e ? &e->public : NULL;
}

LedgerEntry *ledger_next_queued(Ledger *l) {
        return l->queued ? &l->queued->public : NULL;
}

void ledger_started(Ledger *l, LedgerEntry *entry) {
        Entry *e = CONTAINER_OF(entry, Entry, public);
        ASSERT(entry->state == LEDGER_QUEUED);
        leave_list(l, e);
        entry->state = LEDGER_STARTED;
}

bool ledger_ended(Ledger *l, LedgerEntry *entry) {
        Entry *e = CONTAINER_OF(entry, Entry, public);
        ASSERT(entry->state == LEDGER_QUEUED || entry->state == LEDGER_STARTED);
        if (l->condemned) {
                entry_drop(l, e);
                return false;
        }
        leave_list(l, e);
        entry->state = LEDGER_ENDED;
        e->order = ++l->last_order;
        DL_APPEND(l->ended, e);
        l->ended_count++;
        return true;
}

void ledger_ack(Ledger *l, uint64_t run_id) {
        Entry *e = table_get(&l->runs, run_id);
        if (e && e->public.state == LEDGER_ENDED)
                entry_drop(l, e);
}

/* The first ended entry behind order. A walk comes from the start, or goes on where the last one
 * stopped, or looks for what is new at the tail: each is short. */
static Entry *first_ended_behind(Ledger *l, uint64_t order) {
        if (!l->ended || l->ended->order > order)
                return l->ended;
        if (l->last_walked && l->last_walked->order == order)
                return l->last_walked->next;
        Entry *e = l->ended->prev; /* the tail */
        if (e->order <= order)
                return NULL;
        while (e->prev->order > order)
                e = e->prev;
        return e;
}

LedgerEntry *ledger_next_ended(Ledger *l, uint64_t *cursor) {
        Entry *e = first_ended_behind(l, *cursor);
        if (!e)
                return NULL;
        l->last_walked = e;
        *cursor = e->order;
        return &e->public;
}

size_t ledger_count(const Ledger *l, LedgerRunState state) {
        if (state == LEDGER_QUEUED)
                return l->queued_count;
        if (state == LEDGER_ENDED)
                return l->ended_count;
        return l->runs.count - l->queued_count - l->ended_count;
}
