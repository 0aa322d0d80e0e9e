/* A real instance for one test of libstint: stintd, dispatcher and workers of this build, below a
 * directory of its own. Queues: "default" executes commands, "echo" answers messages with their
 * payload, "noop" with nothing, "small" takes one task and "none" lets tasks wait: they are held up
 * behind a command that reads a FIFO. */
#pragma once

#include <stint/stint.h>

#include <criterion/criterion.h>
#include <stdbool.h>
#include <string.h>
#include <sys/types.h>

#define PATIENCE_MSEC 60000 /* until what should happen has not */

void world_start(void);
void world_stop(void); /* also when it was not started */

/* Kills the dispatcher, also a paused one; stintd starts another. */
void world_kill_dispatcher(void);
/* Kills stintd, and with it everything; nobody starts it again. */
void world_kill(void);
/* No dispatcher answers until world_resume. */
void world_pause(void);
void world_resume(void);

/* A connected client. */
StintClient *world_client(void);

/* A command that waits until the gate is opened, which is for four of them, come or to come. */
const char *const *world_gate(void);
void world_open_gate(void);

const char *world_path(const char *name); /* below its directory; until the next call */

/* Submits and expects success. */
StintFuture *world_submit(StintClient *c, const StintTask *task, unsigned flags);
StintFuture *world_command(StintClient *c, const char *script); /* sh -c */

#define expect_ok(c, expression)                                                                   \
        do {                                                                                       \
                int expected_ = (int)(expression);                                                 \
                cr_assert(expected_ >= 0, "%s: %d: %s", #expression, expected_, stint_error(c));   \
        } while (0)
