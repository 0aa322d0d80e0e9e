/* See reads.h. */
#include "dispatcher/reads.h"

#include "common/table.h"

#include <errno.h>

typedef struct Read {
        ReadHandler handler;
        void *context;
} Read;

struct Reads {
        Store *store;
        Table waiting; /* cookie -> Read */
        uint64_t last_cookie;
};

int reads_new(Store *store, Reads **ret) {
        Reads *r = calloc(1, sizeof *r);
        if (!r)
                return -ENOMEM;
        r->store = store;
        *ret = r;
        return 0;
}

Reads *reads_free(Reads *r) {
        if (!r)
                return NULL;
        uint64_t cookie = 0;
        for (Read *read; (read = table_first_from(&r->waiting, &cookie)); cookie++) {
                free(read->context);
                free(read);
        }
        table_done(&r->waiting);
        free(r);
        return NULL;
}

int reads_ask(Reads *r, StoreRead *read, ReadHandler handler, void *context) {
        Read *waiting = malloc(sizeof *waiting);
        if (!waiting)
                return -ENOMEM;
        *waiting = (Read){.handler = handler, .context = context};
        if (table_put(&r->waiting, r->last_cookie + 1, waiting) < 0) {
                free(waiting);
                return -ENOMEM;
        }
        read->cookie = ++r->last_cookie;
        store_read(r->store, read);
        return 0;
}

void reads_answer(Reads *r, StoreDone *done) {
        Read *read = table_remove(&r->waiting, done->cookie);
        if (!read)
                return;
        read->handler(read->context, done);
        free(read);
}

size_t reads_pending(const Reads *r) {
        return r->waiting.count;
}
