/* Keeps a listening socket from using up the process's descriptors. Connections are counted by a
 * socket monitor. At the limit all of them are shed: libzmq has no way to stop accepting but
 * zmq_unbind(), which also closes what was accepted (tried with 4.3.4). Peers of ours come back,
 * and clients send again what was not answered; connections that somebody holds for nothing are
 * gone.
 *
 * Control and event socket have one each, so that many of one kind do not keep out the other. The
 * monitor tells of a connection a little after libzmq has accepted it: accept-guard.c is for those
 * that come faster than that. */
#pragma once

#include "common/macro.h"

#include <systemd/sd-event.h>

typedef struct ConnectionLimit ConnectionLimit;

/* Binds socket to the inherited listening fd. max 0: 40 % of RLIMIT_NOFILE. */
int connection_limit_new(sd_event *event, void *context, void *socket, int fd, const char *path,
                         unsigned max, int64_t priority, ConnectionLimit **ret);
/* Before its socket; accepts NULL, returns NULL. */
ConnectionLimit *connection_limit_free(ConnectionLimit *c);
DEFINE_CLEANUP(ConnectionLimit *, connection_limit_free)

unsigned connection_limit_count(const ConnectionLimit *c);
/* How often all connections were shed. */
uint64_t connection_limit_sheds(const ConnectionLimit *c);
