/* Clients and their requests that change something: each is done once, however often it is sent.
 *
 * A client's answers above what it holds are one row in the store, written in the ticket of the
 * request itself. Rows are replaced whole, and batches can fail one by one: a row must not tell of
 * a request whose own batch is still under way, nor must it leave it out. So while a request of a
 * client is being written, its later ones wait (Deferred), unless they came in the same turn. */
#pragma once

#include "common/heap.h"
#include "dispatcher/core/core.h"
#include "dispatcher/core/hash.h"
#include "dispatcher/core/origins.h"

#define CLIENT_ANSWERS_MAX 8192u /* unanswered, or answered above held, for one client */

/* REFUSED is remembered, so that a copy that comes late is not done after all, but not stored: the
 * connections over which a copy may still come end with the process. */
typedef enum AnswerKind {
        ANSWER_SUBMITTED = 1,
        ANSWER_CANCELLED,
        ANSWER_REFUSED,
        ANSWER_PURGED,
} AnswerKind;

/* What a CANCEL or a PURGE came to. done: cancelled, purged. ended: of a CANCEL. left: of a CANCEL,
 * the tasks that run, to be stopped once the request is durable; of a PURGE, the unended ones. */
typedef struct Outcome {
        uint64_t done, ended;
        uint64_t *unknown, *denied, *left;
        size_t unknown_count, denied_count, left_count;
} Outcome;

typedef struct Answer {
        uint64_t seq;
        AnswerKind kind;
        bool pending; /* not durable yet: nothing was said */
        CoreSubmitWait wait;
        Origins origins;          /* while pending */
        uint64_t first_id, count; /* SUBMITTED */
        Outcome *outcome;         /* CANCELLED, PURGED */
        Error *error;             /* REFUSED */
} Answer;

/* A request that waits for an earlier one of its client, or for an end that it speaks of. */
typedef struct Deferred {
        struct Deferred *prev, *next;
        AnswerKind kind;
        CoreRequest request;
        Origins more; /* beside request.origin */
        CoreSubmitWait wait;
        TaskRecord *tasks;
        uint64_t *delay_usec;
        size_t n;
        uint64_t *ids, *unknown;
        uint8_t *found; /* PURGE: CorePurgeFound of each id */
        size_t unknown_count;
        int signal;
} Deferred;

typedef struct Client {
        ClientId id;
        uint32_t uid;
        uint64_t held;
        usec_t last_usec, last_real_usec;
        usec_t known_usec;  /* last_real_usec when it was made or recovered */
        HeapNode idle_node; /* in Core.idle_clients */
        usec_t idle_usec;   /* looked at then */
        Answer *answers;    /* by seq */
        size_t answer_count, answer_capacity;
        size_t pending;        /* of them */
        uint64_t pending_turn; /* the turn in which those were written */
        Deferred *deferred;    /* list */
        size_t deferred_count;
        bool dirty;        /* its row is to be written in this turn */
        bool stored;       /* there is a row */
        bool cancels_wait; /* those of its cancels that are written again have to */
        struct Client *next_dirty, *next_runnable;
        bool runnable;
        UT_hash_handle hh;
} Client;

typedef enum ClientVerdict {
        CLIENT_DO = 1,   /* new: do it now */
        CLIENT_LATER,    /* new, but an earlier one is being written: defer it */
        CLIENT_ANSWERED, /* refused, answered, or its answer will come */
} ClientVerdict;

ClientVerdict client_admit(Core *c, const CoreRequest *request, CoreSubmitWait wait, Client **ret);
/* Owns d from now on. */
void client_defer(Core *c, Client *client, Deferred *d);
/* Does what was deferred and need not wait any more. */
void client_run_deferred(Core *c);
Deferred *deferred_free(Deferred *d);
DEFINE_CLEANUP(Deferred *, deferred_free)

/* Room for one more answer; afterwards client_add_answer cannot fail. 0 or -ENOMEM. */
int client_reserve(Client *client);
/* The answer of the request that this turn writes. takes outcome. */
void client_add_answer(Core *c, Client *client, Answer answer);
Answer *client_find_answer(Client *client, uint64_t seq);
/* Durable: may be said. */
void client_answer_done(Core *c, Client *client, Answer *a);
/* Undone: refused with e. */
void client_answer_failed(Core *c, Client *client, Answer *a, const Error *e);
/* A new request is refused with e. */
void client_refuse(Core *c, Client *client, const CoreRequest *request, const Error *e);

void client_mark_dirty(Core *c, Client *client);
void client_write_dirty(Core *c); /* one row a client and turn */
void client_expire(Core *c);
void client_free(Core *c, Client *client);
Outcome *outcome_new(size_t n); /* room for n ids in each list; NULL: no memory */
Outcome *outcome_free(Outcome *o);
DEFINE_CLEANUP(Outcome *, outcome_free)

int client_compare_idle(const HeapNode *a, const HeapNode *b);

void core_reply_error(Core *c, const CoreOrigin *to, int code, const char *format, ...)
        _printf_(4, 5);
