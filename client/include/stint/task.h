/* What a task of stint is, as a program gives it to libstint and gets it back. Included by stint.h,
 * which says how these structs may grow and who owns them. */
#ifndef STINT_TASK_H
#define STINT_TASK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum StintState {
        STINT_BLOCKED = 1,
        STINT_DELAYED,
        STINT_HELD,
        STINT_READY,
        STINT_RUNNING,
        STINT_SUCCEEDED,
        STINT_TASK_FAILED,
        STINT_CANCELLED,
        STINT_EXPIRED,
} StintState;
const char *stint_state_name(StintState state); /* "ready"; NULL: no state */
int stint_state_is_end(StintState state);

typedef enum StintReason {
        STINT_REASON_NONE,
        STINT_REASON_EXIT,   /* code: exit code */
        STINT_REASON_SIGNAL, /* code: signal */
        STINT_REASON_TIMEOUT,
        STINT_REASON_OUT_OF_MEMORY,
        STINT_REASON_COULD_NOT_START, /* code: errno */
        STINT_REASON_WORKER_LOST,
        STINT_REASON_CANCELLED, /* code: uid of who did it */
        STINT_REASON_DEPENDENCY_FAILED,
        STINT_REASON_EXPIRED,
        STINT_REASON_INTERRUPTED,
        STINT_REASON_HANDLER, /* the handler of a message task says so */
} StintReason;
const char *stint_reason_name(StintReason reason); /* "exit code"; NULL: no reason */

typedef enum StintKind { STINT_COMMAND = 1, STINT_MESSAGE } StintKind;

typedef enum StintEnvironment {
        STINT_ENVIRONMENT_DEFAULT, /* of the caller in one's own instance, else none */
        STINT_ENVIRONMENT_ALL,     /* of the caller */
        STINT_ENVIRONMENT_NONE,    /* only PATH and LANG */
} StintEnvironment;

enum {
        STINT_AT_MOST_ONCE = 1 << 0, /* never started twice, even if its worker is lost */
        STINT_UMASK = 1 << 1,        /* `umask` is given; else the caller's */
        STINT_OUTPUT_LIMIT = 1 << 2, /* `output_limit` is given; else 64 MiB */
        STINT_NO_GRACE = 1 << 3,     /* KILL at once where TERM would come first */
};

/* What to do. Read during the call that it is given to; nothing of it is kept by reference. */
typedef struct StintTask {
        size_t size; /* STINT_TASK */

        /* A command: NULL-terminated, looked up in PATH, executed as it is, without a shell. */
        const char *const *argv;
        /* Or, with argv NULL, a message for the handler of the queue. At most 8 MiB. */
        const void *payload;
        size_t payload_size;

        const char *queue;         /* NULL: "default" */
        const char *name;          /* at most 128 bytes */
        const char *group;         /* [A-Za-z0-9_.-]{1,64} */
        const char *const *labels; /* KEY=VALUE, NULL-terminated, at most 16 of at most 64 bytes */
        const char *summary;       /* one line for lists; NULL: made of argv or payload */
        int priority;              /* -100 … 100, higher is first */
        unsigned flags;            /* STINT_AT_MOST_ONCE … */
        uint64_t delay_usec;       /* not before this time has passed */
        uint64_t timeout_usec;     /* of one attempt; 0: none */
        uint64_t grace_usec;       /* between TERM and KILL; 0: 10 s, see STINT_NO_GRACE */
        unsigned retries;          /* further attempts after one that failed; at most 65535 */
        uint64_t backoff_min_usec, backoff_max_usec; /* 0: 2 s, 5 min */
        uint64_t retry_of; /* the ended task that this one repeats, 0: none */

        /* Of commands only. */
        const char *cwd;        /* NULL: the caller's */
        const char *stdin_file; /* absolute; or these bytes, at most 1 MiB; neither: /dev/null */
        const void *stdin_bytes;
        size_t stdin_size;
        StintEnvironment environment;
        const char *const
                *env; /* NAME=VALUE sets, NAME removes; NULL-terminated; over environment */
        unsigned umask;
        int nice;              /* 0 … 19 */
        uint64_t output_limit; /* bytes of each stream that are kept */
} StintTask;
#define STINT_TASK .size = sizeof(StintTask)

/* How a task ended. */
typedef struct StintEnd {
        uint64_t id;
        StintState state;
        StintReason reason;
        int64_t code; /* by reason */
} StintEnd;

/* A task as lists show it; texts "" where there is none. */
typedef struct StintInfo {
        uint64_t id;
        StintKind kind;
        StintState state;
        StintReason reason;
        int64_t code;
        int priority;
        unsigned attempt; /* the running or the last one; 0: none yet */
        uint32_t uid;     /* of who submitted it */
        unsigned flags;   /* STINT_AT_MOST_ONCE */
        uint64_t submitted_usec, due_usec, started_usec, ended_usec;
        const char *queue, *name, *group, *summary;
        const char *const *labels; /* NULL-terminated */
        uint64_t worker, run_id;   /* of the running attempt; 0: none */
        uint64_t retry_of, retried_as;
        int progress; /* percent, -1: it told none */
        const char *progress_text;
} StintInfo;

typedef struct StintAttempt {
        unsigned attempt;
        uint64_t run_id, worker;
        StintState state; /* STINT_READY: interrupted or lost, another attempt followed */
        StintReason reason;
        int64_t code;
        uint64_t started_usec, ended_usec, user_usec, system_usec, max_rss_bytes;
        uint64_t out_total, err_total, out_dropped, err_dropped, result_size;
        const char *detail; /* in words, where the reason needs them */
} StintAttempt;

/* Everything about a task. What is a command's is empty for a message and the other way round. */
typedef struct StintDetails {
        StintInfo info;
        uint64_t timeout_usec, grace_usec, backoff_min_usec, backoff_max_usec;
        unsigned retries;
        const StintAttempt *const *attempts; /* ended ones, oldest first; NULL-terminated */
        const char *const *argv;             /* NULL: a message, or a command of another version */
        const char *cwd, *stdin_file;
        const void *stdin_bytes;
        size_t stdin_size;
        const char *const *env;         /* what was set over the environment; NULL-terminated */
        const char *const *environment; /* NULL-terminated */
        unsigned umask;
        int nice;
        uint64_t output_limit;
        const void *payload;
        size_t payload_size;
} StintDetails;
#ifdef __cplusplus
}
#endif

#endif
