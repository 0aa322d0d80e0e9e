/* `stint ping`: does the dispatcher answer, and how fast. `stint version`: of both sides. */
#include "client/cli/command.h"
#include "client/cli/json.h"

#include <inttypes.h>

#define ENDPOINT_SIZE 256

static const char *endpoint_of(const StintClient *client, char *buf, size_t size) {
        snprintf(buf, size, "ipc://%s", stint_peer(client)->socket);
        return buf;
}

static int ping_run(Invocation *x, Error *error) {
        _cleanup_(stint_freep) StintClient *client = NULL;
        uint64_t usec = 0;
        int r = refuse_operands(x, error);
        if (r == 0)
                r = invocation_connect(x, 0, error, &client);
        if (r < 0)
                return r;
        r = stint_ping(client, -1, &usec);
        if (r < 0)
                return client_error(client, r, error);
        char endpoint[ENDPOINT_SIZE];
        const StintPeer *peer = stint_peer(client);
        if (x->general.json)
                json_print_object("ping",
                                  json_pack("{sI sI ss}", "round_trip_usec", (json_int_t)usec,
                                            "epoch", (json_int_t)peer->epoch, "endpoint",
                                            endpoint_of(client, endpoint, sizeof endpoint)));
        else
                printf("%s answered in %" PRIu64 ".%03" PRIu64 " ms\n", peer->socket, usec / 1000,
                       usec % 1000);
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
        _cleanup_(stint_freep) StintClient *client = NULL;
        int r = refuse_operands(x, error);
        if (r < 0)
                return r;
        Error none;
        const StintPeer *peer =
                invocation_connect(x, 0, &none, &client) == 0 ? stint_peer(client) : NULL;
        if (x->general.json) {
                json_t *version = json_pack("{ss}", "client", STINT_VERSION);
                json_object_set_new(version, "dispatcher",
                                    peer ? json_string(peer->version) : json_null());
                json_print_object("version", version);
                return 0;
        }
        printf("stint %s\n", STINT_VERSION);
        if (peer)
                printf("dispatcher %s (protocol %" PRIu64 ", %s)\n", peer->version, peer->protocol,
                       peer->socket);
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
