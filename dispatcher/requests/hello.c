/* CLIENT_HELLO: which protocol both speak, and what the client must know of this dispatcher. PING:
 * is it alive. */
#include "dispatcher/requests/request.h"

#include <unistd.h>

void request_hello(RequestContext *x, ClientMessage *m) {
        const WireClientHello *hello = m->body;
        if (hello->protocol_min > WIRE_PROTOCOL || hello->protocol_max < WIRE_PROTOCOL) {
                client_link_error(x->clients, &m->origin, EXIT_PROTOCOL,
                                  "client speaks protocols %llu to %llu: this dispatcher "
                                  "(stint " STINT_VERSION
                                  ") speaks %d; install the same version of both",
                                  (unsigned long long)hello->protocol_min,
                                  (unsigned long long)hello->protocol_max, WIRE_PROTOCOL);
                return;
        }
        WireWelcome welcome = {
                .protocol = WIRE_PROTOCOL,
                .epoch = store_epoch(x->store),
                .version = wire_text(STINT_VERSION),
                .pid = (uint64_t)getpid(),
                .uid = m->uid,
                .instance = wire_text(x->instance),
                .state_dir = wire_text(x->state_dir),
                .message_max = WIRE_MESSAGE_MAX,
                .tasks_max = WIRE_TASKS_MAX,
                .events = wire_text(x->events_socket),
        };
        client_link_reply(x->clients, &m->origin, WIRE_TYPE_WELCOME, &welcome, (BlobSlice){0});
}

void request_ping(RequestContext *x, ClientMessage *m) {
        WirePong pong = {.epoch = store_epoch(x->store), .now_usec = x->now.realtime_usec};
        client_link_reply(x->clients, &m->origin, WIRE_TYPE_PONG, &pong, (BlobSlice){0});
}
