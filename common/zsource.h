/* Joins a ZeroMQ socket to sd-event.
 *
 * ZMQ_FD is edge-triggered and any send eats its edge: a handler that only drains on I/O hangs.
 * Here the io source does nothing; its *prepare* callback, which sd-event runs before every poll,
 * reads ZMQ_EVENTS and arms a one-shot *defer* source when there is input, and that one drains at
 * most ZSOURCE_BATCH messages. Nothing else touches ZMQ_FD. Sockets that only send (a PUSH per
 * worker) are not in the loop: an idle check costs 0.6 µs each.
 *
 * Sockets and messages themselves are in zsocket.h. */
#pragma once

#include "common/zsocket.h"

#include <systemd/sd-event.h>

#define ZSOURCE_BATCH 64

typedef struct ZSource ZSource;

/* Called for each message, at most ZSOURCE_BATCH a turn. The message's frames are valid until the
 * handler returns. The handler may send on the socket, switch the source off (the turn ends there),
 * drain it, and free it. */
typedef void (*ZSourceHandler)(ZSource *s, ZMessage *m, void *userdata);

/* Attaches socket (which stays the caller's; it must live longer than the source) at an sd-event
 * priority. 0 or negative errno. */
int zsource_new(sd_event *event, void *socket, int64_t priority, ZSourceHandler handler,
                void *userdata, ZSource **ret);
ZSource *zsource_free(ZSource *s); /* accepts NULL, returns NULL */
DEFINE_CLEANUP(ZSource *, zsource_free)

/* Stops reading until switched on again (back pressure); messages wait in the socket. */
int zsource_set_enabled(ZSource *s, bool enabled);

/* Reads and handles everything that has arrived, in place, until EAGAIN or limit messages; returns
 * how many. Used where the order matters: results are drained before a worker's death is believed.
 * Reads even while the source is switched off. */
int zsource_drain(ZSource *s, unsigned limit);
