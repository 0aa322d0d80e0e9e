/* Starting a child from an opened binary: exactly the descriptors that it is given, a clean signal
 * state, an environment without what systemd meant for this process alone, a session of its own (so
 * that Ctrl-C at a terminal reaches this process only). An exec that fails is an error of the
 * caller's. */
#pragma once

#include <sys/types.h>

#define SPAWN_FD_FIRST 3 /* 0 to 2 are ours as they are */
#define SPAWN_FDS_MAX  16

/* Runs binary_fd with argv; fds[i] becomes descriptor SPAWN_FD_FIRST + i. Returns a pid or, when it
 * could not be executed, a negative errno with nothing left behind. */
pid_t spawn_process(int binary_fd, const char *const argv[], const int fds[], unsigned fd_count);
