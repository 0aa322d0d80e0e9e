/* WAIT: answered with ENDED as tasks end; those that the core does not hold any more are looked up
 * in the store. FORGET. */
#include "dispatcher/requests/ends.h"
#include "dispatcher/requests/request.h"

#include <errno.h>

typedef struct WaitLookup {
        RequestContext *x;
        uint64_t wait;
} WaitLookup;

static void on_wait_ends(void *context, const StoreDone *done, bool last) {
        const WaitLookup *w = context;
        core_wait_found(w->x->core, w->wait, done->ends, done->end_count, done->unknown,
                        done->unknown_count, last ? CORE_WAIT_FOUND_ALL : CORE_WAIT_FOUND_SOME);
}

/* Looks the ids up that the core does not hold. 0 or -ENOMEM. */
static int wait_look_up(RequestContext *x, uint64_t wait, const WireRange *ranges, size_t n) {
        WaitLookup *w = malloc(sizeof *w);
        if (!w)
                return -ENOMEM;
        *w = (WaitLookup){.x = x, .wait = wait};
        int r = ends_walk(x->reads, ranges, n, on_wait_ends, w);
        if (r < 0)
                free(w);
        return r;
}

static bool ranges_valid(const WireWait *wait) {
        uint64_t ids = 0;
        for (size_t i = 0; i < wait->ranges.count; i++) {
                const WireRange *r = &wait->ranges.items[i];
                if (!r->first || !r->count || r->count > CORE_WAITS_MAX ||
                    r->first + r->count < r->first)
                        return false;
                ids += r->count;
        }
        return ids > 0 && ids <= CORE_WAITS_MAX;
}

void request_wait(RequestContext *x, ClientMessage *m) {
        const WireWait *wait = m->body;
        if (!ranges_valid(wait)) {
                client_link_error(x->clients, &m->origin, EXIT_DATA,
                                  "wait refused: it names no ids, or more than %u", CORE_WAITS_MAX);
                return;
        }
        uint64_t number =
                core_wait(x->core, &m->origin, m->uid, wait->ranges.items, wait->ranges.count);
        if (!number)
                return;
        if (wait_look_up(x, number, wait->ranges.items, wait->ranges.count) < 0) {
                core_forget_wait(x->core, &m->origin);
                request_read_failed(x, &m->origin, -ENOMEM);
        }
}

int request_find_ends(RequestContext *x, uint64_t wait, uint64_t first, uint64_t count) {
        return wait_look_up(x, wait, &(WireRange){.first = first, .count = count}, 1);
}

void request_forget(RequestContext *x, ClientMessage *m) {
        const WireForget *forget = m->body;
        CoreOrigin origin = m->origin;
        origin.request_id = forget->request;
        core_forget_wait(x->core, &origin);
        follow_forget(x->follow, &origin);
}
