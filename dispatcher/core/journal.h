/* What waits for which ticket, in order: answers, acks, ends, starts. Entries of a batch that
 * failed either are undone (submits, purges, starts) or wait for their turn to be written again
 * (ends, cancels, and acks behind them).
 *
 * Only this module calls ports->persist, ports->ack and frees tasks that have ended. */
#pragma once

#include "dispatcher/core/client.h"
#include "dispatcher/core/run.h"

/* An end or an attempt that is being written. */
typedef struct Ending {
        RunRecord run; /* slices are references of our own, for writing it again */
        Task *task;
        usec_t due_usec,
                due_real_usec; /* of an attempt: when the task is ready again; 0: at once */
        uint64_t ack_serial;   /* 0: nobody waits for an ack */
        bool final;            /* STORE_PUT_END, else STORE_PUT_ATTEMPT */
} Ending;

typedef enum JournalKind {
        JOURNAL_SUBMIT = 1, /* client, seq */
        JOURNAL_CANCEL,     /* client, seq */
        JOURNAL_PURGE,      /* client, seq */
        JOURNAL_END,        /* ending */
        JOURNAL_START,      /* run_id */
        JOURNAL_ACK,        /* serial, run_id */
} JournalKind;

typedef struct JournalEntry {
        uint64_t ticket;
        JournalKind kind;
        union {
                struct {
                        Client *client;
                        uint64_t seq;
                };
                struct {
                        uint64_t serial;
                        run_id_t run_id;
                };
                Ending *ending;
        };
} JournalEntry;

/* A ring of entries. */
typedef struct Journal {
        JournalEntry *entries;
        size_t first, count, capacity;
} Journal;

void journal_done(Core *c, Journal *j); /* drops what the entries own */
const JournalEntry *journal_at(const Journal *j, size_t i);

void journal_persist(Core *c, StoreOp *op); /* makes the turn write something */
void journal_add(Core *c, JournalEntry entry);

/* The end of a task, or of an attempt that another one follows. run's slices become ours. */
void journal_end(Core *c, Task *t, RunRecord *run, uint64_t ack_serial);
void journal_attempt(Core *c, Task *t, RunRecord *run, uint64_t ack_serial, usec_t delay_usec);
void journal_ack(Core *c, uint64_t serial, run_id_t run_id); /* after all that was seen so far */

uint64_t journal_finish_turn(Core *c);
void journal_committed(Core *c, uint64_t first, uint64_t last, int error);
void journal_write_again(Core *c); /* when Core.retry_usec has come */
