/* See connection-limit.h. A monitor event is two frames: event number (16 bits) and value (32
 * bits), then the endpoint. */
#include "dispatcher/connection-limit.h"

#include "common/log.h"
#include "common/zsource.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include <zmq.h>

struct ConnectionLimit {
        void *socket, *monitor;
        ZSource *source;
        int fd;
        char path[PATH_MAX];
        unsigned count, max;
        uint64_t sheds;
};

static void shed(ConnectionLimit *c) {
        char endpoint[PATH_MAX + 8];
        log_warning("%u connections to %s: all are closed, clients come back", c->count, c->path);
        snprintf(endpoint, sizeof endpoint, "ipc://%s", c->path);
        c->count = 0; /* those that are closed by unbinding are not reported */
        c->sheds++;
        int r = zmq_unbind(c->socket, endpoint) < 0 ? -errno : 0;
        if (r == 0)
                r = zsocket_bind_fd(c->socket, c->fd, c->path);
        if (r < 0)
                log_error("cannot listen on %s again: %s", c->path, strerror(-r));
}

static void on_monitor(ZSource *source, ZMessage *m, void *userdata) {
        ConnectionLimit *c = userdata;
        uint16_t event;
        if (m->count < 1 || m->frames[0].size < sizeof event)
                return;
        memcpy(&event, m->frames[0].data, sizeof event);
        if (event == ZMQ_EVENT_ACCEPTED && ++c->count >= c->max)
                shed(c);
        else if (event == ZMQ_EVENT_DISCONNECTED && c->count > 0)
                c->count--;
}

static unsigned connections_allowed(void) {
        struct rlimit limit;
        if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > INT_MAX)
                return INT_MAX;
        return (unsigned)(limit.rlim_cur / 10 * 4);
}

int connection_limit_new(sd_event *event, void *context, void *socket, int fd, const char *path,
                         unsigned max, int64_t priority, ConnectionLimit **ret) {
        _cleanup_(connection_limit_freep) ConnectionLimit *c = calloc(1, sizeof *c);
        if (!c)
                return -ENOMEM;
        c->socket = socket;
        c->fd = fd;
        c->max = max ? max : connections_allowed();
        snprintf(c->path, sizeof c->path, "%s", path);
        char endpoint[48];
        snprintf(endpoint, sizeof endpoint, "inproc://connections-%p", socket);
        if (zmq_socket_monitor(socket, endpoint, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED) < 0)
                return -errno;
        int r = zsocket_new(context, ZMQ_PAIR, &(ZSocketOptions){0}, &c->monitor);
        if (r == 0)
                r = zsocket_connect(c->monitor, endpoint);
        if (r == 0)
                r = zsource_new(event, c->monitor, priority, on_monitor, c, &c->source);
        if (r == 0)
                r = zsocket_bind_fd(socket, fd, path);
        if (r < 0)
                return r;
        *ret = take_ptr(c);
        return 0;
}

ConnectionLimit *connection_limit_free(ConnectionLimit *c) {
        if (!c)
                return NULL;
        zmq_socket_monitor(c->socket, NULL, 0);
        zsource_free(c->source);
        zsocket_free(c->monitor);
        free(c);
        return NULL;
}

unsigned connection_limit_count(const ConnectionLimit *c) {
        return c->count;
}

uint64_t connection_limit_sheds(const ConnectionLimit *c) {
        return c->sheds;
}
