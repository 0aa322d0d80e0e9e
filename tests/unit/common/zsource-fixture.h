/* What the tests of sockets share: a private directory, a context, an event loop that gives up
 * instead of hanging. Everything is on ipc in that directory or on the loopback interface. */
#pragma once

#include "common/zsource.h"

#define NAME_SIZE 96

typedef struct Fixture {
        char directory[NAME_SIZE];
        char endpoint[NAME_SIZE]; /* ipc in directory */
        void *context;
        sd_event *event;
        sd_event_source *deadline;
} Fixture;

extern Fixture fx;

/* For .init and .fini of a suite. */
void fixture_set_up(void);
void fixture_tear_down(void);

/* A socket with HWM 0 on both sides and one second of linger; aborts the test when that fails. */
void *fixture_socket(int type);
/* The same, bound to fx.endpoint or connected to it. */
void *fixture_bound(int type);
void *fixture_connected(int type);
/* Binds a socket to a free port of the loopback interface and gives its endpoint. */
void fixture_bind_tcp(void *socket, char ret_endpoint[static NAME_SIZE]);

/* A socket that listens on directory/name, as a supervisor would hand it down; writes the path. */
int fixture_listen(const char *name, char ret_path[static NAME_SIZE]);

/* Runs the loop until *counter reaches target; fails the test after a minute. */
void fixture_run_until(const unsigned *counter, unsigned target);

/* Sends text as one frame and waits until libzmq takes it. */
void fixture_send(void *socket, const char *text);
