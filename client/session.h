/* A client's conversation with a dispatcher: requests that are answered once, whatever dies in
 * between.
 *
 * Every request is kept until its answer came or it is forgotten, and sent again after each
 * reconnect. Those that change something carry (client id, seq, held), so a dispatcher that did one
 * already answers it again and does not do it twice. While nothing can be reached the session
 * waits, up to its patience, and says so once on stderr.
 *
 * One thread. Blocking: a program with a loop of its own would use the library of a later version.
 */
#pragma once

#include "client/instance.h"
#include "common/blob.h"
#include "common/wire.h"

typedef struct Session Session;

typedef enum SessionStart { SESSION_CONNECT_ONLY, SESSION_START_OWN } SessionStart;

typedef struct SessionOptions {
        const char *endpoint; /* of the command line, or NULL */
        InstanceChoice choice;
        SessionStart
                start; /* start one's own instance if it does not run (unless STINT_AUTOSTART=0) */
} SessionOptions;

/* Finds, probes, perhaps starts, connects, and greets. 0, or -code with error set. */
int session_open(const SessionOptions *options, Error *error, Session **ret);
Session *session_close(Session *s); /* accepts NULL, returns NULL */
DEFINE_CLEANUP(Session *, session_close)

const Instance *session_instance(const Session *s);
/* What the dispatcher said of itself when the session was opened; texts are NUL-terminated in here.
 */
typedef struct SessionPeer {
        uint64_t protocol, epoch, pid, uid;
        char version[64], instance[16], state_dir[WIRE_TEXT_MAX + 1];
} SessionPeer;
const SessionPeer *session_peer(const Session *s);

/* For SUBMIT and CANCEL: fills client and held, and takes the next seq. */
void session_number(Session *s, WireText *ret_client, uint64_t *ret_seq, uint64_t *ret_held);

/* Sends a request; body is the struct of type, payload may be empty. Returns its id (> 0), or
 * -code. More than one may be outstanding. */
int64_t session_send(Session *s, WireType type, const void *body, BlobSlice payload, Error *error);

/* One answer, to any outstanding request. Valid until the next call on the session. An ERROR answer
 * is given like any other (type WIRE_TYPE_ERROR). */
typedef struct SessionAnswer {
        uint64_t request_id;
        WireType type;
        const void *body;
        const void *payload;
        size_t payload_size;
} SessionAnswer;

/* Waits up to timeout_msec (-1: for ever, but never longer than the patience for a dispatcher that
 * is gone). 0; -ETIMEDOUT; -EINTR: a signal handler ran; -code (64 and above) with error set. The
 * request is forgotten with its answer, unless the answer is an ENDED with more set, or SUBMITTED
 * of a SUBMIT that waits. */
int session_receive(Session *s, int timeout_msec, SessionAnswer *ret, Error *error);

/* Makes session_receive return -EINTR while fd (of signalfd(2)) is readable, so that no signal is
 * missed between a look and a wait. -1: none. */
void session_watch(Session *s, int fd);

/* Takes back a request: no answer will be given. Tells the dispatcher if it is a WAIT or OUTPUT. */
void session_forget(Session *s, uint64_t request_id);

/* Sends and waits for the one answer of the type that is expected; an ERROR answer becomes error.
 * 0, or -code. Answers to other requests that come meanwhile are dropped: for programs with one
 * request at a time. */
int session_call(Session *s, WireType type, const void *body, BlobSlice payload, WireType expected,
                 SessionAnswer *ret, Error *error);

/* Copies an ERROR answer into error; returns -code. */
int session_refused(const SessionAnswer *answer, Error *error);
