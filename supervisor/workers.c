/* Remnants are found in the kernel's list of our children. It is complete although it is read
 * without stopping anybody: entries leave it only when we reap, new ones are appended. A child is
 * handed to us before its dead parent can be reaped, so after a reap the list shows all it left. */
#include "supervisor/workers.h"

#include "common/log.h"
#include "supervisor/dispatcher.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <utlist.h>

#define REMNANT_RETRY_USEC USEC_PER_SEC

struct Worker {
        Worker *prev, *next;
        SuperviseMessage entry; /* serial, pid, state …: as every message about it shows it */
};

/* level "message", with the worker's fields. */
#define WORKER_LOG(level, w, ...)                                                                  \
        do {                                                                                       \
                char serial_[32], pid_[32];                                                        \
                snprintf(serial_, sizeof serial_, "WORKER=%" PRIu64, (w)->entry.serial);           \
                snprintf(pid_, sizeof pid_, "PID=%d", (w)->entry.pid);                             \
                log_write(level, (const char *const[]){serial_, pid_, NULL}, __VA_ARGS__);         \
        } while (0)

static void worker_send(Supervisor *s, const Worker *w, SuperviseType type) {
        SuperviseMessage m = w->entry;
        m.type = type;
        dispatcher_send(s, &m, -1);
}

static const char *worker_path(const Supervisor *s, const Worker *w, char path[PATH_MAX]) {
        snprintf(path, PATH_MAX, "%.4000s/w/%" PRIu64 ".sock", s->paths->run, w->entry.serial);
        return path;
}

/* fds in the order of supervise.h: channel, configuration, alive, listening socket. */
static int worker_exec(Supervisor *s, Worker *w, const int fds[4]) {
        char serial[24];
        snprintf(serial, sizeof serial, "%" PRIu64, w->entry.serial);
        const char *argv[] = {"stint-worker", "--state",    s->paths->state,  "--run",
                              s->paths->run,  "--instance", instance_name(s), "--pool",
                              w->entry.pool,  "--serial",   serial,           NULL};
        return w->entry.pid = spawn_process(s->binaries.worker, argv, fds, 4);
}

static int worker_start(Supervisor *s, Worker *w) {
        char path[PATH_MAX];
        int fds[] = {s->workers.life[0], s->settings.fd, -1, -1};
        int r = instance_next_serial(&s->instance, &w->entry.serial);
        if (r == 0)
                r = fds[2] = instance_open_alive(&s->instance);
        if (r >= 0)
                r = fds[3] = listen_at(worker_path(s, w, path));
        if (r >= 0 && (r = worker_exec(s, w, fds)) < 0)
                unlink(path);
        close_fd(fds[2]);
        close_fd(fds[3]);
        return r;
}

void workers_spawn(Supervisor *s, const SuperviseMessage *m) {
        Worker *w = calloc(1, sizeof *w);
        ASSERT(w);
        w->entry = *m;
        w->entry.generation = s->settings.generation;
        w->entry.binary = s->binaries.number;
        w->entry.state = SUPERVISE_WORKER_ALIVE;
        int r = s->phase == SUPERVISOR_ENDING                      ? -ECANCELED
                : config_pool(s->settings.config, m->pool) == NULL ? -EINVAL
                                                                   : worker_start(s, w);
        if (r < 0) {
                log_error("cannot start a worker for pool %s: %s", m->pool, strerror(-r));
                w->entry.error = -r;
                worker_send(s, w, SUPERVISE_SPAWN_FAILED);
                free(w);
                return;
        }
        DL_APPEND(s->workers.list, w);
        WORKER_LOG(LOG_DEBUG, w, "worker of pool %s started", m->pool);
        worker_send(s, w, SUPERVISE_SPAWNED);
}

static Worker *worker_by_serial(const Supervisor *s, uint64_t serial) {
        Worker *w;
        DL_SEARCH_SCALAR(s->workers.list, w, entry.serial, serial);
        return w;
}

static Worker *worker_by_pid(const Supervisor *s, pid_t pid) {
        Worker *w;
        DL_FOREACH (s->workers.list, w)
                if (w->entry.pid == pid && w->entry.state == SUPERVISE_WORKER_ALIVE)
                        break;
        return w;
}

static void worker_signal(const Worker *w, int sig) {
        if (w->entry.state == SUPERVISE_WORKER_ALIVE && kill(w->entry.pid, sig) < 0)
                WORKER_LOG(LOG_WARNING, w, "cannot send signal %d: %s", sig, strerror(errno));
}

void workers_signal(Supervisor *s, const SuperviseMessage *m) {
        const Worker *w = worker_by_serial(s, m->serial);
        if (w)
                worker_signal(w, m->signal);
}

void workers_signal_all(Supervisor *s, int sig) {
        const Worker *w;
        DL_FOREACH (s->workers.list, w)
                worker_signal(w, sig);
}

void workers_exit_seen(Supervisor *s, const SuperviseMessage *m) {
        Worker *w = worker_by_serial(s, m->serial);
        if (!w || w->entry.state != SUPERVISE_WORKER_EXITED)
                return;
        DL_DELETE(s->workers.list, w);
        free(w);
}

void workers_send_roster(Supervisor *s) {
        const Worker *w;
        DL_FOREACH (s->workers.list, w)
                worker_send(s, w, SUPERVISE_ROSTER);
        dispatcher_send(s,
                        &(SuperviseMessage){.type = SUPERVISE_ROSTER_END,
                                            .generation = s->settings.generation,
                                            .binary = s->binaries.number},
                        -1);
}

void workers_reaped(Supervisor *s, pid_t pid, int status, const struct rusage *usage) {
        char path[PATH_MAX], text[32];
        Worker *w = worker_by_pid(s, pid);
        if (!w)
                return;
        w->entry.state = SUPERVISE_WORKER_DYING;
        w->entry.status = status;
        w->entry.usage = *usage;
        unlink(worker_path(s, w, path));
        WORKER_LOG(status ? LOG_WARNING : LOG_INFO, w, "worker of pool %s ended: %s", w->entry.pool,
                   spawn_status_text(status, text, sizeof text));
}

/* Kills what is no worker and no dispatcher. Returns how many; an unreadable list counts as one. */
static unsigned remnants_kill(const Supervisor *s) {
        FILE *list = fopen("/proc/thread-self/children", "re");
        unsigned n = list ? 0 : 1;
        for (int pid; list && fscanf(list, "%d", &pid) == 1;) {
                if (pid == s->dispatcher.pid || worker_by_pid(s, pid))
                        continue;
                if (kill(pid, SIGKILL) < 0)
                        log_warning("cannot kill process %d, which a dead worker left: %s", pid,
                                    strerror(errno));
                n++;
        }
        if (list)
                fclose(list);
        return n;
}

static int on_remnants_retry(sd_event_source *source, uint64_t due, void *userdata) {
        Supervisor *s = userdata;
        log_warning("%u processes of dead workers do not die: their runs wait; trying again",
                    s->workers.remnants);
        s->workers.stuck = s->workers.remnants;
        workers_settle(s);
        return 0;
}

void workers_settle(Supervisor *s) {
        Worker *w;
        s->workers.remnants = remnants_kill(s);
        s->workers.stuck = MIN_OF(s->workers.stuck, s->workers.remnants);
        supervisor_tell(s);
        if (s->workers.remnants > 0) {
                timer_arm(s, &s->workers.retry, REMNANT_RETRY_USEC, on_remnants_retry);
                return;
        }
        timer_stop(s->workers.retry);
        DL_FOREACH (s->workers.list, w) {
                if (w->entry.state != SUPERVISE_WORKER_DYING)
                        continue;
                w->entry.state = SUPERVISE_WORKER_EXITED;
                worker_send(s, w, SUPERVISE_EXITED);
        }
}

unsigned workers_unended(const Supervisor *s) {
        const Worker *w;
        unsigned n = s->workers.remnants;
        DL_FOREACH (s->workers.list, w)
                n += w->entry.state != SUPERVISE_WORKER_EXITED;
        return n;
}

void workers_done(Supervisor *s) {
        Worker *w, *next;
        DL_FOREACH_SAFE (s->workers.list, w, next)
                free(w);
        close_fd(s->workers.life[0]);
        close_fd(s->workers.life[1]);
        sd_event_source_unref(s->workers.retry);
}
