/* See link.h. One END is filled at a time: items here, their bytes in one growing buffer that
 * becomes the payload frame. */
#include "worker/link.h"

#include "common/log.h"
#include "common/zsource.h"
#include "worker/handler.h"

#include <errno.h>
#include <inttypes.h>
#include <zmq.h>

/* A full END's header needs about 1 MiB at most: 1024 items with a detail of 512 bytes each. */
#define END_BODY_MAX (WIRE_MESSAGE_MAX - WIRE_HEADER_MAX)

struct Link {
        uint64_t serial;
        void *context, *pull, *pub;
        ZSource *source;
        WireReader *reader;
        WireBuffer buffer;
        const LinkHandlers *handlers;
        void *userdata;

        WireEndItem *ends; /* WIRE_RUNS_MAX of them */
        size_t end_count;
        char *body;
        size_t body_size, body_alloc;
};

/* ---- in ---- */

/* The next size bytes of the payload frame; false if there are not as many. */
static bool slice_next(Blob *body, size_t *offset, uint64_t size, BlobSlice *ret) {
        size_t left = (body ? blob_size(body) : 0) - *offset;
        if (size > left)
                return false;
        *ret = size ? blob_slice(body, *offset, (size_t)size) : (BlobSlice){0};
        *offset += (size_t)size;
        return true;
}

static void on_run(Link *l, const WireRun *run, ZFrame *frame) {
        Blob *body = frame && frame->size > 0 ? zframe_take(frame) : NULL;
        size_t offset = 0;
        for (size_t i = 0; i < run->runs.count; i++) {
                const WireRunItem *item = &run->runs.items[i];
                BlobSlice environment = {0}, payload = {0};
                if (slice_next(body, &offset, item->environment_size, &environment) &&
                    slice_next(body, &offset, item->payload_size, &payload)) {
                        l->handlers->on_run(l->userdata, run->epoch, run->n, item, environment,
                                            payload);
                } else {
                        log_warning("a RUN of %zu runs does not fit its payload: the rest from the "
                                    "%zuth on is ignored and will be given out again",
                                    run->runs.count, i + 1);
                        i = run->runs.count - 1;
                }
                blob_slice_drop(&environment);
                blob_slice_drop(&payload);
        }
        blob_unref(body);
}

static void on_decoded(Link *l, const WireMessage *message, ZMessage *m) {
        switch (message->type) {
        case WIRE_TYPE_RUN:
                on_run(l, message->body, m->count > 1 ? &m->frames[1] : NULL);
                break;
        case WIRE_TYPE_ACK: {
                const WireAck *ack = message->body;
                for (size_t i = 0; i < ack->runs.count; i++)
                        l->handlers->on_ack(l->userdata, ack->runs.items[i]);
                break;
        }
        case WIRE_TYPE_SYNC:
                l->handlers->on_sync(l->userdata, message->body);
                break;
        case WIRE_TYPE_STOP:
                l->handlers->on_stop(l->userdata, message->body);
                break;
        case WIRE_TYPE_SPILL:
                l->handlers->on_spill(l->userdata, ((const WireSpill *)message->body)->run_id);
                break;
        case WIRE_TYPE_SIGNAL_RUN:
                l->handlers->on_signal(l->userdata, message->body);
                break;
        default:
                log_warning("the dispatcher sent a message of type %u, which is not for workers: "
                            "ignored",
                            (unsigned)message->type);
        }
}

static void on_message(ZSource *source, ZMessage *m, void *userdata) {
        Link *l = userdata;
        WireMessage message;
        int r = m->malformed || m->count < 1
                        ? -EBADMSG
                        : wire_decode(l->reader, m->frames[0].data, m->frames[0].size, &message);
        if (r < 0)
                log_warning("the dispatcher sent a frame that does not decode (%s): ignored",
                            strerror(-r));
        else
                on_decoded(l, &message, m);
}

/* ---- out ---- */

static int send_message(Link *l, WireType type, const void *message, BlobSlice body) {
        int r = wire_encode(&l->buffer, type, 0, message);
        if (r == 0)
                r = zsocket_send(l->pub, l->buffer.data, l->buffer.size, body);
        return r;
}

int link_send_hello(Link *l, const WireHello *hello) {
        return send_message(l, WIRE_TYPE_HELLO, hello, (BlobSlice){0});
}

int link_send_started(Link *l, const WireStartedItem *items, size_t n) {
        WireStarted started = {.serial = l->serial, .runs = {items, n}};
        return send_message(l, WIRE_TYPE_STARTED, &started, (BlobSlice){0});
}

int link_send_progress(Link *l, const WireProgressItem *item) {
        WireProgress progress = {.serial = l->serial, .runs = {item, 1}};
        return send_message(l, WIRE_TYPE_PROGRESS, &progress, (BlobSlice){0});
}

static int body_reserve(Link *l, size_t size) {
        if (l->body_size + size <= l->body_alloc)
                return 0;
        size_t alloc = MAX_OF(l->body_size + size, MIN_OF(2 * l->body_alloc, (size_t)END_BODY_MAX));
        char *grown = realloc(l->body, alloc);
        if (!grown)
                return -ENOMEM;
        l->body = grown;
        l->body_alloc = alloc;
        return 0;
}

static void body_append(Link *l, BlobSlice s) {
        if (s.size > 0)
                memcpy(l->body + l->body_size, blob_slice_data(s), s.size);
        l->body_size += s.size;
}

int link_add_end(Link *l, const LinkEnd *end) {
        size_t size = (size_t)end->out.size + end->err.size + end->result.size;
        if (l->end_count == WIRE_RUNS_MAX || l->body_size + size > END_BODY_MAX) {
                int r = link_flush_ends(l);
                if (r < 0)
                        return r;
        }
        if (size > 0 && body_reserve(l, size) < 0)
                return -ENOMEM;
        WireEndItem *item = &l->ends[l->end_count++];
        *item = end->item;
        if (!(item->files & WIRE_FILE_OUT))
                item->out_kept = end->out.size;
        if (!(item->files & WIRE_FILE_ERR))
                item->err_kept = end->err.size;
        item->result_size = end->result.size;
        body_append(l, end->out);
        body_append(l, end->err);
        body_append(l, end->result);
        return 0;
}

int link_flush_ends(Link *l) {
        if (l->end_count == 0)
                return 0;
        WireEnd end = {.serial = l->serial, .runs = {l->ends, l->end_count}};
        BlobSlice body = {0};
        Blob *blob = NULL;
        if (l->body_size > 0) {
                blob = blob_new_take(l->body, l->body_size);
                if (!blob)
                        return -ENOMEM;
                body = blob_slice(blob, 0, l->body_size);
                l->body = NULL;
                l->body_size = l->body_alloc = 0;
        }
        int r = send_message(l, WIRE_TYPE_END, &end, body);
        l->end_count = 0;
        blob_slice_drop(&body);
        blob_unref(blob);
        return r;
}

/* ---- life ---- */

static int open_sockets(Link *l, sd_event *event, const char *run_dir, int listen_fd) {
        char path[PATH_MAX], endpoint[PATH_MAX];
        int n = snprintf(path, sizeof path, "%s/w/%" PRIu64 ".sock", run_dir, l->serial);
        int m = snprintf(endpoint, sizeof endpoint, "ipc://%s/results.sock", run_dir);
        if (n < 0 || m < 0 || (size_t)n >= sizeof path || (size_t)m >= sizeof endpoint)
                return -ENAMETOOLONG;
        ZSocketOptions options = {0}; /* no high-water marks: credit bounds what can be under way */
        int r = zcontext_new(&l->context);
        if (r == 0)
                r = zsocket_new(l->context, ZMQ_PUB, &options, &l->pub);
        if (r == 0)
                r = zsocket_connect(l->pub, endpoint);
        if (r == 0)
                r = zsocket_new(l->context, ZMQ_PULL, &options, &l->pull);
        if (r == 0)
                r = zsocket_bind_fd(l->pull, listen_fd, path);
        if (r == 0)
                r = zsource_new(event, l->pull, PRIORITY_LINK, on_message, l, &l->source);
        return r;
}

int link_new(sd_event *event, uint64_t serial, const char *run_dir, int listen_fd,
             const LinkHandlers *handlers, void *userdata, Link **ret) {
        _cleanup_(link_freep) Link *l = calloc(1, sizeof *l);
        if (!l)
                return -ENOMEM;
        l->serial = serial;
        l->handlers = handlers;
        l->userdata = userdata;
        l->ends = calloc(WIRE_RUNS_MAX, sizeof *l->ends);
        if (!l->ends)
                return -ENOMEM;
        int r = wire_reader_new(&l->reader);
        if (r == 0)
                r = open_sockets(l, event, run_dir, listen_fd);
        if (r < 0)
                return r;
        *ret = take_ptr(l);
        return 0;
}

Link *link_free(Link *l) {
        if (!l)
                return NULL;
        zsource_free(l->source);
        zsocket_free(l->pull);
        zsocket_free(l->pub);
        zcontext_free(l->context);
        wire_reader_free(l->reader);
        wire_buffer_done(&l->buffer);
        free(l->ends);
        free(l->body);
        free(l);
        return NULL;
}
