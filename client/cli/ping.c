/* `stint ping`: does the dispatcher answer, and how fast. `stint version`: of both sides. */
#include "client/cli/command.h"
#include "client/cli/json.h"
#include "common/time.h"

#include <inttypes.h>

static int ping_run(Invocation *x, Error *error) {
        _cleanup_(session_closep) Session *s = NULL;
        SessionAnswer answer;
        int r = refuse_operands(x, error);
        if (r == 0)
                r = invocation_open(x, SESSION_CONNECT_ONLY, error, &s);
        if (r < 0)
                return r;
        usec_t before = time_now_monotonic();
        r = session_call(s, WIRE_TYPE_PING, &(WirePing){0}, (BlobSlice){0}, WIRE_TYPE_PONG, &answer,
                         error);
        if (r < 0)
                return r;
        usec_t round_trip = time_now_monotonic() - before;
        uint64_t epoch = ((const WirePong *)answer.body)->epoch;
        if (x->general.json)
                json_print_object("ping",
                                  json_pack("{sI sI ss}", "round_trip_usec", (json_int_t)round_trip,
                                            "epoch", (json_int_t)epoch, "endpoint",
                                            session_instance(s)->endpoint));
        else
                printf("%s answered in %" PRIu64 ".%03" PRIu64 " ms\n", session_instance(s)->path,
                       round_trip / 1000, round_trip % 1000);
        return 0;
}

const Command command_ping = {
        .name = "ping",
        .summary = "ask the dispatcher whether it lives",
        .synopsis = "[OPTION…]",
        .examples = {"stint ping", "stint ping --system && echo up"},
        .run = ping_run,
};

/* No dispatcher is no error here: the version of the client is known anyway. */
static int version_run(Invocation *x, Error *error) {
        _cleanup_(session_closep) Session *s = NULL;
        int r = refuse_operands(x, error);
        if (r < 0)
                return r;
        Error none;
        bool reached = invocation_open(x, SESSION_CONNECT_ONLY, &none, &s) == 0;
        if (x->general.json) {
                json_t *version = json_pack("{ss}", "client", STINT_VERSION);
                if (reached)
                        json_object_set_new(version, "dispatcher",
                                            json_string(session_peer(s)->version));
                else
                        json_object_set_new(version, "dispatcher", json_null());
                json_print_object("version", version);
                return 0;
        }
        printf("stint %s\n", STINT_VERSION);
        if (reached)
                printf("dispatcher %s (protocol %" PRIu64 ", %s)\n", session_peer(s)->version,
                       session_peer(s)->protocol, session_instance(s)->path);
        else
                printf("dispatcher: %s\n", none.text);
        return 0;
}

const Command command_version = {
        .name = "version",
        .summary = "versions of the client and of the dispatcher",
        .synopsis = "[OPTION…]",
        .examples = {"stint version", "stint version --json"},
        .run = version_run,
};
