/* ZeroMQ as a client uses it: a DEALER to the control socket, its monitor, perhaps a SUB of the
 * event channel, and one descriptor that is readable whenever there is something to do.
 *
 * ZeroMQ's own descriptors are edge-triggered and any call on a socket may eat their edge. So they
 * are joined, with a timer and an eventfd, in one epoll descriptor: whoever used a socket calls
 * link_settle before control goes back to the program, which arms the eventfd when something is
 * left. The monitors are read to their end whenever they are ready and need no such care. */
#pragma once

#include "common/time.h"
#include "common/zsocket.h"

typedef struct Link Link;

/* 0, or negative errno. */
int link_open(const char *endpoint, Link **ret);
Link *link_close(Link *l); /* accepts NULL, returns NULL */
DEFINE_CLEANUP(Link *, link_close)

/* Level-triggered, if link_settle is called as it should. */
int link_fd(const Link *l);

/* Sends now or after the next reconnect; what is lost on the way is the caller's matter. */
void link_send(Link *l, const void *header, size_t header_size, BlobSlice body);
/* One message of the dispatcher: 0, -EAGAIN, other negative errno. */
int link_receive(Link *l, ZMessage *m);

/* What link_poll may find ready. */
enum {
        LINK_MESSAGE = 1 << 0, /* perhaps, try link_receive */
        LINK_NEWS = 1 << 1,    /* link_next_news has something to say */
        LINK_EVENT = 1 << 2,   /* perhaps, try link_hear */
        LINK_TIME = 1 << 3,    /* the time of link_set_timer has come */
        LINK_WORK = 1 << 4,    /* link_arm was called */
};

/* Waits up to timeout_msec (-1: for ever) for something of the above; interrupt_fd: a descriptor of
 * the caller's, or -1. 0 with *ret_ready, 0 bits at the end of the time; -EINTR: a signal handler
 * ran; -ECANCELED: interrupt_fd is readable. */
int link_poll(Link *l, int timeout_msec, int interrupt_fd, unsigned *ret_ready);

typedef enum LinkNews {
        LINK_NEWS_NONE,
        LINK_NEWS_LOST,
        LINK_NEWS_UP,
        LINK_NEWS_CHANNEL_UP, /* also after it was lost: events may be missing */
} LinkNews;
LinkNews link_next_news(Link *l);

/* at: on the monotonic clock; 0: none. */
void link_set_timer(Link *l, usec_t at);
/* There is something to do at the next link_poll. */
void link_arm(Link *l);
/* Arms if a socket has something whose edge was eaten. */
void link_settle(Link *l);

/* Opens the event channel and subscribes to all tasks. 0, or negative errno. */
int link_listen(Link *l, const char *endpoint);
void link_unlisten(Link *l); /* also when it is not open */
/* One event message (topic, header): 0, -EAGAIN, other negative errno. */
int link_hear(Link *l, ZMessage *m);
