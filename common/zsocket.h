/* ZeroMQ sockets and messages as stint uses them: every option is set here and nowhere else,
 * nothing blocks that is not called so, and bytes cross without a copy. Only this module, zsource,
 * the link modules and the client's connection include zmq.h; here sockets and contexts are `void
 * *`. A socket belongs to one thread. */
#pragma once

#include "common/blob.h"
#include "common/macro.h"

#include <stdbool.h>

#define ZSOURCE_FRAMES_MAX 8 /* a ZAP request has seven and one to spare */

/* A frame that was received. Its bytes belong to the ZMessage that it is part of. To keep them,
 * call zframe_take. */
typedef struct ZFrame {
        const void *data;
        size_t size;
        void *message; /* internal: the zmq_msg_t */
} ZFrame;

typedef struct ZMessage {
        size_t count; /* frames in frames; a message with more than ZSOURCE_FRAMES_MAX is drained
                         and counted as malformed */
        ZFrame frames[ZSOURCE_FRAMES_MAX];
        bool malformed; /* more frames than that: count frames are given, the rest is gone */
} ZMessage;

/* Adopts a frame's bytes without a copy into a Blob with one reference; the frame is empty
 * afterwards. NULL: no memory, and the frame is as it was. */
Blob *zframe_take(ZFrame *f);

/* The peer's credentials as "localhost:UID:GID:PID" told by the kernel (SO_PEERCRED), never the
 * forgeable User-Id. 0, or -ENODATA. */
int zframe_peer_uid(const ZFrame *f, unsigned *ret_uid);

/* ---- context and sockets ---- */

/* One context a process. NOFILE is raised to 65536 (or its hard limit) first, since libzmq aborts
 * on EMFILE. */
int zcontext_new(void **ret);
void zcontext_free(void *context); /* accepts NULL; all sockets must be closed */

typedef struct ZSocketOptions {
        int send_hwm, receive_hwm; /* 0: unlimited */
        int linger_msec;           /* default 0: what is unsent at close is dropped */
        int64_t message_max;       /* bytes a frame, 0: WIRE_MESSAGE_MAX */
        const char *zap_domain;    /* NULL: none; without a ZAP handler all are admitted */
        bool router_mandatory, router_handover, xpub_verbose;
        const void *routing_id;
        size_t routing_id_size;
} ZSocketOptions;

/* type: ZMQ_ROUTER … HANDSHAKE_IVL 2 s, RECONNECT_IVL 10 ms (max 200 ms), LINGER and MAXMSGSIZE are
 * set on every socket here and nowhere else. */
int zsocket_new(void *context, int type, const ZSocketOptions *options, void **ret);
void zsocket_free(void *socket); /* accepts NULL */

/* Binds to an inherited listening ipc socket: ZMQ_USE_FD with a dup of fd (made non-blocking),
 * option reset to -1 afterwards. path: for its endpoint string. fd stays the caller's. -EINVAL: fd
 * is no listening unix socket; -ENAMETOOLONG. */
int zsocket_bind_fd(void *socket, int fd, const char *path);
int zsocket_bind(void *socket, const char *endpoint);
int zsocket_connect(void *socket, const char *endpoint);
int zsocket_subscribe(void *socket, const void *topic, size_t size);

/* Sends frames as one message, never blocks. body may be empty (then it is not sent) and is not
 * copied: a reference of its Blob is held until libzmq is done, and dropped on any thread. 0,
 * -EAGAIN, -EHOSTUNREACH, other negative errno. */
int zsocket_send(void *socket, const void *header, size_t header_size, BlobSlice body);
/* The same with a routing frame first (ROUTER) or a topic frame (XPUB). */
int zsocket_send_to(void *socket, const void *prefix, size_t prefix_size, const void *header,
                    size_t header_size, BlobSlice body);

/* Blocking receive for programs without a loop (client, tests): waits up to timeout_msec (-1: for
 * ever). 0, -ETIMEDOUT, -EINTR (a signal handler ran), negative errno. m must be zeroed before the
 * first use and is reused; its frames are valid until the next call. zmessage_done releases. */
int zsocket_receive(void *socket, int timeout_msec, ZMessage *m);
void zmessage_done(ZMessage *m);

/* Gives the bytes of the last message back, keeps m ready for the next. */
void zmessage_clear(ZMessage *m);

/* Receives one message into m without waiting: 0, -EAGAIN, -ENOMEM, other negative errno. m as in
 * zsocket_receive. */
int zsocket_receive_now(void *socket, ZMessage *m);
