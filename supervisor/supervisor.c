/* Start, loop, signals, what the dispatcher may ask for, and the end. The order of start matters:
 * the lock, then the dead instance's processes, then whatever touches RUN; so two instances never
 * share a socket or a serial.
 *
 * SIGCHLD is one source and one wait4 loop, not a source a child: remnants are children that nobody
 * announced. */
#include "supervisor/supervisor.h"

#include "common/log.h"
#include "supervisor/dispatcher.h"
#include "supervisor/settings.h"
#include "supervisor/workers.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define STOP_MARGIN_USEC (70 * USEC_PER_SEC) /* above stop_timeout: grace, flush, and some */
#define END_TIMEOUT_USEC (5 * USEC_PER_SEC)  /* from TERM to KILL */

const char *instance_name(const Supervisor *s) {
        return s->paths->kind == INSTANCE_SYSTEM ? "system" : "user";
}

void timer_arm(Supervisor *s, sd_event_source **timer, usec_t delay_usec,
               sd_event_time_handler_t handler) {
        int r = *timer ? sd_event_source_set_time_relative(*timer, delay_usec)
                       : sd_event_add_time_relative(s->event, timer, CLOCK_MONOTONIC, delay_usec,
                                                    USEC_PER_MSEC, handler, s);
        ASSERT(r >= 0);
        ASSERT(sd_event_source_set_enabled(*timer, SD_EVENT_ONESHOT) >= 0);
}

void timer_stop(sd_event_source *timer) {
        if (timer)
                sd_event_source_set_enabled(timer, SD_EVENT_OFF);
}

void supervisor_tell(Supervisor *s) {
        char text[sizeof s->told], stuck[80] = "";
        if (s->workers.stuck)
                snprintf(stuck, sizeof stuck, "; %u processes of dead workers do not die",
                         s->workers.stuck);
        snprintf(text, sizeof text, "%s%s%s", s->status, s->settings.note, stuck);
        for (char *c = text; (c = strchr(c, '\n'));)
                *c = ' ';
        if (strcmp(text, s->told) == 0)
                return;
        memcpy(s->told, text, sizeof text);
        sd_notifyf(0, "STATUS=%s", text);
}

static void on_ready(Supervisor *s, const SuperviseMessage *m) {
        if (!s->dispatcher.ever_ready)
                sd_notify(0, "READY=1");
        dispatcher_on_ready(s);
        snprintf(s->status, sizeof s->status, "ready");
        supervisor_tell(s);
        settings_try(s);
}

static void on_status(Supervisor *s, const SuperviseMessage *m) {
        memcpy(s->status, m->text, sizeof s->status);
        supervisor_tell(s);
}

static void on_stopped(Supervisor *s, const SuperviseMessage *m) {
        s->dispatcher.stopped = s->phase == SUPERVISOR_STOPPING;
        dispatcher_leave(s);
}

void supervisor_on_message(Supervisor *s, const SuperviseMessage *m) {
        static void (*const rows[])(Supervisor *, const SuperviseMessage *) = {
                [SUPERVISE_READY] = on_ready,        [SUPERVISE_PING] = dispatcher_on_ping,
                [SUPERVISE_STATUS] = on_status,      [SUPERVISE_SPAWN] = workers_spawn,
                [SUPERVISE_SIGNAL] = workers_signal, [SUPERVISE_RELOADED] = settings_answered,
                [SUPERVISE_STOPPED] = on_stopped,    [SUPERVISE_EXIT_SEEN] = workers_exit_seen,
        };
        if (m->type < ARRAY_SIZE(rows) && rows[m->type])
                rows[m->type](s, m);
        else
                log_warning("dispatcher %d sent an unknown message (type %u): ignored",
                            s->dispatcher.pid, m->type);
}

static void supervisor_check_end(Supervisor *s) {
        if (s->phase == SUPERVISOR_ENDING && s->dispatcher.pid == 0 && workers_unended(s) == 0)
                sd_event_exit(s->event, s->exit_code);
}

static int on_phase_timer(sd_event_source *source, uint64_t due, void *userdata) {
        Supervisor *s = userdata;
        if (s->phase == SUPERVISOR_STOPPING) {
                log_error("the dispatcher did not stop in time: ending everything");
                supervisor_end(s, EXIT_SOFTWARE);
                return 0;
        }
        workers_signal_all(s, SIGKILL);
        timer_arm(s, &s->phase_timer, END_TIMEOUT_USEC, on_phase_timer);
        return 0;
}

void supervisor_end(Supervisor *s, int exit_code) {
        timer_stop(s->dispatcher.timer);
        if (s->phase != SUPERVISOR_ENDING) {
                s->phase = SUPERVISOR_ENDING;
                s->exit_code = exit_code;
                if (s->dispatcher.pid > 0)
                        kill(s->dispatcher.pid, SIGKILL);
                workers_signal_all(s, SIGTERM);
                timer_arm(s, &s->phase_timer, END_TIMEOUT_USEC, on_phase_timer);
        }
        supervisor_check_end(s);
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata) {
        Supervisor *s = userdata;
        if (s->phase != SUPERVISOR_RUNNING)
                return 0;
        log_notice("stopping");
        sd_notify(0, "STOPPING=1");
        s->phase = SUPERVISOR_STOPPING;
        timer_arm(s, &s->phase_timer,
                  usec_add(s->settings.config->stop_timeout_usec, STOP_MARGIN_USEC),
                  on_phase_timer);
        dispatcher_send(s, &(SuperviseMessage){.type = SUPERVISE_STOP}, -1);
        return 0;
}

static int on_child(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata) {
        Supervisor *s = userdata;
        struct rusage usage;
        int status;
        for (pid_t pid; (pid = wait4(-1, &status, WNOHANG, &usage)) > 0;) {
                if (pid == s->dispatcher.pid)
                        dispatcher_reaped(s, status);
                else
                        workers_reaped(s, pid, status, &usage);
        }
        workers_settle(s);
        supervisor_check_end(s);
        return 0;
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata) {
        settings_reload(userdata);
        return 0;
}

static int on_upgrade(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata) {
        dispatcher_upgrade(userdata);
        return 0;
}

/* Signals are blocked before the first child exists; spawn.c gives children a clean mask. */
static int loop_prepare(Supervisor *s) {
        static const struct {
                int sig;
                sd_event_signal_handler_t handler;
        } rows[] = {{SIGCHLD, on_child},
                    {SIGTERM, on_stop},
                    {SIGINT, on_stop},
                    {SIGHUP, on_reload},
                    {SIGUSR2, on_upgrade}};
        sigset_t set;
        sigemptyset(&set);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                sigaddset(&set, rows[i].sig);
        int r = sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? -errno : sd_event_new(&s->event);
        for (size_t i = 0; i < ARRAY_SIZE(rows) && r >= 0; i++)
                r = sd_event_add_signal(s->event, NULL, rows[i].sig, rows[i].handler, s);
        if (r >= 0)
                r = sd_event_set_watchdog(s->event, true);
        if (r >= 0 && pipe2(s->workers.life, O_CLOEXEC) < 0)
                r = -errno;
        if (r >= 0 && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
                r = -errno;
        if (r >= 0 && access("/proc/thread-self/children", R_OK) < 0)
                r = -errno;
        return r;
}

static int supervisor_start(Supervisor *s, Error *error) {
        int r = settings_load(s, error);
        if (r == 0)
                r = instance_acquire(&s->instance, s->paths, error);
        if (r == 0)
                r = binaries_open(++s->openings, &s->binaries, error);
        if (r < 0)
                return r;
        r = loop_prepare(s);
        if (r < 0)
                return error_set(error, EXIT_SOFTWARE,
                                 "cannot prepare the event loop: %s; is /proc mounted?",
                                 strerror(-r));
        listen_clean_workers(s->paths);
        r = listeners_open(s->listeners, s->paths, s->settings.config, error);
        if (r < 0)
                return r;
        char url[PATH_MAX + 8];
        snprintf(url, sizeof url, "ipc://%s", s->listeners[LISTENER_CONTROL].path);
        return paths_write_endpoint(s->paths, url, error);
}

static void supervisor_done(Supervisor *s) {
        dispatcher_done(s);
        workers_done(s);
        listeners_close(s->listeners);
        settings_done(s);
        binaries_close(&s->binaries);
        binaries_close(&s->fallback);
        sd_event_source_unref(s->phase_timer);
        sd_event_unref(s->event);
        instance_release(&s->instance);
}

int supervisor_run(const InstancePaths *paths, ConfigPresence presence, Error *error) {
        Supervisor s = {
                .paths = paths,
                .presence = presence,
                .instance = INSTANCE_NONE,
                .binaries = BINARIES_NONE,
                .fallback = BINARIES_NONE,
                .settings = {.fd = -1, .offered_fd = -1},
                .dispatcher = {.channel = -1},
                .workers = {.life = {-1, -1}},
        };
        int r = supervisor_start(&s, error);
        if (r == 0) {
                dispatcher_start(&s);
                r = sd_event_loop(s.event);
                if (r < 0)
                        error_set(error, EXIT_SOFTWARE, "the event loop failed: %s", strerror(-r));
        }
        supervisor_done(&s);
        return r < 0 ? error->code : r;
}
