/* libzmq 4.3.4 aborts the process when accept4() on an ipc socket says EMFILE (ipc_listener.cpp),
 * and takes in connections on a thread of its own, faster than anybody could tell it to stop: 400
 * connects in a row killed a dispatcher with RLIMIT_NOFILE 128 before it had counted them.
 *
 * So this program has an accept4 of its own, which the dynamic linker finds before libc's. The
 * kernel gives the lowest free number, so a number in the last tenth of the limit says that nine
 * tenths are in use: such a connection is closed at once, which its peer sees as a loss and tries
 * again. The rest is for files and for everything else that needs a descriptor. Called on libzmq's
 * I/O threads; keeps no state. */
#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int accept4(int fd, __SOCKADDR_ARG address, socklen_t *restrict size, int flags) {
        struct rlimit limit;
        int r = (int)syscall(SYS_accept4, fd, address.__sockaddr__, size, flags);
        if (r >= 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
            (rlim_t)r >= limit.rlim_cur / 10 * 9) {
                close(r);
                r = -1;
                errno = ECONNABORTED;
        } else if (r < 0 && errno == EMFILE) {
                errno = ECONNABORTED; /* stays in the backlog, and is seen again at once */
        }
        return r;
}
