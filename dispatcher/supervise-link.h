/* The dispatcher's end of the contract with the supervisor (common/supervise.h): decodes packets
 * into one handler per meaning, sends ours, pings from the loop, and ends the process when the
 * supervisor is gone (EOF): its death is a crash of the instance. */
#pragma once

#include "common/macro.h"
#include "common/supervise.h"

#include <systemd/sd-event.h>

typedef struct SuperviseLink SuperviseLink;

/* fd: the attached configuration of RELOAD, owned by the handler; -1 otherwise. */
typedef void (*SuperviseHandler)(void *userdata, const SuperviseMessage *m, int fd);

/* Before there is a loop: a PING by itself, for the time of loading. Ignores errors: the loop will
 * see EOF. */
void supervise_ping(int channel);

int supervise_link_new(sd_event *event, int channel, int64_t priority, SuperviseHandler handler,
                       void *userdata, SuperviseLink **ret);
SuperviseLink *supervise_link_free(SuperviseLink *l); /* accepts NULL, returns NULL */
DEFINE_CLEANUP(SuperviseLink *, supervise_link_free)

void supervise_send(SuperviseLink *l, SuperviseType type);
void supervise_send_status(SuperviseLink *l, const char *text);
void supervise_send_spawn(SuperviseLink *l, const char *pool);
void supervise_send_signal(SuperviseLink *l, uint64_t serial, int signal);
void supervise_send_exit_seen(SuperviseLink *l, uint64_t serial);
/* error 0: accepted. */
void supervise_send_reloaded(SuperviseLink *l, uint64_t generation, int error, const char *text);
