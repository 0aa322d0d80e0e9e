/* Helpers that make tests of the store read as a story: a store in a directory of its own,
 * operations from a few named arguments, waiting for completions (never longer than WAIT_MSEC,
 * never by sleeping). */
#pragma once

#include "dispatcher/store/store.h"

#include <criterion/criterion.h>
#include <string.h>

#define WAIT_MSEC 30000

typedef struct Fixture {
        char directory[64]; /* STATE */
        char url[128];
        Store *store;
        uint64_t ticket;            /* last one given */
        uint64_t done;              /* last one written */
        int error;                  /* of it */
        char space[ERROR_TEXT_MAX]; /* what the last STORE_DONE_SPACE said */
        unsigned spaces, fatals;
        StoreOptions options;
} Fixture;

/* scheme: "sqlite" or "memory". Makes the directory; opens, recovers nothing, starts. */
void fixture_open(Fixture *f, const char *scheme);
void fixture_close(Fixture *f); /* closes the store and removes the directory */
void fixture_reopen(Fixture *f);
/* Without starting: recover first. */
void fixture_reopen_only(Fixture *f);

typedef struct TaskArgs {
        const char *queue, *name, *labels, *summary, *environment, *payload; /* labels: "a=1,b=2" */
        const char *group;
        uint64_t retry_of;
        uint32_t uid;
        usec_t submitted, not_before;
        int priority, retries;
        bool at_most_once;
} TaskArgs;

typedef struct RunArgs {
        run_id_t run;
        uint64_t worker;
        uint32_t attempt;
        uint8_t state, reason, files;
        int64_t code;
        usec_t due, ended;
        const char *out, *err, *result, *detail;
        uint64_t out_total, out_kept; /* 0: those of out */
} RunArgs;

StoreOp make_task(uint64_t id, TaskArgs args);
StoreOp make_end(uint64_t id, RunArgs args);     /* state 0: succeeded */
StoreOp make_attempt(uint64_t id, RunArgs args); /* state 0: failed */
StoreOp make_mark(StoreOpKind kind, uint64_t id, run_id_t run);
StoreOp make_client(uint8_t first_byte, uint64_t held, usec_t last, const char *answers);

BlobSlice slice_of(const char *text); /* empty for NULL */
bool slice_is(BlobSlice s, const char *text);

#define task(id, ...)    make_task(id, (TaskArgs){__VA_ARGS__})
#define ended(id, ...)   make_end(id, (RunArgs){__VA_ARGS__})
#define attempt(id, ...) make_attempt(id, (RunArgs){__VA_ARGS__})

/* Writes copies of ops under the next ticket. */
uint64_t write_ops(Fixture *f, const StoreOp *ops, size_t n);
#define write_batch(f, ...)                                                                        \
        write_ops(f, (StoreOp[]){__VA_ARGS__}, sizeof((StoreOp[]){__VA_ARGS__}) / sizeof(StoreOp))
/* Waits for a ticket and gives its error. */
int await_ticket(Fixture *f, uint64_t ticket);
#define store_batch(f, ...) cr_assert_eq(await_ticket(f, write_batch(f, __VA_ARGS__)), 0)

/* Asks and waits. The caller frees the answer. */
StoreDone ask(Fixture *f, StoreRead read);
StoreDone ask_task(Fixture *f, uint64_t id);
StoreDone ask_output(Fixture *f, uint64_t id, uint32_t attempt, StreamKind stream, uint64_t offset);
/* Ids of the rows that a filter gives, as "9 7 3"; takes the filter's texts. Static buffer. */
const char *rows_of(Fixture *f, StoreFilter filter);
bool task_exists(Fixture *f, uint64_t id);

/* Takes one completion, waiting up to msec. False: none came. */
bool next_completion(Fixture *f, StoreDone *ret, int msec);

/* What store_recover gave, for tests to look at. */
typedef struct Recovered {
        RecoveredTask tasks[64];
        char queues[64][WIRE_NAME_MAX + 1];
        size_t task_count;
        ClientRecord clients[16];
        size_t client_count;
} Recovered;
void recover(Fixture *f, Recovered *ret);
void recovered_done(Recovered *r);

/* Writes STATE/output/… of a run. */
void make_output_file(Fixture *f, run_id_t run, StreamKind stream, const char *text);
bool output_file_exists(Fixture *f, run_id_t run, StreamKind stream);
