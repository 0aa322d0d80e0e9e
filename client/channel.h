/* The event channel of a client, made whole: what it lost is fetched again from the control socket,
 * in order, for all watches of the client at once (watch.c). */
#pragma once

#include "client/session.h"

typedef struct Channel Channel;

/* event NULL: that many events are lost for good before the next one (UINT64_MAX: unknown). Called
 * from session_step; may close the channel. */
typedef void (*ChannelHandler)(void *userdata, const WireEvent *event, uint64_t missed);

/* From (epoch, seq) on, which is told as where the channel is now. 0, or -code. */
int channel_open(Session *s, uint64_t epoch, uint64_t seq, ChannelHandler handler, void *userdata,
                 Error *error, Channel **ret);
Channel *channel_close(Channel *c); /* accepts NULL, returns NULL */
