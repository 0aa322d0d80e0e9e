/* A dispatcher that a test drives by hand; see stub.h. Without a test that listens it exits 3. It
 * pings. */
#include "tests/unit/supervisor/stub.h"

#include "common/time.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void show(int test, SuperviseMessage *m) {
        if (send(test, m, sizeof *m, MSG_NOSIGNAL) < 0)
                _exit(4);
}

static void show_attached(int test, const struct msghdr *h) {
        int fd;
        const struct cmsghdr *c = CMSG_FIRSTHDR(h);
        SuperviseMessage m = {.type = STUB_TEXT};
        if (!c)
                return;
        memcpy(&fd, CMSG_DATA(c), sizeof fd);
        if (pread(fd, m.text, sizeof m.text - 1, 0) < 0)
                _exit(5);
        close(fd);
        show(test, &m);
}

static void relay(int test) {
        SuperviseMessage m;
        char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
        struct iovec data = {&m, sizeof m};
        struct msghdr h = {.msg_iov = &data,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof control};
        if (recvmsg(SUPERVISE_FD_CHANNEL, &h, 0) != sizeof m)
                _exit(1); /* EOF: the supervisor is dead */
        show(test, &m);
        show_attached(test, &h);
}

static void obey(int test) {
        SuperviseMessage m;
        if (recv(test, &m, sizeof m, 0) != sizeof m)
                _exit(6); /* the test is gone */
        if (m.type == STUB_EXIT)
                _exit(m.error);
        if (send(SUPERVISE_FD_CHANNEL, &m, sizeof m, MSG_NOSIGNAL) < 0)
                _exit(1);
}

int main(int argc, char **argv) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        SuperviseMessage hello = {.type = STUB_HELLO, .pid = getpid()};
        stub_describe(hello.text, sizeof hello.text);
        snprintf(hello.pool, sizeof hello.pool, "%s %s %s", stub_option(argv, "--generation"),
                 stub_option(argv, "--binary"), stub_option(argv, "--instance"));
        snprintf(address.sun_path, sizeof address.sun_path, "%s/test.sock",
                 stub_option(argv, "--run"));
        int test = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        if (connect(test, (struct sockaddr *)&address, sizeof address) < 0)
                return 3;
        show(test, &hello);
        for (usec_t ping_at = 0;;) {
                struct pollfd p[] = {{SUPERVISE_FD_CHANNEL, POLLIN, 0}, {test, POLLIN, 0}};
                SuperviseMessage ping = {.version = SUPERVISE_VERSION, .type = SUPERVISE_PING};
                if (time_now_monotonic() >= ping_at) {
                        (void)send(SUPERVISE_FD_CHANNEL, &ping, sizeof ping, MSG_NOSIGNAL);
                        ping_at = time_now_monotonic() + SUPERVISE_PING_USEC;
                }
                poll(p, 2, SUPERVISE_PING_USEC / 1000);
                if (p[0].revents)
                        relay(test);
                if (p[1].revents)
                        obey(test);
        }
}
