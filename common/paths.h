/* Where an instance keeps its files and where its socket is: the one place that knows the rules of
 * the environment (XDG directories, the fallback under /tmp, the build tree). Used by the client to
 * find a dispatcher, by stintd to make one.
 *
 *               user's                                    system's (prefix /usr)
 *      config   $XDG_CONFIG_HOME/stint, ~/.config/stint   /etc/stint
 *      STATE    $XDG_STATE_HOME/stint,                    /var/lib/stint
 *               ~/.local/state/stint
 *      RUN      $XDG_RUNTIME_DIR/stint, /tmp/stint-UID    /run/stint
 */
#pragma once

#include "common/error.h"

#include <limits.h>

typedef enum InstanceKind { INSTANCE_USER = 1, INSTANCE_SYSTEM } InstanceKind;

typedef struct InstancePaths {
        InstanceKind kind;
        char state[PATH_MAX];    /* STATE: database, output/, log/, alive, lock, endpoint */
        char run[PATH_MAX];      /* RUN: sockets; every socket path below it fits 107 bytes */
        char config[PATH_MAX];   /* stintd.conf (need not exist) */
        char config_d[PATH_MAX]; /* conf.d (need not exist) */
        char control[PATH_MAX];  /* default control socket RUN/control.sock */
        char events[PATH_MAX];   /* default event socket RUN/events.sock */
} InstancePaths;

/* Fills ret from the environment; an empty variable is an unset one. Creates nothing. Fails with
 * the reason and the way out: no home directory, a path that is too long for a socket (107 bytes),
 * a relative XDG directory. STINT_STATE_DIR and STINT_RUN_DIR override both kinds. 0 or negative
 * exit code. */
int paths_find(InstanceKind kind, InstancePaths *ret, Error *error);

/* Creates STATE and RUN (0700; a system RUN 0755, for its clients) with their subdirectories
 * output/, log/ and w/, and checks that they are ours, that others may not write in them and, below
 * /tmp and its like, that they are no links and closed to others. 0 or negative exit code. */
int paths_prepare(const InstancePaths *paths, Error *error);

/* STATE/endpoint: one line, the endpoint's URL such as ipc:///run/user/1000/stint/control.sock.
 * Written atomically. Reading gives -ENOENT when there is none, -EBADMSG when it holds no line,
 * -ENOBUFS when ret_url is too small, or another negative errno. */
int paths_write_endpoint(const InstancePaths *paths, const char *url, Error *error);
int paths_read_endpoint(const InstancePaths *paths, char *ret_url, size_t size);

/* The path of a helper (stint-dispatcher, stint-worker, stintd): in STINT_LIBEXECDIR if that is
 * set, else beside the running executable or in its build tree's directory of that helper, else the
 * installed place. -ENOENT if it is nowhere; ret names the place that was tried last. */
int paths_find_helper(const char *name, char *ret, size_t size);
