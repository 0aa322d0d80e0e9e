/* RELOAD: the supervisor reads the files and decides with the dispatcher; its answer comes through
 * the supervise-link. It changes nothing to do it twice, so it needs no number of its client. */
#include "dispatcher/requests/request.h"

#include <errno.h>
#include <string.h>

_Static_assert(SUPERVISE_REPORT_MAX - 1 <= WIRE_REPORT_MAX, "what the supervisor says fits");

typedef struct Asker {
        RequestContext *x;
        CoreOrigin origin;
} Asker;

/* What cannot be asked for at all; error: of supervise_ask_reload. */
static void refuse(RequestContext *x, const CoreOrigin *to, int error) {
        if (error == -EOPNOTSUPP)
                client_link_error(x->clients, to, EXIT_PROTOCOL,
                                  "cannot reload: the running stintd is older than its dispatcher; "
                                  "send it SIGHUP, or restart it");
        else
                client_link_error(x->clients, to, EXIT_TRY_AGAIN,
                                  "cannot reload: %s; try again later",
                                  error == -ENOBUFS ? "too many wait for it" : strerror(-error));
}

static void on_reloaded(void *context, const SuperviseReloaded *result) {
        const Asker *a = context;
        if (result->error == -EOPNOTSUPP) {
                refuse(a->x, &a->origin, result->error);
                return;
        }
        WireReloaded body = {.generation = result->generation,
                             .code = result->error ? EXIT_CONFIG : 0,
                             .text = wire_text(result->text)};
        client_link_reply(a->x->clients, &a->origin, WIRE_TYPE_RELOADED, &body, (BlobSlice){0});
}

void request_reload(RequestContext *x, ClientMessage *m) {
        if (!request_sees_all(x, m->uid)) {
                char owner[32] = "";
                if (x->owner_uid)
                        snprintf(owner, sizeof owner, "uid %u and ", x->owner_uid);
                client_link_error(x->clients, &m->origin, EXIT_NO_PERMISSION,
                                  "reload refused: only %sroot may reload this instance", owner);
                return;
        }
        Asker *a = malloc(sizeof *a);
        int r = -ENOMEM;
        if (a) {
                *a = (Asker){.x = x, .origin = m->origin};
                r = supervise_ask_reload(x->supervisor, on_reloaded, a);
        }
        if (r < 0)
                refuse(x, &m->origin, r);
}
