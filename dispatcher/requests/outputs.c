/* OUTPUTS: small outputs of many ended tasks in one answer, which is what a map over many tasks
 * lives on: one read of the store for all of them. Tasks of others are unknown to whoever may only
 * see their own. */
#include "dispatcher/requests/request.h"

#include <errno.h>
#include <string.h>

typedef struct OutputsRead {
        RequestContext *x;
        CoreOrigin origin;
} OutputsRead;

static void on_outputs(void *context, StoreDone *done) {
        _cleanup_(freep) OutputsRead *o = context;
        if (done->error) {
                request_read_failed(o->x, &o->origin, done->error);
                return;
        }
        WireOutputsData body = {.items = {done->outputs, done->output_count}};
        client_link_reply(o->x->clients, &o->origin, WIRE_TYPE_OUTPUTS_DATA, &body, done->bytes);
}

void request_outputs(RequestContext *x, ClientMessage *m) {
        const WireOutputs *outputs = m->body;
        size_t n = outputs->ids.count;
        if (!n) {
                client_link_error(x->clients, &m->origin, EXIT_DATA,
                                  "outputs refused: it names no task");
                return;
        }
        OutputsRead *o = malloc(sizeof *o);
        StoreRead read = {
                .kind = STORE_READ_OUTPUTS,
                .ids = malloc(n * sizeof *read.ids),
                .id_count = n,
                .filter = {.uid = m->uid, .any_uid = request_sees_all(x, m->uid)},
                .max = (uint32_t)MIN_OF(outputs->max, (uint64_t)WIRE_OUTPUT_MAX),
        };
        if (o && read.ids) {
                *o = (OutputsRead){.x = x, .origin = m->origin};
                memcpy(read.ids, outputs->ids.items, n * sizeof *read.ids);
                if (reads_ask(x->reads, &read, on_outputs, o) == 0)
                        return;
        }
        free(read.ids);
        free(o);
        request_read_failed(x, &m->origin, -ENOMEM);
}
