/* A real stint-worker with a made-up dispatcher: the test holds the inherited pipe, both sockets
 * and says what a dispatcher would. Every wait has a bound, and fails the test. */
#pragma once

#include "common/command-spec.h"
#include "common/output.h"
#include "common/wire.h"
#include "common/zsocket.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <signal.h>
#include <sys/types.h>

#define SERIAL        17u
#define STORE         "0123456789abcdef"
#define FOREIGN_STORE "fedcba9876543210"

#define HARNESS_OTHERS_MAX 64

/* An END, copied. out, err, result and detail end with a NUL. */
typedef struct End {
        WireEndItem item;
        char *out, *err, *result, *detail;
        size_t out_size, err_size, result_size;
} End;
void end_done(End *e);

typedef struct Harness {
        char dir[64], state[80], run[80];
        pid_t worker;
        int channel; /* writing end: its close is the death of the supervisor */
        void *context, *push, *results;
        WireReader *reader;
        WireBuffer buffer;
        ZMessage message;
        uint64_t epoch, n;
        uint64_t last_task;
        /* The HELLO that was read last; lists cut to what tests need. */
        uint64_t running[8], unacked[8];
        size_t running_count, unacked_count;
        pid_t started_pid; /* of the last STARTED */
        /* Ends that came in one message with one that was waited for, and were not asked for yet.
         */
        End others[HARNESS_OTHERS_MAX];
        size_t other_count;
} Harness;

Harness *harness_start(const char *pool); /* and the first SYNC is answered */
Harness *harness_start_unsynced(const char *pool);
void harness_stop(Harness *h); /* by end of file; checks that it leaves with 0 */
static inline void harness_stopp(Harness **h) {
        harness_stop(*h);
}

void harness_sync(Harness *h); /* SYNC, repeated until HELLO answers it */
void harness_sync_once(Harness *h, const char *store);
void harness_receive(Harness *h, WireMessage *ret); /* the next message of any type */
bool harness_try_receive(Harness *h, int timeout_msec, WireMessage *ret);

/* What a RUN brings. argv: through /bin/sh -c when shell is set. */
typedef struct Job {
        const char *shell;
        CommandSpec spec; /* umask and output_limit have defaults when argv comes from here or from
                             shell */
        const char *environment; /* strings, each ended by a NUL */
        size_t environment_size;
        const char *payload; /* a message instead of a command */
        size_t payload_size;
        uint64_t timeout_usec, grace_usec;
} Job;

uint64_t harness_submit(Harness *h, Job job); /* the run id: task id + 1000 */
void harness_push_run(Harness *h, uint64_t epoch, uint64_t n, uint64_t run_id, Job job);
void harness_stop_run(Harness *h, uint64_t run_id, StopWhy why, int signal);
void harness_spill(Harness *h, uint64_t run_id);
void harness_signal_run(Harness *h, uint64_t run_id, int signal);
void harness_ack(Harness *h, uint64_t run_id);

End harness_wait_end(Harness *h, uint64_t run_id); /* passes STARTED by */
void harness_wait_started(Harness *h, uint64_t run_id);
End harness_execute(Harness *h, Job job); /* submit, wait, ack */

/* A whole output file, NUL-terminated; fails if it is not there. */
char *harness_read_output(Harness *h, uint64_t run_id, StreamKind stream, size_t *ret_size);
/* Waits until a file that a task writes holds a line, and gives its number. */
long harness_wait_number(Harness *h, const char *name);
void wait_until_dead(pid_t pid);
void wait_until_state(pid_t pid, char state); /* as in /proc/PID/stat */
