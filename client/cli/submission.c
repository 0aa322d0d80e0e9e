/* See submission.h. */
#include "client/cli/submission.h"

#include "client/cli/access.h"
#include "client/cli/json.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* A frame of environment and payload; takes over neither. */
static int frame(const char *environment, size_t environment_size, const void *payload,
                 size_t payload_size, BlobSlice *ret, Error *error) {
        size_t size = environment_size + payload_size;
        char *data = malloc(size + 1);
        if (!data)
                return error_set(error, EXIT_SOFTWARE, "out of memory");
        memcpy(data, environment, environment_size);
        memcpy(data + environment_size, payload, payload_size);
        Blob *blob = blob_new_take(data, size);
        if (!blob) {
                free(data);
                return error_set(error, EXIT_SOFTWARE, "out of memory");
        }
        *ret = blob_slice(blob, 0, size);
        blob_unref(blob);
        return 0;
}

static int64_t submit_send(Session *s, TaskOptions *o, BlobSlice body, size_t environment_size,
                           SubmitWait wait, Error *error) {
        WireSubmit submit = {.flags = wait == SUBMIT_AND_WAIT ? WIRE_SUBMIT_WAIT : 0,
                             .environment_size = environment_size,
                             .tasks = {&o->task, 1}};
        o->task.payload_size = body.size - environment_size;
        o->task.labels = (WireTexts){o->labels, o->label_count};
        session_number(s, &submit.client, &submit.seq, &submit.held);
        return session_send(s, WIRE_TYPE_SUBMIT, &submit, body, error);
}

/* An instance of one's own may get one's environment; nobody else, unless it is said. */
static EnvironmentTrust trust(const Session *s) {
        uid_t owner = session_instance(s)->owner_uid;
        return strcmp(session_peer(s)->instance, "user") == 0 && (owner == geteuid() || owner == 0)
                       ? ENVIRONMENT_OF_OWN
                       : ENVIRONMENT_OF_OTHERS;
}

static int encode(const CommandSpec *spec, void **ret, size_t *ret_size, Error *error) {
        int r = command_spec_encode(spec, ret, ret_size);
        if (r == -ENOMEM)
                return error_set(error, EXIT_SOFTWARE, "out of memory");
        if (r == 0 && *ret_size > WIRE_PAYLOAD_MAX) {
                free(*ret);
                r = -E2BIG;
        }
        return r < 0 ? error_set(error, EXIT_DATA,
                                 "the command line is too long: it may have %u words and 8 MiB; "
                                 "give it a file to read",
                                 COMMAND_ARGS_MAX)
                     : 0;
}

int64_t submit_command(Session *s, CommandOptions *o, const CommandTask *t, SubmitWait wait,
                       Error *error) {
        _cleanup_(freep) char *environment = NULL;
        _cleanup_(freep) void *spec = NULL;
        _cleanup_(blob_slice_drop) BlobSlice body = {0};
        size_t environment_size, spec_size;
        int r = environment_block(o->environment.base, trust(s), environ, &environment,
                                  &environment_size, error);
        if (r == 0)
                r = encode(&t->spec, &spec, &spec_size, error);
        if (r == 0)
                r = frame(environment, environment_size, spec, spec_size, &body, error);
        if (r < 0)
                return r;
        o->task.task.kind = TASK_KIND_COMMAND;
        o->task.task.summary = wire_text(t->summary);
        return submit_send(s, &o->task, body, environment_size, wait, error);
}

int64_t submit_message(Session *s, TaskOptions *o, WireText payload, SubmitWait wait,
                       Error *error) {
        _cleanup_(blob_slice_drop) BlobSlice body = {0};
        int r = frame("", 0, payload.data, payload.size, &body, error);
        if (r < 0)
                return r;
        o->task.kind = TASK_KIND_MESSAGE;
        return submit_send(s, o, body, 0, wait, error);
}

int submit_id(Session *s, int64_t request, uint64_t *ret_id, Error *error) {
        SessionAnswer answer;
        int r;
        do
                r = session_receive(s, -1, &answer, error);
        while (r == -EINTR || (r == 0 && answer.request_id != (uint64_t)request));
        if (r < 0)
                return r;
        if (answer.type == WIRE_TYPE_ERROR)
                return session_refused(&answer, error);
        if (answer.type != WIRE_TYPE_SUBMITTED)
                return error_set(error, EXIT_PROTOCOL,
                                 "the dispatcher answered a submit with message %u: install the "
                                 "same version of both",
                                 answer.type);
        *ret_id = ((const WireSubmitted *)answer.body)->first_id;
        return 0;
}

int submit_end(Session *s, int64_t request, WireEndedTask *ret, Error *error) {
        for (;;) {
                SessionAnswer answer;
                int r = session_receive(s, -1, &answer, error);
                if (r == -EINTR || (r == 0 && answer.request_id != (uint64_t)request))
                        continue;
                if (r == 0 && answer.type == WIRE_TYPE_ERROR)
                        return session_refused(&answer, error);
                if (r < 0)
                        return r;
                const WireEnded *ended = answer.body;
                if (answer.type != WIRE_TYPE_ENDED)
                        continue;
                if (ended->ends.count) {
                        *ret = ended->ends.items[0];
                        return 0;
                }
                if (!ended->more)
                        return error_set(error, EXIT_DATA,
                                         "the task was purged before its end was seen");
        }
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

int submit_check_directory(const Session *s, const char *directory, Error *error) {
        uid_t account = session_instance(s)->owner_uid;
        if (strcmp(session_peer(s)->instance, "system") != 0 || account == 0 ||
            account == (uid_t)-1 || access_to_directory(account, directory) != ACCESS_DENIED)
                return 0;
        return error_set(error, EXIT_NO_PERMISSION,
                         "the instance of the system runs tasks as uid %u, who may not enter %s: "
                         "submit from another directory or with --cwd DIR",
                         account, directory);
}
