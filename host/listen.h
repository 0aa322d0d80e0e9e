/* Listening Unix sockets of an instance, made here or taken from systemd. */
#pragma once

#include "common/error.h"

#include <limits.h>
#include <stddef.h>

typedef enum ListenerOrigin { LISTENER_CLOSED, LISTENER_MADE, LISTENER_INHERITED } ListenerOrigin;

typedef struct Listener {
        ListenerOrigin origin; /* CLOSED (zero): fd means nothing */
        int fd;
        char path[PATH_MAX];
} Listener;

typedef struct ListenAddress {
        const char *path;
        const char *group; /* its members may connect (0660); NULL: the owner alone (0600) */
} ListenAddress;

/* Opens them all, non-blocking: what systemd passed is recognised by its path and taken as it is,
 * with its mode, the rest is made. Only with the instance lock held: what is left at a path is then
 * stale, and replaced. What a failure leaves open listeners_close closes. */
int listeners_open(const ListenAddress addresses[], Listener ret[], size_t count, Error *error);
void listeners_close(Listener l[], size_t count); /* removes the files that we made */

/* A non-blocking listening socket at path, mode 0600. Fails with EADDRINUSE when something listens
 * there, EEXIST when what is there is no socket. Returns the descriptor or negative errno. */
int listen_at(const char *path);

/* Removes every *.sock in directory: what a dead instance left. */
void listen_clean(const char *directory);
