/* See submission.h. */
#include "client/cli/submission.h"

#include "client/cli/access.h"
#include "client/cli/json.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

int submit_refused(const StintClient *client, const StintFuture *future, int code, Error *error) {
        const char *why = stint_future_error(future);
        return why[0] ? error_set(error, -code, "%s", why) : client_error(client, code, error);
}

int submit_task(StintClient *client, const StintTask *task, uint64_t *ret_id, Error *error) {
        _cleanup_(stint_future_freep) StintFuture *future = NULL;
        int r = stint_submit(client, task, 1, 0, &future);
        if (r < 0)
                return client_error(client, r, error);
        r = stint_future_wait_acknowledged(future, -1);
        if (r < 0)
                return submit_refused(client, future, r, error);
        *ret_id = stint_future_id(future);
        return 0;
}

int submit_print(const Invocation *x, uint64_t id, Error *error) {
        if (x->general.json)
                json_print_object("task", json_pack("{sI}", "id", (json_int_t)id));
        else
                printf("%" PRIu64 "\n", id);
        if (fflush(stdout) == 0)
                return 0;
        return error_set(error, EXIT_IO,
                         "task %" PRIu64 " is queued, but its id cannot be written to stdout: %s",
                         id, strerror(errno));
}

int submit_check_directory(const StintClient *client, const char *directory, Error *error) {
        const StintPeer *peer = stint_peer(client);
        uid_t account = peer->owner_uid;
        if (strcmp(peer->instance, "system") != 0 || account == 0 || account == (uid_t)-1 ||
            access_to_directory(account, directory) != ACCESS_DENIED)
                return 0;
        return error_set(error, EXIT_NO_PERMISSION,
                         "the instance of the system runs tasks as uid %u, who may not enter %s: "
                         "submit from another directory or with --cwd DIR",
                         account, directory);
}
