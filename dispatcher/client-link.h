/* The control socket: a ROUTER on the inherited listening descriptor, with its in-process ZAP
 * handler.
 *
 * Who a request comes from is what the kernel says of the connection (SO_PEERCRED, carried by
 * libzmq in Peer-Address), never what the peer says of itself. A message that does not decode is
 * answered with an error where its sender can be told, counted, and costs nobody else anything.
 * Replies are disposable: a client that is gone loses them and asks again. */
#pragma once

#include "common/zsource.h"
#include "dispatcher/core/core.h"

typedef struct ClientLink ClientLink;

/* One decoded request. body and payload are valid during the call. */
typedef struct ClientMessage {
        CoreOrigin origin;
        uint32_t uid;
        WireType type;
        const void *body;
        ZFrame *payload; /* NULL: the message has no payload frame */
} ClientMessage;

typedef void (*ClientHandler)(void *userdata, ClientMessage *message);

int client_link_new(sd_event *event, void *context, int control_fd, const char *path,
                    int64_t priority, ClientHandler handler, void *userdata, ClientLink **ret);
ClientLink *client_link_free(ClientLink *l); /* accepts NULL, returns NULL */
DEFINE_CLEANUP(ClientLink *, client_link_free)

void client_link_reply(ClientLink *l, const CoreOrigin *to, WireType type, const void *body,
                       BlobSlice payload);
void client_link_error(ClientLink *l, const CoreOrigin *to, int code, const char *format, ...)
        _printf_(4, 5);

/* Back pressure: requests wait in the socket while the store is behind. */
void client_link_set_reading(ClientLink *l, bool reading);

typedef struct ClientLinkCounters {
        uint64_t requests, malformed, unsent, refused_connections;
        uint64_t sheds; /* connections closed all at once: see connection-limit.h */
} ClientLinkCounters;
void client_link_counters(const ClientLink *l, ClientLinkCounters *ret);
