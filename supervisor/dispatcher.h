/* The dispatcher as a process: start, backoff, ping, hand-over, death; and what it says, each
 * message to the module that it concerns. */
#pragma once

#include "supervisor/supervisor.h"

void dispatcher_start(Supervisor *s);
void dispatcher_upgrade(Supervisor *s);
void dispatcher_reaped(Supervisor *s, int status);
void dispatcher_done(Supervisor *s);

/* To none, both do nothing (the next one gets the roster). attached: a descriptor that stays the
 * caller's and stays open until the answer, or -1. */
void dispatcher_send(Supervisor *s, const SuperviseMessage *message, int attached);
void dispatcher_kill(const Supervisor *s, int sig);
