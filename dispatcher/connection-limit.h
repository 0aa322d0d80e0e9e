/* Keeps the control socket from running the process out of descriptors: libzmq aborts on EMFILE in
 * its accept. Connections are counted by a socket monitor. At 80 % of the limit all of them are
 * shed: libzmq has no way to stop accepting but zmq_unbind(), which also closes what was accepted
 * (tried with 4.3.4). Clients of ours come back and send again what was not answered; connections
 * that somebody holds for nothing are gone. */
#pragma once

#include "common/macro.h"

#include <systemd/sd-event.h>

typedef struct ConnectionLimit ConnectionLimit;

/* Binds socket to the inherited listening fd. max 0: 80 % of RLIMIT_NOFILE. */
int connection_limit_new(sd_event *event, void *context, void *socket, int fd, const char *path,
                         unsigned max, int64_t priority, ConnectionLimit **ret);
/* Before its socket; accepts NULL, returns NULL. */
ConnectionLimit *connection_limit_free(ConnectionLimit *c);
DEFINE_CLEANUP(ConnectionLimit *, connection_limit_free)

unsigned connection_limit_count(const ConnectionLimit *c);
/* How often all connections were shed. */
uint64_t connection_limit_sheds(const ConnectionLimit *c);
