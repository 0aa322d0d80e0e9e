/* A worker is what every message about it shows: its entry in the roster. */
#include "supervisor/supervisor.h"

#include "common/log.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

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

static int worker_start(Supervisor *s, Worker *w) {
        char path[PATH_MAX], serial[24];
        int r = instance_next_serial(&s->instance, &w->entry.serial),
            fd = r < 0 ? r : listen_at(worker_path(s, w, path));
        if (fd < 0)
                return fd;
        snprintf(serial, sizeof serial, "%" PRIu64, w->entry.serial);
        const char *options[] = {"--pool", w->entry.pool, "--serial", serial};
        r = supervisor_spawn(s, PROGRAM_WORKER, w, s->instance.life[0], &fd, 1, options);
        if (r < 0)
                unlink(path);
        close(fd);
        w->entry.pid = r;
        return r;
}

void workers_spawn(Supervisor *s, const SuperviseMessage *m) {
        Worker *w = calloc(1, sizeof *w);
        ASSERT(w);
        w->entry = *m;
        w->entry.generation = s->settings.generation;
        w->entry.binary = s->binaries.now.number;
        w->entry.state = SUPERVISE_WORKER_ALIVE;
        int r = s->phase == SUPERVISOR_ENDING                               ? -ECANCELED
                : config_pool(s->settings.in_force.config, m->pool) == NULL ? -EINVAL
                                                                            : worker_start(s, w);
        if (r < 0) {
                log_error("cannot start a worker for pool %s: %s", m->pool, strerror(-r));
                w->entry.error = -r;
                worker_send(s, w, SUPERVISE_SPAWN_FAILED);
                free(w);
                return;
        }
        DL_APPEND(s->workers, w);
        WORKER_LOG(LOG_DEBUG, w, "worker of pool %s started", m->pool);
        worker_send(s, w, SUPERVISE_SPAWNED);
}

static Worker *worker_by_serial(const Supervisor *s, uint64_t serial) {
        Worker *w;
        DL_SEARCH_SCALAR(s->workers, w, entry.serial, serial);
        return w;
}

void workers_signal(Supervisor *s, const SuperviseMessage *m) {
        const Worker *w = worker_by_serial(s, m->serial);
        if (w && w->entry.state == SUPERVISE_WORKER_ALIVE && kill(w->entry.pid, m->signal) < 0)
                WORKER_LOG(LOG_WARNING, w, "cannot send signal %d: %s", m->signal, strerror(errno));
}

void workers_exit_seen(Supervisor *s, const SuperviseMessage *m) {
        Worker *w = worker_by_serial(s, m->serial);
        if (!w || w->entry.state != SUPERVISE_WORKER_EXITED)
                return;
        DL_DELETE(s->workers, w);
        free(w);
}

void workers_send_roster(Supervisor *s) {
        const Worker *w;
        DL_FOREACH (s->workers, w)
                worker_send(s, w, SUPERVISE_ROSTER);
        dispatcher_send(s,
                        &(SuperviseMessage){.type = SUPERVISE_ROSTER_END,
                                            .generation = s->settings.generation,
                                            .binary = s->binaries.now.number,
                                            .features = SUPERVISE_FEATURES},
                        -1);
}

void worker_died(void *supervisor, void *worker, int status, const struct rusage *usage) {
        Worker *w = worker;
        char path[PATH_MAX], text[32];
        w->entry.state = SUPERVISE_WORKER_DYING;
        w->entry.status = status;
        w->entry.usage = *usage;
        unlink(worker_path(supervisor, w, path));
        WORKER_LOG(status ? LOG_WARNING : LOG_INFO, w, "worker of pool %s ended: %s", w->entry.pool,
                   child_status_text(status, text, sizeof text));
}

void workers_report_dead(Supervisor *s) {
        Worker *w;
        DL_FOREACH (s->workers, w) {
                if (w->entry.state != SUPERVISE_WORKER_DYING)
                        continue;
                w->entry.state = SUPERVISE_WORKER_EXITED;
                worker_send(s, w, SUPERVISE_EXITED);
        }
}

void workers_done(Supervisor *s) {
        Worker *w, *next;
        DL_FOREACH_SAFE(s->workers, w, next)
        free(w);
}
