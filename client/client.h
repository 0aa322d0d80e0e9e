/* What the parts of libstint share: one StintClient is one conversation (session.h) and what is
 * under way in it.
 *
 *      stint.h ─┬─ client.c    opening, loop, errors, requests that wait for their one answer
 *               ├─ submit.c    tasks become SUBMITs, gathered; acknowledgements
 *               ├─ future.c    ends of tasks; collect.c: their outputs, many in one request
 *               ├─ wait.c      any, all, ranges
 *               ├─ reader.c    streams
 *               ├─ query.c     lists; details.c: one task; status.c
 *               ├─ change.c    cancel, signal, purge, reload; retry.c
 *               └─ watch.c     events and their gaps
 *                     │
 *               session.c      requests that are answered once, whatever dies in between
 *                     │
 *               link.c         ZeroMQ: DEALER, its monitor, SUB, and one descriptor for them all
 *
 * Nothing here is exported but what stint.h declares (libstint.map). */
#pragma once

#include "client/session.h"

#include <stint/stint.h>

/* Sends a request and waits for its one answer, or an ERROR, which becomes the client's error; what
 * else comes meanwhile is handled. ret is valid until the next call. 0, or -code. */
int client_call(StintClient *c, WireType type, const void *body, BlobSlice payload,
                WireType expected, SessionAnswer *ret);

/* Sets the text that stint_error gives; returns -code. */
int client_fail(StintClient *c, int code, const char *format, ...) _printf_(3, 4);

Session *client_session(StintClient *c);
