/* OUTPUT: bytes of a stream. An attempt that has ended is read from the store. A running one is
 * asked to write to its files (SPILL) and read there; when there is nothing yet and the client
 * wants to wait, the request is parked (follow.h). */
#include "dispatcher/requests/output.h"

#include <errno.h>
#include <inttypes.h>

/* A read under way. */
typedef struct OutputRead {
        RequestContext *x;
        FollowRequest request;
        run_id_t run_id;  /* of a running run, 0: read from the store */
        uint64_t changes; /* of its watch before the read */
} OutputRead;

static TaskState state_now(const RequestContext *x, uint64_t id) {
        CoreTaskView view;
        return core_task_view(x->core, id, &view) == 0 ? view.state : 0;
}

static void output_answer(RequestContext *x, const FollowRequest *r, const StoreDone *done) {
        WireOutputData body = {
                .offset = r->output.offset,
                .size = done->bytes.size,
                .end = done->complete &&
                       r->output.offset + done->bytes.size >= done->total - done->dropped,
                .total = done->total,
                .dropped = done->dropped,
                .attempt = done->attempt,
                .state = state_now(x, r->output.id),
        };
        client_link_reply(x->clients, &r->origin, WIRE_TYPE_OUTPUT_DATA, &body, done->bytes);
}

static void output_park(RequestContext *x, const FollowRequest *r, run_id_t run_id,
                        uint64_t changes) {
        if (follow_park(x->follow, r, run_id, changes) < 0)
                request_read_failed(x, &r->origin, -ENOMEM);
}

static void on_running(OutputRead *o, const StoreDone *done) {
        CoreTaskView view;
        bool still = core_task_view(o->x->core, o->request.output.id, &view) == 0 &&
                     view.run_id == o->run_id && view.state == TASK_RUNNING;
        if (!done->error && (done->bytes.size || !o->request.output.wait))
                output_answer(o->x, &o->request, done);
        else if (done->error && done->error != -ENOENT)
                request_read_failed(o->x, &o->request.origin, done->error);
        else if (still)
                output_park(o->x, &o->request, o->run_id, o->changes);
        else
                output_try(o->x, &o->request); /* it ended while its file was read */
}

static void on_output(void *context, StoreDone *done) {
        _cleanup_(freep) OutputRead *o = context;
        if (o->run_id)
                on_running(o, done);
        else if (done->error == -ENOENT)
                client_link_error(o->x->clients, &o->request.origin, EXIT_DATA,
                                  "no output of task %" PRIu64 " attempt %" PRIu64
                                  " is kept: there is no such task or attempt, or it was purged",
                                  o->request.output.id, o->request.output.attempt);
        else if (done->error)
                request_read_failed(o->x, &o->request.origin, done->error);
        else
                output_answer(o->x, &o->request, done);
}

static void output_read(RequestContext *x, const FollowRequest *r, run_id_t run_id,
                        uint64_t changes) {
        OutputRead *o = malloc(sizeof *o);
        StoreRead read = {
                .kind = STORE_READ_OUTPUT,
                .first = r->output.id,
                .attempt = (uint32_t)r->output.attempt,
                .run_id = run_id,
                .stream = (StreamKind)r->output.stream,
                .offset = r->output.offset,
                .max = r->output.max && r->output.max < WIRE_OUTPUT_MAX ? (uint32_t)r->output.max
                                                                        : WIRE_OUTPUT_MAX,
        };
        if (o)
                *o = (OutputRead){.x = x, .request = *r, .run_id = run_id, .changes = changes};
        if (!o || reads_ask(x->reads, &read, on_output, o) < 0) {
                free(o);
                request_read_failed(x, &r->origin, -ENOMEM);
        }
}

/* Of a task that runs now, at the attempt that runs. */
static void output_try_running(RequestContext *x, const FollowRequest *r,
                               const CoreTaskView *view) {
        uint64_t changes;
        bool new_watch;
        if (r->output.stream == STREAM_RESULT) { /* exists only once the run has ended */
                output_park(x, r, 0, 0);
                return;
        }
        int error = follow_watch(x->follow, r->output.id, view->run_id, &changes, &new_watch);
        if (error < 0) {
                request_read_failed(x, &r->origin, error);
                return;
        }
        if (new_watch)
                worker_link_spill(x->workers, view->worker, view->run_id);
        FollowRequest now = *r;
        now.output.attempt = view->attempt; /* from here on this attempt, whatever comes after it */
        output_read(x, &now, view->run_id, changes);
}

/* There is no attempt to read yet. */
static void output_none_yet(RequestContext *x, const FollowRequest *r, const CoreTaskView *view) {
        if (r->output.wait) {
                output_park(x, r, 0, 0);
                return;
        }
        WireOutputData body = {
                .offset = r->output.offset, .attempt = r->output.attempt, .state = view->state};
        client_link_reply(x->clients, &r->origin, WIRE_TYPE_OUTPUT_DATA, &body, (BlobSlice){0});
}

void output_try(RequestContext *x, const FollowRequest *r) {
        CoreTaskView view;
        if (core_task_view(x->core, r->output.id, &view) < 0) {
                output_read(x, r, 0, 0);
                return;
        }
        bool latest = !r->output.attempt || r->output.attempt == view.attempt;
        if (view.state == TASK_RUNNING && latest)
                output_try_running(x, r, &view);
        else if (!view.attempt || r->output.attempt > view.attempt)
                output_none_yet(x, r, &view);
        else
                output_read(x, r, 0, 0);
}

/* Whose task it is, for somebody who may only see their own. */
static void on_owner(void *context, StoreDone *done) {
        _cleanup_(freep) OutputRead *o = context;
        if (done->error == -ENOENT || (!done->error && !done->task_count))
                client_link_error(o->x->clients, &o->request.origin, EXIT_DATA,
                                  "there is no task %" PRIu64 ": see `stint list`",
                                  o->request.output.id);
        else if (done->error)
                request_read_failed(o->x, &o->request.origin, done->error);
        else if (done->tasks[0].task.uid != o->request.uid)
                client_link_error(o->x->clients, &o->request.origin, EXIT_NO_PERMISSION,
                                  "task %" PRIu64 " belongs to another user", o->request.output.id);
        else
                output_try(o->x, &o->request);
}

void request_output(RequestContext *x, ClientMessage *m) {
        FollowRequest r = {
                .origin = m->origin, .uid = m->uid, .output = *(const WireOutput *)m->body};
        if (r.output.stream > STREAM_STDERR) {
                client_link_error(x->clients, &m->origin, EXIT_DATA, "there is no stream %" PRIu64,
                                  r.output.stream);
                return;
        }
        if (request_sees_all(x, m->uid)) {
                output_try(x, &r);
                return;
        }
        OutputRead *o = malloc(sizeof *o);
        StoreRead read = {.kind = STORE_READ_TASK, .first = r.output.id};
        if (o)
                *o = (OutputRead){.x = x, .request = r};
        if (!o || reads_ask(x->reads, &read, on_owner, o) < 0) {
                free(o);
                request_read_failed(x, &m->origin, -ENOMEM);
        }
}
