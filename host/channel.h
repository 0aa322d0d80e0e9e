/* Packets of one fixed size between this process and a child of it: a SOCK_SEQPACKET pair in the
 * loop. Sending never blocks us: what the child does not take yet waits in a queue, in order, so a
 * child that hangs costs memory and never the loop. */
#pragma once

#include "host/loop.h"

#include <stddef.h>

typedef struct Channel Channel;

/* One packet from the child, valid during the call; size is what came, which may differ from what
 * was agreed. Negative: the child is not understood, nothing more is read from it. May send; must
 * not free the channel. */
typedef int (*ChannelHandler)(void *userdata, const void *packet, size_t size);

/* ret_peer_fd: the child's end, blocking, the caller's to pass on and to close. 0 or negative
 * errno. */
int channel_new(Loop *loop, size_t packet_size, ChannelHandler handler, void *userdata,
                Channel **ret, int *ret_peer_fd);
Channel *channel_free(Channel *c); /* accepts NULL, returns NULL; what was not sent is lost */

/* attached: a descriptor that goes along, stays the caller's and must stay open until the child has
 * the packet; or -1. To a dead child: nothing happens. */
void channel_send(Channel *c, const void *packet, int attached);

/* Hands on what has come, without waiting: the last words of a child that was reaped. */
void channel_drain(Channel *c);
