/* What changes tasks that exist: CANCEL, SIGNAL, PURGE, in as many requests as the ids need, and
 * RELOAD. Ids of a request that fails are not retried here: those before it are done, and doing
 * them again changes nothing (or, for signals, sends a second one). */
#include "client/change.h"

#include "client/outcome.h"
#include "client/submit.h"

#include <errno.h>
#include <signal.h>

void outcomes_done(Outcomes *o) {
        free(o->unknown.items);
        free(o->denied.items);
        free(o->not_now.items);
        *o = (Outcomes){0};
}

static int ids_add(OutcomeIds *to, const uint64_t *ids, size_t n) {
        if (n > to->alloc - to->count) {
                size_t alloc = MAX_OF(to->count + n, 2 * to->alloc);
                uint64_t *items = reallocarray(to->items, alloc, sizeof *items);
                if (!items)
                        return -ENOMEM;
                to->items = items;
                to->alloc = alloc;
        }
        if (n)
                memcpy(to->items + to->count, ids, n * sizeof *ids);
        to->count += n;
        return 0;
}

/* A change of many ids under way. */
typedef struct Change {
        StintClient *client;
        Outcomes *lists;
        uint64_t done, other, waiting;
        int signal;
} Change;

static int change_list(Change *c, OutcomeIds *to, const WireNumbers *ids) {
        return ids_add(to, ids->items, ids->count) < 0
                       ? client_fail(c->client, STINT_FAILED, "out of memory")
                       : 0;
}

static int change_add(Change *c, uint64_t done, uint64_t other, const WireNumbers *unknown,
                      const WireNumbers *denied) {
        c->done += done;
        c->other += other;
        int r = change_list(c, &c->lists->unknown, unknown);
        return r < 0 ? r : change_list(c, &c->lists->denied, denied);
}

int change_number(StintClient *c, WireText *ret_client, uint64_t *ret_seq, uint64_t *ret_held) {
        int r = client_enter(c);
        if (r < 0)
                return r;
        submit_send(c);
        session_number(client_session(c), ret_client, ret_seq, ret_held);
        return 0;
}

static int cancel_some(Change *c, WireNumbers ids) {
        SessionAnswer answer;
        WireCancel cancel = {.signal = (uint64_t)c->signal, .ids = ids};
        int r = change_number(c->client, &cancel.client, &cancel.seq, &cancel.held);
        if (r < 0)
                return r;
        r = client_call(c->client, WIRE_TYPE_CANCEL, &cancel, (BlobSlice){0}, WIRE_TYPE_CANCELLED,
                        &answer);
        if (r < 0)
                return r;
        const WireCancelled *w = answer.body;
        return change_add(c, w->cancelled, w->ended, &w->unknown, &w->denied);
}

static int signal_some(Change *c, WireNumbers ids) {
        SessionAnswer answer;
        WireSignal signal = {.signal = (uint64_t)c->signal, .ids = ids};
        int r = client_call(c->client, WIRE_TYPE_SIGNAL, &signal, (BlobSlice){0},
                            WIRE_TYPE_SIGNALLED, &answer);
        if (r < 0)
                return r;
        const WireSignalled *w = answer.body;
        c->waiting += w->waiting;
        return change_add(c, w->signalled, w->ended, &w->unknown, &w->denied);
}

static int purge_some(Change *c, WireNumbers ids) {
        SessionAnswer answer;
        WirePurge purge = {.ids = ids};
        int r = change_number(c->client, &purge.client, &purge.seq, &purge.held);
        if (r < 0)
                return r;
        r = client_call(c->client, WIRE_TYPE_PURGE, &purge, (BlobSlice){0}, WIRE_TYPE_PURGED,
                        &answer);
        if (r < 0)
                return r;
        const WirePurged *w = answer.body;
        size_t room = WIRE_TASKS_MAX - MIN_OF(c->lists->not_now.count, (size_t)WIRE_TASKS_MAX);
        WireNumbers shown = {w->unended.items, MIN_OF(w->unended.count, room)};
        r = change_add(c, w->purged, w->unended.count, &w->unknown, &w->denied);
        return r < 0 ? r : change_list(c, &c->lists->not_now, &shown);
}

static int change_all(StintClient *client, const uint64_t *ids, size_t n, int signal,
                      int (*change)(Change *c, WireNumbers ids), StintOutcome *ret) {
        Change c = {.client = client, .lists = client_outcomes(client), .signal = signal};
        outcomes_done(c.lists);
        for (size_t at = 0; at < n; at += WIRE_TASKS_MAX) {
                int r = change(&c, (WireNumbers){ids + at, MIN_OF(n - at, (size_t)WIRE_TASKS_MAX)});
                if (r < 0)
                        return r;
        }
        if (ret)
                *ret = (StintOutcome){
                        .done = c.done,
                        .other = c.other,
                        .waiting = c.waiting,
                        .unknown = c.lists->unknown.items,
                        .unknown_count = c.lists->unknown.count,
                        .denied = c.lists->denied.items,
                        .denied_count = c.lists->denied.count,
                        .not_now = c.lists->not_now.items,
                        .not_now_count = c.lists->not_now.count,
                };
        return 0;
}

int stint_cancel(StintClient *client, const uint64_t *ids, size_t n, int signal,
                 StintOutcome *ret) {
        if (signal < 0 || signal >= NSIG)
                return client_fail(client, STINT_INVALID,
                                   "cannot cancel: there is no signal %d; give a number of "
                                   "signal(7), or 0 for TERM",
                                   signal);
        return change_all(client, ids, n, signal, cancel_some, ret);
}

int stint_signal(StintClient *client, const uint64_t *ids, size_t n, int signal,
                 StintOutcome *ret) {
        if (signal <= 0 || signal >= NSIG)
                return client_fail(client, STINT_INVALID,
                                   "cannot signal: there is no signal %d; give a number of "
                                   "signal(7)",
                                   signal);
        return change_all(client, ids, n, signal, signal_some, ret);
}

int stint_purge(StintClient *client, const uint64_t *ids, size_t n, StintOutcome *ret) {
        return change_all(client, ids, n, 0, purge_some, ret);
}

int stint_reload(StintClient *client, uint64_t *ret_generation, char **ret_changes) {
        SessionAnswer answer;
        int r = client_call(client, WIRE_TYPE_RELOAD, &(WireReload){0}, (BlobSlice){0},
                            WIRE_TYPE_RELOADED, &answer);
        if (r < 0)
                return r;
        const WireReloaded *w = answer.body;
        if (w->code)
                return client_fail(client, STINT_BAD_CONFIG, "%.*s", (int)w->text.size,
                                   w->text.data);
        if (ret_generation)
                *ret_generation = w->generation;
        if (ret_changes &&
            asprintf(ret_changes, "%.*s", (int)w->text.size, w->text.size ? w->text.data : "") < 0)
                return client_fail(client, STINT_FAILED, "out of memory");
        return 0;
}
