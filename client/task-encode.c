/* See task-encode.h. */
#include "client/task-encode.h"

#include "client/environment.h"
#include "client/task-check.h"
#include "common/command-spec.h"
#include "common/text.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define NO_GRACE_USEC 1

int surroundings_add(StintClient *c, Surroundings *s, const StintTask *t) {
        if (!t->argv)
                return 0;
        if (!s->block) {
                s->environment = t->environment;
                int r = task_environment_block(c, t->environment, &s->block, &s->block_size);
                if (r < 0)
                        return r;
        }
        if (s->environment != t->environment)
                return client_fail(c, STINT_INVALID,
                                   "environment: not the same in all tasks of the call");
        if (!t->cwd && !s->cwd && !(s->cwd = getcwd(NULL, 0)))
                return client_fail(c, STINT_IO_FAILED,
                                   "cannot tell the working directory: %s; set cwd",
                                   strerror(errno));
        if (!(t->flags & STINT_UMASK) && !s->has_umask) {
                s->umask = umask_ours();
                s->has_umask = true;
        }
        return 0;
}

void surroundings_done(Surroundings *s) {
        free(s->block);
        free(s->cwd);
}

static int command_encode(StintClient *c, const StintTask *t, const Surroundings *s, void **ret,
                          size_t *ret_size) {
        CommandSpec spec = {
                .argv = t->argv,
                .argc = task_argc(t),
                .cwd = t->cwd ? t->cwd : s->cwd,
                .umask = t->flags & STINT_UMASK ? t->umask : s->umask,
                .nice = (uint32_t)t->nice,
                .stdin_kind = t->stdin_file    ? COMMAND_STDIN_FILE
                              : t->stdin_bytes ? COMMAND_STDIN_BYTES
                                               : COMMAND_STDIN_NULL,
                .stdin_bytes = wire_bytes(t->stdin_bytes, t->stdin_size),
                .stdin_file = t->stdin_file,
                .output_limit =
                        t->flags & STINT_OUTPUT_LIMIT ? t->output_limit : COMMAND_OUTPUT_LIMIT,
                .env = t->env,
                .env_count = task_text_count(t->env),
        };
        int r = command_spec_encode(&spec, ret, ret_size);
        if (r == -ENOMEM)
                return client_fail(c, STINT_FAILED, "out of memory");
        return r < 0 ? client_fail(c, STINT_INVALID, "argv: no command that could be executed: %s",
                                   strerror(-r))
                     : 0;
}

/* The first bytes of text, not cut within a character. */
static WireText text_begin(const char *data, size_t size) {
        size_t n = MIN_OF(size, (size_t)WIRE_SUMMARY_MAX);
        while (n && n < size && ((unsigned char)data[n] & 0xC0) == 0x80)
                n--;
        return wire_bytes(data, n);
}

/* buffer: of WIRE_SUMMARY_MAX + 1 bytes. */
static WireText summary_of(const StintTask *t, char *buffer) {
        if (t->summary)
                return text_begin(t->summary, strlen(t->summary));
        if (!t->argv)
                return text_begin(t->payload, t->payload_size);
        return wire_text(text_shell_quote((char *const *)t->argv, task_argc(t), buffer,
                                          WIRE_SUMMARY_MAX + 1));
}

int task_encode(StintClient *c, const StintTask *t, const Surroundings *s, Gather *g,
                StintFuture *future) {
        char summary[WIRE_SUMMARY_MAX + 1];
        WireText labels[WIRE_LABELS_MAX];
        _cleanup_(freep) void *spec = NULL;
        const void *payload = t->payload;
        size_t size = t->payload_size, count = task_text_count(t->labels);
        for (size_t i = 0; i < count; i++)
                labels[i] = wire_text(t->labels[i]);
        if (t->argv) {
                int r = command_encode(c, t, s, &spec, &size);
                if (r < 0)
                        return r;
                payload = spec;
        }
        WireTask task = {
                .kind = t->argv ? TASK_KIND_COMMAND : TASK_KIND_MESSAGE,
                .queue = wire_text(t->queue),
                .priority = t->priority,
                .name = wire_text(t->name),
                .labels = {labels, count},
                .summary = summary_of(t, summary),
                .delay_usec = t->delay_usec,
                .timeout_usec = t->timeout_usec,
                .grace_usec = t->flags & STINT_NO_GRACE ? NO_GRACE_USEC : t->grace_usec,
                .retries = t->retries,
                .backoff_min_usec = t->backoff_min_usec,
                .backoff_max_usec = t->backoff_max_usec,
                .flags = t->flags & STINT_AT_MOST_ONCE ? WIRE_TASK_AT_MOST_ONCE : 0,
                .payload_size = size,
                .group = wire_text(t->group),
                .retry_of = t->retry_of,
        };
        size_t before = g->payload_size;
        gather_payload(g, payload, size);
        if (gather_task(g, &task, future) == 0)
                return 0;
        g->payload_size = before;
        return client_fail(c, STINT_FAILED, "out of memory");
}
