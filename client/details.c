/* Everything about one task: the answer to SHOW, decoded into one block that the caller frees as a
 * whole. What is executed and in which environment only clients and workers can read: it comes as
 * it was submitted, and a command of another version stays closed. */
#include "client/client.h"
#include "client/info.h"
#include "common/command-spec.h"

#include <errno.h>

/* The answer taken apart; points into it. */
typedef struct Shown {
        const WireShown *wire;
        WireText environment, payload;
        CommandSpec *command; /* NULL: a message, or a command of another version */
} Shown;

static void shown_done(Shown *s) {
        command_spec_free(s->command);
}

static int shown_split(StintClient *c, const SessionAnswer *answer, Shown *ret) {
        const WireShown *w = answer->body;
        const char *bytes = answer->payload_size ? answer->payload : "";
        if (w->task.count != 1 || w->environment_size > answer->payload_size ||
            answer->payload_size - w->environment_size != w->payload_size)
                return client_fail(c, STINT_MISMATCH,
                                   "the dispatcher's answer about a task makes no sense: install "
                                   "the same version of both");
        *ret = (Shown){
                .wire = w,
                .environment = wire_bytes(bytes, (size_t)w->environment_size),
                .payload = wire_bytes(bytes + w->environment_size, (size_t)w->payload_size),
        };
        if (w->task.items[0].kind == TASK_KIND_COMMAND &&
            command_spec_decode(ret->payload.data, ret->payload.size, &ret->command) == -ENOMEM)
                return client_fail(c, STINT_FAILED, "out of memory");
        return 0;
}

/* Strings of a block, each ended by a NUL that the last one may lack. */
static size_t block_count(WireText block) {
        size_t n = 0;
        for (size_t i = 0; i < block.size; i++)
                n += block.data[i] == '\0' || i + 1 == block.size;
        return n;
}

static const char *const *block_fill(WireText block, Arena *a) {
        const char **list = arena_take(a, (block_count(block) + 1) * sizeof *list);
        for (size_t n = 0, at = 0; at < block.size; n++) {
                size_t size = strnlen(block.data + at, block.size - at);
                list[n] = arena_text(a, wire_bytes(block.data + at, size));
                at += size + 1;
        }
        return list;
}

static size_t strings_need(const char *const *strings, size_t n) {
        size_t need = arena_need((n + 1) * sizeof *strings);
        for (size_t i = 0; i < n; i++)
                need += strlen(strings[i]) + 1;
        return need;
}

static const char *const *strings_fill(const char *const *strings, size_t n, Arena *a) {
        const char **list = arena_take(a, (n + 1) * sizeof *list);
        for (size_t i = 0; i < n; i++)
                list[i] = arena_text(a, wire_text(strings[i]));
        return list;
}

/* ---- attempts ---- */

static size_t attempts_need(const WireShown *w) {
        size_t n = w->attempts.count, need = arena_need((n + 1) * sizeof(void *));
        for (size_t i = 0; i < n; i++)
                need += arena_need(sizeof(StintAttempt)) + w->attempts.items[i].detail.size + 1;
        return need;
}

static void attempt_fill(const WireAttempt *w, Arena *a, StintAttempt *ret) {
        *ret = (StintAttempt){
                .attempt = (unsigned)w->attempt,
                .run_id = w->run_id,
                .worker = w->worker,
                .state = (StintState)w->state,
                .reason = (StintReason)w->reason,
                .code = w->code,
                .started_usec = w->started_usec,
                .ended_usec = w->ended_usec,
                .user_usec = w->user_usec,
                .system_usec = w->system_usec,
                .max_rss_bytes = w->max_rss_bytes,
                .out_total = w->out_total,
                .err_total = w->err_total,
                .out_dropped = w->out_dropped,
                .err_dropped = w->err_dropped,
                .result_size = w->result_size,
                .detail = arena_text(a, w->detail),
        };
}

static const StintAttempt *const *attempts_fill(const WireShown *w, Arena *a) {
        size_t n = w->attempts.count;
        const StintAttempt **list = arena_take(a, (n + 1) * sizeof *list);
        for (size_t i = 0; i < n; i++) {
                StintAttempt *attempt = arena_take(a, sizeof *attempt);
                attempt_fill(&w->attempts.items[i], a, attempt);
                list[i] = attempt;
        }
        return list;
}

/* ---- the whole ---- */

static size_t command_need(const CommandSpec *s) {
        return strings_need(s->argv, s->argc) + strings_need(s->env, s->env_count) +
               (s->cwd ? strlen(s->cwd) : 0) + s->stdin_bytes.size +
               (s->stdin_file ? strlen(s->stdin_file) : 0) + 3;
}

static void command_fill(const CommandSpec *s, Arena *a, StintDetails *ret) {
        ret->argv = strings_fill(s->argv, s->argc, a);
        ret->env = strings_fill(s->env, s->env_count, a);
        ret->cwd = arena_text(a, wire_text(s->cwd ? s->cwd : "/"));
        ret->stdin_file = arena_text(a, wire_text(s->stdin_file));
        ret->stdin_bytes = arena_text(a, s->stdin_bytes);
        ret->stdin_size = s->stdin_bytes.size;
        ret->umask = s->umask;
        ret->nice = (int)s->nice;
        ret->output_limit = s->output_limit;
}

static size_t details_need(const Shown *s) {
        return arena_need(sizeof(StintDetails)) + info_need(&s->wire->task.items[0]) +
               attempts_need(s->wire) +
               arena_need((block_count(s->environment) + 1) * sizeof(char *)) +
               s->environment.size + 1 + strings_need(NULL, 0) +
               (s->command ? command_need(s->command) : s->payload.size + 1) + 2;
}

static StintDetails *details_fill(const Shown *s, Arena *a) {
        const WireShown *w = s->wire;
        StintDetails *d = arena_take(a, sizeof *d);
        *d = (StintDetails){
                .timeout_usec = w->timeout_usec,
                .grace_usec = w->grace_usec,
                .retries = (unsigned)w->retries,
                .backoff_min_usec = w->backoff_min_usec,
                .backoff_max_usec = w->backoff_max_usec,
                .cwd = "",
                .stdin_file = "",
        };
        info_fill(&w->task.items[0], a, &d->info);
        d->attempts = attempts_fill(w, a);
        d->environment = block_fill(s->environment, a);
        if (s->command) {
                command_fill(s->command, a, d);
                return d;
        }
        d->env = strings_fill(NULL, 0, a);
        d->payload = arena_text(a, s->payload);
        d->payload_size = s->payload.size;
        return d;
}

int stint_show(StintClient *client, uint64_t id, StintDetails **ret) {
        SessionAnswer answer;
        _cleanup_(shown_done) Shown shown = {0};
        Arena arena = {0};
        int r = client_call(client, WIRE_TYPE_SHOW, &(WireShow){.id = id}, (BlobSlice){0},
                            WIRE_TYPE_SHOWN, &answer);
        if (r == 0)
                r = shown_split(client, &answer, &shown);
        if (r < 0)
                return r;
        if (arena_reset(&arena, details_need(&shown)) < 0)
                return client_fail(client, STINT_FAILED, "out of memory");
        *ret = details_fill(&shown, &arena); /* the beginning of the block */
        return 0;
}

StintDetails *stint_details_free(StintDetails *details) {
        free(details);
        return NULL;
}
