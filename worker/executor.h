/* The middle of the worker: joins the link, the ledger and a handler. Takes runs, starts as many as
 * the handler has slots, in the order in which they came, and keeps every end until it is acked.
 *
 *      RUN ──▶ queued ──start──▶ started ──run_end──▶ ended ──ACK──▶ gone
 *                 └─────────────STOP───────────────────▲
 *
 * Handlers of messages only note facts; executor_settle, the loop's post step, starts and sends, so
 * what ended in one turn goes out as one message. */
#pragma once

#include "worker/handler.h"

/* Owns its handler's state and the link. listen_fd stays the caller's. */
int executor_new(sd_event *event, const WorkerIdentity *identity, const Handler *handler,
                 int listen_fd, Executor **ret);
Executor *executor_free(Executor *e); /* accepts NULL, returns NULL */
DEFINE_CLEANUP(Executor *, executor_free)

/* From now on: runs that are not started end as interrupted, what runs goes on, and when the last
 * end is acked the event loop exits with 0. */
void executor_drain(Executor *e);

/* The instance is dead: returns when every process of every run is dead, too. */
void executor_kill_all(Executor *e);
