/* The listening sockets of an instance. They live in the supervisor, so that clients of a
 * dispatcher that restarts wait in the backlog; each is made here or taken from systemd, which is
 * recognised by the path. */
#pragma once

#include "common/error.h"
#include "common/paths.h"
#include "config/config.h"

typedef enum ListenerKind {
        LISTENER_CONTROL,
        LISTENER_EVENTS,
        LISTENER_RESULTS,
        LISTENER_COUNT
} ListenerKind;
typedef enum ListenerOrigin { LISTENER_CLOSED, LISTENER_MADE, LISTENER_INHERITED } ListenerOrigin;

typedef struct Listener {
        ListenerOrigin origin; /* CLOSED (zero): fd means nothing */
        int fd;
        char path[PATH_MAX];
} Listener;

/* Opens all three. Only with the instance lock held: what is left at a path is then stale, and
 * replaced. */
int listeners_open(Listener l[LISTENER_COUNT], const InstancePaths *paths, const Config *config,
                   Error *error);
void listeners_close(Listener l[LISTENER_COUNT]); /* removes the files that we made */

/* A non-blocking listening socket at path, mode 0600. Fails with EADDRINUSE when something listens
 * there, EEXIST when what is there is no socket. Returns the descriptor or negative errno. */
int listen_at(const char *path);

/* Removes every *.sock in RUN/w: workers of a dead instance. */
void listen_clean_workers(const InstancePaths *paths);
