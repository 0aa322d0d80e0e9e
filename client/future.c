/* Futures and the requests that tell of their ends. A batch is such a request: a SUBMIT that waits,
 * whose futures have the ids first … first + n - 1 once it is acknowledged, or a WAIT for the tasks
 * of stint_future_of, in the order of their ids. Handlers of the program run later, in
 * futures_tell, when no list of ours is being walked. */
#include "client/future.h"

#include "client/collect.h"
#include "client/grow.h"
#include "client/submit.h"

#include <inttypes.h>
#include <string.h>

struct Batch {
        StintClient *client;
        Batch *next, **link;
        StintFuture **futures; /* entries are NULL once freed or over */
        size_t n, live;
        uint64_t first; /* SUBMIT: 0 until it is acknowledged */
        uint64_t *ids;  /* WAIT: ascending; NULL: SUBMIT */
        uint64_t request;
};

/* ---- over ---- */

StintFuture *future_new(StintClient *c, unsigned flags) {
        bool collects = flags & STINT_COLLECT;
        StintFuture *f = calloc(1, sizeof *f + (collects ? sizeof *f->collected : 0));
        if (!f)
                return NULL;
        f->client = c;
        f->collected = collects ? (Collected *)(f + 1) : NULL;
        f->next = c->futures;
        f->link = &c->futures;
        if (f->next)
                f->next->link = &f->next;
        c->futures = f;
        return f;
}

static void over_append(StintFuture *f) {
        StintClient *c = f->client;
        f->over_next = NULL;
        f->over_link = c->over_end;
        *c->over_end = f;
        c->over_end = &f->over_next;
}

static void over_remove(StintFuture *f) {
        if (!f->over_link)
                return;
        *f->over_link = f->over_next;
        if (f->over_next)
                f->over_next->over_link = f->over_link;
        else
                f->client->over_end = f->over_link;
        f->over_link = NULL;
}

/* Whoever waits for it need not any longer. */
static void wait_done(StintFuture *f) {
        StintClient *c = f->client;
        if (!c->wait_left || f->wait_stamp != c->wait_stamp)
                return;
        c->wait_left--;
        c->wait_index = f->wait_index;
        if (f->status < 0 && !c->wait_status) {
                c->wait_status = f->status;
                client_fail(c, -f->status, "%s", stint_future_error(f));
        }
}

void future_over(StintFuture *f, int status, const char *error) {
        f->status = status;
        f->error = error ? strdup(error) : NULL;
        f->place = FUTURE_IDLE;
        f->over = true;
        wait_done(f);
        if (f->handler)
                over_append(f);
}

void futures_tell(StintClient *c) {
        StintFuture *f;
        while ((f = c->over)) {
                StintFutureHandler handler = f->handler;
                over_remove(f);
                f->handler = NULL;
                c->handling++;
                if (handler)
                        handler(f, f->userdata);
                c->handling--;
        }
}

/* ---- batches ---- */

Batch *batch_new(StintClient *c, StintFuture **futures, size_t n) {
        Batch *b = calloc(1, sizeof *b);
        if (!b)
                return NULL;
        *b = (Batch){
                .client = c, .futures = futures, .n = n, .next = c->batches, .link = &c->batches};
        if (b->next)
                b->next->link = &b->next;
        c->batches = b;
        for (size_t i = 0; futures && i < n; i++) {
                if (!futures[i])
                        continue;
                futures[i]->batch = b;
                futures[i]->index = i;
                futures[i]->place = FUTURE_IDLE;
                b->live++;
        }
        return b;
}

static void batch_free(Batch *b) {
        *b->link = b->next;
        if (b->next)
                b->next->link = b->link;
        free(b->futures);
        free(b->ids);
        free(b);
}

static bool batch_is_unacknowledged(const Batch *b) {
        return !b->ids && !b->first;
}

static StintFuture *batch_take(Batch *b, size_t index) {
        StintFuture *f = b->futures && index < b->n ? b->futures[index] : NULL;
        if (!f)
                return NULL;
        b->futures[index] = NULL;
        b->live--;
        f->batch = NULL;
        return f;
}

static void batch_fail(Batch *b, int code, const char *text) {
        StintClient *c = b->client;
        if (batch_is_unacknowledged(b)) {
                c->unacknowledged -= b->n;
                if (!b->live && !c->refusal.code)
                        error_set(&c->refusal, code, "%s", text);
        }
        for (size_t i = 0; i < b->n; i++) {
                StintFuture *f = batch_take(b, i);
                if (f)
                        future_over(f, -code, text);
        }
        batch_free(b);
}

void batch_sent(Batch *b, int64_t id) {
        if (id < 0)
                batch_fail(b, (int)-id, b->client->error.text);
        else
                b->request = (uint64_t)id;
}

/* Nobody wants to know any more. */
static void batch_drop(Batch *b) {
        session_forget(b->client->session, b->request);
        batch_free(b);
}

static void cancel_add(StintClient *c, uint64_t id) {
        if (grow((void **)&c->cancels, &c->cancel_alloc, c->cancel_count + 1, sizeof id) == 0)
                c->cancels[c->cancel_count++] = id;
}

static void on_acknowledged(Batch *b, const WireSubmitted *submitted) {
        b->client->unacknowledged -= b->n;
        b->first = submitted->first_id;
        for (size_t i = 0; b->futures && i < b->n; i++) {
                StintFuture *f = b->futures[i];
                if (!f)
                        continue;
                f->end.id = b->first + i;
                if (f->cancel)
                        cancel_add(b->client, f->end.id);
        }
        if (!b->futures)
                batch_free(b); /* the request is over */
        else if (!b->live)
                batch_drop(b);
}

/* Index of the first future of that id, n if there is none. */
static size_t batch_find(const Batch *b, uint64_t id) {
        if (!b->ids)
                return id >= b->first && id - b->first < b->n ? (size_t)(id - b->first) : b->n;
        size_t low = 0, high = b->n;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (b->ids[middle] < id)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < b->n && b->ids[low] == id ? low : b->n;
}

/* Gives an end, or NULL for an unknown task, to every future of that id. */
static void batch_end(Batch *b, uint64_t id, const WireEndedTask *end) {
        char text[64];
        for (size_t i = batch_find(b, id); i < b->n; i++) {
                if (b->ids && b->ids[i] != id)
                        return;
                StintFuture *f = batch_take(b, i);
                if (f && end) {
                        f->end = (StintEnd){.id = id,
                                            .state = (StintState)end->state,
                                            .reason = (StintReason)end->reason,
                                            .code = end->code};
                        f->ended = true;
                        if (f->collected)
                                collect_add(f);
                        else
                                future_over(f, 0, NULL);
                } else if (f) {
                        snprintf(text, sizeof text, "there is no task %" PRIu64, id);
                        future_over(f, -STINT_NOT_FOUND, text);
                }
                if (!b->ids)
                        return;
        }
}

static void on_ended(Batch *b, const WireEnded *ended) {
        for (size_t i = 0; i < ended->ends.count; i++)
                batch_end(b, ended->ends.items[i].id, &ended->ends.items[i]);
        for (size_t i = 0; i < ended->unknown.count; i++)
                batch_end(b, ended->unknown.items[i], NULL);
        if (!ended->more)
                batch_fail(b, STINT_NOT_FOUND, "the task was purged before its end was seen");
        else if (!b->live)
                batch_drop(b);
}

void batch_answer(void *userdata, const SessionAnswer *answer, const Error *error) {
        Batch *b = userdata;
        if (!answer)
                batch_fail(b, error->code, error->text);
        else if (answer->type == WIRE_TYPE_SUBMITTED && batch_is_unacknowledged(b))
                on_acknowledged(b, answer->body);
        else if (answer->type == WIRE_TYPE_ENDED)
                on_ended(b, answer->body);
}

/* ---- what goes out with the next wait ---- */

static int by_id(const void *a, const void *b) {
        const StintFuture *const *x = a, *const *y = b;
        return (*x)->end.id < (*y)->end.id ? -1 : (*x)->end.id > (*y)->end.id;
}

/* The ids of a batch of futures, which are in order of them, as ranges. */
static size_t batch_ranges(Batch *b, WireRange *ranges) {
        size_t count = 0;
        for (size_t i = 0; i < b->n; i++) {
                uint64_t id = b->ids[i] = b->futures[i]->end.id;
                WireRange *last = count ? &ranges[count - 1] : NULL;
                if (last && id == last->first + last->count)
                        last->count++;
                else if (!last || id > last->first + last->count)
                        ranges[count++] = (WireRange){.first = id, .count = 1};
        }
        return count;
}

/* One WAIT for the tasks of n futures. */
static void wait_send(StintClient *c, StintFuture **from, size_t n) {
        _cleanup_(freep) WireRange *ranges = malloc(n * sizeof *ranges);
        uint64_t *ids = malloc(n * sizeof *ids);
        StintFuture **futures = malloc(n * sizeof(StintFuture *));
        if (futures)
                memcpy(futures, from, n * sizeof(StintFuture *));
        Batch *b = futures && ids && ranges ? batch_new(c, futures, n) : NULL;
        if (!b) {
                free(futures);
                free(ids);
                for (size_t i = 0; i < n; i++)
                        future_over(from[i], -STINT_FAILED, "out of memory");
                return;
        }
        b->ids = ids;
        WireWait wait = {.ranges = {ranges, batch_ranges(b, ranges)}};
        batch_sent(b, session_request(c->session, WIRE_TYPE_WAIT, &wait, (BlobSlice){0},
                                      batch_answer, b, &c->error));
}

static void on_cancelled(void *userdata, const SessionAnswer *answer, const Error *error) {
        /* The future tells how it ended; what cannot be cancelled goes on. */
}

static void cancels_send(StintClient *c) {
        for (size_t at = 0, n; at < c->cancel_count; at += n) {
                n = MIN_OF(c->cancel_count - at, (size_t)WIRE_TASKS_MAX);
                WireCancel cancel = {.ids = {c->cancels + at, n}};
                session_number(c->session, &cancel.client, &cancel.seq, &cancel.held);
                session_request(c->session, WIRE_TYPE_CANCEL, &cancel, (BlobSlice){0}, on_cancelled,
                                NULL, &c->error);
        }
        c->cancel_count = 0;
}

void futures_send(StintClient *c) {
        size_t n = 0;
        for (size_t i = 0; i < c->wanted_count; i++)
                if (c->wanted[i])
                        c->wanted[n++] = c->wanted[i];
        c->wanted_count = 0;
        if (n)
                qsort(c->wanted, n, sizeof(StintFuture *), by_id);
        for (size_t at = 0; at < n; at += WIRE_TASKS_MAX)
                wait_send(c, c->wanted + at, MIN_OF(n - at, (size_t)WIRE_TASKS_MAX));
        cancels_send(c);
}

/* ---- for the program ---- */

StintFuture *stint_future_of(StintClient *c, uint64_t id, unsigned flags) {
        StintFuture *f = future_new(c, flags);
        int r = client_enter_now(c);
        if (!f)
                return NULL;
        f->end.id = id;
        if (r == 0 && !id)
                r = client_fail(c, STINT_INVALID, "task 0: ids begin at 1");
        if (r < 0) {
                future_over(f, r, c->error.text);
                return f;
        }
        if (grow((void **)&c->wanted, &c->wanted_alloc, c->wanted_count + 1, sizeof f) < 0)
                return stint_future_free(f);
        f->place = FUTURE_WANTED;
        f->index = c->wanted_count;
        c->wanted[c->wanted_count++] = f;
        client_leave(c, 0);
        return f;
}

StintFuture *stint_future_free(StintFuture *f) {
        if (!f)
                return NULL;
        StintClient *c = f->client;
        Batch *b = f->batch;
        if (f->place == FUTURE_GATHERED)
                submit_forget(f);
        else if (f->place == FUTURE_WANTED)
                c->wanted[f->index] = NULL;
        else if (f->place == FUTURE_COLLECTING)
                collect_forget(f);
        if (!f->over)
                wait_done(f);
        if (b) {
                batch_take(b, f->index);
                if (!b->live && !batch_is_unacknowledged(b))
                        batch_drop(b);
        }
        over_remove(f);
        *f->link = f->next;
        if (f->next)
                f->next->link = f->link;
        if (f->collected)
                blob_unref(f->collected->blob);
        free(f->error);
        free(f);
        return NULL;
}

void futures_free(StintClient *c) {
        while (c->batches)
                batch_free(c->batches);
        for (StintFuture *f = c->futures, *next; f; f = next) {
                next = f->next;
                if (f->collected)
                        blob_unref(f->collected->blob);
                free(f->error);
                free(f);
        }
        free(c->wanted);
        free(c->cancels);
}

uint64_t stint_future_id(const StintFuture *f) {
        return f->end.id;
}

int stint_future_poll(const StintFuture *f) {
        return f->over;
}

int stint_future_status(const StintFuture *f) {
        return f->status;
}

const char *stint_future_error(const StintFuture *f) {
        return f->error ? f->error : f->status < 0 ? "out of memory" : "";
}

const StintEnd *stint_future_end(const StintFuture *f) {
        return f->over && f->ended ? &f->end : NULL;
}

const StintOutput *stint_future_output(const StintFuture *f, StintStream stream) {
        if (!f->over || !f->collected || (unsigned)stream > STINT_STDERR)
                return NULL;
        const StintOutput *o = &f->collected->streams[stream];
        return o->attempt ? o : NULL;
}

void stint_future_then(StintFuture *f, StintFutureHandler handler, void *userdata) {
        StintClient *c = f->client;
        f->userdata = userdata;
        if (!f->over || f->over_link) {
                f->handler = handler;
        } else if (handler) {
                c->handling++;
                handler(f, userdata);
                c->handling--;
        }
}

int stint_future_cancel(StintFuture *f) {
        StintClient *c = f->client;
        int r = client_enter_now(c);
        if (r < 0 || f->over || f->ended || f->cancel)
                return r;
        if (grow((void **)&c->cancels, &c->cancel_alloc, c->cancel_count + 1, sizeof(uint64_t)) < 0)
                return client_fail(c, STINT_FAILED, "out of memory");
        f->cancel = true;
        if (f->end.id)
                cancel_add(c, f->end.id);
        return client_leave(c, 0);
}
