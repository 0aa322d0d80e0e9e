/* Requests of clients: a table from message type to handler, one file a request. A handler checks
 * what the request says, calls one function of the core or asks one read of the store, and returns;
 * the answer goes out now, after a commit, or when the read is done. */
#pragma once

#include "config/config.h"
#include "dispatcher/client-link.h"
#include "dispatcher/event-link.h"
#include "dispatcher/follow.h"
#include "dispatcher/rates.h"
#include "dispatcher/reads.h"
#include "dispatcher/supervise-link.h"
#include "dispatcher/worker-link.h"

/* What handlers work with; everything in it outlives every request. */
typedef struct RequestContext {
        Core *core;
        Store *store;
        Reads *reads;
        ClientLink *clients;
        WorkerLink *workers;
        Follow *follow;
        EventLink *events;
        Rates *rates;
        SuperviseLink *supervisor;
        CoreTime now; /* of this turn */
        usec_t started_usec;
        uint32_t owner_uid; /* besides root, who may see and change everything */
        enum { USED_BY_OWNER, USED_BY_WHO_CAN_CONNECT } used_by; /* who may ask for anything */
        const char *instance;                                    /* "user" or "system" */
        const char *state_dir;
        char events_socket[WIRE_TEXT_MAX + 1]; /* path */
        const char *health;                    /* "" or why submits are refused */
        const Config *config;                  /* in force */
        uint64_t generation;                   /* of config */
} RequestContext;

typedef void (*RequestHandler)(RequestContext *x, ClientMessage *m);

/* Finds the handler of m's type; a type that is no request is answered with an error. */
void request_handle(RequestContext *x, ClientMessage *m);

/* ---- shared by handlers ---- */

static inline bool request_sees_all(const RequestContext *x, uint32_t uid) {
        return uid == 0 || uid == x->owner_uid;
}

/* Client id, seq and held of a request that changes something; false: answered with an error. */
bool request_identify(RequestContext *x, const ClientMessage *m, WireText client, uint64_t seq,
                      uint64_t held, CoreRequest *ret);

/* Answers for reads that failed: never silence. */
void request_read_failed(RequestContext *x, const CoreOrigin *to, int error);

/* What a task is now: from the store's row, or for an unended one from the core. false: it ended
 * while the row was read, read again. */
bool request_row(const RequestContext *x, const StoredTask *t, WireRow *ret, WireText *labels);

/* Looks up how the ids of a range ended, for the core's wait of that number: answered later by
 * core_wait_found. 0 or -ENOMEM. */
int request_find_ends(RequestContext *x, uint64_t wait, uint64_t first, uint64_t count);

void request_hello(RequestContext *x, ClientMessage *m);
void request_submit(RequestContext *x, ClientMessage *m);
void request_cancel(RequestContext *x, ClientMessage *m);
void request_wait(RequestContext *x, ClientMessage *m);
void request_forget(RequestContext *x, ClientMessage *m);
void request_events(RequestContext *x, ClientMessage *m);
void request_list(RequestContext *x, ClientMessage *m);
void request_show(RequestContext *x, ClientMessage *m);
void request_output(RequestContext *x, ClientMessage *m);
void request_outputs(RequestContext *x, ClientMessage *m);
void request_purge(RequestContext *x, ClientMessage *m);
void request_signal(RequestContext *x, ClientMessage *m);
void request_status(RequestContext *x, ClientMessage *m);
void request_ping(RequestContext *x, ClientMessage *m);
void request_config(RequestContext *x, ClientMessage *m);
void request_reload(RequestContext *x, ClientMessage *m);
