/* See collect.h. The bytes of an answer are kept as they came, for as long as a future of it lives.
 * A single end is asked about at once; while an answer is under way others gather, so the requests
 * grow with the load by themselves. */
#include "client/collect.h"

#include "client/grow.h"

#include <string.h>

#define COLLECT_BATCH        256
#define COLLECT_REQUESTS_MAX 4

struct Collecting {
        StintClient *client;
        size_t n;
        uint64_t ids[COLLECT_BATCH];
        StintFuture *futures[COLLECT_BATCH]; /* NULL: freed meanwhile */
        Collecting *next, **link;
};

/* Moves what is left to the front once most of the list is taken. */
static void collect_compact(StintClient *c) {
        size_t n = 0;
        if (c->collect_first <= c->collect_count / 2)
                return;
        for (size_t i = c->collect_first; i < c->collect_count; i++) {
                if (!c->collect[i])
                        continue;
                c->collect[i]->index = n;
                c->collect[n++] = c->collect[i];
        }
        c->collect_first = 0;
        c->collect_count = n;
}

static size_t collect_left(const StintClient *c) {
        return c->collect_count - c->collect_first;
}

void collect_add(StintFuture *f) {
        StintClient *c = f->client;
        if (grow((void **)&c->collect, &c->collect_alloc, c->collect_count + 1, sizeof f) < 0) {
                future_over(f, -STINT_FAILED, "out of memory");
                return;
        }
        f->place = FUTURE_COLLECTING;
        f->collecting = NULL;
        f->index = c->collect_count;
        c->collect[c->collect_count++] = f;
}

void collect_forget(StintFuture *f) {
        if (f->collecting)
                f->collecting->futures[f->index] = NULL;
        else
                f->client->collect[f->index] = NULL;
}

bool collect_is_due(const StintClient *c) {
        return collect_left(c) &&
               c->collecting_count < (collect_left(c) >= COLLECT_BATCH ? COLLECT_REQUESTS_MAX : 1u);
}

static void collecting_free(Collecting *o) {
        o->client->collecting_count--;
        *o->link = o->next;
        if (o->next)
                o->next->link = o->link;
        free(o);
}

void collect_free(StintClient *c) {
        while (c->collecting)
                collecting_free(c->collecting);
        free(c->collect);
}

static void stream_set(StintOutput *o, const char **data, size_t size, uint64_t total,
                       uint64_t dropped, const WireOutputsItem *item, unsigned flag) {
        *o = (StintOutput){
                .data = *data,
                .size = size,
                .total = total,
                .dropped = dropped,
                .attempt = (unsigned)item->attempt,
                .complete = !(item->flags & flag),
        };
        *data += size;
}

/* Cuts an item's streams off the front of data; false: they are not all there. */
static bool item_take(const WireOutputsItem *item, const char **data, const char *end,
                      StintOutput streams[static 3]) {
        size_t left = (size_t)(end - *data);
        if (item->out_size > left || item->err_size > left - item->out_size ||
            item->result_size > left - item->out_size - item->err_size)
                return false;
        stream_set(&streams[STINT_STDOUT], data, (size_t)item->out_size, item->out_total,
                   item->out_dropped, item, WIRE_OUTPUTS_OUT);
        stream_set(&streams[STINT_STDERR], data, (size_t)item->err_size, item->err_total,
                   item->err_dropped, item, WIRE_OUTPUTS_ERR);
        stream_set(&streams[STINT_RESULT], data, (size_t)item->result_size, item->result_size, 0,
                   item, WIRE_OUTPUTS_RESULT);
        return true;
}

/* Gives the items of an answer to their futures. Returns how many they were; 0: it makes no sense.
 */
static size_t items_take(Collecting *o, const SessionAnswer *answer, Blob *blob) {
        const WireOutputsData *body = answer->body;
        const char *data = blob ? blob_data(blob) : "", *end = data + (blob ? blob_size(blob) : 0);
        for (size_t i = 0; i < body->items.count; i++) {
                const WireOutputsItem *item = &body->items.items[i];
                StintOutput streams[3];
                if (i >= o->n || item->id != o->ids[i] || !item_take(item, &data, end, streams))
                        return 0;
                StintFuture *f = o->futures[i];
                if (!f)
                        continue;
                o->futures[i] = NULL;
                memcpy(f->collected->streams, streams, sizeof streams);
                f->collected->blob = blob_ref(blob);
                future_over(f, 0, NULL);
        }
        return body->items.count;
}

static void collecting_fail(Collecting *o, int code, const char *text) {
        for (size_t i = 0; i < o->n; i++)
                if (o->futures[i])
                        future_over(o->futures[i], -code, text);
}

static void on_outputs(void *userdata, const SessionAnswer *answer, const Error *error) {
        Collecting *o = userdata;
        Blob *blob = NULL;
        if (!answer) {
                collecting_fail(o, error->code, error->text);
        } else if (answer->type != WIRE_TYPE_OUTPUTS_DATA) {
                collecting_fail(o, STINT_MISMATCH,
                                "the dispatcher's answer about outputs makes no "
                                "sense: install the same version of both");
        } else if (answer->payload_frame && !(blob = zframe_take(answer->payload_frame))) {
                collecting_fail(o, STINT_FAILED, "out of memory");
        } else if (!items_take(o, answer, blob)) {
                collecting_fail(o, STINT_MISMATCH,
                                "the dispatcher's answer about outputs makes no "
                                "sense: install the same version of both");
        } else {
                for (size_t i = 0; i < o->n; i++)
                        if (o->futures[i])
                                collect_add(o->futures[i]); /* it did not fit */
        }
        blob_unref(blob);
        collecting_free(o);
}

/* Takes the first futures of those that gathered; false: no memory. */
static bool collect_request(StintClient *c) {
        Collecting *o = malloc(sizeof *o);
        if (!o)
                return false;
        *o = (Collecting){.client = c, .next = c->collecting, .link = &c->collecting};
        if (o->next)
                o->next->link = &o->next;
        c->collecting = o;
        c->collecting_count++;
        while (c->collect_first < c->collect_count && o->n < COLLECT_BATCH) {
                StintFuture *f = c->collect[c->collect_first++];
                if (!f)
                        continue;
                f->collecting = o;
                f->index = o->n;
                o->ids[o->n] = f->end.id;
                o->futures[o->n++] = f;
        }
        collect_compact(c);
        WireOutputs body = {.max = WIRE_TAIL_MAX, .ids = {o->ids, o->n}};
        int64_t id = o->n ? session_request(c->session, WIRE_TYPE_OUTPUTS, &body, (BlobSlice){0},
                                            on_outputs, o, &c->error)
                          : 0;
        if (id < 0)
                collecting_fail(o, (int)-id, c->error.text);
        if (id <= 0)
                collecting_free(o);
        return true;
}

void collect_send(StintClient *c) {
        while (collect_is_due(c) && collect_request(c))
                ;
}
