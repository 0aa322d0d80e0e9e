/* A real instance for one test of libstint: stintd, dispatcher and workers of this build, below a
 * directory of its own. One a test: Criterion runs each test in a process of its own. */
#pragma once

#include <stint/stint.h>

#include <criterion/criterion.h>
#include <stdbool.h>
#include <string.h>
#include <sys/types.h>

#define PATIENCE_MSEC 60000 /* until what should happen has not */

/* With queues "default" that executes commands, "echo" that answers messages with their payload,
 * "noop" with nothing, and "small" for commands, of which only one may wait. Returns when clients
 * can connect. */
void world_start(void);
void world_start_with(const char *config); /* the text of stintd.conf */
void world_configure(const char *config);  /* another one, for a reload */
void world_stop(void);                     /* also when it was not started */

/* Kills the dispatcher, also a paused one; stintd starts another. */
void world_kill_dispatcher(void);
/* Kills stintd, and with it everything; nobody starts it again. */
void world_kill(void);
/* No dispatcher answers until world_resume. */
void world_pause(void);
void world_resume(void);

/* A connected client. */
StintClient *world_client(void);

const char *world_path(const char *name); /* below its directory; until the next call */

/* Submits and expects success. */
StintFuture *world_submit(StintClient *c, const StintTask *task, unsigned flags);
StintFuture *world_command(StintClient *c, const char *script); /* sh -c, STINT_COLLECT */

/* Submits, and waits until it is acknowledged. */
uint64_t world_task(StintClient *c, const StintTask *task);
uint64_t world_script(StintClient *c, const char *script); /* sh -c */
/* Submits n messages and waits until all have ended. Returns the first id. */
uint64_t world_messages(StintClient *c, const char *queue, size_t n);
/* Waits for the end of a task. */
StintEnd world_end(StintClient *c, uint64_t id);

/* A command that runs until the gate is opened, which is for four of them, come or to come. */
typedef struct Gate {
        char path[64], script[192];
        const char *argv[4]; /* the script as a command */
        int fd;
} Gate;
void gate_make(Gate *g);
void gate_entered(const Gate *g); /* waits until the first one runs */
void gate_open(const Gate *g);

#define expect_ok(c, expression)                                                                   \
        do {                                                                                       \
                int expected_ = (int)(expression);                                                 \
                cr_assert(expected_ >= 0, "%s: %d: %s", #expression, expected_, stint_error(c));   \
        } while (0)
