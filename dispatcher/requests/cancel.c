/* CANCEL: ids that the core does not hold are first looked up, so that one that never existed is
 * told apart from one that has ended. */
#include "dispatcher/requests/ends.h"
#include "dispatcher/requests/request.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

typedef struct Cancel {
        RequestContext *x;
        CoreRequest request;
        int signal;
        size_t count, unknown_count;
        uint64_t ids[WIRE_TASKS_MAX], unknown[WIRE_TASKS_MAX];
} Cancel;

static void cancel_do(Cancel *c) {
        core_cancel(c->x->core, &c->request, c->ids, c->count, c->unknown, c->unknown_count,
                    c->signal);
}

static void on_cancel_ends(void *context, const StoreDone *done, bool last) {
        Cancel *c = context;
        if (done->error) {
                request_read_failed(c->x, &c->request.origin, done->error);
                return;
        }
        for (size_t i = 0; i < done->unknown_count && c->unknown_count < ARRAY_SIZE(c->unknown);
             i++)
                c->unknown[c->unknown_count++] = done->unknown[i];
        if (last)
                cancel_do(c);
}

/* The ids that the core does not hold, consecutive ones joined; returns how many ranges. */
static size_t ranges_not_held(const Cancel *c, WireRange *ret) {
        size_t n = 0;
        for (size_t i = 0; i < c->count; i++) {
                CoreTaskView view;
                if (core_task_view(c->x->core, c->ids[i], &view) == 0)
                        continue;
                if (n && ret[n - 1].first + ret[n - 1].count == c->ids[i])
                        ret[n - 1].count++;
                else
                        ret[n++] = (WireRange){.first = c->ids[i], .count = 1};
        }
        return n;
}

void request_cancel(RequestContext *x, ClientMessage *m) {
        const WireCancel *cancel = m->body;
        Cancel *c = calloc(1, sizeof *c);
        WireRange *ranges = calloc(WIRE_TASKS_MAX, sizeof *ranges);
        if (!c || !ranges) {
                request_read_failed(x, &m->origin, -ENOMEM);
        } else if (!request_identify(x, m, cancel->client, cancel->seq, cancel->held,
                                     &c->request)) {
                /* answered */
        } else if (!cancel->ids.count || cancel->signal >= (uint64_t)NSIG) {
                client_link_error(x->clients, &m->origin, EXIT_DATA, "cancel refused: %s",
                                  cancel->ids.count ? "there is no such signal"
                                                    : "it names no task");
        } else {
                c->x = x;
                c->signal = (int)cancel->signal;
                c->count = cancel->ids.count;
                memcpy(c->ids, cancel->ids.items, c->count * sizeof *c->ids);
                size_t n = ranges_not_held(c, ranges);
                if (!n)
                        cancel_do(c);
                else if (ends_walk(x->reads, ranges, n, on_cancel_ends, c) == 0)
                        c = NULL;
                else
                        request_read_failed(x, &m->origin, -ENOMEM);
        }
        free(ranges);
        free(c);
}
