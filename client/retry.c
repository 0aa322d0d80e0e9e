/* A task once more. Everything that SHOW tells goes into a SUBMIT as it is: the payload frame of
 * the one (environment, payload) is that of the other, unread, so what this version cannot decode
 * is retried, too. */
#include "client/change.h"

#include <inttypes.h>

static int retry_check(StintClient *c, const WireShown *w, uint64_t id, unsigned flags) {
        if (w->task.count != 1 || w->task.items[0].id != id)
                return client_fail(c, STINT_MISMATCH,
                                   "the dispatcher's answer about a task makes no sense: install "
                                   "the same version of both");
        const WireRow *row = &w->task.items[0];
        if (!task_state_is_end((TaskState)row->state))
                return client_fail(c, STINT_TRY_AGAIN,
                                   "cannot retry task %" PRIu64
                                   ": it has not ended; wait for it or cancel it first",
                                   id);
        if (row->retried_as && !(flags & STINT_RETRY_AGAIN))
                return client_fail(c, STINT_TRY_AGAIN,
                                   "cannot retry task %" PRIu64 ": it was retried as task %" PRIu64
                                   "; use --again to repeat it",
                                   id, row->retried_as);
        return 0;
}

static WireTask retry_task(const WireShown *w) {
        const WireRow *row = &w->task.items[0];
        return (WireTask){
                .kind = row->kind,
                .queue = row->queue,
                .priority = row->priority,
                .name = row->name,
                .labels = row->labels,
                .summary = row->summary,
                .timeout_usec = w->timeout_usec,
                .grace_usec = w->grace_usec,
                .retries = w->retries,
                .backoff_min_usec = w->backoff_min_usec,
                .backoff_max_usec = w->backoff_max_usec,
                .flags = row->flags & WIRE_TASK_AT_MOST_ONCE,
                .payload_size = w->payload_size,
                .group = row->group,
                .retry_of = row->id,
        };
}

int stint_retry(StintClient *client, uint64_t id, unsigned flags, uint64_t *ret_id) {
        SessionAnswer answer;
        _cleanup_(blob_slice_drop) BlobSlice payload = {0};
        int r = client_call(client, WIRE_TYPE_SHOW, &(WireShow){.id = id}, (BlobSlice){0},
                            WIRE_TYPE_SHOWN, &answer);
        if (r == 0)
                r = retry_check(client, answer.body, id, flags);
        if (r < 0)
                return r;
        const WireShown *shown = answer.body;
        WireTask task = retry_task(shown);
        WireSubmit submit = {.environment_size = shown->environment_size, .tasks = {&task, 1}};
        Blob *blob =
                answer.payload_size ? blob_new_copy(answer.payload, answer.payload_size) : NULL;
        if (answer.payload_size && !blob)
                return client_fail(client, STINT_FAILED, "out of memory");
        payload = blob_slice(blob, 0, answer.payload_size);
        blob_unref(blob);
        /* client_call encodes the task, whose texts are those of the answer, before it receives. */
        r = change_number(client, &submit.client, &submit.seq, &submit.held);
        if (r == 0)
                r = client_call(client, WIRE_TYPE_SUBMIT, &submit, payload, WIRE_TYPE_SUBMITTED,
                                &answer);
        if (r == 0 && ret_id)
                *ret_id = ((const WireSubmitted *)answer.body)->first_id;
        return r;
}
