/* A real instance (stintd --user) in a directory of its own, for tests of libstint. STINT_BUILD
 * names the build directory. One a test: Criterion runs each test in a process of its own. */
#pragma once

#include <stint/stint.h>

#include <sys/types.h>

/* config: the text of stintd.conf, NULL for none. Returns when clients can connect. */
void real_start(const char *config);
/* Ends it and removes its files; for .fini. */
void real_stop(void);
/* Writes another configuration. */
void real_configure(const char *config);

/* A connected client; freed by the test. */
StintClient *real_client(void);

/* Kills the dispatcher that the client has greeted; the supervisor starts another one. */
void real_kill_dispatcher(const StintClient *client);

/* A directory for files of the test. */
const char *real_directory(void);

/* Submits a shell command (or, with a queue, a message to it) and waits until it is acknowledged.
 */
uint64_t real_submit(StintClient *client, const char *script);
uint64_t real_submit_task(StintClient *client, const StintTask *task);
/* Waits for its end. */
StintEnd real_end(StintClient *client, uint64_t id);
/* Queues n message tasks at once. Returns the first id. */
uint64_t real_submit_messages(StintClient *client, const char *queue, size_t n);

/* A command that runs until the gate is opened. */
typedef struct Gate {
        char script[256], path[128];
        int fd; /* holds it shut */
} Gate;
void gate_make(Gate *g);
void gate_entered(Gate *g); /* waits until the task runs */
void gate_open(const Gate *g);
