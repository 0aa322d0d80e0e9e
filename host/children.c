/* Remnants are found in the kernel's list of our children. It is complete although it is read
 * without stopping anybody: entries leave it only when we reap, new ones are appended. A child is
 * handed to us before its dead parent can be reaped, so after a reap the list shows all that the
 * dead one left. For the same reason no pid of the list can have gone to another process: only we
 * could have freed it.
 *
 * /proc/thread-self lists the children of this one thread: we have no other. */
#include "host/children.h"

#include "common/log.h"
#include "host/spawn.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define RETRY_USEC USEC_PER_SEC

static FILE *list_open(void) {
        return fopen("/proc/thread-self/children", "re");
}

static int strangers_find(Children *c) {
        FILE *list = list_open();
        if (!list)
                return -errno;
        int r = 0;
        for (int pid; r == 0 && fscanf(list, "%d", &pid) == 1;) {
                pid_t *grown = reallocarray(c->strangers, c->stranger_count + 1, sizeof *grown);
                if (grown) {
                        c->strangers = grown;
                        c->strangers[c->stranger_count++] = pid;
                }
                r = grown ? 0 : -ENOMEM;
        }
        fclose(list);
        return r;
}

static pid_t *stranger_by_pid(const Children *c, pid_t pid) {
        for (size_t i = 0; i < c->stranger_count; i++)
                if (c->strangers[i] == pid)
                        return &c->strangers[i];
        return NULL;
}

static Child *spawned_by_pid(const Children *c, pid_t pid) {
        for (size_t i = 0; i < c->spawned_count; i++)
                if (c->spawned[i].pid == pid)
                        return &c->spawned[i];
        return NULL;
}

/* It is forgotten before its owner hears of it: the owner may spawn another, and its number may
 * come back. */
static void reap(Children *c) {
        struct rusage usage;
        int status;
        for (pid_t pid; (pid = wait4(-1, &status, WNOHANG, &usage)) > 0;) {
                pid_t *stranger = stranger_by_pid(c, pid);
                Child *spawned = spawned_by_pid(c, pid);
                if (stranger)
                        *stranger = c->strangers[--c->stranger_count];
                if (spawned) {
                        Child dead = *spawned;
                        *spawned = c->spawned[--c->spawned_count];
                        dead.died(c->userdata, dead.child, status, &usage);
                }
        }
}

/* How many there were, dead ones that are not reaped yet among them; a list that cannot be read
 * counts as one. */
static unsigned remnants_kill(const Children *c) {
        FILE *list = list_open();
        if (!list)
                return 1;
        unsigned n = 0;
        for (int pid; fscanf(list, "%d", &pid) == 1;) {
                if (stranger_by_pid(c, pid) || spawned_by_pid(c, pid))
                        continue;
                if (kill(pid, SIGKILL) < 0)
                        log_warning("cannot kill process %d, which a dead child left: %s", pid,
                                    strerror(errno));
                n++;
        }
        fclose(list);
        return n;
}

static void on_retry(void *userdata);

static void tend(Children *c) {
        c->remnants = MAX_OF(c->remnants, 1u); /* for all we know while we reap */
        reap(c);
        c->remnants = remnants_kill(c);
        c->stuck = MIN_OF(c->stuck, c->remnants);
        if (c->remnants > 0)
                timer_arm(c->loop, &c->retry, RETRY_USEC, on_retry, c);
        else
                timer_stop(&c->retry);
        c->tended(c->userdata);
}

static void on_retry(void *userdata) {
        Children *c = userdata;
        log_warning("%u processes that dead children left do not die: trying again", c->remnants);
        c->stuck = c->remnants;
        tend(c);
}

static int on_child(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        tend(userdata);
        return 0;
}

int children_init(Children *c, Loop *loop, LoopHandler tended, void *userdata, Error *error) {
        *c = (Children){.loop = loop, .tended = tended, .userdata = userdata};
        int r = strangers_find(c);
        if (r == 0 && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
                r = -errno;
        if (r == 0)
                r = loop_add_signal(loop, SIGCHLD, on_child, c);
        return r >= 0 ? 0
                      : error_set(error, EXIT_SOFTWARE,
                                  "cannot watch over child processes: %s; is /proc mounted, with "
                                  "CONFIG_PROC_CHILDREN in the kernel?",
                                  strerror(-r));
}

void children_done(Children *c) {
        timer_done(&c->retry);
        free(c->spawned);
        free(c->strangers);
        *c = (Children){0};
}

pid_t children_spawn(Children *c, int binary_fd, const char *const argv[], const int fds[],
                     unsigned fd_count, ChildDied died, void *child) {
        Child *grown = reallocarray(c->spawned, c->spawned_count + 1, sizeof *grown);
        if (!grown)
                return -ENOMEM;
        c->spawned = grown;
        pid_t pid = spawn_process(binary_fd, argv, fds, fd_count);
        if (pid > 0)
                c->spawned[c->spawned_count++] = (Child){pid, died, child};
        return pid;
}

void children_signal(const Children *c, int sig) {
        for (size_t i = 0; i < c->spawned_count; i++)
                if (kill(c->spawned[i].pid, sig) < 0)
                        log_warning("cannot send signal %d to process %d: %s", sig,
                                    c->spawned[i].pid, strerror(errno));
}

size_t children_count(const Children *c) {
        return c->spawned_count + c->remnants;
}

const char *child_status_text(int status, char *buf, size_t size) {
        if (WIFSIGNALED(status)) {
                const char *name = sigabbrev_np(WTERMSIG(status));
                snprintf(buf, size, "signal %d (%s)", WTERMSIG(status), name ? name : "unknown");
        } else {
                snprintf(buf, size, "exit code %d", WEXITSTATUS(status));
        }
        return buf;
}
