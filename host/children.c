/* Found in the kernel's list of our children. It is complete although it is read without stopping
 * anybody: entries leave it only when we reap, new ones are appended. A child is handed to us
 * before its dead parent can be reaped, so after a reap the list shows all that the dead one left.
 * For the same reason no pid of the list can have gone to another process: only we could have freed
 * it.
 *
 * /proc/thread-self lists the children of this one thread: we have no other. */
#include "host/children.h"

#include "common/log.h"

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

int children_init(Children *c, Loop *loop, const ChildrenOwner *owner, void *userdata,
                  Error *error) {
        *c = (Children){.loop = loop, .owner = owner, .userdata = userdata};
        int r = strangers_find(c);
        if (r == 0 && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
                r = -errno;
        return r == 0 ? 0
                      : error_set(error, EXIT_SOFTWARE,
                                  "cannot watch over child processes: %s; is /proc mounted, with "
                                  "CONFIG_PROC_CHILDREN in the kernel?",
                                  strerror(-r));
}

void children_done(Children *c) {
        timer_done(&c->retry);
        free(c->strangers);
        *c = (Children){0};
}

static pid_t *stranger_by_pid(const Children *c, pid_t pid) {
        for (size_t i = 0; i < c->stranger_count; i++)
                if (c->strangers[i] == pid)
                        return &c->strangers[i];
        return NULL;
}

static void reap(Children *c) {
        struct rusage usage;
        int status;
        for (pid_t pid; (pid = wait4(-1, &status, WNOHANG, &usage)) > 0;) {
                pid_t *stranger = stranger_by_pid(c, pid);
                if (stranger) /* its number may come back as a remnant's */
                        *stranger = c->strangers[--c->stranger_count];
                else
                        c->owner->died(c->userdata, pid, status, &usage);
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
                if (stranger_by_pid(c, pid) || c->owner->kind(c->userdata, pid) == CHILD_STARTED)
                        continue;
                if (kill(pid, SIGKILL) < 0)
                        log_warning("cannot kill process %d, which a dead child left: %s", pid,
                                    strerror(errno));
                n++;
        }
        fclose(list);
        return n;
}

static void on_retry(void *userdata) {
        Children *c = userdata;
        log_warning("%u processes that dead children left do not die: trying again", c->remnants);
        c->stuck = c->remnants;
        children_tend(c);
}

void children_tend(Children *c) {
        reap(c);
        c->remnants = remnants_kill(c);
        c->stuck = MIN_OF(c->stuck, c->remnants);
        if (c->remnants > 0)
                timer_arm(c->loop, &c->retry, RETRY_USEC, on_retry, c);
        else
                timer_stop(&c->retry);
        c->owner->tended(c->userdata);
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
