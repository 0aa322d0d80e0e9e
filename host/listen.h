/* Listening Unix sockets of an instance, made here or taken from systemd. */
#pragma once

#include "common/error.h"

#include <limits.h>
#include <stddef.h>

#define LISTENERS_MAX 4

typedef enum ListenerOrigin { LISTENER_CLOSED, LISTENER_MADE, LISTENER_INHERITED } ListenerOrigin;

typedef struct Listeners {
        size_t count;
        int fds[LISTENERS_MAX]; /* in the order of the addresses; only where origin is not CLOSED */
        ListenerOrigin origins[LISTENERS_MAX];
        char paths[LISTENERS_MAX][PATH_MAX];
} Listeners;

typedef struct ListenAddress {
        const char *path;
        const char *group; /* its members may connect (0660); NULL: the owner alone (0600) */
} ListenAddress;

/* Opens them all, non-blocking: what systemd passed is recognised by its path and taken as it is,
 * with its mode, the rest is made. Only with the instance lock held: what is left at a path is then
 * stale, and replaced. What a failure leaves open listeners_close closes. */
int listeners_open(Listeners *l, const ListenAddress addresses[], size_t count, Error *error);
void listeners_close(Listeners *l); /* removes the files that we made; accepts a zeroed one */

/* A non-blocking listening socket at path, mode 0600. Fails with EADDRINUSE when something listens
 * there, EEXIST when what is there is no socket. Returns the descriptor or negative errno. */
int listen_at(const char *path);

/* Removes every *.sock in directory: what a dead instance left. */
void listen_clean(const char *directory);
