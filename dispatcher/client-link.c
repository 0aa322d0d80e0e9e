/* See client-link.h. Messages in: [route, header, payload?]; out: the same.
 *
 * A connection holds at most RECEIVE_HWM messages unread; then its sender waits in its own socket,
 * so that a client that floods, or all of them while the store is behind, cost bounded memory. What
 * such a connection loses when it breaks is asked again. Answers have no bound: they are bounded by
 * what was asked. */
#include "dispatcher/client-link.h"

#include "common/log.h"
#include "dispatcher/connection-limit.h"
#include "dispatcher/zap.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <zmq.h>

struct ClientLink {
        void *router;
        ConnectionLimit *limit;
        Zap *zap;
        ZSource *source;
        WireBuffer buffer;
        WireReader *reader;
        ClientHandler handler;
        void *userdata;
        ClientLinkCounters counters;
};

#define RECEIVE_HWM 64

enum { FRAME_ROUTE, FRAME_HEADER, FRAME_PAYLOAD };

/* What to tell the sender of a header that wire_decode refused. */
static void refuse_malformed(ClientLink *l, const CoreOrigin *to, int error, uint64_t protocol) {
        l->counters.malformed++;
        log_info("a client sent a message that does not decode (%s)", strerror(-error));
        if (error == -EPROTONOSUPPORT)
                client_link_error(l, to, EXIT_PROTOCOL,
                                  "client speaks protocol %llu: this dispatcher speaks %d; install "
                                  "the same version of both",
                                  (unsigned long long)protocol, WIRE_PROTOCOL);
        else if (error == -EOPNOTSUPP)
                client_link_error(
                        l, to, EXIT_PROTOCOL,
                        "unknown request: this dispatcher is older than the client; upgrade it");
        else
                client_link_error(l, to, EXIT_DATA,
                                  "request refused: it does not decode or exceeds a limit");
}

static void on_request(ZSource *source, ZMessage *m, void *userdata) {
        ClientLink *l = userdata;
        ClientMessage request = {0};
        WireMessage message = {0};
        unsigned uid;
        l->counters.requests++;
        if (m->count < 2 || m->malformed ||
            m->frames[FRAME_ROUTE].size > sizeof request.origin.route) {
                l->counters.malformed++;
                return; /* nobody to answer to, or a peer that is no client of ours */
        }
        request.origin.route_size = (uint8_t)m->frames[FRAME_ROUTE].size;
        memcpy(request.origin.route, m->frames[FRAME_ROUTE].data, m->frames[FRAME_ROUTE].size);
        int r = wire_decode(l->reader, m->frames[FRAME_HEADER].data, m->frames[FRAME_HEADER].size,
                            &message);
        request.origin.request_id = message.request_id;
        if (r < 0) {
                refuse_malformed(l, &request.origin, r, message.protocol);
                return;
        }
        if (zframe_peer_uid(&m->frames[FRAME_HEADER], &uid) < 0) {
                l->counters.malformed++;
                client_link_error(l, &request.origin, EXIT_NO_PERMISSION,
                                  "request refused: the kernel does not tell who you are");
                return;
        }
        request.uid = uid;
        request.type = message.type;
        request.body = message.body;
        request.payload = m->count > FRAME_PAYLOAD ? &m->frames[FRAME_PAYLOAD] : NULL;
        l->handler(l->userdata, &request);
}

void client_link_reply(ClientLink *l, const CoreOrigin *to, WireType type, const void *body,
                       BlobSlice payload) {
        int r = wire_encode(&l->buffer, type, to->request_id, body);
        if (r == 0)
                r = zsocket_send_to(l->router, to->route, to->route_size, l->buffer.data,
                                    l->buffer.size, payload);
        if (r == 0)
                return;
        l->counters.unsent++;
        if (r != -EHOSTUNREACH && r != -EAGAIN) /* those two: the client is gone */
                log_warning("cannot answer a client: %s", strerror(-r));
}

void client_link_error(ClientLink *l, const CoreOrigin *to, int code, const char *format, ...) {
        char text[WIRE_TEXT_MAX];
        va_list ap;
        va_start(ap, format);
        vsnprintf(text, sizeof text, format, ap);
        va_end(ap);
        WireError body = {.code = (uint64_t)code, .text = wire_text(text)};
        client_link_reply(l, to, WIRE_TYPE_ERROR, &body, (BlobSlice){0});
}

int client_link_new(sd_event *event, void *context, int control_fd, const char *path,
                    int64_t priority, ClientHandler handler, void *userdata, ClientLink **ret) {
        _cleanup_(client_link_freep) ClientLink *l = calloc(1, sizeof *l);
        if (!l)
                return -ENOMEM;
        l->handler = handler;
        l->userdata = userdata;
        int r = wire_reader_new(&l->reader);
        if (r == 0)
                r = zap_new(event, context, priority, &l->zap);
        if (r == 0)
                r = zsocket_new(context, ZMQ_ROUTER,
                                &(ZSocketOptions){.receive_hwm = RECEIVE_HWM,
                                                  .router_mandatory = true,
                                                  .zap_domain = ZAP_DOMAIN,
                                                  .linger_msec = 1000},
                                &l->router);
        if (r == 0)
                r = connection_limit_new(event, context, l->router, control_fd, path, 0, priority,
                                         &l->limit);
        if (r == 0)
                r = zsource_new(event, l->router, priority, on_request, l, &l->source);
        if (r < 0)
                return r;
        *ret = take_ptr(l);
        return 0;
}

ClientLink *client_link_free(ClientLink *l) {
        if (!l)
                return NULL;
        zsource_free(l->source);
        connection_limit_free(l->limit);
        zsocket_free(l->router);
        zap_free(l->zap);
        wire_reader_free(l->reader);
        wire_buffer_done(&l->buffer);
        free(l);
        return NULL;
}

void client_link_set_reading(ClientLink *l, bool reading) {
        zsource_set_enabled(l->source, reading);
}

void client_link_counters(const ClientLink *l, ClientLinkCounters *ret) {
        *ret = l->counters;
        ret->refused_connections = zap_refused(l->zap);
        ret->sheds = connection_limit_sheds(l->limit);
}
