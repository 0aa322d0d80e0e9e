/* See link.h. */
#include "client/link.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <zmq.h>

#define LINGER_MSEC 1000
/* A program that does not read holds so many events; what comes after them is dropped, and asked
 * for by the channel when it reads again. */
#define EVENTS_HELD_MAX 1000
#define TOPIC           "task/"

/* A socket and the PAIR that tells of its connections. */
typedef struct Watched {
        void *socket, *monitor;
        bool used; /* since it was found empty: its edge may be gone */
} Watched;

struct Link {
        void *context;
        Watched control, channel;
        int epoll_fd, timer_fd, work_fd;
        bool armed;
};

/* ---- descriptors ---- */

static int poll_add(Link *l, int fd, uint32_t bits) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = bits};
        return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int socket_fd(void *socket) {
        int fd;
        size_t size = sizeof fd;
        return zmq_getsockopt(socket, ZMQ_FD, &fd, &size) < 0 ? -errno : fd;
}

static int poll_add_socket(Link *l, void *socket, uint32_t bits) {
        int fd = socket_fd(socket);
        return fd < 0 ? fd : poll_add(l, fd, bits);
}

static void poll_remove_socket(Link *l, void *socket) {
        int fd = socket_fd(socket);
        if (fd >= 0)
                epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

/* Has it something for us that its descriptor does not tell? Asking takes the edge off that. */
static bool watched_readable(Watched *w) {
        int events;
        size_t size = sizeof events;
        if (!w->used)
                return false;
        w->used = zmq_getsockopt(w->socket, ZMQ_EVENTS, &events, &size) == 0 && events & ZMQ_POLLIN;
        return w->used;
}

static int watched_receive(Watched *w, ZMessage *m) {
        int r = zsocket_receive_now(w->socket, m);
        w->used = r != -EAGAIN;
        return r;
}

/* ---- opening ---- */

/* One event of a monitor: 0 if there is none. */
static unsigned monitor_read(void *monitor) {
        uint16_t event;
        char data[6], address[256];
        if (!monitor || zmq_recv(monitor, data, sizeof data, ZMQ_DONTWAIT) < (int)sizeof event)
                return 0;
        zmq_recv(monitor, address, sizeof address, ZMQ_DONTWAIT);
        memcpy(&event, data, sizeof event);
        return event;
}

static int watched_open(Link *l, int type, const char *monitor, Watched *w) {
        int linger = 0;
        ZSocketOptions options = {.linger_msec = LINGER_MSEC};
        if (type == ZMQ_SUB)
                options.receive_hwm = EVENTS_HELD_MAX;
        int r = zsocket_new(l->context, type, &options, &w->socket);
        if (r < 0)
                return r;
        if (zmq_socket_monitor(w->socket, monitor,
                               ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED) < 0)
                return -errno;
        w->monitor = zmq_socket(l->context, ZMQ_PAIR);
        if (!w->monitor || zmq_setsockopt(w->monitor, ZMQ_LINGER, &linger, sizeof linger) < 0 ||
            zmq_connect(w->monitor, monitor) < 0)
                return -errno;
        monitor_read(w->monitor); /* only who found it empty once is told of the next event */
        return poll_add_socket(l, w->monitor, LINK_NEWS);
}

static void watched_close(Link *l, Watched *w) {
        if (w->monitor) {
                poll_remove_socket(l, w->monitor);
                zmq_socket_monitor(w->socket, NULL, 0);
                zmq_close(w->monitor);
        }
        if (w->socket) {
                poll_remove_socket(l, w->socket);
                zsocket_free(w->socket);
        }
        *w = (Watched){0};
}

static int link_descriptors(Link *l) {
        l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        l->work_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (l->epoll_fd < 0 || l->timer_fd < 0 || l->work_fd < 0)
                return -errno;
        int r = poll_add(l, l->timer_fd, LINK_TIME);
        return r < 0 ? r : poll_add(l, l->work_fd, LINK_WORK);
}

int link_open(const char *endpoint, Link **ret) {
        _cleanup_(link_closep) Link *l = calloc(1, sizeof *l);
        if (!l)
                return -ENOMEM;
        l->epoll_fd = l->timer_fd = l->work_fd = -1;
        int r = link_descriptors(l);
        if (r == 0)
                r = zcontext_new(&l->context);
        if (r == 0)
                r = watched_open(l, ZMQ_DEALER, "inproc://stint-control", &l->control);
        if (r == 0)
                r = poll_add_socket(l, l->control.socket, LINK_MESSAGE);
        if (r == 0)
                r = zsocket_connect(l->control.socket, endpoint);
        if (r < 0)
                return r;
        *ret = take_ptr(l);
        return 0;
}

Link *link_close(Link *l) {
        if (!l)
                return NULL;
        watched_close(l, &l->channel);
        watched_close(l, &l->control);
        zcontext_free(l->context);
        if (l->epoll_fd >= 0)
                close(l->epoll_fd);
        if (l->timer_fd >= 0)
                close(l->timer_fd);
        if (l->work_fd >= 0)
                close(l->work_fd);
        free(l);
        return NULL;
}

int link_fd(const Link *l) {
        return l->epoll_fd;
}

/* ---- messages ---- */

void link_send(Link *l, const void *header, size_t header_size, BlobSlice body) {
        zsocket_send(l->control.socket, header, header_size, body);
        l->control.used = true;
}

int link_receive(Link *l, ZMessage *m) {
        return watched_receive(&l->control, m);
}

int link_listen(Link *l, const char *endpoint) {
        int r = watched_open(l, ZMQ_SUB, "inproc://stint-channel", &l->channel);
        if (r == 0)
                r = poll_add_socket(l, l->channel.socket, LINK_EVENT);
        if (r == 0)
                r = zsocket_subscribe(l->channel.socket, TOPIC, strlen(TOPIC));
        if (r == 0)
                r = zsocket_connect(l->channel.socket, endpoint);
        if (r < 0)
                link_unlisten(l);
        else
                l->channel.used = true;
        return r;
}

void link_unlisten(Link *l) {
        watched_close(l, &l->channel);
}

int link_hear(Link *l, ZMessage *m) {
        if (!l->channel.socket)
                return -EAGAIN;
        return watched_receive(&l->channel, m);
}

/* ---- waiting ---- */

void link_arm(Link *l) {
        if (l->armed)
                return;
        l->armed = true;
        eventfd_write(l->work_fd, 1);
}

void link_settle(Link *l) {
        if (watched_readable(&l->control) || watched_readable(&l->channel))
                link_arm(l);
}

void link_set_timer(Link *l, usec_t at) {
        struct itimerspec when = {.it_value = {.tv_sec = (time_t)(at / USEC_PER_SEC),
                                               .tv_nsec = (long)(at % USEC_PER_SEC) * 1000}};
        timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* Takes back what makes the descriptor readable by itself. */
static void link_disarm(Link *l, unsigned ready) {
        uint64_t count;
        if (ready & LINK_WORK) {
                eventfd_read(l->work_fd, &count);
                l->armed = false;
        }
        if (ready & LINK_TIME && read(l->timer_fd, &count, sizeof count) < 0)
                return; /* it was set anew meanwhile */
}

int link_poll(Link *l, int timeout_msec, int interrupt_fd, unsigned *ret_ready) {
        struct epoll_event events[8];
        struct pollfd fds[] = {{.fd = l->epoll_fd, .events = POLLIN},
                               {.fd = interrupt_fd, .events = POLLIN}};
        *ret_ready = (watched_readable(&l->control) ? (unsigned)LINK_MESSAGE : 0) |
                     (watched_readable(&l->channel) ? (unsigned)LINK_EVENT : 0);
        if (*ret_ready) /* the interrupt counts also while there are messages without end */
                return interrupt_fd >= 0 && poll(&fds[1], 1, 0) > 0 ? -ECANCELED : 0;
        if (interrupt_fd >= 0) {
                if (poll(fds, ARRAY_SIZE(fds), timeout_msec) < 0)
                        return -errno;
                if (fds[1].revents)
                        return -ECANCELED;
                timeout_msec = 0;
        }
        int n = epoll_wait(l->epoll_fd, events, ARRAY_SIZE(events), timeout_msec);
        if (n < 0)
                return -errno;
        for (int i = 0; i < n; i++)
                *ret_ready |= events[i].data.u32;
        link_disarm(l, *ret_ready);
        return 0;
}

LinkNews link_next_news(Link *l) {
        unsigned event;
        while ((event = monitor_read(l->control.monitor))) {
                if (event == ZMQ_EVENT_DISCONNECTED)
                        return LINK_NEWS_LOST;
                if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
                        return LINK_NEWS_UP;
        }
        while ((event = monitor_read(l->channel.monitor)))
                if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
                        return LINK_NEWS_CHANNEL_UP;
        return LINK_NEWS_NONE;
}
