/* The dispatcher as a process: start, backoff, ping, hand-over, death. What it says is
 * supervisor.c's business. */
#pragma once

#include "supervisor/supervisor.h"

void dispatcher_start(Supervisor *s);

/* Queues a message for the dispatcher; nothing when none runs (the next one gets the roster).
 * attached: a descriptor that stays the caller's and stays open until the answer, or -1. */
void dispatcher_send(Supervisor *s, const SuperviseMessage *message, int attached);

void dispatcher_on_ready(Supervisor *s);
void dispatcher_on_ping(Supervisor *s, const SuperviseMessage *m);
void dispatcher_leave(Supervisor *s); /* it will exit by itself; it does not get for ever */
void dispatcher_upgrade(Supervisor *s);
void dispatcher_reaped(Supervisor *s, int status);
void dispatcher_done(Supervisor *s);
