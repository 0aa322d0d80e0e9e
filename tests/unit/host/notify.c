/* The status line: parts are joined, nothing is said twice. */
#include "host/notify.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int manager; /* NOTIFY_SOCKET */

static void manager_open(void) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        snprintf(address.sun_path, sizeof address.sun_path, "/tmp/stint-notify-%d", getpid());
        setenv("NOTIFY_SOCKET", address.sun_path, 1);
        manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        cr_assert_eq(bind(manager, (struct sockaddr *)&address, sizeof address), 0);
}

static void manager_close(void) {
        unlink(getenv("NOTIFY_SOCKET"));
        close(manager);
}

TestSuite(notify, .init = manager_open, .fini = manager_close, .timeout = 60);

static void expect_told(const char *expected) {
        char text[4096];
        ssize_t n = recv(manager, text, sizeof text - 1, MSG_DONTWAIT);
        cr_assert_geq(n, 0, "expected: %s", expected);
        text[n] = '\0';
        cr_assert_str_eq(text, expected);
}

static void expect_silence(void) {
        char text[4096];
        cr_assert_lt(recv(manager, text, sizeof text, MSG_DONTWAIT), 0);
}

Test(notify, parts_of_the_status_are_joined_and_told_once) {
        notify_status(1, "%d of\n%d", 1, 2);
        expect_told("STATUS=1 of 2");
        notify_status(0, "ready");
        expect_told("STATUS=ready; 1 of 2");
        notify_status(0, "ready");
        expect_silence();
        notify_status(1, "%s", "");
        expect_told("STATUS=ready");
}

Test(notify, long_parts_are_cut) {
        char big[5000], expected[1024];
        memset(big, 'x', sizeof big - 1);
        big[sizeof big - 1] = '\0';
        for (unsigned i = 0; i < NOTIFY_PARTS; i++) {
                notify_status(i, "%s", big);
                cr_assert_gt(recv(manager, expected, sizeof expected, 0), 500);
        }
}

Test(notify, states_are_told) {
        notify_ready();
        expect_told("READY=1");
        notify_stopping();
        expect_told("STOPPING=1");
        notify_stop_takes(90 * USEC_PER_SEC);
        expect_told("EXTEND_TIMEOUT_USEC=90000000");
}
