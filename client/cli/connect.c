/* The way from a command to libstint: which instance is meant, and errors in the form that commands
 * hand on. */
#include "client/cli/command.h"

int client_error(const StintClient *client, int code, Error *error) {
        return error_set(error, -code, "%s", stint_error(client));
}

int invocation_connect(const Invocation *x, unsigned flags, Error *error, StintClient **ret) {
        StintOptions options = {STINT_OPTIONS, .endpoint = x->general.endpoint,
                                .instance = x->general.choice, .flags = flags | STINT_NOTICES};
        StintClient *client = stint_new(&options);
        if (!client)
                return error_set(error, EXIT_SOFTWARE, "out of memory");
        int r = stint_connect(client);
        if (r < 0) {
                client_error(client, r, error);
                stint_free(client);
                return r;
        }
        *ret = client;
        return 0;
}
