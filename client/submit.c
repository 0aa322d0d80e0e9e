/* See submit.h. What gathers goes out in one SUBMIT: tasks with futures or without, and with one
 * environment; tasks that do not fit in send the others first, so ids are given in the order of the
 * calls. The tasks of one call stay together: room for them is made before the first. */
#include "client/submit.h"

#include "client/environment.h"
#include "client/future.h"
#include "client/gather.h"
#include "client/task-check.h"
#include "client/task-encode.h"

#include <errno.h>
#include <string.h>

#define SEND_TASKS 256        /* so many go out at once, */
#define SEND_BYTES (1u << 20) /* or when their payloads are as large as this */

/* ---- sending ---- */

static void refuse(StintClient *c, StintFuture **futures, size_t n) {
        c->unacknowledged -= n;
        if (!futures && !c->refusal.code)
                error_set(&c->refusal, STINT_FAILED, "out of memory");
        for (size_t i = 0; futures && i < n; i++)
                if (futures[i])
                        future_over(futures[i], -STINT_FAILED, "out of memory");
}

void submit_send(StintClient *c) {
        Gather *g = take_ptr(c->gather);
        if (!g)
                return;
        Blob *blob = g->payload_size ? blob_new_take(g->payload, g->payload_size) : NULL;
        if (blob)
                g->payload = NULL;
        Batch *b = blob || !g->payload_size ? batch_new(c, g->futures, g->count) : NULL;
        if (b) {
                BlobSlice payload = blob_slice(blob, 0, g->payload_size);
                WireSubmit body = {.flags = g->waits ? WIRE_SUBMIT_WAIT : 0,
                                   .environment_size = g->environment_size,
                                   .tasks = {g->tasks, g->count}};
                g->futures = NULL; /* the batch's */
                session_number(c->session, &body.client, &body.seq, &body.held);
                batch_sent(b, session_request(c->session, WIRE_TYPE_SUBMIT, &body, payload,
                                              batch_answer, b, &c->error));
                blob_slice_drop(&payload);
        } else {
                refuse(c, g->futures, g->count);
        }
        blob_unref(blob);
        gather_free(g);
}

void submit_forget(StintFuture *f) {
        f->client->gather->futures[f->index] = NULL;
}

void submit_free(StintClient *c) {
        c->gather = gather_free(c->gather);
}

/* ---- gathering ---- */

/* The tasks of a call, or as many of them as go into one message. */
typedef struct Chunk {
        StintClient *client;
        const StintTask *tasks;
        size_t first, n;
        size_t bound, header; /* bytes of payload with the environment, and of texts, at most */
        unsigned flags;
        StintFuture **futures; /* of the whole call; NULL: none are wanted */
        const Surroundings *surroundings;
} Chunk;

static bool chunk_fits(const Chunk *o, const Gather *g) {
        const Surroundings *s = o->surroundings;
        size_t header = (g ? g->header_size : HEADER_OVERHEAD) + o->header;
        if (g && (g->waits != (o->futures != NULL) || g->count + o->n > WIRE_TASKS_MAX))
                return false;
        if (g && s->block && g->has_block &&
            (g->environment_size != s->block_size ||
             memcmp(g->payload, s->block, s->block_size) != 0))
                return false;
        if (g && s->block && !g->has_block)
                return false; /* the environment is at the front */
        return header <= WIRE_HEADER_MAX &&
               header + (g ? g->payload_size : 0) + o->bound <= WIRE_MESSAGE_MAX;
}

static int chunk_open(Chunk *o) {
        StintClient *c = o->client;
        const Surroundings *s = o->surroundings;
        if (c->gather && !chunk_fits(o, c->gather))
                submit_send(c);
        bool fresh = !c->gather;
        if (fresh)
                c->gather = gather_new(o->futures ? GATHER_WITH_ENDS : GATHER_WITHOUT_ENDS);
        if (!c->gather || gather_reserve(c->gather, o->n, o->bound) < 0)
                return client_fail(c, STINT_FAILED, "out of memory");
        if (fresh && s->block) {
                gather_payload(c->gather, s->block, s->block_size);
                c->gather->environment_size = s->block_size;
                c->gather->has_block = true;
        }
        return 0;
}

static int chunk_add(Chunk *o, size_t i) {
        StintClient *c = o->client;
        StintTask room;
        StintFuture *f = NULL;
        if (o->futures && !(f = o->futures[i] = future_new(c, o->flags)))
                return client_fail(c, STINT_FAILED, "out of memory");
        return task_encode(c, task_at(o->tasks, i, &room), o->surroundings, c->gather, f);
}

/* Takes back what a chunk has added. */
static void chunk_undo(Chunk *o, const Gather *before) {
        Gather *g = o->client->gather;
        for (size_t i = o->first; o->futures && i < o->first + o->n; i++) {
                if (o->futures[i])
                        o->futures[i]->place = FUTURE_IDLE;
                o->futures[i] = stint_future_free(o->futures[i]);
        }
        g->count = before->count;
        g->payload_size = before->payload_size;
        if (!g->count)
                o->client->gather = gather_free(g);
}

static int chunk_submit(Chunk *o) {
        StintClient *c = o->client;
        int r = chunk_open(o);
        if (r < 0) {
                if (c->gather && !c->gather->count)
                        submit_free(c);
                return r;
        }
        Gather *g = c->gather;
        Gather before = *g;
        for (size_t i = o->first; r == 0 && i < o->first + o->n; i++)
                r = chunk_add(o, i);
        if (r < 0) {
                chunk_undo(o, &before);
                return r;
        }
        g->header_size += o->header;
        c->unacknowledged += o->n;
        if (g->count >= SEND_TASKS || g->payload_size >= SEND_BYTES)
                submit_send(c);
        return 0;
}

/* Takes as many tasks from o->first on as go into one message. They were checked. */
static void chunk_measure(Chunk *o, size_t n) {
        StintTask room;
        o->bound = o->surroundings->block_size;
        o->header = 0;
        for (o->n = 0; o->first + o->n < n && o->n < WIRE_TASKS_MAX; o->n++) {
                Chunk before = *o;
                const StintTask *task = task_at(o->tasks, o->first + o->n, &room);
                o->bound += task_payload_bound(task);
                o->header += task_header_bound(task);
                if (o->n && !chunk_fits(o, NULL)) {
                        *o = before;
                        return;
                }
        }
}

/* Everything is checked before the first task is taken. */
static int tasks_check(StintClient *c, const StintTask *tasks, size_t n, Surroundings *s) {
        StintTask room;
        for (size_t i = 0; i < n; i++) {
                int r = task_check(c, tasks, i);
                if (r == 0)
                        r = surroundings_add(c, s, task_at(tasks, i, &room));
                if (r < 0)
                        return r;
        }
        return 0;
}

static int submit_all(Chunk *o, size_t n) {
        int r = 0;
        for (o->first = 0; r == 0 && o->first < n; o->first += o->n) {
                chunk_measure(o, n);
                if (o->n < n && n <= WIRE_TASKS_MAX) /* all or none */
                        return client_fail(o->client, STINT_INVALID,
                                           "the tasks of one call have more than 16 MiB together: "
                                           "submit fewer at once");
                r = chunk_submit(o);
        }
        return r;
}

int stint_submit(StintClient *c, const StintTask *tasks, size_t n, unsigned flags,
                 StintFuture **ret) {
        _cleanup_(surroundings_done) Surroundings s = {0};
        int r = client_enter_now(c);
        if (r == 0 && flags & ~(unsigned)STINT_COLLECT)
                r = client_fail(c, STINT_INVALID, "flags: there is an unknown one");
        if (r == 0)
                r = tasks_check(c, tasks, n, &s);
        if (r < 0)
                return r;
        for (size_t i = 0; ret && i < n; i++)
                ret[i] = NULL;
        Chunk chunk = {
                .client = c, .tasks = tasks, .flags = flags, .futures = ret, .surroundings = &s};
        r = submit_all(&chunk, n);
        for (size_t i = 0; r < 0 && ret && i < n; i++)
                ret[i] = stint_future_free(ret[i]);
        return client_leave(c, r);
}

size_t stint_unacknowledged(const StintClient *c) {
        return c->unacknowledged;
}

int stint_flush(StintClient *c, int timeout_msec) {
        int r = client_enter(c);
        usec_t deadline = client_deadline(timeout_msec);
        if (r < 0)
                return r;
        while (c->unacknowledged) {
                r = client_step(c, deadline);
                if (r < 0 && c->unacknowledged)
                        return client_leave(c, r);
        }
        c->error = c->refusal;
        c->refusal = (Error){0};
        return client_leave(c, -c->error.code);
}
