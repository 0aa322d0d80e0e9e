/* See shown.h. */
#include "client/cli/shown.h"

#include "client/cli/row.h"

#include <string.h>

static size_t count_variables(WireText environment) {
        size_t n = 0;
        for (size_t i = 0; i < environment.size; i++)
                n += environment.data[i] == '\0' || i + 1 == environment.size;
        return n;
}

int shown_ask(Session *s, uint64_t id, Shown *ret, Error *error) {
        SessionAnswer answer;
        int r = session_call(s, WIRE_TYPE_SHOW, &(WireShow){.id = id}, (BlobSlice){0},
                             WIRE_TYPE_SHOWN, &answer, error);
        if (r < 0)
                return r;
        const WireShown *shown = answer.body;
        if (!shown->task.count || shown->environment_size > answer.payload_size ||
            answer.payload_size - shown->environment_size != shown->payload_size)
                return error_set(error, EXIT_PROTOCOL,
                                 "the dispatcher's answer about a task makes no sense: install the "
                                 "same version of both");
        const char *bytes = answer.payload_size ? answer.payload : "";
        *ret = (Shown){
                .wire = shown,
                .environment = wire_bytes(bytes, (size_t)shown->environment_size),
                .payload = wire_bytes(bytes + shown->environment_size, (size_t)shown->payload_size),
        };
        ret->variable_count = count_variables(ret->environment);
        if (shown->task.items[0].kind == TASK_KIND_COMMAND)
                command_spec_decode(ret->payload.data, ret->payload.size, &ret->command);
        return 0;
}

void shown_done(Shown *s) {
        command_spec_free(s->command);
        *s = (Shown){0};
}

/* ---- JSON ---- */

/* Strings of bytes as an array of objects would be unreadable: text where it is UTF-8, which it is
 * in practice; one that is not becomes {"text": …, "text_base64": …}. */
static json_t *string_json(const char *data, size_t size) {
        json_t *string = json_stringn(data, size);
        if (string)
                return string;
        json_t *object = json_object();
        json_set_bytes(object, "text", data, size);
        return object;
}

static json_t *strings_json(const char *const *strings, size_t n) {
        json_t *array = json_array();
        for (size_t i = 0; i < n; i++)
                json_array_append_new(array, string_json(strings[i], strlen(strings[i])));
        return array;
}

static json_t *environment_json(WireText environment) {
        json_t *array = json_array();
        for (size_t at = 0; at < environment.size;) {
                size_t size = strnlen(environment.data + at, environment.size - at);
                json_array_append_new(array, string_json(environment.data + at, size));
                at += size + 1;
        }
        return array;
}

static json_t *command_json(const CommandSpec *c) {
        json_t *o = json_object();
        char mask[16];
        const char *cwd = c->cwd ? c->cwd : "/";
        snprintf(mask, sizeof mask, "%04o", c->umask);
        json_object_set_new(o, "argv", strings_json(c->argv, c->argc));
        json_set_bytes(o, "cwd", cwd, strlen(cwd));
        json_object_set_new(o, "umask", json_string(mask));
        if (c->stdin_kind == COMMAND_STDIN_FILE)
                json_set_bytes(o, "stdin_file", c->stdin_file, strlen(c->stdin_file));
        if (c->stdin_kind == COMMAND_STDIN_BYTES)
                json_set_text(o, "stdin", c->stdin_bytes);
        json_set_number(o, "output_limit", c->output_limit);
        json_object_set_new(o, "env", strings_json(c->env, c->env_count));
        return o;
}

static json_t *attempt_json(const WireAttempt *a) {
        json_t *o = json_object();
        const char *state =
                a->state == TASK_READY ? "interrupted" : task_state_name((TaskState)a->state);
        const char *reason = end_reason_name((EndReason)a->reason);
        json_set_number(o, "attempt", a->attempt);
        json_set_number(o, "run", a->run_id);
        json_set_number(o, "worker", a->worker);
        json_object_set_new(o, "state", json_string(state ? state : "unknown"));
        json_object_set_new(o, "reason", json_string(reason ? reason : "unknown"));
        json_object_set_new(o, "code", json_integer(a->code));
        json_set_time(o, "started_usec", a->started_usec);
        json_set_time(o, "ended_usec", a->ended_usec);
        json_set_number(o, "user_usec", a->user_usec);
        json_set_number(o, "system_usec", a->system_usec);
        json_set_number(o, "max_rss_bytes", a->max_rss_bytes);
        json_set_number(o, "stdout_bytes", a->out_total);
        json_set_number(o, "stderr_bytes", a->err_total);
        json_set_number(o, "stdout_dropped", a->out_dropped);
        json_set_number(o, "stderr_dropped", a->err_dropped);
        json_set_number(o, "result_bytes", a->result_size);
        json_set_text(o, "detail", a->detail);
        return o;
}

json_t *shown_json(const Shown *s) {
        json_t *o = row_json(&s->wire->task.items[0]), *attempts = json_array();
        json_set_number(o, "timeout_usec", s->wire->timeout_usec);
        json_set_number(o, "grace_usec", s->wire->grace_usec);
        json_set_number(o, "retries", s->wire->retries);
        json_set_number(o, "backoff_min_usec", s->wire->backoff_min_usec);
        json_set_number(o, "backoff_max_usec", s->wire->backoff_max_usec);
        if (s->command)
                json_object_set_new(o, "command", command_json(s->command));
        else
                json_set_text(o, "payload", s->payload);
        json_object_set_new(o, "environment", environment_json(s->environment));
        for (size_t i = 0; i < s->wire->attempts.count; i++)
                json_array_append_new(attempts, attempt_json(&s->wire->attempts.items[i]));
        json_object_set_new(o, "attempts", attempts);
        return o;
}
