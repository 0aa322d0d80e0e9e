/* Where an instance keeps its files and where its socket is: the one place that knows the rules of the environment
 * (XDG directories, the fallback under /tmp, the build tree). Used by the client to find a dispatcher, by stintd to
 * make one. */
#pragma once

#include "common/error.h"

#include <limits.h>

typedef enum InstanceKind { INSTANCE_USER = 1, INSTANCE_SYSTEM } InstanceKind;

typedef struct InstancePaths {
        InstanceKind kind;
        char state[PATH_MAX];   /* STATE: database, output/, log/, alive, lock, endpoint */
        char run[PATH_MAX];     /* RUN: sockets; every socket path below it fits 107 bytes */
        char config[PATH_MAX];  /* stintd.conf (need not exist) */
        char config_d[PATH_MAX];/* conf.d (need not exist) */
        char control[PATH_MAX]; /* default control socket RUN/control.sock */
        char events[PATH_MAX];  /* default event socket RUN/events.sock */
} InstancePaths;

/* Fills ret from the environment. Creates nothing. Fails with the reason and the way out: no HOME, a path that is too
 * long for a socket (107 bytes), a relative XDG directory. STINT_STATE_DIR and STINT_RUN_DIR override both kinds. */
int paths_find(InstanceKind kind, InstancePaths *ret, Error *error);

/* Creates STATE and RUN (0700 for a user's; system ones must exist or be creatable), with their subdirectories output/ log/ and w/,
 * and checks owner, mode and that the /tmp fallback is no link and nobody else's. */
int paths_prepare(const InstancePaths *paths, Error *error);

/* STATE/endpoint: one line, the endpoint's URL such as ipc:///run/user/1000/stint/control.sock. Written atomically. Reading gives -ENOENT
 * when there is none. */
int paths_write_endpoint(const InstancePaths *paths, const char *url, Error *error);
int paths_read_endpoint(const InstancePaths *paths, char *ret_url, size_t size);

/* The path of a helper (stint-dispatcher, stint-worker, stintd): STINT_LIBEXECDIR if set, else beside the running executable or in its build
 * tree's directory of that helper, else the installed place. -ENOENT if it is nowhere; ret names the place that was tried last. */
int paths_find_helper(const char *name, char *ret, size_t size);
