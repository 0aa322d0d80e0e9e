/* One process at a time, in the states of a table; each state has one deadline, kept by one timer.
 *
 *   DOWN ─► STARTING ─► READY ─► LEAVING ─► DOWN      every state but DOWN ─► DOWN: it died
 *     └───► TRIAL ───────┘         every state with a deadline ─► ABORTING ─► DOWN: overdue
 *
 * The pause before the next start doubles from 10 ms to 5 s and falls back to 10 ms once a
 * dispatcher was READY for as long as the pause that it had cost: who crashes at once is slowed
 * down, who worked for a while is not. */
#include "supervisor/dispatcher.h"

#include "common/log.h"
#include "supervisor/settings.h"
#include "supervisor/workers.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#define BACKOFF_MIN_USEC   (10 * USEC_PER_MSEC)
#define BACKOFF_MAX_USEC   (5 * USEC_PER_SEC)
#define READY_TIMEOUT_USEC (10 * USEC_PER_SEC)
#define LEAVE_TIMEOUT_USEC (10 * USEC_PER_SEC)
#define ABORT_TIMEOUT_USEC USEC_PER_SEC
#define FAILURES_MAX       5
#define RECEIVE_MAX        64 /* messages in one turn of the loop */

struct Packet {
        Packet *prev, *next;
        int attached;
        SuperviseMessage message;
};

#define TO(state) (1u << DISPATCHER_##state)
static const struct {
        unsigned to;
        usec_t timeout_usec;
        const char *overdue;
} states[] = {
        [DISPATCHER_DOWN] = {TO(DOWN) | TO(STARTING) | TO(TRIAL), 0, NULL},
        [DISPATCHER_STARTING] = {TO(READY) | TO(LEAVING) | TO(ABORTING) | TO(DOWN),
                                 SUPERVISE_HANG_USEC, "hangs"},
        [DISPATCHER_TRIAL] = {TO(READY) | TO(LEAVING) | TO(ABORTING) | TO(DOWN), READY_TIMEOUT_USEC,
                              "is not ready in time"},
        [DISPATCHER_READY] = {TO(LEAVING) | TO(ABORTING) | TO(DOWN), SUPERVISE_HANG_USEC, "hangs"},
        [DISPATCHER_LEAVING] = {TO(ABORTING) | TO(DOWN), LEAVE_TIMEOUT_USEC, "does not exit"},
        [DISPATCHER_ABORTING] = {TO(DOWN), ABORT_TIMEOUT_USEC, NULL},
};

static int on_timer(sd_event_source *source, uint64_t due, void *userdata);

static void dispatcher_set_state(Supervisor *s, DispatcherState state) {
        Dispatcher *d = &s->dispatcher;
        ASSERT(states[d->state].to & (1u << state));
        d->state = state;
        timer_arm(s, &d->timer,
                  state == DISPATCHER_DOWN ? d->backoff_usec : states[state].timeout_usec,
                  on_timer);
}

static int on_timer(sd_event_source *source, uint64_t due, void *userdata) {
        Supervisor *s = userdata;
        Dispatcher *d = &s->dispatcher;
        bool pings = d->state == DISPATCHER_STARTING || d->state == DISPATCHER_READY;
        if (d->state == DISPATCHER_DOWN) {
                dispatcher_start(s);
        } else if (d->state == DISPATCHER_ABORTING) { /* ABRT does not end a stopped process */
                kill(d->pid, SIGKILL);
                timer_arm(s, &d->timer, ABORT_TIMEOUT_USEC, on_timer);
        } else if (pings && time_now_monotonic() > due + USEC_PER_SEC) {
                /* We did not run ourselves (frozen, stopped): it may not have either. */
                timer_arm(s, &d->timer, SUPERVISE_HANG_USEC, on_timer);
        } else {
                log_error("dispatcher %d %s: aborting it", d->pid, states[d->state].overdue);
                kill(d->pid, SIGABRT);
                dispatcher_set_state(s, DISPATCHER_ABORTING);
        }
        return 0;
}

static void channel_close(Dispatcher *d) {
        Packet *p, *next;
        DL_FOREACH_SAFE(d->outbox, p, next)
        free(p);
        d->outbox = NULL;
        d->io = sd_event_source_disable_unref(d->io);
        close_fd(take_fd(&d->channel));
}

static int packet_send(int channel, const Packet *p) {
        union {
                char bytes[CMSG_SPACE(sizeof(int))];
                struct cmsghdr align;
        } control = {0};
        struct iovec data = {.iov_base = (void *)&p->message, .iov_len = sizeof p->message};
        struct msghdr m = {.msg_iov = &data, .msg_iovlen = 1};
        if (p->attached >= 0) {
                m.msg_control = &control;
                m.msg_controllen = sizeof control.bytes;
                *CMSG_FIRSTHDR(&m) =
                        (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
                memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &p->attached, sizeof(int));
        }
        return sendmsg(channel, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* A peer that is gone loses the rest: its death is being reported, and the next one gets the
 * roster. */
static void outbox_flush(Dispatcher *d) {
        int r = 0;
        while (d->outbox && (r = packet_send(d->channel, d->outbox)) != -EAGAIN) {
                Packet *p = d->outbox;
                DL_DELETE(d->outbox, p);
                free(p);
        }
        sd_event_source_set_io_events(d->io, r == -EAGAIN ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void dispatcher_send(Supervisor *s, const SuperviseMessage *message, int attached) {
        Dispatcher *d = &s->dispatcher;
        if (!d->io)
                return;
        Packet *p = malloc(sizeof *p);
        ASSERT(p); /* the contract cannot go on with a message missing */
        *p = (Packet){.attached = attached, .message = *message};
        p->message.version = SUPERVISE_VERSION;
        DL_APPEND(d->outbox, p);
        outbox_flush(d);
}

/* One message. 1: handled; 0: nothing there for now; negative: nothing will come any more. */
static int channel_receive(Supervisor *s) {
        SuperviseMessage m;
        ssize_t n = recv(s->dispatcher.channel, &m, sizeof m, MSG_DONTWAIT | MSG_TRUNC);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (n == 0)
                return -ECONNRESET;
        if (n != sizeof m || m.version != SUPERVISE_VERSION) {
                log_error("dispatcher %d speaks another version: ending it; install one package as "
                          "a whole",
                          s->dispatcher.pid);
                return -EPROTO;
        }
        m.pool[sizeof m.pool - 1] = m.text[sizeof m.text - 1] = '\0';
        supervisor_on_message(s, &m);
        return 1;
}

static int on_channel(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Supervisor *s = userdata;
        int r = 1;
        if (events & EPOLLOUT)
                outbox_flush(&s->dispatcher);
        for (int i = 0; i < RECEIVE_MAX && r > 0; i++)
                r = channel_receive(s);
        if (r == -EPROTO)
                kill(s->dispatcher.pid, SIGKILL);
        if (r < 0) /* it exits, and SIGCHLD says so; if it does not, its pings are missed */
                sd_event_source_set_enabled(source, SD_EVENT_OFF);
        return 0;
}

static int dispatcher_exec(Supervisor *s, int pair[2], int alive) {
        const Listener *l = s->listeners;
        char generation[24], binary[24];
        int fds[] = {pair[1],
                     s->settings.fd,
                     alive,
                     l[LISTENER_CONTROL].fd,
                     l[LISTENER_EVENTS].fd,
                     l[LISTENER_RESULTS].fd};
        snprintf(generation, sizeof generation, "%" PRIu64, s->settings.generation);
        snprintf(binary, sizeof binary, "%" PRIu64, s->binaries.number);
        const char *argv[] = {"stint-dispatcher", "--state",    s->paths->state,  "--run",
                              s->paths->run,      "--instance", instance_name(s), "--generation",
                              generation,         "--binary",   binary,           NULL};
        int r = sd_event_add_io(s->event, &s->dispatcher.io, pair[0], EPOLLIN, on_channel, s);
        if (r >= 0)
                r = spawn_process(s->binaries.dispatcher, argv, fds, ARRAY_SIZE(fds));
        if (r < 0)
                return r;
        s->dispatcher.pid = r;
        return 0;
}

static void dispatcher_lost(Supervisor *s, const char *reason, int exit_code);

void dispatcher_start(Supervisor *s) {
        Dispatcher *d = &s->dispatcher;
        int pair[2] = {-1, -1}, alive = instance_open_alive(&s->instance), r = alive;
        d->binary = s->binaries.number;
        d->stopped = false;
        if (r >= 0)
                r = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ? -errno : 0;
        d->channel = pair[0];
        if (r >= 0)
                r = dispatcher_exec(s, pair, alive);
        close_fd(alive);
        close_fd(pair[1]);
        if (r < 0) {
                dispatcher_lost(s, strerror(-r), EXIT_SOFTWARE);
                return;
        }
        dispatcher_set_state(s, s->fallback.number ? DISPATCHER_TRIAL : DISPATCHER_STARTING);
        workers_send_roster(s);
        if (s->phase == SUPERVISOR_STOPPING)
                dispatcher_send(s, &(SuperviseMessage){.type = SUPERVISE_STOP}, -1);
}

static void dispatcher_failed(Supervisor *s, const char *reason, usec_t ready_usec) {
        Dispatcher *d = &s->dispatcher;
        char pause[64];
        d->failures++;
        if (ready_usec > 0 && ready_usec >= d->backoff_usec)
                d->backoff_usec = 0;
        d->backoff_usec = MIN_OF(MAX_OF(2 * d->backoff_usec, BACKOFF_MIN_USEC), BACKOFF_MAX_USEC);
        duration_format(d->backoff_usec, pause, sizeof pause);
        snprintf(s->status, sizeof s->status, "dispatcher ended (%s), starting another in %s",
                 reason, pause);
        log_error("%s; %u in a row without one that was ready", s->status, d->failures);
        supervisor_tell(s);
}

/* It is dead, or could not even be started: what follows from that. */
static void dispatcher_lost(Supervisor *s, const char *reason, int exit_code) {
        Dispatcher *d = &s->dispatcher;
        bool handed_over = d->binary != s->binaries.number,
             on_trial = !handed_over && s->fallback.number != 0;
        usec_t ready_usec = d->state == DISPATCHER_READY ? time_now_monotonic() - d->ready_at : 0;
        channel_close(d);
        settings_unanswered(s);
        if (on_trial) {
                log_error(
                        "the new dispatcher ended before it was ready (%s): the old one comes back",
                        reason);
                binaries_close(&s->binaries);
                s->binaries = s->fallback;
                s->fallback = BINARIES_NONE;
        }
        if (handed_over || on_trial)
                d->backoff_usec = 0;
        else if (!d->stopped && s->phase != SUPERVISOR_ENDING)
                dispatcher_failed(s, reason, ready_usec);
        dispatcher_set_state(s, DISPATCHER_DOWN);
        bool hopeless =
                d->failures >= FAILURES_MAX && (!d->ever_ready || s->phase == SUPERVISOR_STOPPING);
        if (hopeless && s->phase != SUPERVISOR_ENDING)
                log_error(
                        "giving up: %u dispatchers ended before they were ready, the last with %s",
                        d->failures, reason);
        if (s->phase == SUPERVISOR_ENDING || d->stopped || hopeless)
                supervisor_end(s, hopeless ? exit_code : 0);
}

void dispatcher_reaped(Supervisor *s, int status) {
        char reason[32];
        while (channel_receive(s) > 0) /* its last words */
                ;
        s->dispatcher.pid = 0;
        bool failed = WIFEXITED(status) && WEXITSTATUS(status) != 0;
        dispatcher_lost(s, spawn_status_text(status, reason, sizeof reason),
                        failed ? WEXITSTATUS(status) : EXIT_SOFTWARE);
}

void dispatcher_on_ping(Supervisor *s, const SuperviseMessage *m) {
        DispatcherState state = s->dispatcher.state;
        if (state == DISPATCHER_STARTING || state == DISPATCHER_READY)
                timer_arm(s, &s->dispatcher.timer, SUPERVISE_HANG_USEC, on_timer);
}

void dispatcher_on_ready(Supervisor *s) {
        Dispatcher *d = &s->dispatcher;
        if (d->state != DISPATCHER_STARTING && d->state != DISPATCHER_TRIAL)
                return;
        dispatcher_set_state(s, DISPATCHER_READY);
        d->ready_at = time_now_monotonic();
        d->failures = 0;
        d->ever_ready = true;
        if (s->fallback.number)
                log_notice("the new dispatcher is ready: upgrade done");
        binaries_close(&s->fallback);
}

void dispatcher_leave(Supervisor *s) {
        DispatcherState state = s->dispatcher.state;
        if (state != DISPATCHER_DOWN && state != DISPATCHER_LEAVING && state != DISPATCHER_ABORTING)
                dispatcher_set_state(s, DISPATCHER_LEAVING);
}

void dispatcher_upgrade(Supervisor *s) {
        Error error = {0};
        Binaries opened;
        if (s->phase != SUPERVISOR_RUNNING || s->fallback.number) {
                log_warning("no upgrade now: one is under way, or the instance stops");
                return;
        }
        if (binaries_open(s->openings + 1, &opened, &error) < 0) {
                log_error("no upgrade: %s", error.text);
                return;
        }
        s->openings++;
        s->fallback = s->binaries;
        s->binaries = opened;
        log_notice("upgrade: handing over to a new dispatcher");
        dispatcher_send(s, &(SuperviseMessage){.type = SUPERVISE_HANDOVER}, -1);
        dispatcher_leave(s);
}

void dispatcher_done(Supervisor *s) {
        channel_close(&s->dispatcher);
        sd_event_source_unref(s->dispatcher.timer);
}
