/* The processes below this one. The worker is a subreaper, so whatever its tasks start stays below
 * it, also what has called setsid twice or lost its parents; a walk over
 * /proc/PID/task/TID/children finds it all. */
#pragma once

#include <stddef.h>

/* Sends a signal to every living process below this one; how many there were, or negative errno.
 * What is forked meanwhile may be missed: for KILL repeat until nothing is left. A signal never
 * hits a process that is not ours. */
int tree_signal(int signal);

/* KILL to everything below, repeated and reaped until nothing is left. Blocks as long as a process
 * cannot die. */
void tree_kill_and_reap(void);
