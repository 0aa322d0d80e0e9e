/* Starting a child from an opened binary: exactly the descriptors that common/supervise.h promises,
 * a clean signal state, an environment without what systemd meant for the supervisor alone, a
 * session of its own (so that Ctrl-C at a terminal reaches the supervisor only). An exec that fails
 * is an error of the caller's. */
#pragma once

#include "common/error.h"

#include <sys/types.h>

/* Both helpers, opened together: what runs stays of one package even while another is being
 * installed. */
typedef struct Binaries {
        int dispatcher, worker; /* -1: none */
        uint64_t number;        /* rises with each opening, never used twice in an instance */
} Binaries;

#define BINARIES_NONE ((Binaries){.dispatcher = -1, .worker = -1})

int binaries_open(uint64_t number, Binaries *ret, Error *error);
void binaries_close(Binaries *b); /* leaves BINARIES_NONE */

/* Runs binary_fd with argv; fds[i] becomes descriptor 3 + i. Returns a pid or, when it could not be
 * executed, a negative errno with nothing left behind. */
pid_t spawn_process(int binary_fd, const char *const argv[], const int fds[], unsigned fd_count);

/* "exit code 3", "signal 9 (KILL)": what a wait status says. */
const char *spawn_status_text(int status, char *buf, size_t size);
