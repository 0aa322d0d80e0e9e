/* Start, signals, phases and the end. The order of start matters: the lock, then the dead
 * instance's processes, then whatever touches RUN; so two instances never share a socket or a
 * serial. */
#include "supervisor/supervisor.h"

#include "common/log.h"
#include "host/notify.h"
#include "host/spawn.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#define STOP_MARGIN_USEC (60 * USEC_PER_SEC) /* above what is known: flush, and some */
#define BACKOFF_MIN_USEC (10 * USEC_PER_MSEC)
#define BACKOFF_MAX_USEC (5 * USEC_PER_SEC)
#define END_TIMEOUT_USEC (5 * USEC_PER_SEC) /* from TERM to KILL */

_Static_assert(SPAWN_FD_FIRST == SUPERVISE_FD_CHANNEL, "what is promised is what is placed");

static const char *const programs[] = {
        [PROGRAM_DISPATCHER] = "stint-dispatcher", [PROGRAM_WORKER] = "stint-worker"};

pid_t supervisor_spawn(Supervisor *s, Program program, Worker *worker, int channel,
                       const int sockets[], unsigned socket_count, const char *const options[4]) {
        const char *instance = s->paths->kind == INSTANCE_SYSTEM ? "system" : "user",
                   *argv[] = {programs[program], "--state",    s->paths->state, "--run",
                              s->paths->run,     "--instance", instance,        options[0],
                              options[1],        options[2],   options[3],      NULL};
        int alive = instance_open_alive(&s->instance),
            fds[SUPERVISE_FD_RESULTS - SUPERVISE_FD_CHANNEL + 1] = {channel,
                                                                    s->settings.in_force.fd, alive};
        if (alive < 0)
                return alive;
        memcpy(fds + 3, sockets, socket_count * sizeof *sockets);
        pid_t pid =
                children_spawn(&s->children, s->binaries.now.fds[program], argv, fds,
                               3 + socket_count, worker ? worker_died : dispatcher_died, worker);
        close(alive);
        return pid;
}

/* ---- the end ---- */

static void check_end(Supervisor *s) {
        if (s->phase == SUPERVISOR_ENDING && children_count(&s->children) == 0)
                loop_end(&s->loop, s->exit_code);
}

static void on_phase_timer(void *userdata) {
        Supervisor *s = userdata;
        if (s->phase == SUPERVISOR_STOPPING) {
                log_error("the dispatcher did not stop in time: ending everything");
                supervisor_end(s, EXIT_SOFTWARE);
        } else {
                children_signal(&s->children, SIGKILL);
                timer_arm(&s->loop, &s->phase_timer, END_TIMEOUT_USEC, on_phase_timer, s);
        }
}

void supervisor_end(Supervisor *s, int exit_code) {
        timer_stop(&s->dispatcher.timer);
        if (s->phase != SUPERVISOR_ENDING) {
                s->phase = SUPERVISOR_ENDING;
                s->exit_code = exit_code;
                children_signal(&s->children, SIGTERM);
                dispatcher_kill(s, SIGKILL);
                timer_arm(&s->loop, &s->phase_timer, END_TIMEOUT_USEC, on_phase_timer, s);
        }
        check_end(s);
}

static void on_tended(void *userdata) {
        Supervisor *s = userdata;
        if (s->children.stuck)
                notify_status(STATUS_WORKERS, "%u processes of dead workers do not die",
                              s->children.stuck);
        else
                notify_status(STATUS_WORKERS, "%s", "");
        if (s->children.remnants == 0)
                workers_report_dead(s);
        check_end(s);
}

void supervisor_stop_takes(Supervisor *s, usec_t usec) {
        usec_t takes = usec_add(usec, STOP_MARGIN_USEC),
               until = usec_add(time_now_monotonic(), takes);
        if (s->phase != SUPERVISOR_STOPPING || until <= s->stop_until)
                return;
        s->stop_until = until;
        timer_arm(&s->loop, &s->phase_timer, takes, on_phase_timer, s);
        notify_stop_takes(usec_add(takes, 2 * END_TIMEOUT_USEC));
}

static void on_stop(void *userdata) {
        Supervisor *s = userdata;
        if (s->phase != SUPERVISOR_RUNNING)
                return;
        log_notice("stopping");
        notify_stopping();
        s->phase = SUPERVISOR_STOPPING;
        supervisor_stop_takes(s, s->settings.in_force.config->stop_timeout_usec);
        dispatcher_send(s, &(SuperviseMessage){.type = SUPERVISE_STOP}, -1);
}

/* ---- the start ---- */

static int sockets_open(Supervisor *s, Error *error) {
        const Config *c = s->settings.in_force.config;
        const char *group = c->control_group[0] ? c->control_group : NULL;
        char path[PATH_MAX + 16];
        snprintf(path, sizeof path, "%s/w", s->paths->run);
        listen_clean(path);
        snprintf(path, sizeof path, "%s/results.sock", s->paths->run);
        const ListenAddress addresses[] = {[LISTENER_CONTROL] = {c->control_socket, group},
                                           [LISTENER_EVENTS] = {c->events_socket, group},
                                           [LISTENER_RESULTS] = {path, NULL}};
        int r = listeners_open(&s->listeners, addresses, LISTENER_COUNT, error);
        if (r < 0)
                return r;
        snprintf(path, sizeof path, "ipc://%s", c->control_socket);
        return paths_write_endpoint(s->paths, path, error);
}

static int supervisor_start(Supervisor *s, Error *error) {
        static const LoopSignal signals[] = {{SIGTERM, on_stop},
                                             {SIGINT, on_stop},
                                             {SIGHUP, settings_reload},
                                             {SIGUSR2, dispatcher_upgrade}};
        int r = settings_load(s, error);
        if (r == 0)
                r = instance_acquire(&s->instance, s->paths->state, error);
        if (r == 0)
                r = binaries_open(&s->binaries, error);
        if (r == 0)
                r = loop_init(&s->loop, signals, ARRAY_SIZE(signals), s, error);
        if (r == 0)
                r = children_init(&s->children, &s->loop, on_tended, s, error);
        return r < 0 ? r : sockets_open(s, error);
}

static void supervisor_done(Supervisor *s) {
        dispatcher_done(s);
        workers_done(s);
        listeners_close(&s->listeners);
        settings_done(s);
        binaries_close(&s->binaries);
        children_done(&s->children);
        timer_done(&s->phase_timer);
        loop_done(&s->loop);
        instance_release(&s->instance);
}

int supervisor_run(const InstancePaths *paths, ConfigPresence presence, Error *error) {
        Supervisor s = {
                .paths = paths,
                .presence = presence,
                .instance = INSTANCE_NONE,
                .binaries = {.names = programs, .count = PROGRAM_COUNT},
                .settings = {.in_force = SEALED_CONFIG_NONE, .offered = SEALED_CONFIG_NONE},
                .dispatcher.backoff = {.min_usec = BACKOFF_MIN_USEC, .max_usec = BACKOFF_MAX_USEC},
        };
        int r = supervisor_start(&s, error);
        if (r == 0) {
                dispatcher_start(&s);
                r = loop_run(&s.loop, error);
        }
        supervisor_done(&s);
        return r < 0 ? error->code : r;
}
