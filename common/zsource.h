/* Joins a ZeroMQ socket to sd-event, and holds every rule of ours about ZeroMQ sockets.
 *
 * ZMQ_FD is edge-triggered and any send eats its edge: a handler that only drains on I/O hangs. Here the io source does
 * nothing; its *prepare* callback, which sd-event runs before every poll, reads ZMQ_EVENTS and arms a one-shot *defer* source when
 * there is input, and that one drains at most ZSOURCE_BATCH messages. Nothing else touches ZMQ_FD. Sockets that only
 * send (a PUSH per worker) are not in the loop: an idle check costs 0.6 µs each.
 *
 * Only this module, the link modules and the client's connection include zmq.h; here sockets are `void *`. */
#pragma once

#include "common/blob.h"
#include "common/macro.h"

#include <stdbool.h>
#include <systemd/sd-event.h>

#define ZSOURCE_BATCH      64
#define ZSOURCE_FRAMES_MAX 8

/* One received message. Frames belong to the source: they are valid until the callback returns. To keep one, call zframe_take. */
typedef struct ZFrame {
        const void *data;
        size_t size;
        void *message; /* internal: the zmq_msg_t */
} ZFrame;

typedef struct ZMessage {
        size_t count;     /* frames in frames; a message with more than ZSOURCE_FRAMES_MAX is drained and counted as malformed */
        ZFrame frames[ZSOURCE_FRAMES_MAX];
        bool malformed;   /* more frames than that: count frames are given, the rest is gone */
} ZMessage;

/* Adopts a frame's bytes without a copy into a Blob with one reference; the frame is empty afterwards. NULL: no memory. */
Blob *zframe_take(ZFrame *f);

/* The peer's credentials as "localhost:UID:GID:PID" told by the kernel (SO_PEERCRED), never the forgeable User-Id. 0, or -ENODATA. */
int zframe_peer_uid(const ZFrame *f, unsigned *ret_uid);

typedef struct ZSource ZSource;

/* Called for each message, at most ZSOURCE_BATCH a turn. */
typedef void (*ZSourceHandler)(ZSource *s, ZMessage *m, void *userdata);

/* Attaches socket (which stays the caller's; it must live longer than the source) at an sd-event priority. 0 or negative errno. */
int zsource_new(sd_event *event, void *socket, int64_t priority, ZSourceHandler handler, void *userdata, ZSource **ret);
ZSource *zsource_free(ZSource *s); /* accepts NULL, returns NULL */
DEFINE_CLEANUP(ZSource *, zsource_free)

/* Stops reading until switched on again (back pressure); messages wait in the socket. */
int zsource_set_enabled(ZSource *s, bool enabled);

/* Reads and handles everything that has arrived, in place, until EAGAIN or limit messages; returns how many. Used where the order matters:
 * results are drained before a worker's death is believed. */
int zsource_drain(ZSource *s, unsigned limit);

/* ---- sockets ---- */

/* One context a process. NOFILE is raised to 65536 (or its hard limit) first, since libzmq aborts on EMFILE. */
int zcontext_new(void **ret);
void zcontext_free(void *context); /* accepts NULL; all sockets must be closed */

typedef struct ZSocketOptions {
        int send_hwm, receive_hwm;   /* 0: unlimited */
        int linger_msec;             /* default 0: what is unsent at close is dropped */
        int64_t message_max;         /* bytes a frame, 0: WIRE_MESSAGE_MAX */
        const char *zap_domain;      /* NULL: none */
        bool router_mandatory, router_handover, xpub_verbose;
        const void *routing_id; size_t routing_id_size;
} ZSocketOptions;

/* type: ZMQ_ROUTER … HANDSHAKE_IVL 2 s, RECONNECT_IVL 10 ms (max 200 ms), LINGER and MAXMSGSIZE are set on every socket here and nowhere else. */
int zsocket_new(void *context, int type, const ZSocketOptions *options, void **ret);
void zsocket_free(void *socket);  /* accepts NULL */

/* Binds to an inherited listening ipc socket: ZMQ_USE_FD with a dup of fd (made non-blocking), option reset to -1 afterwards. path: for its endpoint string. */
int zsocket_bind_fd(void *socket, int fd, const char *path);
int zsocket_bind(void *socket, const char *endpoint);
int zsocket_connect(void *socket, const char *endpoint);
int zsocket_subscribe(void *socket, const void *topic, size_t size);

/* Sends frames as one message, never blocks. body may be empty (then it is not sent) and is not copied: the Blob's
 * reference is held until libzmq is done. 0, -EAGAIN, -EHOSTUNREACH, other negative errno. */
int zsocket_send(void *socket, const void *header, size_t header_size, BlobSlice body);
/* The same with a routing frame first (ROUTER) or a topic frame (XPUB). */
int zsocket_send_to(void *socket, const void *prefix, size_t prefix_size, const void *header, size_t header_size, BlobSlice body);

/* Blocking receive for programs without a loop (client, tests): waits up to timeout_msec (-1: for ever). 0, -ETIMEDOUT, negative errno.
 * m must be zeroed before the first use and is reused; zmessage_done releases. */
int zsocket_receive(void *socket, int timeout_msec, ZMessage *m);
void zmessage_done(ZMessage *m);
