/* Which dispatcher a client talks to, whether it is there, and starting one's own when it is not.
 *
 * Order: an explicit endpoint, STINT_ENDPOINT, --system or --user, else root means the system
 * instance and everybody else their own. One's own instance is found through STATE/endpoint, which
 * its daemon wrote, so that cron, sudo -u and a login shell meet the same one. */
#pragma once

#include "common/error.h"
#include "common/paths.h"

#include <stdbool.h>
#include <sys/types.h>

typedef enum InstanceChoice { INSTANCE_CHOOSE, INSTANCE_OWN, INSTANCE_OF_SYSTEM } InstanceChoice;

#define ENDPOINT_MAX 256

typedef struct Instance {
        char endpoint[ENDPOINT_MAX]; /* ipc://PATH */
        char path[ENDPOINT_MAX];     /* of the socket */
        InstancePaths paths;         /* not set (kind 0) for an explicit endpoint */
        uid_t owner_uid;             /* who listens on it; set when it was reachable, else -1 */
} Instance;

/* endpoint: NULL if none was given on the command line. 0, or -code with error set. */
int instance_find(const char *endpoint, InstanceChoice choice, Instance *ret, Error *error);

typedef enum InstanceState {
        INSTANCE_REACHABLE = 1,
        INSTANCE_ABSENT,    /* no socket */
        INSTANCE_REFUSED,   /* a socket that nobody listens on: it died */
        INSTANCE_FORBIDDEN, /* no permission */
        INSTANCE_BUSY,      /* its backlog is full: it lives, but does not answer now */
        INSTANCE_FOREIGN,   /* somebody listens who should not: not safe to send anything there */
        INSTANCE_UNUSABLE,  /* anything else; errno says */
} InstanceState;

/* A plain connect(2), since a ZeroMQ connection to nothing just waits; sees who listens. One's own
 * instance must be listened on by oneself or root, that of the system by root or its service
 * account: the directory below /tmp and what an old STATE/endpoint names may be somebody else's
 * by now. An explicit endpoint may be anybody's. */
InstanceState instance_probe(Instance *i);

/* Why it cannot be reached, for people; returns -code. */
int instance_error(const Instance *i, InstanceState state, Error *error);

/* Is it one's own, and STINT_AUTOSTART not 0? */
bool instance_may_be_started(const Instance *i);

/* Starts one's own instance (stintd --user, in its own session) and waits until it can be reached.
 * Two clients may do so at once: the second stintd leaves, and its client meets the first. */
int instance_start(Instance *i, Error *error);
