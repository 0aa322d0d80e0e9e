/* What the stub dispatcher and a test say to each other over RUN/test.sock (SOCK_SEQPACKET). The
 * stub has no mind of its own: it shows the test each message of the supervisor and sends on each
 * one of the test's. */
#pragma once

#include "common/supervise.h"

#include <stddef.h>
#include <stdint.h>

#define STUB_HELLO 1000u /* first, stub to test: pid, and what it found, in text */
#define STUB_EXIT  1001u /* test to stub: exit with .error */
#define STUB_TEXT  1002u /* attached to a RELOAD: the first bytes of the memfd, in text */

/* What the stub worker does is chosen by the name of its pool. All end on EOF of their channel but
 * "stubborn". obey      ends 0 on SIGTERM ignore    ignores SIGTERM stubborn  ignores SIGTERM and
 * EOF quick     exits 7 at once orphan    leaves a grandchild in a session of its own, its pid in
 * RUN/orphan, and ignores SIGTERM Each writes RUN/worker.SERIAL: what it found when it started. */

/* What a child finds: descriptors, signals, session, environment; one line. */
const char *stub_describe(char *buf, size_t size);

/* The value that follows --NAME, or "". */
const char *stub_option(char **argv, const char *name);
