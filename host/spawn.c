/* Plain fork and fexecve: this process is small and has one thread, so the child may do ordinary
 * things between the two. Everything is opened close-on-exec; only the promised numbers are opened
 * for the child. */
#include "host/spawn.h"

#include "common/error.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child. Sources are first copied above all targets, so that none is overwritten before its
 * turn. */
static int place_descriptors(const int fds[], unsigned fd_count) {
        int copies[SPAWN_FDS_MAX], first_free = SPAWN_FD_FIRST + (int)fd_count;
        for (unsigned i = 0; i < fd_count; i++)
                if ((copies[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, first_free)) < 0)
                        return -errno;
        for (unsigned i = 0; i < fd_count; i++)
                if (dup2(copies[i], SPAWN_FD_FIRST + (int)i) < 0)
                        return -errno;
        return close_range((unsigned)first_free, ~0u, CLOSE_RANGE_CLOEXEC) < 0 ? -errno : 0;
}

static void reset_environment(void) {
        static const char *const ours[] = {"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC",
                                           "LISTEN_PID",    "LISTEN_FDS",   "LISTEN_FDNAMES"};
        for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
                unsetenv(ours[i]);
}

static void reset_signals(void) {
        sigset_t none;
        sigemptyset(&none);
        for (int sig = 1; sig < NSIG; sig++)
                (void)signal(sig, SIG_DFL); /* KILL, STOP and libc's own refuse: as it should be */
        sigprocmask(SIG_SETMASK, &none, NULL);
}

_Noreturn static void child(int binary_fd, const char *const argv[], const int fds[],
                            unsigned fd_count, int report_fd) {
        setsid();
        reset_environment();
        /* The two that exec itself needs get numbers that no target has; both are close-on-exec. */
        int binary = fcntl(binary_fd, F_DUPFD_CLOEXEC, 64),
            report = fcntl(report_fd, F_DUPFD_CLOEXEC, 64);
        int r = binary < 0 || report < 0 ? -errno : place_descriptors(fds, fd_count);
        reset_signals();
        if (r == 0) {
                fexecve(binary, (char *const *)argv, environ);
                r = -errno;
        }
        (void)!write(report < 0 ? report_fd : report, &r, sizeof r);
        _exit(EXIT_NOT_FOUND);
}

pid_t spawn_process(int binary_fd, const char *const argv[], const int fds[], unsigned fd_count) {
        int report[2], r = 0;
        ASSERT(fd_count <= SPAWN_FDS_MAX);
        if (pipe2(report, O_CLOEXEC) < 0)
                return -errno;
        pid_t pid = fork();
        if (pid == 0)
                child(binary_fd, argv, fds, fd_count, report[1]);
        r = pid < 0 ? -errno : 0;
        close(report[1]);
        /* EOF says that it was executed (or killed before it could be: then it is reaped as any
         * other). */
        if (pid > 0 && TEMP_FAILURE_RETRY(read(report[0], &r, sizeof r)) == sizeof r)
                TEMP_FAILURE_RETRY(waitpid(pid, NULL, 0));
        close(report[0]);
        return r < 0 ? r : pid;
}
