/* See zap.h. A request is the frames [version, request id, domain, address, routing id, mechanism,
 * …] behind the delimiter that REP strips; the reply is [version, request id, status code, status
 * text, user id, metadata]. */
#include "dispatcher/zap.h"

#include "common/zsource.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"

enum { ZAP_VERSION, ZAP_REQUEST_ID, ZAP_DOMAIN_FRAME, ZAP_ADDRESS, ZAP_FRAMES_MIN = 6 };

struct Zap {
        void *socket;
        ZSource *source;
        uint64_t refused;
};

/* "localhost:UID:GID:PID", as libzmq writes what SO_PEERCRED told. */
static bool address_readable(const ZFrame *f) {
        char text[128];
        unsigned uid, gid, pid;
        int end = 0;
        if (f->size >= sizeof text)
                return false;
        memcpy(text, f->data, f->size);
        text[f->size] = '\0';
        return sscanf(text, "localhost:%u:%u:%u%n", &uid, &gid, &pid, &end) == 3 &&
               (size_t)end == f->size;
}

static void zap_reply(Zap *z, const ZFrame *request_id, bool admitted) {
        const struct {
                const void *data;
                size_t size;
        } frames[] = {
                {"1.0", 3},
                {request_id->data, request_id->size},
                {admitted ? "200" : "400", 3},
                {admitted ? "OK" : "no peer credentials", admitted ? 2 : 19},
                {"", 0},
                {"", 0},
        };
        for (size_t i = 0; i < ARRAY_SIZE(frames); i++)
                if (zmq_send(z->socket, frames[i].data, frames[i].size,
                             ZMQ_DONTWAIT | (i + 1 < ARRAY_SIZE(frames) ? ZMQ_SNDMORE : 0)) < 0)
                        return; /* libzmq gives the connection up after HANDSHAKE_IVL */
}

static void on_zap_request(ZSource *source, ZMessage *m, void *userdata) {
        Zap *z = userdata;
        const ZFrame none = {.data = "", .size = 0};
        bool admitted = !m->malformed && m->count >= ZAP_FRAMES_MIN &&
                        m->frames[ZAP_VERSION].size == 3 &&
                        memcmp(m->frames[ZAP_VERSION].data, "1.0", 3) == 0 &&
                        address_readable(&m->frames[ZAP_ADDRESS]);
        if (!admitted)
                z->refused++;
        zap_reply(z, m->count > ZAP_REQUEST_ID ? &m->frames[ZAP_REQUEST_ID] : &none, admitted);
}

int zap_new(sd_event *event, void *context, int64_t priority, Zap **ret) {
        _cleanup_(zap_freep) Zap *z = calloc(1, sizeof *z);
        if (!z)
                return -ENOMEM;
        int r = zsocket_new(context, ZMQ_REP, &(ZSocketOptions){0}, &z->socket);
        if (r == 0)
                r = zsocket_bind(z->socket, ZAP_ENDPOINT);
        if (r == 0)
                r = zsource_new(event, z->socket, priority, on_zap_request, z, &z->source);
        if (r < 0)
                return r;
        *ret = take_ptr(z);
        return 0;
}

Zap *zap_free(Zap *z) {
        if (!z)
                return NULL;
        zsource_free(z->source);
        zsocket_free(z->socket);
        free(z);
        return NULL;
}

uint64_t zap_refused(const Zap *z) {
        return z->refused;
}
