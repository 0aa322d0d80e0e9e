/* See reader.h. Bytes are pulled from an offset, so nothing is lost or doubled when the dispatcher
 * restarts in between; one request of a reader is outstanding at a time, made when the handler has
 * returned, so a slow program holds up nobody but itself. */
#include "client/reader.h"

#include <string.h>

struct StintReader {
        StintClient *client;
        StintReader *next, **link;
        uint64_t id, offset, request; /* request 0: none is outstanding */
        unsigned attempt, flags;
        StintStream stream;
        uint64_t dropped, dropped_now; /* of earlier attempts, and of this one */
        StintChunkHandler handler;
        void *userdata;
        bool telling, freed; /* freed by its handler, which is running */
};

static void reader_go_on(StintReader *o);

static void reader_release(StintReader *o) {
        if (o->request)
                session_forget(o->client->session, o->request);
        *o->link = o->next;
        if (o->next)
                o->next->link = o->link;
        free(o);
}

/* Calls the handler. false: it wants no more, or has freed the reader, which is gone then. */
static bool reader_tell(StintReader *o, StintChunk *chunk) {
        StintClient *c = o->client;
        chunk->dropped = o->dropped + o->dropped_now;
        chunk->attempt = o->attempt;
        c->handling++;
        o->telling = true;
        int stop = o->handler(o, chunk, o->userdata);
        o->telling = false;
        c->handling--;
        if (!o->freed)
                return !stop && !chunk->end;
        reader_release(o);
        return false;
}

static void reader_end(StintReader *o, int code) {
        reader_tell(o, &(StintChunk){.data = "", .offset = o->offset, .end = 1, .error = code});
}

static void reader_fail(StintReader *o, const Error *error) {
        /* The task has ended without this attempt: the one before was its last. */
        bool none = error->code == EXIT_DATA && o->flags & STINT_ALL_ATTEMPTS && !o->offset;
        if (none) {
                reader_end(o, 0);
                return;
        }
        o->client->error = *error;
        reader_end(o, -error->code);
}

static void reader_next_attempt(StintReader *o) {
        if (!(o->flags & STINT_ALL_ATTEMPTS)) {
                reader_end(o, 0);
                return;
        }
        o->dropped += o->dropped_now;
        o->dropped_now = 0;
        o->attempt++;
        o->offset = 0;
        reader_go_on(o);
}

static void on_data(void *userdata, const SessionAnswer *answer, const Error *error) {
        StintReader *o = userdata;
        o->request = 0;
        if (!answer) {
                reader_fail(o, error);
                return;
        }
        const WireOutputData *data = answer->body;
        if (answer->type != WIRE_TYPE_OUTPUT_DATA || data->size != answer->payload_size) {
                Error strange;
                error_set(&strange, EXIT_PROTOCOL,
                          "the dispatcher's answer about output makes no sense: install the same "
                          "version of both");
                reader_fail(o, &strange);
                return;
        }
        bool end = data->end, any = data->size;
        o->dropped_now = data->dropped;
        if (data->attempt)
                o->attempt = (unsigned)data->attempt;
        StintChunk chunk = {
                .data = answer->payload, .size = answer->payload_size, .offset = o->offset};
        o->offset += data->size;
        if (any && !reader_tell(o, &chunk))
                return;
        if (end)
                reader_next_attempt(o);
        else if (!any && !(o->flags & STINT_FOLLOW))
                reader_end(o, 0);
        else
                reader_go_on(o);
}

/* 0, or -code with *ret_error set. */
static int reader_ask(StintReader *o, Error *ret_error) {
        StintClient *c = o->client;
        WireOutput ask = {.id = o->id,
                          .attempt = o->attempt,
                          .stream = (uint64_t)o->stream,
                          .offset = o->offset,
                          .max = WIRE_OUTPUT_MAX,
                          .wait = !!(o->flags & STINT_FOLLOW)};
        int64_t id = session_request(c->session, WIRE_TYPE_OUTPUT, &ask, (BlobSlice){0}, on_data, o,
                                     ret_error);
        if (id < 0)
                return (int)id;
        o->request = (uint64_t)id;
        return 0;
}

static void reader_go_on(StintReader *o) {
        Error error;
        if (reader_ask(o, &error) < 0)
                reader_fail(o, &error);
}

StintReader *stint_reader_new(StintClient *c, uint64_t id, unsigned attempt, StintStream stream,
                              uint64_t offset, unsigned flags, StintChunkHandler handler,
                              void *userdata) {
        StintReader *o = client_enter_now(c) == 0 ? calloc(1, sizeof *o) : NULL;
        if (!o)
                return NULL;
        *o = (StintReader){.client = c,
                           .next = c->readers,
                           .link = &c->readers,
                           .id = id,
                           .offset = offset,
                           .attempt = attempt || !(flags & STINT_ALL_ATTEMPTS) ? attempt : 1,
                           .flags = flags,
                           .stream = stream,
                           .handler = handler,
                           .userdata = userdata};
        if (o->next)
                o->next->link = &o->next;
        c->readers = o;
        int r = reader_ask(o, &c->error);
        if (r < 0)
                reader_release(o); /* its handler is not called before we return */
        client_leave(c, r);
        return r < 0 ? NULL : o;
}

StintReader *stint_reader_free(StintReader *o) {
        if (o && o->telling)
                o->freed = true;
        else if (o)
                reader_release(o);
        return NULL;
}

void readers_free(StintClient *c) {
        while (c->readers)
                reader_release(c->readers);
}

int64_t stint_read(StintClient *c, uint64_t id, unsigned attempt, StintStream stream,
                   uint64_t offset, void *buffer, size_t size, uint64_t *ret_total) {
        size_t done = 0;
        for (;;) {
                SessionAnswer answer;
                WireOutput ask = {.id = id,
                                  .attempt = attempt,
                                  .stream = (uint64_t)stream,
                                  .offset = offset + done,
                                  .max = MIN_OF(size - done, (size_t)WIRE_OUTPUT_MAX)};
                int r = client_call(c, WIRE_TYPE_OUTPUT, &ask, (BlobSlice){0},
                                    WIRE_TYPE_OUTPUT_DATA, &answer);
                if (r < 0)
                        return r;
                const WireOutputData *data = answer.body;
                size_t n = MIN_OF(answer.payload_size, size - done);
                if (n)
                        memcpy((char *)buffer + done, answer.payload, n);
                done += n;
                attempt = (unsigned)data->attempt; /* the same for the next part */
                if (ret_total)
                        *ret_total = data->total;
                if (done == size || !n || data->end)
                        return (int64_t)done;
        }
}
