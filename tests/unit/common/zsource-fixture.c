/* See zsource-fixture.h. */
#include "tests/unit/common/zsource-fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <ftw.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#define DEADLINE_USEC (60ull * 1000 * 1000)

Fixture fx;

static int on_deadline(sd_event_source *s, uint64_t usec, void *userdata) {
        return sd_event_exit(sd_event_source_get_event(s), -ETIMEDOUT);
}

void fixture_set_up(void) {
        (void)snprintf(fx.directory, sizeof fx.directory, "/tmp/stint-test-XXXXXX");
        cr_assert_not_null(mkdtemp(fx.directory));
        (void)snprintf(fx.endpoint, sizeof fx.endpoint, "ipc://%.40s/s", fx.directory);
        cr_assert_eq(zcontext_new(&fx.context), 0);
        cr_assert_eq(sd_event_new(&fx.event), 0);
        cr_assert_geq(sd_event_add_time_relative(fx.event, &fx.deadline, CLOCK_MONOTONIC,
                                                 DEADLINE_USEC, 0, on_deadline, NULL),
                      0);
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        return remove(path);
}

void fixture_tear_down(void) {
        sd_event_source_disable_unref(fx.deadline);
        sd_event_unref(fx.event);
        zcontext_free(fx.context);
        nftw(fx.directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

void *fixture_socket(int type) {
        const ZSocketOptions options = {.linger_msec = 1000};
        void *socket = NULL;

        cr_assert_eq(zsocket_new(fx.context, type, &options, &socket), 0);
        return socket;
}

void *fixture_bound(int type) {
        void *socket = fixture_socket(type);

        cr_assert_eq(zsocket_bind(socket, fx.endpoint), 0);
        return socket;
}

void *fixture_connected(int type) {
        void *socket = fixture_socket(type);

        cr_assert_eq(zsocket_connect(socket, fx.endpoint), 0);
        return socket;
}

void fixture_bind_tcp(void *socket, char ret_endpoint[static NAME_SIZE]) {
        size_t size = NAME_SIZE;

        cr_assert_eq(zsocket_bind(socket, "tcp://127.0.0.1:*"), 0);
        cr_assert_eq(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, ret_endpoint, &size), 0);
}

int fixture_listen(const char *name, char ret_path[static NAME_SIZE]) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        (void)snprintf(ret_path, NAME_SIZE, "%.40s/%.40s", fx.directory, name);
        memcpy(address.sun_path, ret_path, strlen(ret_path) + 1);
        cr_assert_geq(fd, 0);
        cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
        cr_assert_eq(listen(fd, 64), 0);
        return fd;
}

void fixture_run_until(const unsigned *counter, unsigned target) {
        while (*counter < target) {
                cr_assert_geq(sd_event_run(fx.event, UINT64_MAX), 0);
                cr_assert_neq(sd_event_get_state(fx.event), SD_EVENT_FINISHED, "stuck at %u of %u",
                              *counter, target);
        }
}

void fixture_send(void *socket, const char *text) {
        cr_assert_geq(zmq_send(socket, text, strlen(text), 0), 0);
}
