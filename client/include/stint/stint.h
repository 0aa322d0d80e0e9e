/* libstint: queue tasks of stint from a C program, wait for them, read what they wrote.
 *
 *      #include <stint/stint.h>
 *      #include <stdio.h>
 *
 *      int main(void) {
 *              StintClient *c = stint_new(NULL);
 *              const char *argv[] = {"make", "check", NULL};
 *              StintTask task = {STINT_TASK, .argv = argv};
 *              StintFuture *f;
 *              int r = stint_connect(c);
 *              if (r == 0)
 *                      r = stint_submit(c, &task, 1, 0, &f);
 *              if (r == 0)
 *                      r = stint_future_wait(f, -1);
 *              if (r == 0)
 *                      puts(stint_state_name(stint_future_end(f)->state));
 *              else
 *                      fprintf(stderr, "%s\n", stint_error(c));
 *              stint_free(c);
 *              return r < 0;
 *      }
 *
 * Threads: the library has no global state and starts no thread of its own (ZeroMQ has one for I/O
 * in each client). A client and what belongs to it may be used by one thread at a time; different
 * clients by different threads at once. Not across fork: the child must not touch a client.
 *
 * Time: durations and points of time are in microseconds; points of time are of the wall clock
 * since 1970, 0: never. Arguments that end in _msec are milliseconds, -1: for ever, 0: only a look.
 *
 * Errors: a function that can fail returns 0 (or a count) on success and else a negative
 * StintError; stint_error then gives one line for people. What waits for a dispatcher that is away
 * goes on when it is back; after a minute without one it fails with STINT_UNAVAILABLE.
 *
 * Durability: a future is acknowledged, and its id known, when the task is on disk; a request that
 * was sent when the connection broke is sent again and done once.
 *
 * Ownership: what a function returns through `ret` is the caller's and has a function that frees
 * it, which accepts NULL. Strings and structs that are lent say until when. Texts are bytes as they
 * were given, NUL-terminated, not always UTF-8.
 *
 * Growth: structs that a caller fills begin with their size (STINT_TASK and so on set it) and zero
 * means the default in every field, so later versions can add fields; structs that the library
 * fills may grow at their end: never copy or allocate them by sizeof. */
#ifndef STINT_STINT_H
#define STINT_STINT_H

#include <stint/task.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct StintClient StintClient;
typedef struct StintFuture StintFuture;
typedef struct StintReader StintReader;
typedef struct StintWatch StintWatch;

typedef enum StintError {
        STINT_INVALID = 64,     /* an argument that can never be right */
        STINT_NOT_FOUND = 65,   /* bad data, or no such task */
        STINT_UNAVAILABLE = 69, /* no dispatcher */
        STINT_FAILED = 70,      /* out of memory, or an error in stint */
        STINT_IO_FAILED = 74,   /* a file or descriptor */
        STINT_TRY_AGAIN = 75,   /* the queue or the disk is full */
        STINT_MISMATCH = 76,    /* the dispatcher is of another version */
        STINT_FORBIDDEN = 77,   /* not permitted */
        STINT_BAD_CONFIG = 78,  /* the configuration */
        STINT_TIMED_OUT = 124,  /* the time that was given is over; no text */
} StintError;

/* ---- the client ---- */

typedef enum StintInstance {
        STINT_INSTANCE_CHOOSE, /* root: the system's, everybody else: their own */
        STINT_INSTANCE_OWN,
        STINT_INSTANCE_SYSTEM,
} StintInstance;

enum {
        STINT_START_OWN = 1 << 0, /* start one's own instance if none runs, unless the environment
                                     has STINT_AUTOSTART=0 */
        STINT_NOTICES = 1 << 1,   /* tell on stderr of a start, and of a wait for a dispatcher */
};

typedef struct StintOptions {
        size_t size;          /* STINT_OPTIONS */
        const char *endpoint; /* ipc://PATH; NULL: STINT_ENDPOINT of the environment, else by
                                 instance */
        StintInstance instance;
        unsigned flags; /* STINT_START_OWN, STINT_NOTICES */
} StintOptions;
#define STINT_OPTIONS .size = sizeof(StintOptions)

/* options: NULL for the defaults; copied. NULL when memory is out. */
StintClient *stint_new(const StintOptions *options);

/* Finds the dispatcher, connects and greets; waits for that. Once. */
int stint_connect(StintClient *client);

/* Returns NULL. Requests that are under way are given up; tasks go on. Frees its futures, readers
 * and watches, too. */
StintClient *stint_free(StintClient *client);

/* One line about the last failure, "" if there was none; until the next call. */
const char *stint_error(const StintClient *client);

/* Who answers; until the next call of stint_connect. NULL before it. */
typedef struct StintPeer {
        const char *version;  /* of the dispatcher */
        const char *instance; /* "user" or "system" */
        const char *state_dir;
        const char *socket; /* path */
        uint64_t protocol, epoch, pid;
        uint32_t uid;       /* as whom tasks run */
        uint32_t owner_uid; /* who listens on the socket */
} StintPeer;
const StintPeer *stint_peer(const StintClient *client);

/* Asks whether it is there. Sets *ret_usec (may be NULL) to the round trip. Waits. */
int stint_ping(StintClient *client, int timeout_msec, uint64_t *ret_usec);

/* ---- loops ----
 *
 * Everything happens in calls of the library: a program that waits for futures needs nothing else.
 * One with a loop of its own polls stint_fd for input, calls stint_dispatch(client, 0) when it is
 * readable, and gets handlers called from there. Handlers may call everything that does not wait.
 */

/* Level-triggered: readable whenever stint_dispatch has something to do. The client's. -code before
 * stint_connect. */
int stint_fd(const StintClient *client);

/* Sends what is to be sent, waits up to timeout_msec for something to happen, and handles it.
 * Returns how many messages it handled (0: none in that time), or -code. */
int stint_dispatch(StintClient *client, int timeout_msec);

/* While set (-1: no more), every call that waits returns -STINT_TIMED_OUT as soon as fd is
 * readable: for a signalfd(2) or an eventfd(2) of the caller's. Nothing is lost: call it again. */
void stint_set_interrupt(StintClient *client, int fd);

/* ---- tasks: see stint/task.h ---- */

typedef enum StintStream { STINT_RESULT, STINT_STDOUT, STINT_STDERR } StintStream;

/* ---- futures ---- */

enum {
        STINT_COLLECT =
                1 << 0, /* stint_submit: the future ends with its output at hand, for outputs
                           of up to 64 KiB a stream; longer ones are read with readers */
};

/* Queues n tasks; does not wait. They go out together with others at the next call that waits, at
 * stint_dispatch or stint_flush, or when many have gathered. ret: n futures (NULL: nobody cares how
 * they end; stint_flush then says whether they were taken). flags: STINT_COLLECT. All or none of n
 * are taken if n <= 4096. A queue without room for all that went out together refuses all of it
 * with STINT_TRY_AGAIN: offer fewer at once then, each followed by stint_dispatch. */
int stint_submit(StintClient *client, const StintTask *tasks, size_t n, unsigned flags,
                 StintFuture **ret);

/* Waits until every task submitted so far is acknowledged. -code: of the first that was refused
 * without anybody to tell. */
int stint_flush(StintClient *client, int timeout_msec);

/* Tasks submitted and not acknowledged yet. A producer that keeps this low has backpressure. */
size_t stint_unacknowledged(const StintClient *client);

/* The end of a task that exists already. flags: STINT_COLLECT. NULL: out of memory. */
StintFuture *stint_future_of(StintClient *client, uint64_t id, unsigned flags);

/* The task goes on. Accepts NULL, returns NULL. */
StintFuture *stint_future_free(StintFuture *future);

uint64_t stint_future_id(const StintFuture *future); /* 0: not acknowledged yet */

/* 1: it has ended, was refused or is unknown; 0: not yet. Never waits, and sees only what
 * stint_dispatch has handled. */
int stint_future_poll(const StintFuture *future);

/* Waits until the task is acknowledged: 0. -code: refused. */
int stint_future_wait_acknowledged(StintFuture *future, int timeout_msec);

/* Waits until it has ended: 0 however it ended, see stint_future_end. -code: refused, unknown, or
 * -STINT_TIMED_OUT. */
int stint_future_wait(StintFuture *future, int timeout_msec);
int stint_wait_all(StintClient *client, StintFuture *const *futures, size_t n, int timeout_msec);
/* *ret: index of one that is over. */
int stint_wait_any(StintClient *client, StintFuture *const *futures, size_t n, int timeout_msec,
                   size_t *ret);

/* 0, or the -code with which it was refused. */
int stint_future_status(const StintFuture *future);
/* Why it was refused, "" if it was not. */
const char *stint_future_error(const StintFuture *future);
/* How it ended; NULL while it has not. Until the future is freed. */
const StintEnd *stint_future_end(const StintFuture *future);

/* Called once when it is over, from stint_dispatch or any call that waits; at once if it is
 * already. The handler may free the future. NULL: none. */
typedef void (*StintFutureHandler)(StintFuture *future, void *userdata);
void stint_future_then(StintFuture *future, StintFutureHandler handler, void *userdata);

/* Asks for its cancellation, also before it is acknowledged; does not wait. The future ends as
 * usual. */
int stint_future_cancel(StintFuture *future);

/* With STINT_COLLECT, after the end: the bytes of a stream of the last attempt, until the future is
 * freed. complete 0: the stream is longer, read it with stint_read or a reader. NULL without
 * STINT_COLLECT, before the end, or when the task was purged meanwhile. */
typedef struct StintOutput {
        const void *data;
        size_t size;
        uint64_t total;   /* bytes that the task wrote */
        uint64_t dropped; /* of them beyond the output limit: not kept */
        unsigned attempt;
        int complete;
} StintOutput;
const StintOutput *stint_future_output(const StintFuture *future, StintStream stream);

/* Waits for all tasks of the ranges; on_end is called for each as it ends, and stops the wait with
 * a value other than 0, which is returned. 0: all have ended. -STINT_NOT_FOUND names an unknown id.
 */
typedef struct StintRange {
        uint64_t first, count;
} StintRange;
typedef int (*StintEndHandler)(void *userdata, const StintEnd *end);
int stint_wait_ranges(StintClient *client, const StintRange *ranges, size_t n, int timeout_msec,
                      StintEndHandler on_end, void *userdata);

/* ---- output ---- */

enum {
        STINT_FOLLOW = 1 << 0,       /* until no byte will ever come; else what there is now */
        STINT_ALL_ATTEMPTS = 1 << 1, /* from `attempt` on one after the other; else one */
};

/* data is lent until the handler returns; size 0 at the end, then error is 0 or a code (its text is
 * stint_error). The next bytes are asked for when the handler has returned. Not 0: stop. */
typedef struct StintChunk {
        const void *data;
        size_t size;
        uint64_t offset;  /* in the stream of this attempt */
        uint64_t dropped; /* so far, beyond the output limit, of all attempts */
        unsigned attempt;
        int end;
        int error;
} StintChunk;
typedef int (*StintChunkHandler)(StintReader *reader, const StintChunk *chunk, void *userdata);

/* Reads a stream from offset on; attempt 0: the latest (with STINT_ALL_ATTEMPTS: the first). NULL:
 * out of memory. */
StintReader *stint_reader_new(StintClient *client, uint64_t id, unsigned attempt,
                              StintStream stream, uint64_t offset, unsigned flags,
                              StintChunkHandler handler, void *userdata);
StintReader *stint_reader_free(StintReader *reader); /* also from its handler; accepts NULL */

/* Reads at most size bytes from offset on; waits for the answer, not for bytes. Returns how many;
 * *ret_total (may be NULL): how many there are now. */
int64_t stint_read(StintClient *client, uint64_t id, unsigned attempt, StintStream stream,
                   uint64_t offset, void *buffer, size_t size, uint64_t *ret_total);

/* ---- looking ---- */

typedef enum StintSelectorKind {
        STINT_IDS = 1, /* first, count */
        STINT_LAST,    /* the newest of this user */
        STINT_ALL,     /* of this user; with all_users of everybody */
        STINT_IN_STATE,
        STINT_IN_QUEUE,
        STINT_NAMED,
        STINT_LABELLED, /* text: KEY=VALUE */
        STINT_GROUPED,
} StintSelectorKind;

typedef struct StintSelector {
        StintSelectorKind kind;
        StintState state;
        uint64_t first, count;
        const char *text;
} StintSelector;

typedef struct StintQuery {
        size_t size;                   /* STINT_QUERY */
        const StintSelector *selector; /* NULL: every task that one may see */
        uint64_t states;               /* bits 1 << StintState; 0: all */
        const char *queue;             /* NULL: all */
        uint64_t since_usec;           /* submitted then or later; 0: whenever */
        uint64_t before;               /* only ids below; 0: from the newest */
        uint64_t limit;                /* at most so many; 0: all */
        int all_users;                 /* what STINT_LAST and STINT_ALL mean */
} StintQuery;
#define STINT_QUERY .size = sizeof(StintQuery)

/* Calls handler for each task, newest first; not 0 stops it and is returned. info is lent until the
 * handler returns. Waits. Returns 0, or -code; -STINT_NOT_FOUND if the selector is one id that does
 * not exist. *ret_before (may be NULL): where a next query would go on, 0: that was all. */
typedef int (*StintInfoHandler)(void *userdata, const StintInfo *info);
int stint_list(StintClient *client, const StintQuery *query, StintInfoHandler handler,
               void *userdata, uint64_t *ret_before);
/* The same with ids only, which is cheaper; n > 0 at a time, newest first. */
typedef int (*StintIdsHandler)(void *userdata, const uint64_t *ids, size_t n);
int stint_list_ids(StintClient *client, const StintQuery *query, StintIdsHandler handler,
                   void *userdata);

int stint_show(StintClient *client, uint64_t id, StintDetails **ret); /* waits */
StintDetails *stint_details_free(StintDetails *details);

typedef struct StintQueueStatus {
        const char *name;
        uint64_t ready, delayed, running, held, blocked, max_waiting;
        uint64_t oldest_usec; /* when the oldest waiting task was submitted; 0: none waits */
        uint64_t succeeded, failed, cancelled, expired; /* since the dispatcher started */
} StintQueueStatus;

typedef struct StintPoolStatus {
        const char *name, *handler;
        uint64_t workers, wanted, busy, slots;
        const char *const *queues; /* NULL-terminated */
        const char *last_exit;     /* why the last worker died, "" if none did */
} StintPoolStatus;

typedef struct StintCounter {
        const char *name;
        uint64_t value;
} StintCounter;

typedef struct StintRate {
        const char *name;               /* "submitted", "started", "ended" */
        double per_sec_10s, per_sec_1m; /* averages that forget with these time constants */
} StintRate;

typedef struct StintStatus {
        const char *version, *instance, *store, *state_dir;
        const char *health; /* "ok", or what is wrong */
        uint64_t pid, epoch, started_usec, now_usec;
        uint32_t uid;
        const StintQueueStatus *const *queues; /* NULL-terminated, like all of these */
        const StintPoolStatus *const *pools;
        const StintCounter *const *counters;
        const StintRate *const *rates;
} StintStatus;
int stint_status(StintClient *client, StintStatus **ret); /* waits */
StintStatus *stint_status_free(StintStatus *status);

typedef struct StintSetting {
        const char *name;  /* "daemon.log_level", "pools.NAME.workers" */
        const char *value; /* as it is written in a file, which is JSON: "info" in quotes, 4 */
        const char *file;  /* where it was given; NULL: nowhere, it is the default */
        uint64_t line;
} StintSetting;

/* The configuration in force, in the order of stintd.conf(5). */
typedef struct StintConfig {
        uint64_t generation; /* 1 at the start, one more with each reload */
        const StintSetting *const *settings;
} StintConfig;
int stint_config(StintClient *client, StintConfig **ret); /* waits */
StintConfig *stint_config_free(StintConfig *config);

/* ---- changing ---- */

/* What became of the ids of a request; until the next call on the client. */
typedef struct StintOutcome {
        uint64_t done;    /* cancelled, signalled, purged */
        uint64_t other;   /* nothing to do: ended already (cancel, signal), not ended (purge) */
        uint64_t waiting; /* signal: those that do not run yet */
        const uint64_t *unknown, *denied; /* ids; denied: of other users */
        size_t unknown_count, denied_count;
        const uint64_t *not_now; /* purge: the first 4096 ids that have not ended */
        size_t not_now_count;
} StintOutcome;

/* Each waits until it is done (and durable, for the first and third). Any number of ids. ret may be
 * NULL. signal 0: TERM, after the grace KILL. */
int stint_cancel(StintClient *client, const uint64_t *ids, size_t n, int signal, StintOutcome *ret);
int stint_signal(StintClient *client, const uint64_t *ids, size_t n, int signal, StintOutcome *ret);
/* Forgets ended tasks and their output. */
int stint_purge(StintClient *client, const uint64_t *ids, size_t n, StintOutcome *ret);

/* Submits an ended task once more, as a task of its own with a new id. -STINT_TRY_AGAIN if it has
 * not ended, or was retried already (flags 0) and not with STINT_RETRY_AGAIN. Waits. */
enum { STINT_RETRY_AGAIN = 1 << 0 };
int stint_retry(StintClient *client, uint64_t id, unsigned flags, uint64_t *ret_id);

/* Has the dispatcher's instance read its configuration again. 0: in force; -STINT_BAD_CONFIG:
 * refused, stint_error has the findings, a line each. *ret_generation counts what was in force.
 * *ret_changes is what has changed and when that takes effect, a line each, "" for nothing; from
 * malloc. Both may be NULL. Waits. */
int stint_reload(StintClient *client, uint64_t *ret_generation, char **ret_changes);

/* ---- events ---- */

typedef struct StintEvent {
        uint64_t epoch, seq, time_usec, id;
        const char *queue;
        StintState state;
        StintReason reason; /* how it ended, or how the attempt ended that another one follows */
        int64_t code;
        unsigned attempt;
        /* Not 0: this is no event of a task (id is 0) but tells how many events before it are lost
         * for good; UINT64_MAX: unknown, since the dispatcher was restarted. */
        uint64_t missed;
} StintEvent;
typedef void (*StintEventHandler)(StintWatch *watch, const StintEvent *event, void *userdata);

/* Every change of state from now on, in order: events that the channel lost are fetched again, and
 * told as missed where that is not possible. queue: NULL for all. states: bits 1 << StintState, 0:
 * all. Called from stint_dispatch. Waits for the channel to be open. NULL with stint_error set. */
StintWatch *stint_watch_new(StintClient *client, const char *queue, uint64_t states,
                            StintEventHandler handler, void *userdata);
StintWatch *stint_watch_free(StintWatch *watch); /* also from its handler; accepts NULL */

#ifdef __cplusplus
}
#endif

#endif
