/* One process at a time, in the states of a table; each state has one deadline, kept by one timer.
 * The pause of DOWN is host/backoff.h's, from 10 ms to 5 s.
 *
 *   DOWN ─► STARTING ─► READY ─► LEAVING ─► DOWN      every state but DOWN ─► DOWN: it died
 *     └───► TRIAL ───────┘         every state with a deadline ─► ABORTING ─► DOWN: overdue */
#include "supervisor/supervisor.h"

#include "common/log.h"
#include "host/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_TIMEOUT_USEC (10 * USEC_PER_SEC)
#define LEAVE_TIMEOUT_USEC (10 * USEC_PER_SEC)
#define ABORT_TIMEOUT_USEC USEC_PER_SEC
#define FAILURES_MAX       5

#define TO(state) (1u << DISPATCHER_##state)
#define ENDS      (TO(LEAVING) | TO(ABORTING) | TO(DOWN))
static const struct {
        unsigned to;
        usec_t timeout_usec;
        const char *overdue;
} states[] = {
        [DISPATCHER_DOWN] = {TO(DOWN) | TO(STARTING) | TO(TRIAL), 0, NULL},
        [DISPATCHER_STARTING] = {TO(READY) | ENDS, SUPERVISE_HANG_USEC, "hangs"},
        [DISPATCHER_TRIAL] = {TO(READY) | ENDS, READY_TIMEOUT_USEC, "is not ready in time"},
        [DISPATCHER_READY] = {ENDS, SUPERVISE_HANG_USEC, "hangs"},
        [DISPATCHER_LEAVING] = {TO(ABORTING) | TO(DOWN), LEAVE_TIMEOUT_USEC, "does not exit"},
        [DISPATCHER_ABORTING] = {TO(DOWN), ABORT_TIMEOUT_USEC, NULL},
};

static void on_timer(void *userdata);

static void dispatcher_set_state(Supervisor *s, DispatcherState state) {
        Dispatcher *d = &s->dispatcher;
        ASSERT(states[d->state].to & (1u << state));
        d->state = state;
        timer_arm(&s->loop, &d->timer,
                  state == DISPATCHER_DOWN ? d->backoff.pause_usec : states[state].timeout_usec,
                  on_timer, s);
}

static void on_timer(void *userdata) {
        Supervisor *s = userdata;
        Dispatcher *d = &s->dispatcher;
        if (d->state == DISPATCHER_DOWN) {
                dispatcher_start(s);
        } else if (d->state == DISPATCHER_ABORTING) { /* ABRT does not end a stopped process */
                dispatcher_kill(s, SIGKILL);
                timer_arm(&s->loop, &d->timer, ABORT_TIMEOUT_USEC, on_timer, s);
        } else {
                log_error("dispatcher %d %s: aborting it", d->pid, states[d->state].overdue);
                dispatcher_kill(s, SIGABRT);
                dispatcher_set_state(s, DISPATCHER_ABORTING);
        }
}

void dispatcher_kill(const Supervisor *s, int sig) {
        if (s->dispatcher.pid > 0)
                kill(s->dispatcher.pid, sig);
}

void dispatcher_send(Supervisor *s, const SuperviseMessage *message, int attached) {
        SuperviseMessage m = *message;
        m.version = SUPERVISE_VERSION;
        if (s->dispatcher.channel)
                channel_send(s->dispatcher.channel, &m, attached);
}

/* ---- what it says ---- */

static void on_ready(Supervisor *s, const SuperviseMessage *m) {
        Dispatcher *d = &s->dispatcher;
        if (d->state != DISPATCHER_STARTING && d->state != DISPATCHER_TRIAL)
                return;
        dispatcher_set_state(s, DISPATCHER_READY);
        d->ready_at = time_now_monotonic();
        d->failures = 0;
        if (!d->ever_ready)
                notify_ready();
        d->ever_ready = true;
        if (binaries_on_trial(&s->binaries))
                log_notice("the new dispatcher is ready: upgrade done");
        binaries_keep(&s->binaries);
        notify_status(STATUS_DISPATCHER, "ready");
        settings_try(s);
}

static void on_ping(Supervisor *s, const SuperviseMessage *m) {
        DispatcherState state = s->dispatcher.state;
        if (state == DISPATCHER_STARTING || state == DISPATCHER_READY)
                timer_arm(&s->loop, &s->dispatcher.timer, SUPERVISE_HANG_USEC, on_timer, s);
}

static void on_status(Supervisor *s, const SuperviseMessage *m) {
        notify_status(STATUS_DISPATCHER, "%s", m->text);
}

/* It will exit by itself; it does not get for ever. */
static void dispatcher_leave(Supervisor *s) {
        if (states[s->dispatcher.state].to & TO(LEAVING))
                dispatcher_set_state(s, DISPATCHER_LEAVING);
}

static void on_stop_takes(Supervisor *s, const SuperviseMessage *m) {
        supervisor_stop_takes(s, m->serial);
}

static void on_stopped(Supervisor *s, const SuperviseMessage *m) {
        s->dispatcher.stopped = s->phase == SUPERVISOR_STOPPING;
        dispatcher_leave(s);
}

static int on_packet(void *userdata, const void *packet, size_t size) {
        static void (*const rows[])(Supervisor *, const SuperviseMessage *) = {
                [SUPERVISE_READY] = on_ready,
                [SUPERVISE_PING] = on_ping,
                [SUPERVISE_STATUS] = on_status,
                [SUPERVISE_SPAWN] = workers_spawn,
                [SUPERVISE_SIGNAL] = workers_signal,
                [SUPERVISE_RELOAD_ASKED] = settings_asked,
                [SUPERVISE_STOP_TAKES] = on_stop_takes,
                [SUPERVISE_STOPPED] = on_stopped,
                [SUPERVISE_EXIT_SEEN] = workers_exit_seen,
                [SUPERVISE_RELOADED] = settings_answered,
        };
        Supervisor *s = userdata;
        SuperviseMessage m = {0};
        memcpy(&m, packet, MIN_OF(size, sizeof m));
        if (size != sizeof m || m.version != SUPERVISE_VERSION) {
                log_error("dispatcher %d speaks another version: ending it; install one package as "
                          "a whole",
                          s->dispatcher.pid);
                dispatcher_kill(s, SIGKILL);
                return -EPROTO;
        }
        m.pool[sizeof m.pool - 1] = m.text[sizeof m.text - 1] = '\0';
        if (m.type < ARRAY_SIZE(rows) && rows[m.type])
                rows[m.type](s, &m);
        else
                log_warning("dispatcher %d sent an unknown message (type %u): ignored",
                            s->dispatcher.pid, m.type);
        return 0;
}

/* ---- its life ---- */

static int dispatcher_spawn(Supervisor *s) {
        Dispatcher *d = &s->dispatcher;
        char generation[24], binary[24];
        int peer;
        int r = channel_new(&s->loop, sizeof(SuperviseMessage), on_packet, s, &d->channel, &peer);
        if (r < 0)
                return r;
        snprintf(generation, sizeof generation, "%" PRIu64, s->settings.generation);
        snprintf(binary, sizeof binary, "%" PRIu64, s->binaries.now.number);
        const char *options[] = {"--generation", generation, "--binary", binary};
        r = supervisor_spawn(s, PROGRAM_DISPATCHER, NULL, peer, s->listeners.fds, LISTENER_COUNT,
                             options);
        close(peer);
        return r;
}

static void dispatcher_lost(Supervisor *s, const char *reason, int exit_code);

void dispatcher_start(Supervisor *s) {
        Dispatcher *d = &s->dispatcher;
        d->binary = s->binaries.now.number;
        d->stopped = false;
        int r = dispatcher_spawn(s);
        if (r < 0) {
                dispatcher_lost(s, strerror(-r), EXIT_SOFTWARE);
                return;
        }
        d->pid = r;
        dispatcher_set_state(s, binaries_on_trial(&s->binaries) ? DISPATCHER_TRIAL
                                                                : DISPATCHER_STARTING);
        workers_send_roster(s);
        if (s->phase == SUPERVISOR_STOPPING)
                dispatcher_send(s, &(SuperviseMessage){.type = SUPERVISE_STOP}, -1);
}

/* Nobody asked for it: the next one comes after a pause, if there is any hope. */
static void dispatcher_failed(Supervisor *s, const char *reason, int exit_code) {
        Dispatcher *d = &s->dispatcher;
        char text[SUPERVISE_TEXT_MAX], pause[64];
        usec_t worked_usec = d->state == DISPATCHER_READY ? time_now_monotonic() - d->ready_at : 0;
        duration_format(backoff_failed(&d->backoff, worked_usec), pause, sizeof pause);
        snprintf(text, sizeof text, "dispatcher ended (%s), starting another in %s", reason, pause);
        notify_status(STATUS_DISPATCHER, "%s", text);
        log_error("%s; %u in a row without one that was ready", text, ++d->failures);
        if (d->failures < FAILURES_MAX || (d->ever_ready && s->phase == SUPERVISOR_RUNNING))
                return;
        log_error("giving up: %u dispatchers ended before they were ready, the last with %s",
                  d->failures, reason);
        supervisor_end(s, exit_code);
}

/* It is dead, or could not even be started: what follows from that. */
static void dispatcher_lost(Supervisor *s, const char *reason, int exit_code) {
        Dispatcher *d = &s->dispatcher;
        bool handed_over = d->binary != s->binaries.now.number,
             trial_failed = !handed_over && binaries_on_trial(&s->binaries);
        d->channel = channel_free(d->channel);
        settings_unanswered(s);
        if (trial_failed) {
                log_error(
                        "the new dispatcher ended before it was ready (%s): the old one comes back",
                        reason);
                binaries_revert(&s->binaries);
        }
        if (handed_over || trial_failed)
                d->backoff.pause_usec = 0;
        else if (!d->stopped && s->phase != SUPERVISOR_ENDING)
                dispatcher_failed(s, reason, exit_code);
        dispatcher_set_state(s, DISPATCHER_DOWN);
        if (s->phase == SUPERVISOR_ENDING || d->stopped)
                supervisor_end(s, 0);
}

void dispatcher_died(void *supervisor, void *none, int status, const struct rusage *usage) {
        Supervisor *s = supervisor;
        char reason[32];
        s->dispatcher.pid = 0;
        channel_drain(s->dispatcher.channel); /* its last words */
        bool failed = WIFEXITED(status) && WEXITSTATUS(status) != 0;
        dispatcher_lost(s, child_status_text(status, reason, sizeof reason),
                        failed ? WEXITSTATUS(status) : EXIT_SOFTWARE);
}

void dispatcher_upgrade(void *supervisor) {
        Supervisor *s = supervisor;
        Error error = {0};
        if (s->phase != SUPERVISOR_RUNNING || binaries_on_trial(&s->binaries)) {
                log_warning("no upgrade now: one is under way, or the instance stops");
        } else if (binaries_open(&s->binaries, &error) < 0) {
                log_error("no upgrade: %s", error.text);
        } else {
                log_notice("upgrade: handing over to a new dispatcher");
                dispatcher_send(s, &(SuperviseMessage){.type = SUPERVISE_HANDOVER}, -1);
                dispatcher_leave(s);
        }
}

void dispatcher_done(Supervisor *s) {
        channel_free(s->dispatcher.channel);
        timer_done(&s->dispatcher.timer);
}
