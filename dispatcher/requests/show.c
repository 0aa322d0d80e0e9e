/* SHOW: everything that is kept of one task. */
#include "dispatcher/requests/request.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define ATTEMPTS_MAX 256

typedef struct Show {
        RequestContext *x;
        CoreOrigin origin;
        uint32_t uid;
        uint64_t id;
} Show;

static void on_task(void *context, StoreDone *done);

static void show_ask(Show *s) {
        StoreRead read = {.kind = STORE_READ_TASK, .first = s->id};
        if (reads_ask(s->x->reads, &read, on_task, s) == 0)
                return;
        request_read_failed(s->x, &s->origin, -ENOMEM);
        free(s);
}

static WireAttempt attempt_from(const RunRecord *r) {
        return (WireAttempt){
                .attempt = r->attempt,
                .run_id = r->run_id,
                .worker = r->worker,
                .state = r->state,
                .reason = r->reason,
                .code = r->code,
                .started_usec = r->started_usec,
                .ended_usec = r->ended_usec,
                .user_usec = r->user_usec,
                .system_usec = r->system_usec,
                .max_rss_bytes = r->max_rss_bytes,
                .out_total = r->out_total,
                .err_total = r->err_total,
                .out_dropped = r->out_total > r->out_kept ? r->out_total - r->out_kept : 0,
                .err_dropped = r->err_total > r->err_kept ? r->err_total - r->err_kept : 0,
                .result_size = r->result.size,
                .detail = wire_bytes(blob_slice_data(r->detail), r->detail.size),
        };
}

/* Environment and payload as one frame. */
static int shown_payload(const TaskRecord *t, BlobSlice *ret) {
        size_t size = (size_t)t->environment.size + t->payload.size;
        char *data = malloc(size + 1);
        if (!data)
                return -ENOMEM;
        memcpy(data, blob_slice_data(t->environment), t->environment.size);
        memcpy(data + t->environment.size, blob_slice_data(t->payload), t->payload.size);
        Blob *blob = blob_new_take(data, size);
        if (!blob) {
                free(data);
                return -ENOMEM;
        }
        *ret = blob_slice(blob, 0, size);
        blob_unref(blob);
        return 0;
}

static void show_answer(const Show *s, const StoreDone *done, const WireRow *row) {
        const StoredTask *t = &done->tasks[0];
        WireAttempt attempts[ATTEMPTS_MAX];
        size_t n = 0;
        for (size_t i = 0; i < done->run_count && n < ATTEMPTS_MAX - 1; i++)
                attempts[n++] = attempt_from(&done->runs[i]);
        if (t->end.state && t->end.run_id)
                attempts[n++] = attempt_from(&t->end);
        WireShown body = {
                .task = {row, 1},
                .timeout_usec = t->task.policy.timeout_usec,
                .grace_usec = t->task.policy.grace_msec * USEC_PER_MSEC,
                .retries = t->task.policy.retries,
                .backoff_min_usec = t->task.policy.backoff_min_msec * USEC_PER_MSEC,
                .backoff_max_usec = t->task.policy.backoff_max_msec * USEC_PER_MSEC,
                .attempts = {attempts, n},
                .environment_size = t->task.environment.size,
                .payload_size = t->task.payload.size,
        };
        BlobSlice payload = {0};
        if (shown_payload(&t->task, &payload) < 0) {
                request_read_failed(s->x, &s->origin, -ENOMEM);
                return;
        }
        client_link_reply(s->x->clients, &s->origin, WIRE_TYPE_SHOWN, &body, payload);
        blob_slice_drop(&payload);
}

static void on_task(void *context, StoreDone *done) {
        Show *s = context;
        WireRow row;
        WireText labels[WIRE_LABELS_MAX];
        if (done->error == -ENOENT || (!done->error && !done->task_count)) {
                client_link_error(s->x->clients, &s->origin, EXIT_DATA,
                                  "there is no task %" PRIu64 ": see `stint list`", s->id);
        } else if (done->error) {
                request_read_failed(s->x, &s->origin, done->error);
        } else if (!request_sees_all(s->x, s->uid) && done->tasks[0].task.uid != s->uid) {
                client_link_error(s->x->clients, &s->origin, EXIT_NO_PERMISSION,
                                  "task %" PRIu64 " belongs to another user", s->id);
        } else if (!request_row(s->x, &done->tasks[0], &row, labels)) {
                show_ask(s); /* it ended meanwhile: its end is in the store now */
                return;
        } else {
                show_answer(s, done, &row);
        }
        free(s);
}

void request_show(RequestContext *x, ClientMessage *m) {
        const WireShow *show = m->body;
        Show *s = malloc(sizeof *s);
        if (!s) {
                request_read_failed(x, &m->origin, -ENOMEM);
                return;
        }
        *s = (Show){.x = x, .origin = m->origin, .uid = m->uid, .id = show->id};
        show_ask(s);
}
