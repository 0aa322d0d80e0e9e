/* A stintd of its own in a temporary directory, with stub children, and the test in the place of
 * the dispatcher's mind. Everything waits for a condition, with one deadline that is far beyond
 * what a slow machine needs. */
#pragma once

#include "common/paths.h"
#include "tests/unit/supervisor/stub.h"

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#define WORLD_POOLS                                                                                \
        "pools = ( { name = \"obey\"; queues = [\"default\"]; },"                                  \
        " { name = \"ignore\"; queues = [\"default\"]; },"                                         \
        " { name = \"stubborn\"; queues = [\"default\"]; },"                                       \
        " { name = \"quick\"; queues = [\"default\"]; },"                                          \
        " { name = \"orphan\"; queues = [\"default\"]; } );\n"                                     \
        "queues = ( { name = \"default\"; } );\n"

typedef struct World {
        InstanceKind instance;
        char dir[64], state[96], run[96], libexec[96], config[96], log[96];
        pid_t stintd;
        const char *watchdog_usec; /* WATCHDOG_USEC for stintd, or NULL */
        bool has_stranger; /* stintd is executed by who has a child already; see stranger() */
        pid_t dispatcher;  /* the stub that we talk to */
        char hello[SUPERVISE_TEXT_MAX], numbers[SUPERVISE_NAME_MAX + 1];
        int listener, link, notify; /* test.sock; the connected stub; NOTIFY_SOCKET */
        char notified[1 << 16]; /* what came, a line each; the oldest is dropped when it is full */
        size_t notified_size, notified_seen;
} World;

World world_new(void);      /* directories, stubs, a good config; nothing runs */
World world_started(void);  /* … and stintd runs, its first dispatcher said READY */
void world_start(World *w); /* stintd */
void world_start_with(World *w, char *const arguments[],
                      int listen_fd); /* as systemd would: fd 3, or -1 */
void world_configure(World *w, const char *text);
void world_use_helper(World *w, const char *name,
                      const char *program); /* atomically, as a package would */
void world_done(World *w);                  /* SIGKILLs what is left, removes the directory */

void world_stop(World *w);            /* TERM, answers STOP with STOPPED, expects exit 0 */
int world_wait_exit(World *w);        /* exit code of stintd, or 128 + signal */
void world_kill_dispatcher(World *w); /* KILL and forget the connection */

void dispatcher_accept(World *w); /* the next stub's hello */
void dispatcher_take_over(
        World *w);               /* accept, skip the roster, READY, and stay READY for a while */
void dispatcher_serve(World *w); /* READY for longer than the shortest pause */
SuperviseMessage dispatcher_expect(World *w, uint32_t type);
unsigned dispatcher_roster(World *w, SuperviseMessage entries[],
                           unsigned max); /* up to ROSTER_END */
void dispatcher_say(World *w, SuperviseMessage message);
#define DISPATCHER_SAY(w, ...)                                                                     \
        dispatcher_say(w, (SuperviseMessage){.version = SUPERVISE_VERSION, __VA_ARGS__})
SuperviseMessage dispatcher_spawn(World *w, const char *pool); /* SPAWNED, its stub has reported */

pid_t stranger(const World *w);
void expect_notified(World *w, const char *part); /* some notification contains it */
void expect_logged(World *w, const char *part);
bool logged(const World *w, const char *part);
void expect_gone(pid_t pid);
bool is_gone(pid_t pid);
void expect_alive_for(pid_t pid, uint64_t usec);
void read_file(const char *directory, const char *name, char *buf,
               size_t size); /* waits for it to appear */
unsigned fd_count(pid_t pid);
void expect_at_most_fds(pid_t pid, unsigned n);
