/* Waiting for futures and for ranges of ids. The futures of a call carry its stamp and are counted
 * down as they are over (future.c), so a wait costs its futures once and not again a wakeup; and
 * after it none of them is touched, since a handler may have freed it. */
#include "client/future.h"

#include "common/table.h"

#include <inttypes.h>

/* ---- futures ---- */

/* Stamps those that are not over; *ret_over: the first that is, or n. */
static void stamp(StintClient *c, StintFuture *const *futures, size_t n, size_t *ret_over) {
        *ret_over = n;
        c->wait_stamp++;
        c->wait_left = 0;
        c->wait_status = 0;
        for (size_t i = 0; i < n; i++) {
                StintFuture *f = futures[i];
                if (f->over) {
                        *ret_over = MIN_OF(*ret_over, i);
                        if (f->status < 0 && !c->wait_status)
                                c->wait_status =
                                        client_fail(c, -f->status, "%s", stint_future_error(f));
                } else if (f->wait_stamp != c->wait_stamp) {
                        f->wait_stamp = c->wait_stamp;
                        f->wait_index = i;
                        c->wait_left++;
                }
        }
}

/* Ends a wait in which r was the result. */
static int unstamp(StintClient *c, int r) {
        c->wait_left = 0;
        return client_leave(c, r);
}

int stint_wait_all(StintClient *c, StintFuture *const *futures, size_t n, int timeout_msec) {
        size_t over;
        int r = client_enter(c);
        usec_t deadline = client_deadline(timeout_msec);
        if (r < 0)
                return r;
        stamp(c, futures, n, &over);
        while (c->wait_left) {
                r = client_step(c, deadline);
                if (r < 0 && c->wait_left)
                        return unstamp(c, r);
        }
        return unstamp(c, c->wait_status);
}

int stint_wait_any(StintClient *c, StintFuture *const *futures, size_t n, int timeout_msec,
                   size_t *ret) {
        size_t over;
        int r = client_enter(c);
        usec_t deadline = client_deadline(timeout_msec);
        if (r == 0 && !n)
                r = client_fail(c, STINT_INVALID, "there is no future to wait for");
        if (r < 0)
                return r;
        stamp(c, futures, n, &over);
        if (over == n) {
                for (size_t before = c->wait_left; c->wait_left == before;) {
                        r = client_step(c, deadline);
                        if (r < 0 && c->wait_left == before)
                                return unstamp(c, r);
                }
                over = c->wait_index;
        }
        *ret = over;
        c->error = (Error){0};
        return unstamp(c, 0);
}

int stint_future_wait(StintFuture *f, int timeout_msec) {
        return stint_wait_all(f->client, &f, 1, timeout_msec);
}

int stint_future_wait_acknowledged(StintFuture *f, int timeout_msec) {
        StintClient *c = f->client;
        size_t over;
        int r = client_enter(c);
        usec_t deadline = client_deadline(timeout_msec);
        if (r < 0)
                return r;
        stamp(c, &f, 1, &over);
        while (c->wait_left && !f->end.id) {
                r = client_step(c, deadline);
                if (r < 0 && c->wait_left && !f->end.id)
                        return unstamp(c, r);
        }
        return unstamp(c, c->wait_left ? 0 : c->wait_status);
}

/* ---- ranges ---- */

typedef struct RangesWait RangesWait;

typedef struct RangesRequest {
        RangesWait *wait;
        uint64_t id; /* 0: answered for good */
} RangesRequest;

struct RangesWait {
        StintClient *client;
        RangesRequest *requests;
        size_t count, left;
        Table seen; /* ids that were told: after a reconnect all are told again */
        StintEndHandler on_end;
        void *userdata;
        int result; /* not 0: it is over */
};

static void range_end(RangesWait *w, const WireEndedTask *task) {
        StintClient *c = w->client;
        StintEnd end = {.id = task->id,
                        .state = (StintState)task->state,
                        .reason = (StintReason)task->reason,
                        .code = task->code};
        if (table_get(&w->seen, task->id))
                return;
        if (table_put(&w->seen, task->id, w) < 0) {
                w->result = client_fail(c, STINT_FAILED, "out of memory");
                return;
        }
        if (!w->on_end)
                return;
        c->handling++;
        w->result = w->on_end(w->userdata, &end);
        c->handling--;
}

static void on_ranges(void *userdata, const SessionAnswer *answer, const Error *error) {
        RangesRequest *request = userdata;
        RangesWait *w = request->wait;
        StintClient *c = w->client;
        const WireEnded *ended = answer ? answer->body : NULL;
        if (!answer || answer->type != WIRE_TYPE_ENDED) {
                request->id = 0;
                w->left--;
                w->result = w->result ? w->result
                            : answer  ? client_fail(c, STINT_MISMATCH,
                                                    "the dispatcher's answer about ends makes no "
                                                     "sense: install the same version of both")
                                      : client_fail(c, error->code, "%s", error->text);
                return;
        }
        for (size_t i = 0; !w->result && i < ended->ends.count; i++)
                range_end(w, &ended->ends.items[i]);
        if (!w->result && ended->unknown.count)
                w->result = client_fail(c, STINT_NOT_FOUND,
                                        "there is no task %" PRIu64 ": see `stint list`",
                                        ended->unknown.items[0]);
        if (ended->more)
                return;
        request->id = 0;
        w->left--;
}

static int ranges_send(RangesWait *w, const StintRange *ranges, size_t n) {
        StintClient *c = w->client;
        _cleanup_(freep) WireRange *wire = malloc(MIN_OF(n, (size_t)WIRE_TASKS_MAX) * sizeof *wire);
        w->requests = calloc(n / WIRE_TASKS_MAX + 1, sizeof *w->requests);
        if (!wire || !w->requests)
                return client_fail(c, STINT_FAILED, "out of memory");
        for (size_t at = 0, part; at < n; at += part) {
                part = MIN_OF(n - at, (size_t)WIRE_TASKS_MAX);
                for (size_t i = 0; i < part; i++)
                        wire[i] = (WireRange){ranges[at + i].first, ranges[at + i].count};
                RangesRequest *request = &w->requests[w->count];
                request->wait = w;
                int64_t id = session_request(c->session, WIRE_TYPE_WAIT,
                                             &(WireWait){.ranges = {wire, part}}, (BlobSlice){0},
                                             on_ranges, request, &c->error);
                if (id < 0)
                        return (int)id;
                request->id = (uint64_t)id;
                w->count++;
                w->left++;
        }
        return 0;
}

int stint_wait_ranges(StintClient *c, const StintRange *ranges, size_t n, int timeout_msec,
                      StintEndHandler on_end, void *userdata) {
        RangesWait w = {.client = c, .on_end = on_end, .userdata = userdata};
        int r = client_enter(c);
        usec_t deadline = client_deadline(timeout_msec);
        if (r < 0 || !n)
                return r;
        r = ranges_send(&w, ranges, n);
        while (r >= 0 && w.left && !w.result)
                r = client_step(c, deadline);
        r = w.result ? w.result : MIN_OF(r, 0);
        for (size_t i = 0; i < w.count; i++)
                if (w.requests[i].id)
                        session_forget(c->session, w.requests[i].id);
        free(w.requests);
        table_done(&w.seen);
        return client_leave(c, r);
}
