/* At the limit all connections are closed and the socket goes on taking new ones. */
#include "dispatcher/connection-limit.h"

#include "common/zsource.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#define LIMIT 8

typedef struct World {
        char directory[64], path[96];
        sd_event *event;
        void *context, *router;
        int listening;
        ConnectionLimit *limit;
} World;

static int listen_at(const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        cr_assert_geq(fd, 0);
        cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
        cr_assert_eq(listen(fd, 128), 0);
        return fd;
}

static void world_open(World *w) {
        *w = (World){.directory = "/tmp/stint-limit-XXXXXX"};
        cr_assert_not_null(mkdtemp(w->directory));
        snprintf(w->path, sizeof w->path, "%s/s", w->directory);
        w->listening = listen_at(w->path);
        cr_assert_geq(sd_event_new(&w->event), 0);
        cr_assert_eq(zcontext_new(&w->context), 0);
        cr_assert_eq(zsocket_new(w->context, ZMQ_ROUTER, &(ZSocketOptions){0}, &w->router), 0);
        cr_assert_eq(connection_limit_new(w->event, w->context, w->router, w->listening, w->path,
                                          LIMIT, 0, &w->limit),
                     0);
}

static void world_close(World *w) {
        connection_limit_free(w->limit);
        zsocket_free(w->router);
        zcontext_free(w->context);
        sd_event_unref(w->event);
        close(w->listening);
        unlink(w->path);
        rmdir(w->directory);
}

static int client_connect(const World *w) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        snprintf(address.sun_path, sizeof address.sun_path, "%s", w->path);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        cr_assert_geq(fd, 0);
        cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
        return fd;
}

/* Runs the loop until so many are connected. */
static void until_connected(World *w, unsigned n) {
        while (connection_limit_count(w->limit) != n)
                cr_assert_gt(sd_event_run(w->event, 20000000), 0, "never %u connections", n);
}

static void until_shed(World *w, uint64_t sheds) {
        while (connection_limit_sheds(w->limit) != sheds)
                cr_assert_gt(sd_event_run(w->event, 20000000), 0, "never shed");
}

Test(connection_limit, counts_connections_that_come_and_go) {
        World w;
        world_open(&w);
        int a = client_connect(&w), b = client_connect(&w);
        until_connected(&w, 2);
        close(a);
        until_connected(&w, 1);
        close(b);
        until_connected(&w, 0);
        cr_assert_eq(connection_limit_sheds(w.limit), 0u);
        world_close(&w);
}

Test(connection_limit, at_the_limit_all_are_closed_and_new_ones_are_taken) {
        World w;
        int clients[LIMIT];
        char byte[64];
        world_open(&w);
        for (unsigned i = 0; i < LIMIT; i++)
                clients[i] = client_connect(&w);
        until_shed(&w, 1);
        for (unsigned i = 0; i < LIMIT; i++) {
                while (read(clients[i], byte, sizeof byte) > 0) /* a greeting, then the end */
                        ;
                close(clients[i]);
        }
        int again = client_connect(&w);
        until_connected(&w, 1);
        close(again);
        world_close(&w);
}

Test(connection_limit, the_socket_file_stays) {
        World w;
        int clients[LIMIT];
        world_open(&w);
        for (unsigned i = 0; i < LIMIT; i++)
                clients[i] = client_connect(&w);
        until_shed(&w, 1);
        cr_assert_eq(access(w.path, F_OK), 0);
        for (unsigned i = 0; i < LIMIT; i++)
                close(clients[i]);
        world_close(&w);
}
