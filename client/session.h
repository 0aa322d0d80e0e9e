/* A client's conversation with a dispatcher: requests that are answered once, whatever dies in
 * between.
 *
 * Every request is kept until its answer came or it is forgotten, and sent again after each
 * reconnect. Those that change something carry (client id, seq, held), so a dispatcher that did one
 * already answers it again and does not do it twice. While nothing can be reached requests wait, up
 * to the patience of the session, and then fail.
 *
 * One thread. Everything happens in session_step. */
#pragma once

#include "client/instance.h"
#include "common/blob.h"
#include "common/time.h"
#include "common/wire.h"
#include "common/zsocket.h"

typedef struct Session Session;

typedef enum SessionStart { SESSION_CONNECT_ONLY, SESSION_START_OWN } SessionStart;
typedef enum SessionNotices { SESSION_NOTICES, SESSION_SILENT } SessionNotices;

typedef struct SessionOptions {
        const char *endpoint; /* of the command line, or NULL */
        InstanceChoice choice;
        SessionStart
                start; /* start one's own instance if it does not run (unless STINT_AUTOSTART=0) */
        SessionNotices notices; /* on stderr */
} SessionOptions;

/* Finds, probes, perhaps starts, connects, and greets. 0, or -code with error set. */
int session_open(const SessionOptions *options, Error *error, Session **ret);
Session *session_close(Session *s); /* accepts NULL, returns NULL; calls no handler */
DEFINE_CLEANUP(Session *, session_close)

const Instance *session_instance(const Session *s);
/* What the dispatcher said of itself when the session was opened; texts are NUL-terminated in here.
 */
typedef struct SessionPeer {
        uint64_t protocol, epoch, pid, uid;
        char version[64], instance[16], state_dir[WIRE_TEXT_MAX + 1];
        char events[WIRE_TEXT_MAX + 8]; /* endpoint of the event channel */
} SessionPeer;
const SessionPeer *session_peer(const Session *s);

/* For SUBMIT, CANCEL and PURGE: fills client and held, and takes the next seq. */
void session_number(Session *s, WireText *ret_client, uint64_t *ret_seq, uint64_t *ret_held);

/* ---- requests ---- */

typedef struct SessionAnswer {
        uint64_t request_id;
        WireType type;
        const void *body;
        const void *payload;
        size_t payload_size;
        ZFrame *payload_frame; /* NULL: none; zframe_take keeps its bytes without a copy */
} SessionAnswer;

/* Called for each answer; valid until it returns, or, for a request whose handler stops the loop
 * around session_step, until the next step. answer NULL: the request failed for good, error says
 * why (an ERROR of the dispatcher, or the patience is over). A request is forgotten before its last
 * answer is told: that is every answer but an ENDED with more set, and SUBMITTED of a SUBMIT that
 * waits. A handler may send and forget requests, but not step. */
typedef void (*SessionHandler)(void *userdata, const SessionAnswer *answer, const Error *error);

/* Sends a request; body is the struct of type, payload may be empty. Returns its id (> 0), or
 * -code. */
int64_t session_request(Session *s, WireType type, const void *body, BlobSlice payload,
                        SessionHandler handler, void *userdata, Error *error);

/* Takes back a request: its handler will not be called. Tells the dispatcher if it is one that may
 * be answered late. */
void session_forget(Session *s, uint64_t request_id);

/* Handles one message, or what became of the connection. 1; 0: there was nothing; -code with error
 * set: every request was failed with it. */
int session_step(Session *s, Error *error);

/* Waits until session_step has something to do, at most until deadline (monotonic; USEC_INFINITY:
 * for ever; 0: only a look). 0; -ETIMEDOUT; -EINTR: a signal handler ran; -ECANCELED: interrupt_fd
 * (-1: none) is readable. */
int session_wait(Session *s, usec_t deadline, int interrupt_fd);

/* ---- for a program with a loop of its own ---- */

int session_fd(const Session *s); /* level-triggered between session_settle and the next call */
void session_arm(Session *s);     /* makes it readable */
void session_settle(Session *s);

/* Calls handler once from session_step when the time `at` (monotonic) has come; at 0: not any
 * more. One for the whole session. */
void session_remind(Session *s, usec_t at, void (*handler)(void *userdata), void *userdata);

/* ---- the event channel ---- */

/* event NULL: the channel was opened, or may have lost something since the dispatcher or the
 * connection went away. */
typedef void (*SessionEventHandler)(void *userdata, const WireEvent *event);
/* Opens it; the handler is called from session_step. 0, or -code. */
int session_listen(Session *s, SessionEventHandler handler, void *userdata, Error *error);
void session_unlisten(Session *s);
