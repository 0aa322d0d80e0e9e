/* Remnants are found by reading the kernel's list of our children. It is complete although it is
 * read without stopping anybody: entries leave it only when we reap, new ones are appended. A child
 * is handed to us before its dead parent can be reaped, so after a reap the list shows all that it
 * left. */
#include "supervisor/workers.h"

#include "common/log.h"
#include "supervisor/dispatcher.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#define REMNANT_RETRY_USEC USEC_PER_SEC

struct Worker {
        Worker *prev, *next;
        uint64_t serial, generation, binary;
        SuperviseWorkerState state;
        pid_t pid;
        int status,
                life_fd; /* life_fd: the end of its channel that tells it, by EOF, that we died */
        struct rusage usage;
        char pool[SUPERVISE_NAME_MAX + 1];
};

static void _printf_(3, 4) worker_log(int level, const Worker *w, const char *format, ...) {
        char text[256], worker[32], pid[32];
        va_list ap;
        va_start(ap, format);
        vsnprintf(text, sizeof text, format, ap);
        va_end(ap);
        snprintf(worker, sizeof worker, "WORKER=%" PRIu64, w->serial);
        snprintf(pid, sizeof pid, "PID=%d", w->pid);
        log_write(level, (const char *const[]){worker, pid, NULL}, "%s", text);
}

static void worker_send(Supervisor *s, const Worker *w, SuperviseType type) {
        SuperviseMessage m = {.version = SUPERVISE_VERSION,
                              .type = type,
                              .serial = w->serial,
                              .generation = w->generation,
                              .binary = w->binary,
                              .pid = w->pid,
                              .state = (int32_t)w->state,
                              .status = w->status,
                              .usage = w->usage};
        memcpy(m.pool, w->pool, sizeof m.pool);
        dispatcher_send(s, &m, -1);
}

static void worker_path(const Supervisor *s, uint64_t serial, char path[PATH_MAX]) {
        snprintf(path, PATH_MAX, "%.*s/w/%" PRIu64 ".sock", PATH_MAX - 32, s->paths->run, serial);
}

static void worker_free(Worker *w) {
        if (w->life_fd >= 0)
                close(w->life_fd);
        free(w);
}

/* fds in the order of supervise.h: channel, configuration, alive, listening socket. */
static int worker_exec(Supervisor *s, Worker *w, const int fds[4]) {
        char serial[24];
        snprintf(serial, sizeof serial, "%" PRIu64, w->serial);
        const char *argv[] = {"stint-worker", "--state",    s->paths->state,  "--run",
                              s->paths->run,  "--instance", instance_name(s), "--pool",
                              w->pool,        "--serial",   serial,           NULL};
        w->pid = spawn_process(s->binaries.worker, (char *const *)argv, fds, 4);
        return w->pid < 0 ? w->pid : 0;
}

static int worker_start(Supervisor *s, Worker *w) {
        char path[PATH_MAX];
        int fds[] = {-1, s->settings.fd, -1, -1}, life[2] = {-1, -1};
        int r = instance_next_serial(&s->instance, &w->serial);
        if (r < 0)
                return r;
        worker_path(s, w->serial, path);
        r = pipe2(life, O_CLOEXEC) < 0 ? -errno : 0;
        fds[0] = life[0];
        w->life_fd = life[1];
        if (r == 0)
                r = fds[2] = instance_open_alive(&s->instance);
        if (r >= 0)
                r = fds[3] = listen_at(path);
        if (r >= 0)
                r = worker_exec(s, w, fds);
        if (r < 0 && fds[3] >= 0)
                unlink(path);
        close_fd(fds[0]), close_fd(fds[2]), close_fd(fds[3]);
        return r;
}

void workers_spawn(Supervisor *s, const SuperviseMessage *message) {
        Worker *w = calloc(1, sizeof *w);
        int r = w ? 0 : -ENOMEM;
        if (w) {
                *w = (Worker){.generation = s->settings.generation,
                              .binary = s->binaries.number,
                              .state = SUPERVISE_WORKER_ALIVE,
                              .life_fd = -1};
                memcpy(w->pool, message->pool, sizeof w->pool);
                r = !config_pool(s->settings.config, w->pool) ? -EINVAL
                    : s->phase == SUPERVISOR_ENDING           ? -ECANCELED
                                                              : worker_start(s, w);
        }
        if (r < 0) {
                SuperviseMessage m = {
                        .version = SUPERVISE_VERSION, .type = SUPERVISE_SPAWN_FAILED, .error = -r};
                memcpy(m.pool, message->pool, sizeof m.pool);
                dispatcher_send(s, &m, -1);
                log_error("cannot start a worker for pool %s: %s", message->pool, strerror(-r));
                if (w)
                        worker_free(w);
                return;
        }
        DL_APPEND(s->workers.list, w);
        worker_log(LOG_DEBUG, w, "worker of pool %s started", w->pool);
        worker_send(s, w, SUPERVISE_SPAWNED);
}

static Worker *worker_by_serial(const Supervisor *s, uint64_t serial) {
        Worker *w;
        DL_FOREACH (s->workers.list, w)
                if (w->serial == serial)
                        break;
        return w;
}

static Worker *worker_by_pid(const Supervisor *s, pid_t pid) {
        Worker *w;
        DL_FOREACH (s->workers.list, w)
                if (w->pid == pid && w->state == SUPERVISE_WORKER_ALIVE)
                        break;
        return w;
}

void workers_signal(Supervisor *s, uint64_t serial, int sig) {
        const Worker *w = worker_by_serial(s, serial);
        if (w && w->state == SUPERVISE_WORKER_ALIVE && kill(w->pid, sig) < 0)
                worker_log(LOG_WARNING, w, "cannot send signal %d: %s", sig, strerror(errno));
}

void workers_signal_all(Supervisor *s, int sig) {
        const Worker *w;
        DL_FOREACH (s->workers.list, w)
                workers_signal(s, w->serial, sig);
}

void workers_forget(Supervisor *s, uint64_t serial) {
        Worker *w = worker_by_serial(s, serial);
        if (!w || w->state != SUPERVISE_WORKER_EXITED)
                return;
        DL_DELETE(s->workers.list, w);
        worker_free(w);
}

void workers_send_roster(Supervisor *s) {
        const Worker *w;
        DL_FOREACH (s->workers.list, w)
                worker_send(s, w, SUPERVISE_ROSTER);
        SuperviseMessage end = {.version = SUPERVISE_VERSION,
                                .type = SUPERVISE_ROSTER_END,
                                .generation = s->settings.generation,
                                .binary = s->binaries.number};
        dispatcher_send(s, &end, -1);
}

void workers_reaped(Supervisor *s, pid_t pid, int status, const struct rusage *usage) {
        char path[PATH_MAX], text[32];
        Worker *w = worker_by_pid(s, pid);
        if (!w) {
                log_debug("reaped process %d that a dead child had left", pid);
                return;
        }
        w->state = SUPERVISE_WORKER_DYING;
        w->status = status;
        w->usage = *usage;
        close(take_fd(&w->life_fd));
        worker_path(s, w->serial, path);
        unlink(path);
        worker_log(status ? LOG_WARNING : LOG_INFO, w, "worker of pool %s ended: %s", w->pool,
                   spawn_status_text(status, text, sizeof text));
}

/* Kills what is no worker and no dispatcher. Returns how many there are; what cannot be read counts
 * as one. */
static unsigned remnants_kill(const Supervisor *s) {
        FILE *list = fopen("/proc/thread-self/children", "re");
        unsigned n = 0;
        if (!list)
                return 1;
        for (int pid; fscanf(list, "%d", &pid) == 1;) {
                if (pid == s->dispatcher.pid || worker_by_pid(s, pid))
                        continue;
                if (kill(pid, SIGKILL) < 0)
                        log_warning("cannot kill process %d that a dead worker left: %s", pid,
                                    strerror(errno));
                n++;
        }
        fclose(list);
        return n;
}

static int on_remnants_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        Supervisor *s = userdata;
        log_warning(
                "%u processes of dead workers do not die: their runs are held back; trying again",
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
                if (w->state != SUPERVISE_WORKER_DYING)
                        continue;
                w->state = SUPERVISE_WORKER_EXITED;
                worker_send(s, w, SUPERVISE_EXITED);
        }
}

size_t workers_unended(const Supervisor *s) {
        const Worker *w;
        size_t n = s->workers.remnants;
        DL_FOREACH (s->workers.list, w)
                n += w->state != SUPERVISE_WORKER_EXITED;
        return n;
}

void workers_done(Supervisor *s) {
        Worker *w, *next;
        DL_FOREACH_SAFE(s->workers.list, w, next)
        worker_free(w);
        s->workers.list = NULL;
        sd_event_source_unref(s->workers.retry);
}
