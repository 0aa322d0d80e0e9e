/* The roster: every worker that lives, dies, or died without a dispatcher having confirmed it; and
 * remnants, the processes that dead children left to us, the subreaper. While one remnant lives
 * nobody is EXITED: a remnant cannot be attributed to one dead worker. Serials order the roster. */
#pragma once

#include "supervisor/supervisor.h"

/* What the dispatcher asks for. SPAWN is answered by SPAWNED or SPAWN_FAILED; a signal to a worker
 * that is not alive does nothing; EXIT_SEEN drops an end from the roster. */
void workers_spawn(Supervisor *s, const SuperviseMessage *m);
void workers_signal(Supervisor *s, const SuperviseMessage *m);
void workers_exit_seen(Supervisor *s, const SuperviseMessage *m);

void workers_signal_all(Supervisor *s, int sig);
void workers_send_roster(Supervisor *s);

bool workers_have(const Supervisor *s, pid_t pid); /* alive, under this pid */

/* It is dead and was waited for. A pid of no worker was a remnant: nothing happens. */
void workers_reaped(Supervisor *s, pid_t pid, int status, const struct rusage *usage);
void workers_report_dead(Supervisor *s);       /* as EXITED; once no remnant lives */
unsigned workers_unended(const Supervisor *s); /* how many are not EXITED */
void workers_done(Supervisor *s);
