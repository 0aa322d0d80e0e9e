/* SIGNAL: a signal for the runs of tasks. Nothing of it is durable, and it is not repeated: what
 * runs now gets it now. Ids that the core does not hold are looked up, only to tell the ended from
 * the unknown. */
#include "dispatcher/requests/ends.h"
#include "dispatcher/requests/request.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

typedef struct Signal {
        RequestContext *x;
        CoreOrigin origin;
        uint64_t signalled, waiting, ended;
        size_t unknown_count, denied_count;
        uint64_t unknown[WIRE_TASKS_MAX], denied[WIRE_TASKS_MAX];
} Signal;

static void signal_answer(const Signal *s) {
        WireSignalled body = {
                .signalled = s->signalled,
                .waiting = s->waiting,
                .ended = s->ended,
                .unknown = {s->unknown, s->unknown_count},
                .denied = {s->denied, s->denied_count},
        };
        client_link_reply(s->x->clients, &s->origin, WIRE_TYPE_SIGNALLED, &body, (BlobSlice){0});
}

static void on_signal_ends(void *context, const StoreDone *done, bool last) {
        Signal *s = context;
        if (done->error) {
                request_read_failed(s->x, &s->origin, done->error);
                return;
        }
        s->ended += done->end_count;
        for (size_t i = 0; i < done->unknown_count && s->unknown_count < WIRE_TASKS_MAX; i++)
                s->unknown[s->unknown_count++] = done->unknown[i];
        if (last)
                signal_answer(s);
}

/* false: the core does not hold it. */
static bool signal_one(Signal *s, uint32_t uid, uint64_t id, int signal) {
        CoreTaskView view;
        if (core_task_view(s->x->core, id, &view) < 0)
                return false;
        if (!core_may_change(s->x->core, uid, view.uid)) {
                s->denied[s->denied_count++] = id;
        } else if (view.state == TASK_RUNNING && view.worker) {
                worker_link_signal(s->x->workers, view.worker, view.run_id, signal);
                s->signalled++;
        } else {
                s->waiting++;
        }
        return true;
}

/* Signals what runs; gives the ranges that are not held, consecutive ids joined. */
static size_t signal_all(Signal *s, const ClientMessage *m, WireRange *ret) {
        const WireSignal *body = m->body;
        size_t n = 0;
        for (size_t i = 0; i < body->ids.count; i++) {
                uint64_t id = body->ids.items[i];
                if (signal_one(s, m->uid, id, (int)body->signal))
                        continue;
                if (n && ret[n - 1].first + ret[n - 1].count == id)
                        ret[n - 1].count++;
                else
                        ret[n++] = (WireRange){.first = id, .count = 1};
        }
        return n;
}

void request_signal(RequestContext *x, ClientMessage *m) {
        const WireSignal *body = m->body;
        if (!body->ids.count || body->signal < 1 || body->signal >= (uint64_t)NSIG) {
                client_link_error(x->clients, &m->origin, EXIT_DATA, "signal refused: %s",
                                  body->ids.count ? "there is no such signal" : "it names no task");
                return;
        }
        Signal *s = calloc(1, sizeof *s);
        WireRange *ranges = calloc(WIRE_TASKS_MAX, sizeof *ranges);
        if (!s || !ranges) {
                request_read_failed(x, &m->origin, -ENOMEM);
        } else {
                *s = (Signal){.x = x, .origin = m->origin};
                size_t n = signal_all(s, m, ranges);
                if (!n)
                        signal_answer(s);
                else if (ends_walk(x->reads, ranges, n, on_signal_ends, s) == 0)
                        s = NULL;
                else
                        request_read_failed(x, &m->origin, -ENOMEM);
        }
        free(ranges);
        free(s);
}
