/* See stub.h. */
#include "tests/unit/supervisor/stub.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char kind_of(int fd) {
        struct stat st;
        int listening = 0;
        socklen_t size = sizeof listening;
        if (fstat(fd, &st) < 0)
                return '-';
        if (S_ISSOCK(st.st_mode)) {
                getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size);
                return listening && (fcntl(fd, F_GETFL) & O_NONBLOCK) ? 'L' : 's';
        }
        return S_ISFIFO(st.st_mode) ? 'p' : S_ISREG(st.st_mode) ? 'f' : 'o';
}

const char *stub_describe(char *buf, size_t size) {
        char fds[65] = "";
        sigset_t mask;
        int blocked = 0, ignored = 0;
        sigprocmask(SIG_SETMASK, NULL, &mask);
        for (int sig = 1; sig < NSIG; sig++) {
                struct sigaction action;
                blocked += sigismember(&mask, sig) == 1;
                if (sigaction(sig, NULL, &action) == 0)
                        ignored += action.sa_handler == SIG_IGN;
        }
        for (int fd = 3; fd < 64; fd++)
                fds[fd - 3] = kind_of(fd);
        for (size_t end = 61; end > 0 && fds[end - 1] == '-'; end--)
                fds[end - 1] = '\0';
        snprintf(buf, size, "fds=%s blocked=%d ignored=%d leader=%d notify=%d", fds, blocked,
                 ignored, getsid(0) == getpid(),
                 getenv("NOTIFY_SOCKET") || getenv("LISTEN_FDS") || getenv("WATCHDOG_USEC"));
        return buf;
}

const char *stub_option(char **argv, const char *name) {
        for (; argv[0] && argv[1]; argv++)
                if (strcmp(argv[0], name) == 0)
                        return argv[1];
        return "";
}
