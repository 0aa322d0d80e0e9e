/* The dispatcher's end of the contract with the supervisor (common/supervise.h): decodes packets
 * into one handler per meaning, sends ours, pings from the loop, remembers who asked for a reload,
 * and ends the process when the supervisor is gone (EOF): its death is a crash of the instance. */
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

/* How a reload that was asked for went. error 0: generation is in force, text says what it changed,
 * a line each; else text says why not, a line each finding; -EOPNOTSUPP: this supervisor is too old
 * to be asked. */
typedef struct SuperviseReloaded {
        uint64_t generation;
        int error;
        const char *text;
} SuperviseReloaded;
typedef void (*SuperviseReloadDone)(void *context, const SuperviseReloaded *result);

/* Asks for a reload that reads the files after this call, however many are under way. context, from
 * malloc, is the link's from now on, also when this fails: freed after done has been called, or
 * with the link, and then done is not called. 0, -EOPNOTSUPP, -ENOBUFS or -ENOMEM. */
int supervise_ask_reload(SuperviseLink *l, SuperviseReloadDone done, void *context);

void supervise_send(SuperviseLink *l, SuperviseType type);
void supervise_send_status(SuperviseLink *l, const char *text);
void supervise_send_spawn(SuperviseLink *l, const char *pool);
void supervise_send_signal(SuperviseLink *l, uint64_t serial, int signal);
void supervise_send_exit_seen(SuperviseLink *l, uint64_t serial);
void supervise_send_stop_takes(SuperviseLink *l, uint64_t usec); /* if it wants to know */
/* error 0: accepted. */
void supervise_send_reloaded(SuperviseLink *l, uint64_t generation, int error, const char *text);
