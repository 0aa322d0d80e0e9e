/* See supervise-link.h. Packets are small and rare, so they are sent blocking: the supervisor
 * always reads. */
#include "dispatcher/supervise-link.h"

#include "common/log.h"
#include "common/time.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#define ASKERS_MAX 1024 /* of reloads that are not done */

typedef struct Asker {
        struct Asker *prev, *next;
        uint64_t number; /* as in RELOAD_ASKED; they rise along the list */
        SuperviseReloadDone done;
        void *context;
} Asker;

struct SuperviseLink {
        int channel;
        sd_event_source *io, *ping;
        SuperviseHandler handler;
        void *userdata;
        bool greeted; /* ROSTER_END has come: features are known */
        int32_t features;
        Asker *askers;
        size_t asker_count;
        uint64_t last_number;
        char report[SUPERVISE_REPORT_MAX]; /* of the reload that is being told */
        size_t report_size;
};

static void packet_send(int channel, SuperviseMessage *m) {
        m->version = SUPERVISE_VERSION;
        while (send(channel, m, sizeof *m, MSG_NOSIGNAL) < 0 && errno == EINTR)
                ;
}

void supervise_ping(int channel) {
        SuperviseMessage m = {.type = SUPERVISE_PING};
        packet_send(channel, &m);
}

/* Receives one packet with the descriptor that may be attached to it. 0: EOF. */
static ssize_t packet_receive(int channel, SuperviseMessage *m, int *ret_fd) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control;
        struct iovec iov = {.iov_base = m, .iov_len = sizeof *m};
        struct msghdr h = {.msg_iov = &iov,
                           .msg_iovlen = 1,
                           .msg_control = &control,
                           .msg_controllen = sizeof control};
        *ret_fd = -1;
        ssize_t size = recvmsg(channel, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (size <= 0)
                return size < 0 ? -errno : 0;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c))
                if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
                        memcpy(ret_fd, CMSG_DATA(c), sizeof *ret_fd);
        return size;
}

/* ---- reloads that were asked for ---- */

static void asker_drop(SuperviseLink *l, Asker *a) {
        DL_DELETE(l->askers, a);
        l->asker_count--;
        free(a->context);
        free(a);
}

/* Answers all up to number. */
static void askers_answer(SuperviseLink *l, uint64_t number, const SuperviseReloaded *result) {
        while (l->askers && l->askers->number <= number) {
                l->askers->done(l->askers->context, result);
                asker_drop(l, l->askers);
        }
}

static void send_asked(SuperviseLink *l) {
        SuperviseMessage m = {.type = SUPERVISE_RELOAD_ASKED, .serial = l->last_number};
        packet_send(l->channel, &m);
}

int supervise_ask_reload(SuperviseLink *l, SuperviseReloadDone done, void *context) {
        bool can = !l->greeted || l->features & SUPERVISE_FEATURE_RELOAD_ASKED;
        Asker *a = can && l->asker_count < ASKERS_MAX ? malloc(sizeof *a) : NULL;
        if (!a) {
                free(context);
                return !can ? -EOPNOTSUPP : l->asker_count >= ASKERS_MAX ? -ENOBUFS : -ENOMEM;
        }
        *a = (Asker){.number = ++l->last_number, .done = done, .context = context};
        DL_APPEND(l->askers, a);
        l->asker_count++;
        if (l->greeted)
                send_asked(l);
        return 0;
}

static void on_greeted(SuperviseLink *l, const SuperviseMessage *m) {
        l->greeted = true;
        l->features = m->features;
        if (!l->askers)
                return;
        if (l->features & SUPERVISE_FEATURE_RELOAD_ASKED)
                send_asked(l);
        else
                askers_answer(l, UINT64_MAX, &(SuperviseReloaded){.error = -EOPNOTSUPP});
}

static void on_report(SuperviseLink *l, const SuperviseMessage *m) {
        size_t size =
                MIN_OF(strnlen(m->text, sizeof m->text), sizeof l->report - 1 - l->report_size);
        memcpy(l->report + l->report_size, m->text, size);
        l->report_size += size;
}

static void on_reload_done(SuperviseLink *l, const SuperviseMessage *m) {
        l->report[l->report_size] = '\0';
        l->report_size = 0;
        askers_answer(l, m->serial,
                      &(SuperviseReloaded){
                              .generation = m->generation, .error = m->error, .text = l->report});
}

/* What concerns this module itself. */
static void on_own(SuperviseLink *l, const SuperviseMessage *m) {
        if (m->type == SUPERVISE_ROSTER_END)
                on_greeted(l, m);
        else if (m->type == SUPERVISE_RELOAD_REPORT)
                on_report(l, m);
        else if (m->type == SUPERVISE_RELOAD_DONE)
                on_reload_done(l, m);
}

/* ---- packets ---- */

static int on_channel(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        SuperviseLink *l = userdata;
        for (;;) {
                SuperviseMessage m;
                int attached;
                ssize_t size = packet_receive(fd, &m, &attached);
                if (size == -EAGAIN || size == -EINTR)
                        return 0;
                if (size <= 0) {
                        log_notice("supervisor is gone: leaving, the next start recovers from the "
                                   "store");
                        _exit(EXIT_FAILURE);
                }
                if (size != sizeof m || m.version != SUPERVISE_VERSION) {
                        log_error("supervisor speaks version %u of its protocol, this dispatcher "
                                  "%u: leaving",
                                  m.version, SUPERVISE_VERSION);
                        _exit(EXIT_FAILURE);
                }
                on_own(l, &m);
                l->handler(l->userdata, &m, attached);
        }
}

static int on_ping(sd_event_source *source, uint64_t usec, void *userdata) {
        SuperviseLink *l = userdata;
        supervise_send(l, SUPERVISE_PING);
        sd_event_source_set_time_relative(source, SUPERVISE_PING_USEC);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int supervise_link_new(sd_event *event, int channel, int64_t priority, SuperviseHandler handler,
                       void *userdata, SuperviseLink **ret) {
        _cleanup_(supervise_link_freep) SuperviseLink *l = calloc(1, sizeof *l);
        if (!l)
                return -ENOMEM;
        *l = (SuperviseLink){.channel = channel, .handler = handler, .userdata = userdata};
        int r = sd_event_add_io(event, &l->io, channel, EPOLLIN, on_channel, l);
        if (r >= 0)
                r = sd_event_source_set_priority(l->io, priority);
        /* An accuracy of a second lets the kernel join this wakeup with others. */
        if (r >= 0)
                r = sd_event_add_time_relative(event, &l->ping, CLOCK_MONOTONIC,
                                               SUPERVISE_PING_USEC, USEC_PER_SEC, on_ping, l);
        if (r < 0)
                return r;
        *ret = take_ptr(l);
        return 0;
}

SuperviseLink *supervise_link_free(SuperviseLink *l) {
        if (!l)
                return NULL;
        sd_event_source_disable_unref(l->io);
        sd_event_source_disable_unref(l->ping);
        while (l->askers)
                asker_drop(l, l->askers);
        free(l);
        return NULL;
}

void supervise_send(SuperviseLink *l, SuperviseType type) {
        SuperviseMessage m = {.type = type};
        packet_send(l->channel, &m);
}

void supervise_send_status(SuperviseLink *l, const char *text) {
        SuperviseMessage m = {.type = SUPERVISE_STATUS};
        snprintf(m.text, sizeof m.text, "%s", text);
        packet_send(l->channel, &m);
}

void supervise_send_spawn(SuperviseLink *l, const char *pool) {
        SuperviseMessage m = {.type = SUPERVISE_SPAWN};
        snprintf(m.pool, sizeof m.pool, "%s", pool);
        packet_send(l->channel, &m);
}

void supervise_send_signal(SuperviseLink *l, uint64_t serial, int signal) {
        SuperviseMessage m = {.type = SUPERVISE_SIGNAL, .serial = serial, .signal = signal};
        packet_send(l->channel, &m);
}

void supervise_send_stop_takes(SuperviseLink *l, uint64_t usec) {
        SuperviseMessage m = {.type = SUPERVISE_STOP_TAKES, .serial = usec};
        if (l->features & SUPERVISE_FEATURE_STOP_TAKES)
                packet_send(l->channel, &m);
}

void supervise_send_exit_seen(SuperviseLink *l, uint64_t serial) {
        SuperviseMessage m = {.type = SUPERVISE_EXIT_SEEN, .serial = serial};
        packet_send(l->channel, &m);
}

void supervise_send_reloaded(SuperviseLink *l, uint64_t generation, int error, const char *text) {
        SuperviseMessage m = {.type = SUPERVISE_RELOADED, .generation = generation, .error = error};
        snprintf(m.text, sizeof m.text, "%s", text);
        packet_send(l->channel, &m);
}
