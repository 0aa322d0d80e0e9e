/* See zsocket.h. The options and the order of calls here are rules that were found by trying
 * libzmq 4.3.4. Ownership: a ZMessage owns one zmq_msg_t per slot, made at its first use and
 * reused; a Blob that is taken from a frame owns a zmq_msg_t of its own; a body that is sent holds
 * a reference of its Blob, which libzmq's I/O thread drops. */
#include "common/zsocket.h"
#include "common/wire-schema.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#define NOFILE_WANTED      65536
#define SOCKETS_MAX        16384 /* one PUSH per worker; libzmq's own default is 1023 */
#define HANDSHAKE_MSEC     2000
#define RECONNECT_MSEC     10
#define RECONNECT_MAX_MSEC 200

/* ---- context ---- */

static void raise_nofile(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return;
        if (limit.rlim_cur >= NOFILE_WANTED)
                return;
        limit.rlim_cur = MIN_OF((rlim_t)NOFILE_WANTED, limit.rlim_max);
        (void)setrlimit(RLIMIT_NOFILE, &limit);
}

int zcontext_new(void **ret) {
        void *context;

        raise_nofile();
        context = zmq_ctx_new();
        if (!context)
                return -errno;
        if (zmq_ctx_set(context, ZMQ_IO_THREADS, 1) < 0 ||
            zmq_ctx_set(context, ZMQ_MAX_SOCKETS, SOCKETS_MAX) < 0) {
                int r = -errno;
                zmq_ctx_term(context);
                return r;
        }
        *ret = context;
        return 0;
}

void zcontext_free(void *context) {
        if (!context)
                return;
        while (zmq_ctx_term(context) < 0 && errno == EINTR)
                ;
}

/* ---- sockets ---- */

static int set_int(void *socket, int option, int value) {
        return zmq_setsockopt(socket, option, &value, sizeof value) < 0 ? -errno : 0;
}

static int set_common(void *socket, const ZSocketOptions *o) {
        const struct {
                int option, value;
        } numbers[] = {
                {ZMQ_LINGER, o->linger_msec},        {ZMQ_HANDSHAKE_IVL, HANDSHAKE_MSEC},
                {ZMQ_RECONNECT_IVL, RECONNECT_MSEC}, {ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MSEC},
                {ZMQ_SNDHWM, o->send_hwm},           {ZMQ_RCVHWM, o->receive_hwm},
        };
        int64_t message_max = o->message_max > 0 ? o->message_max : (int64_t)WIRE_MESSAGE_MAX;

        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
                int r = set_int(socket, numbers[i].option, numbers[i].value);
                if (r < 0)
                        return r;
        }
        if (zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &message_max, sizeof message_max) < 0)
                return -errno;
        return 0;
}

static int set_optional(void *socket, const ZSocketOptions *o) {
        int r = 0;

        if (o->router_mandatory)
                r = set_int(socket, ZMQ_ROUTER_MANDATORY, 1);
        if (r == 0 && o->router_handover)
                r = set_int(socket, ZMQ_ROUTER_HANDOVER, 1);
        if (r == 0 && o->xpub_verbose)
                r = set_int(socket, ZMQ_XPUB_VERBOSE, 1);
        if (r == 0 && o->routing_id &&
            zmq_setsockopt(socket, ZMQ_ROUTING_ID, o->routing_id, o->routing_id_size) < 0)
                r = -errno;
        if (r == 0 && o->zap_domain &&
            zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, o->zap_domain, strlen(o->zap_domain)) < 0)
                r = -errno;
        return r;
}

int zsocket_new(void *context, int type, const ZSocketOptions *options, void **ret) {
        void *socket = zmq_socket(context, type);
        int r;

        if (!socket)
                return -errno;
        r = set_common(socket, options);
        if (r == 0)
                r = set_optional(socket, options);
        if (r < 0) {
                zmq_close(socket);
                return r;
        }
        *ret = socket;
        return 0;
}

void zsocket_free(void *socket) {
        if (socket)
                zmq_close(socket);
}

/* libzmq aborts when accept(2) says EINVAL, so what is no listening unix socket never reaches it.
 */
static int check_listening(int fd) {
        int domain = 0, listening = 0;
        socklen_t size = sizeof(int);

        if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0)
                return -errno;
        size = sizeof(int);
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0)
                return -errno;
        return domain == AF_UNIX && listening ? 0 : -EINVAL;
}

static int dup_nonblocking(int fd) {
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        int flags;

        if (copy < 0)
                return -errno;
        flags = fcntl(copy, F_GETFL);
        if (flags < 0 || fcntl(copy, F_SETFL, flags | O_NONBLOCK) < 0) {
                int r = -errno;
                close(copy);
                return r;
        }
        return copy;
}

int zsocket_bind_fd(void *socket, int fd, const char *path) {
        char endpoint[sizeof "ipc://" + sizeof(((struct sockaddr_un *)0)->sun_path)];
        int r, copy;

        if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
                return -ENAMETOOLONG;
        r = check_listening(fd);
        if (r < 0)
                return r;
        copy = dup_nonblocking(fd);
        if (copy < 0)
                return copy;

        (void)snprintf(endpoint, sizeof endpoint, "ipc://%s", path);
        r = set_int(socket, ZMQ_USE_FD, copy);
        if (r == 0 && zmq_bind(socket, endpoint) < 0)
                r = -errno;
        if (r < 0)
                close(copy); /* libzmq takes it only when everything before went well */
        (void)set_int(socket, ZMQ_USE_FD, -1);
        return r;
}

int zsocket_bind(void *socket, const char *endpoint) {
        return zmq_bind(socket, endpoint) < 0 ? -errno : 0;
}

int zsocket_connect(void *socket, const char *endpoint) {
        return zmq_connect(socket, endpoint) < 0 ? -errno : 0;
}

int zsocket_subscribe(void *socket, const void *topic, size_t size) {
        return zmq_setsockopt(socket, ZMQ_SUBSCRIBE, topic, size) < 0 ? -errno : 0;
}

/* ---- sending ---- */

typedef enum More { LAST_FRAME = 0, MORE_FRAMES = ZMQ_SNDMORE } More;

static int send_frame(void *socket, const void *data, size_t size, More more) {
        int r;

        do
                r = zmq_send(socket, data, size, ZMQ_DONTWAIT | (int)more);
        while (r < 0 && errno == EINTR);
        return r < 0 ? -errno : 0;
}

static void body_release(void *data, void *hint) {
        blob_unref(hint);
}

static int send_body(void *socket, BlobSlice body) {
        void *data = (void *)(uintptr_t)blob_slice_data(body); /* libzmq only reads it */
        zmq_msg_t message;
        int r;

        if (zmq_msg_init_data(&message, data, body.size, body_release, body.blob) < 0)
                return -errno;
        blob_ref(body.blob);
        do
                r = zmq_msg_send(&message, socket, ZMQ_DONTWAIT);
        while (r < 0 && errno == EINTR);
        if (r < 0) {
                r = -errno;
                zmq_msg_close(&message);
                return r;
        }
        return 0;
}

int zsocket_send(void *socket, const void *header, size_t header_size, BlobSlice body) {
        int r = send_frame(socket, header, header_size, body.size > 0 ? MORE_FRAMES : LAST_FRAME);

        return r == 0 && body.size > 0 ? send_body(socket, body) : r;
}

int zsocket_send_to(void *socket, const void *prefix, size_t prefix_size, const void *header,
                    size_t header_size, BlobSlice body) {
        int r = send_frame(socket, prefix, prefix_size, MORE_FRAMES);

        return r < 0 ? r : zsocket_send(socket, header, header_size, body);
}

/* ---- receiving ---- */

static int slot_prepare(ZFrame *f) {
        if (f->message)
                return 0;
        f->message = malloc(sizeof(zmq_msg_t));
        if (!f->message)
                return -ENOMEM;
        zmq_msg_init(f->message);
        return 0;
}

static int receive_frame(void *socket, zmq_msg_t *message) {
        int r;

        do
                r = zmq_msg_recv(message, socket, ZMQ_DONTWAIT);
        while (r < 0 && errno == EINTR);
        return r < 0 ? -errno : 0;
}

/* Reads what is behind the last frame that we keep, so that the next message starts at its start.
 */
static int receive_rest(void *socket) {
        zmq_msg_t message;
        int r, more;

        zmq_msg_init(&message);
        do {
                r = receive_frame(socket, &message);
                more = r == 0 && zmq_msg_more(&message);
        } while (more);
        zmq_msg_close(&message);
        return r;
}

int zsocket_receive_now(void *socket, ZMessage *m) {
        int more = 1;

        m->count = 0;
        m->malformed = false;
        for (size_t i = 0; i < ZSOURCE_FRAMES_MAX; i++) {
                int r = slot_prepare(&m->frames[i]);
                if (r < 0)
                        return r;
        }
        while (more && m->count < ZSOURCE_FRAMES_MAX) {
                ZFrame *f = &m->frames[m->count];
                int r = receive_frame(socket, f->message);

                if (r < 0)
                        return r;
                f->data = zmq_msg_data(f->message);
                f->size = zmq_msg_size(f->message);
                more = zmq_msg_more(f->message);
                m->count++;
        }
        m->malformed = more;
        return more ? receive_rest(socket) : 0;
}

static int64_t now_msec(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int zsocket_receive(void *socket, int timeout_msec, ZMessage *m) {
        zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
        int64_t deadline = now_msec() + timeout_msec;

        for (;;) {
                int64_t left = timeout_msec < 0 ? -1 : MAX_OF(deadline - now_msec(), (int64_t)0);
                int r = zsocket_receive_now(socket, m);

                if (r != -EAGAIN)
                        return r;
                r = zmq_poll(&item, 1, left);
                if (r < 0)
                        return -errno;
                if (r == 0 && left == 0)
                        return -ETIMEDOUT;
        }
}

void zmessage_clear(ZMessage *m) {
        for (size_t i = 0; i < ZSOURCE_FRAMES_MAX; i++) {
                if (!m->frames[i].message)
                        continue;
                zmq_msg_close(m->frames[i].message);
                zmq_msg_init(m->frames[i].message);
        }
        m->count = 0;
}

void zmessage_done(ZMessage *m) {
        for (size_t i = 0; i < ZSOURCE_FRAMES_MAX; i++) {
                if (!m->frames[i].message)
                        continue;
                zmq_msg_close(m->frames[i].message);
                free(m->frames[i].message);
        }
        *m = (ZMessage){};
}

static void taken_release(void *arg) {
        zmq_msg_close(arg);
        free(arg);
}

Blob *zframe_take(ZFrame *f) {
        zmq_msg_t *taken = malloc(sizeof *taken);
        Blob *b;

        if (!taken)
                return NULL;
        zmq_msg_init(taken);
        zmq_msg_move(taken, f->message);
        b = blob_new_foreign(zmq_msg_data(taken), zmq_msg_size(taken), taken_release, taken);
        if (!b) {
                zmq_msg_move(f->message, taken);
                f->data = zmq_msg_data(f->message); /* short ones lie inside the zmq_msg_t */
                taken_release(taken);
                return NULL;
        }
        f->data = "";
        f->size = 0;
        return b;
}

/* The format is libzmq's, for ipc only: what a peer sends as metadata cannot replace it. */
int zframe_peer_uid(const ZFrame *f, unsigned *ret_uid) {
        const char *address = f->message ? zmq_msg_gets(f->message, "Peer-Address") : NULL;
        unsigned uid, gid;
        int pid, end = 0;

        if (!address)
                return -ENODATA;
        if (sscanf(address, "localhost:%u:%u:%d%n", &uid, &gid, &pid, &end) != 3 || address[end])
                return -ENODATA;
        *ret_uid = uid;
        return 0;
}
