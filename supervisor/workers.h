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

/* wait4() gave this process. One that is no worker was a remnant. */
void workers_reaped(Supervisor *s, pid_t pid, int status, const struct rusage *usage);
/* Once all that was dead is reaped: kills remnants, or reports the dead as EXITED if there is none.
 */
void workers_settle(Supervisor *s);
unsigned workers_unended(const Supervisor *s); /* living and dying workers, and remnants */
void workers_done(Supervisor *s);
