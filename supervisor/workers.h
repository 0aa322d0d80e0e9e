/* The roster: every worker that lives, dies, or died without a dispatcher having confirmed it; and
 * remnants, the processes that dead children left to us, the subreaper. While one remnant lives
 * nobody is EXITED: a remnant cannot be attributed to one dead worker. Serials order the roster. */
#pragma once

#include "common/supervise.h"
#include "supervisor/supervisor.h"

/* Starts a worker for message->pool and answers SPAWNED or SPAWN_FAILED. */
void workers_spawn(Supervisor *s, const SuperviseMessage *message);
void workers_signal(Supervisor *s, uint64_t serial,
                    int sig); /* a worker that is not alive is left alone */
void workers_signal_all(Supervisor *s, int sig);
void workers_forget(Supervisor *s, uint64_t serial); /* its end is confirmed */
void workers_send_roster(Supervisor *s);

/* wait4() gave this process: notes its death; not a worker's: a remnant's, nothing to note. */
void workers_reaped(Supervisor *s, pid_t pid, int status, const struct rusage *usage);

/* After everything that was dead is reaped: kills remnants; reports dead workers EXITED once there
 * is none. */
void workers_settle(Supervisor *s);
size_t workers_unended(const Supervisor *s); /* living and dying workers, and remnants */
void workers_done(Supervisor *s);
