/* See spawn.h.
 *
 * The child shares this process's memory until it executes, while the calling thread is suspended:
 * nothing is copied however large the worker is, and the child reports an error by writing it into
 * its argument. Between clone and exec it runs on a stack of its own and does nothing but system
 * calls; everything that needs memory is made before. Sanitizers do not look into these functions:
 * they never return, and would leave that stack marked. */
#include "worker/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_SIZE     (64u << 10)
#define GUARD_SIZE     (16u << 10)
#define TASK_NOFILE    1024
#define PATH_DEFAULT   "/usr/local/bin:/usr/bin:/bin"
#define NOT_SANITIZED_ __attribute__((no_sanitize("address", "undefined")))

struct Spawner {
        char *stack; /* STACK_SIZE above a guard */
        pid_t self;
        struct rlimit nofile; /* what tasks get */
};

int spawner_new(Spawner **ret) {
        Spawner *s = calloc(1, sizeof *s);
        if (!s)
                return -ENOMEM;
        void *stack = mmap(NULL, GUARD_SIZE + STACK_SIZE, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
        if (stack == MAP_FAILED || mprotect(stack, GUARD_SIZE, PROT_NONE) < 0 ||
            getrlimit(RLIMIT_NOFILE, &s->nofile) < 0) {
                int r = -errno;
                if (stack != MAP_FAILED)
                        (void)munmap(stack, GUARD_SIZE + STACK_SIZE);
                free(s);
                return r;
        }
        s->stack = stack;
        s->self = getpid();
        s->nofile.rlim_cur = MIN_OF((rlim_t)TASK_NOFILE, s->nofile.rlim_max);
        *ret = s;
        return 0;
}

Spawner *spawner_free(Spawner *s) {
        if (s)
                (void)munmap(s->stack, GUARD_SIZE + STACK_SIZE);
        free(s);
        return NULL;
}

/* ---- the child ---- */

typedef struct Child {
        const Spawner *spawner;
        const SpawnCommand *command;
        char *const *candidates; /* paths to execute, ended by NULL */
        sigset_t no_signals;
        int error; /* set by the child: an errno, and what failed */
        SpawnStep failed;
} Child;

NOT_SANITIZED_ static int child_fail(Child *c, SpawnStep step) {
        c->error = errno;
        c->failed = step;
        return -1;
}

NOT_SANITIZED_ static int child_set_up(Child *c) {
        static const int ignored_by_us[] = {SIGPIPE, SIGXFSZ};
        const struct sigaction by_default = {.sa_handler = SIG_DFL};
        /* Should this worker be killed, what it runs must not outlive it, whoever else has died
         * too. */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != c->spawner->self)
                return child_fail(c, SPAWN_SET_UP);
        (void)setsid(); /* a new process leads no group: it cannot fail */
        for (int fd = 0; fd < SPAWN_FD_COUNT; fd++)
                if (dup2(c->command->fds[fd], fd) < 0)
                        return child_fail(c, SPAWN_SET_UP);
        if (close_range(SPAWN_FD_COUNT, ~0u, 0) < 0 ||
            setrlimit(RLIMIT_NOFILE, &c->spawner->nofile) < 0)
                return child_fail(c, SPAWN_SET_UP);
        for (unsigned i = 0; i < ARRAY_SIZE(ignored_by_us); i++)
                (void)sigaction(ignored_by_us[i], &by_default, NULL);
        (void)sigprocmask(SIG_SETMASK, &c->no_signals, NULL);
        (void)umask(c->command->umask);
        if (c->command->nice > 0 &&
            setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + c->command->nice) < 0)
                return child_fail(c, SPAWN_NICE);
        return chdir(c->command->cwd) < 0 ? child_fail(c, SPAWN_CWD) : 0;
}

/* As execvp looks a command up: what is not there is passed by; what is there and may not be
 * executed is the error if nothing else is found. But a text without #! is no command: argv is
 * executed, never given to a shell. */
NOT_SANITIZED_ static void child_exec(Child *c) {
        int denied = 0;
        for (char *const *path = c->candidates; *path; path++) {
                (void)execve(*path, (char *const *)(uintptr_t)c->command->argv,
                             c->command->environment);
                if (errno == EACCES)
                        denied = EACCES;
                else if (errno != ENOENT && errno != ENOTDIR)
                        break;
        }
        if (denied && (errno == ENOENT || errno == ENOTDIR))
                errno = denied;
        (void)child_fail(c, SPAWN_EXEC);
}

NOT_SANITIZED_ static int child_main(void *argument) {
        Child *c = argument;
        if (child_set_up(c) == 0)
                child_exec(c);
        _exit(EXIT_FAILURE);
}

/* ---- the parent ---- */

/* The paths to try, in order, in one allocation: the vector, then the strings. NULL: no memory. */
static char **candidates_new(const char *file, const char *path) {
        size_t file_size = strlen(file) + 1, elements = 1;
        bool searched = !strchr(file, '/');
        if (!path)
                path = PATH_DEFAULT;
        for (const char *p = path; searched && *p; p++)
                elements += *p == ':';
        char **vector = malloc((elements + 1) * sizeof *vector +
                               (searched ? strlen(path) + elements * (file_size + 1) : file_size));
        if (!vector)
                return NULL;
        char *text = (char *)(vector + elements + 1);
        for (size_t i = 0; i < elements; i++) {
                vector[i] = text;
                if (searched) {
                        size_t length = strcspn(path, ":");
                        text = mempcpy(text, path, length);
                        path += length + (path[length] == ':');
                        if (length > 0) /* an empty element is the working directory */
                                *text++ = '/';
                }
                text = mempcpy(text, file, file_size);
        }
        vector[elements] = NULL;
        return vector;
}

pid_t spawn_command(Spawner *s, const SpawnCommand *command, SpawnStep *ret_failed) {
        *ret_failed = SPAWN_EXEC;
        if (!command->argv[0][0])
                return -ENOENT;
        _cleanup_(freep) char **candidates = candidates_new(command->argv[0], command->path);
        *ret_failed = SPAWN_PROCESS;
        if (!candidates)
                return -ENOMEM;
        Child child = {.spawner = s, .command = command, .candidates = candidates};
        (void)sigemptyset(&child.no_signals);
        pid_t pid = clone(child_main, s->stack + GUARD_SIZE + STACK_SIZE,
                          CLONE_VM | CLONE_VFORK | SIGCHLD, &child);
        if (pid < 0)
                return -errno;
        if (child.error == 0)
                return pid;
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
        *ret_failed = child.failed;
        return -child.error;
}
