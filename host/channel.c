/* See channel.h. */
#include "host/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#define RECEIVE_MAX 64 /* packets in one turn of the loop */

typedef struct Packet {
        struct Packet *prev, *next;
        int attached;
        unsigned char bytes[];
} Packet;

struct Channel {
        int fd;
        size_t packet_size;
        sd_event_source *io;
        ChannelHandler handler;
        void *userdata;
        Packet *outbox;
        unsigned char *inbox; /* one byte more than a packet: a longer one is seen as such */
};

static int packet_send(const Channel *c, Packet *p) {
        union {
                char bytes[CMSG_SPACE(sizeof(int))];
                struct cmsghdr align;
        } control = {0};
        struct iovec data = {.iov_base = p->bytes, .iov_len = c->packet_size};
        struct msghdr m = {.msg_iov = &data, .msg_iovlen = 1};
        if (p->attached >= 0) {
                m.msg_control = &control;
                m.msg_controllen = sizeof control.bytes;
                *CMSG_FIRSTHDR(&m) =
                        (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
                memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &p->attached, sizeof(int));
        }
        return sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static void outbox_drop_first(Channel *c) {
        Packet *p = c->outbox;
        DL_DELETE(c->outbox, p);
        free(p);
}

/* A child that is gone loses the rest: its death is being reported. */
static void outbox_flush(Channel *c) {
        int r = 0;
        while (c->outbox && (r = packet_send(c, c->outbox)) != -EAGAIN)
                outbox_drop_first(c);
        sd_event_source_set_io_events(c->io, r == -EAGAIN ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void channel_send(Channel *c, const void *packet, int attached) {
        Packet *p = malloc(sizeof *p + c->packet_size);
        ASSERT(p); /* no protocol can go on with a packet missing */
        p->attached = attached;
        memcpy(p->bytes, packet, c->packet_size);
        DL_APPEND(c->outbox, p);
        outbox_flush(c);
}

/* One packet. 1: handled; 0: nothing there for now; negative: nothing will come any more. */
static int channel_receive(Channel *c) {
        ssize_t n = recv(c->fd, c->inbox, c->packet_size + 1, MSG_DONTWAIT | MSG_TRUNC);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (n == 0)
                return -ECONNRESET;
        int r = c->handler(c->userdata, c->inbox, (size_t)n);
        return r < 0 ? r : 1;
}

void channel_drain(Channel *c) {
        while (channel_receive(c) > 0)
                ;
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Channel *c = userdata;
        int r = 1;
        if (events & EPOLLOUT)
                outbox_flush(c);
        for (int i = 0; i < RECEIVE_MAX && r > 0; i++)
                r = channel_receive(c);
        if (r < 0) /* its death, if that is why, is seen by whoever reaps it */
                sd_event_source_set_enabled(source, SD_EVENT_OFF);
        return 0;
}

int channel_new(Loop *loop, size_t packet_size, ChannelHandler handler, void *userdata,
                Channel **ret, int *ret_peer_fd) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        Channel *c = calloc(1, sizeof *c);
        ASSERT(c);
        *c = (Channel){pair[0], packet_size, NULL, handler, userdata, NULL, NULL};
        c->inbox = malloc(packet_size + 1);
        ASSERT(c->inbox);
        int r = sd_event_add_io(loop->event, &c->io, c->fd, EPOLLIN, on_io, c);
        if (r < 0) {
                close(pair[1]);
                channel_free(c);
                return r;
        }
        *ret = c;
        *ret_peer_fd = pair[1];
        return 0;
}

Channel *channel_free(Channel *c) {
        if (!c)
                return NULL;
        while (c->outbox)
                outbox_drop_first(c);
        sd_event_source_disable_unref(c->io);
        close(c->fd);
        free(c->inbox);
        free(c);
        return NULL;
}
