/* See details.h. */
#include "client/cli/details.h"

#include "client/cli/ending.h"
#include "client/cli/row.h"

static json_t *command_json(const StintDetails *d) {
        json_t *o = json_object();
        json_object_set_new(o, "argv", json_texts(d->argv));
        json_set_text(o, "cwd", d->cwd);
        json_object_set_new(o, "umask", json_sprintf("%04o", d->umask));
        json_object_set_new(o, "nice", json_integer(d->nice));
        if (d->stdin_file)
                json_set_text(o, "stdin_file", d->stdin_file);
        if (d->stdin_size)
                json_set_bytes(o, "stdin", d->stdin_bytes, d->stdin_size);
        json_set_number(o, "output_limit", d->output_limit);
        json_object_set_new(o, "env", json_texts(d->env));
        return o;
}

static json_t *attempt_json(const StintAttempt *a) {
        json_t *o = json_object();
        const char *reason = stint_reason_name(a->reason);
        json_set_number(o, "attempt", a->attempt);
        json_set_number(o, "run", a->run_id);
        json_set_number(o, "worker", a->worker);
        json_object_set_new(o, "state", json_string(ending_of_attempt(a)));
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

json_t *details_json(const StintDetails *d) {
        json_t *o = row_json(&d->info), *attempts = json_array();
        json_set_number(o, "timeout_usec", d->timeout_usec);
        json_set_number(o, "grace_usec", d->grace_usec);
        json_set_number(o, "retries", d->retries);
        json_set_number(o, "backoff_min_usec", d->backoff_min_usec);
        json_set_number(o, "backoff_max_usec", d->backoff_max_usec);
        if (d->argv)
                json_object_set_new(o, "command", command_json(d));
        else
                json_set_bytes(o, "payload", d->payload ? d->payload : "", d->payload_size);
        json_object_set_new(o, "environment", json_texts(d->environment));
        for (const StintAttempt *const *a = d->attempts; a && *a; a++)
                json_array_append_new(attempts, attempt_json(*a));
        json_object_set_new(o, "attempts", attempts);
        return o;
}
