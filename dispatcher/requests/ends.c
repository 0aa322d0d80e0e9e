/* See ends.h. */
#include "dispatcher/requests/ends.h"

#include <errno.h>
#include <string.h>

typedef struct EndsWalk {
        Reads *reads;
        EndsHandler handler;
        void *context;
        size_t at, count;
        WireRange ranges[];
} EndsWalk;

static int walk_ask(EndsWalk *w);

static void on_page(void *context, StoreDone *done) {
        EndsWalk *w = context;
        WireRange *range = &w->ranges[w->at];
        if (done->next_first) {
                range->count -= done->next_first - range->first;
                range->first = done->next_first;
        } else {
                w->at++;
        }
        bool last = done->error || w->at == w->count;
        w->handler(w->context, done, last);
        if (!last) {
                int r = walk_ask(w);
                if (r == 0)
                        return;
                w->handler(w->context, &(StoreDone){.error = r}, true);
        }
        free(w->context);
        free(w);
}

static int walk_ask(EndsWalk *w) {
        StoreRead read = {.kind = STORE_READ_ENDS,
                          .first = w->ranges[w->at].first,
                          .count = w->ranges[w->at].count};
        return reads_ask(w->reads, &read, on_page, w);
}

int ends_walk(Reads *reads, const WireRange *ranges, size_t n, EndsHandler handler, void *context) {
        EndsWalk *w = malloc(sizeof *w + n * sizeof *ranges);
        if (!w)
                return -ENOMEM;
        *w = (EndsWalk){.reads = reads, .handler = handler, .context = context, .count = n};
        memcpy(w->ranges, ranges, n * sizeof *ranges);
        int r = walk_ask(w);
        if (r < 0)
                free(w);
        return r;
}
