/* Requests that wait for their one answer. */
#include "client/session-internal.h"

#include <errno.h>

typedef struct Call {
        SessionAnswer *answer;
        Error *error;
        enum { CALL_WAITS, CALL_ANSWERED, CALL_FAILED } outcome;
} Call;

static void on_answer(void *userdata, const SessionAnswer *answer, const Error *error) {
        Call *call = userdata;
        call->outcome = answer ? CALL_ANSWERED : CALL_FAILED;
        if (answer)
                *call->answer = *answer;
        else if (call->error)
                *call->error = *error;
}

int session_call(Session *s, WireType type, const void *body, BlobSlice payload, WireType expected,
                 SessionAnswer *ret, Error *error) {
        Error failure;
        Call call = {.answer = ret, .error = &failure};
        int64_t id = session_request(s, type, body, payload, on_answer, &call, error);
        if (id < 0)
                return (int)id;
        while (call.outcome == CALL_WAITS) {
                int r = session_step(s, error);
                if (r == 0)
                        r = session_wait(s, USEC_INFINITY, -1);
                if (call.outcome == CALL_WAITS && r < 0 && r != -EINTR) {
                        session_forget(s, (uint64_t)id);
                        return r;
                }
        }
        if (call.outcome == CALL_FAILED)
                return error_set(error, failure.code, "%s", failure.text);
        if (ret->type != expected)
                return error_set(error, EXIT_PROTOCOL,
                                 "the dispatcher answered with message %u where %u belongs: "
                                 "install the same version of both",
                                 ret->type, expected);
        return 0;
}

/* ---- without handlers ---- */

int64_t session_send(Session *s, WireType type, const void *body, BlobSlice payload, Error *error) {
        return session_request(s, type, body, payload, NULL, NULL, error);
}

int session_receive(Session *s, int timeout_msec, SessionAnswer *ret, Error *error) {
        usec_t deadline = timeout_msec < 0
                                  ? USEC_INFINITY
                                  : time_now_monotonic() + (usec_t)timeout_msec * USEC_PER_MSEC;
        s->plain.type = 0;
        for (;;) {
                int r = session_step(s, error);
                if (r < 0)
                        return r;
                if (s->plain.type) {
                        *ret = s->plain;
                        return 0;
                }
                if (r == 0)
                        r = session_wait(s, deadline, -1);
                if (r < 0)
                        return r;
        }
}
