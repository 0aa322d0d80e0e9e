/* See request.h: the table, and what more than one request needs. */
#include "dispatcher/requests/request.h"

#include <errno.h>
#include <string.h>

static const struct {
        WireType type;
        RequestHandler handler;
} requests[] = {
        {WIRE_TYPE_CLIENT_HELLO, request_hello}, {WIRE_TYPE_SUBMIT, request_submit},
        {WIRE_TYPE_CANCEL, request_cancel},      {WIRE_TYPE_WAIT, request_wait},
        {WIRE_TYPE_FORGET, request_forget},      {WIRE_TYPE_LIST, request_list},
        {WIRE_TYPE_SHOW, request_show},          {WIRE_TYPE_OUTPUT, request_output},
        {WIRE_TYPE_STATUS, request_status},      {WIRE_TYPE_PING, request_ping},
        {WIRE_TYPE_OUTPUTS, request_outputs},    {WIRE_TYPE_PURGE, request_purge},
        {WIRE_TYPE_CONFIG, request_config},      {WIRE_TYPE_RELOAD, request_reload},
        {WIRE_TYPE_SIGNAL, request_signal},      {WIRE_TYPE_EVENTS, request_events},
};

/* The mode of the socket keeps strangers out, but it can be opened up by accident, and what comes
 * in here is executed as us. */
static bool may_use(const RequestContext *x, uint32_t uid) {
        return x->used_by == USED_BY_WHO_CAN_CONNECT || request_sees_all(x, uid);
}

void request_handle(RequestContext *x, ClientMessage *m) {
        if (!may_use(x, m->uid)) {
                client_link_error(x->clients, &m->origin, EXIT_NO_PERMISSION,
                                  "request refused: this instance belongs to uid %u; use your own "
                                  "with --user",
                                  x->owner_uid);
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
                if (requests[i].type == m->type) {
                        requests[i].handler(x, m);
                        return;
                }
        client_link_error(x->clients, &m->origin, EXIT_DATA, "message type %u is no request",
                          m->type);
}

bool request_identify(RequestContext *x, const ClientMessage *m, WireText client, uint64_t seq,
                      uint64_t held, CoreRequest *ret) {
        if (client.size != WIRE_UUID || seq == 0 || held >= seq) {
                client_link_error(x->clients, &m->origin, EXIT_DATA,
                                  "request refused: it needs a client id of 16 bytes and a number "
                                  "above those it has answers for");
                return false;
        }
        *ret = (CoreRequest){.origin = m->origin, .seq = seq, .held = held, .uid = m->uid};
        memcpy(ret->client.bytes, client.data, WIRE_UUID);
        return true;
}

void request_read_failed(RequestContext *x, const CoreOrigin *to, int error) {
        if (error == -ENOMEM)
                client_link_error(x->clients, to, EXIT_TRY_AGAIN, "out of memory; try again later");
        else
                client_link_error(x->clients, to, EXIT_IO, "cannot read the store: %s",
                                  strerror(-error));
}

static WireText slice_text(BlobSlice s) {
        return wire_bytes(blob_slice_data(s), s.size);
}

/* Splits labels, each followed by a NUL, into texts; returns how many. */
static size_t labels_split(BlobSlice s, WireText *ret) {
        const char *data = blob_slice_data(s), *end = data + s.size;
        size_t n = 0;
        while (data < end && n < WIRE_LABELS_MAX) {
                size_t size = strnlen(data, (size_t)(end - data));
                ret[n++] = wire_bytes(data, size);
                data += size + 1;
        }
        return n;
}

bool request_row(const RequestContext *x, const StoredTask *t, WireRow *ret, WireText *labels) {
        CoreTaskView view = {.state = (TaskState)t->end.state,
                             .attempt = t->attempts,
                             .run_id = t->end.run_id,
                             .worker = t->end.worker,
                             .started_usec = t->end.started_usec};
        if (t->end.state == 0 && core_task_view(x->core, t->task.id, &view) < 0)
                return false;
        *ret = (WireRow){
                .id = t->task.id,
                .queue = wire_text(t->task.queue),
                .kind = t->task.policy.kind,
                .state = view.state,
                .reason = t->end.reason,
                .code = t->end.code,
                .priority = t->task.policy.priority,
                .attempt = t->end.state ? t->end.attempt : view.attempt,
                .uid = t->task.uid,
                .flags = t->task.policy.at_most_once ? WIRE_TASK_AT_MOST_ONCE : 0,
                .submitted_usec = t->task.submitted_usec,
                .due_usec = view.due_usec,
                .started_usec = view.started_usec,
                .ended_usec = t->end.ended_usec,
                .name = slice_text(t->task.name),
                .labels = {labels, labels_split(t->task.labels, labels)},
                .summary = slice_text(t->task.summary),
                .worker = view.worker,
                .run_id = view.run_id,
                .group = slice_text(t->task.group),
                .retry_of = t->task.retry_of,
                .retried_as = t->retried_as,
                .progress = view.progress,
                .progress_text = view.progress_text,
        };
        return true;
}
