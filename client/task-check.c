/* See task-check.h. The dispatcher checks all of it again; here it is told at once, and by the name
 * of the field. */
#include "client/task-check.h"

#include "common/command-spec.h"
#include "common/text.h"

#include <limits.h>
#include <string.h>

#define PRIORITY_LIMIT 100
#define SHORT_MAX_USEC ((uint64_t)UINT32_MAX * USEC_PER_MSEC)
#define WORD_OVERHEAD  5   /* of a string in MessagePack */
#define SPEC_OVERHEAD  256 /* of everything else in a command */
#define NUMBERS_SIZE   192 /* of a task in a header, and what its texts need beside their bytes */
#define SIZE_LEAST     (offsetof(StintTask, payload_size) + sizeof(size_t))

size_t task_text_count(const char *const *texts) {
        size_t n = 0;
        while (texts && texts[n])
                n++;
        return n;
}

size_t task_argc(const StintTask *t) {
        return task_text_count(t->argv);
}

static size_t texts_bound(const char *const *texts) {
        size_t size = 0;
        for (; texts && *texts; texts++)
                size += strlen(*texts) + WORD_OVERHEAD;
        return size;
}

size_t task_payload_bound(const StintTask *t) {
        if (!t->argv)
                return t->payload_size;
        return SPEC_OVERHEAD + texts_bound(t->argv) + texts_bound(t->env) + t->stdin_size +
               (t->cwd ? strlen(t->cwd) : PATH_MAX) + (t->stdin_file ? strlen(t->stdin_file) : 0);
}

static size_t text_size(const char *text) {
        return text ? strlen(text) : 0;
}

size_t task_header_bound(const StintTask *t) {
        size_t summary = WIRE_SUMMARY_MAX;
        if (!t->summary && !t->argv)
                summary = MIN_OF(t->payload_size, summary);
        return NUMBERS_SIZE + WIRE_LIST_ITEM_OVERHEAD + text_size(t->queue) + text_size(t->name) +
               text_size(t->group) + texts_bound(t->labels) + summary;
}

static bool is_longer(const char *text, size_t max) {
        return text && strnlen(text, max + 1) > max;
}

static const char *check_labels(const StintTask *t) {
        if (task_text_count(t->labels) > WIRE_LABELS_MAX)
                return "labels: a task may have 16";
        for (size_t i = 0; t->labels && t->labels[i]; i++) {
                const char *label = t->labels[i];
                if (is_longer(label, WIRE_LABEL_MAX))
                        return "labels: each may have 64 bytes";
                if (label[0] == '=' || !strchr(label, '='))
                        return "labels: each has the form KEY=VALUE";
                for (; *label; label++)
                        if ((unsigned char)*label < ' ' || *label == 0x7f)
                                return "labels: they have no control characters";
        }
        return NULL;
}

static const char *check_times(const StintTask *t) {
        if (t->delay_usec > DURATION_MAX)
                return "delay_usec: at most 100 years";
        if (t->timeout_usec > DURATION_MAX)
                return "timeout_usec: at most 100 years";
        if (t->grace_usec > SHORT_MAX_USEC)
                return "grace_usec: at most 49 days";
        if (t->backoff_min_usec > SHORT_MAX_USEC || t->backoff_max_usec > SHORT_MAX_USEC)
                return "backoff_min_usec, backoff_max_usec: at most 49 days";
        if (t->backoff_max_usec && t->backoff_min_usec > t->backoff_max_usec)
                return "backoff_min_usec: longer than backoff_max_usec";
        return NULL;
}

static const char *check_command(const StintTask *t) {
        if (t->payload || t->payload_size)
                return "payload: a task is a command (argv) or a message (payload), not both";
        if (!t->argv[0] || !t->argv[0][0])
                return "argv: no command is named";
        if (task_argc(t) > COMMAND_ARGS_MAX)
                return "argv: it may have 65536 words";
        if (t->cwd && t->cwd[0] != '/')
                return "cwd: not absolute";
        if (t->stdin_file && t->stdin_file[0] != '/')
                return "stdin_file: not absolute";
        if (t->stdin_file && t->stdin_bytes)
                return "stdin_file: not together with stdin_bytes";
        if (t->stdin_size && !t->stdin_bytes)
                return "stdin_size: there are no stdin_bytes";
        if (t->stdin_size > WIRE_STDIN_MAX)
                return "stdin_size: at most 1 MiB; put it into a file";
        if ((unsigned)t->environment > STINT_ENVIRONMENT_NONE)
                return "environment: there is no such";
        if (task_text_count(t->env) > COMMAND_ENV_MAX)
                return "env: it may have 4096 variables";
        for (size_t i = 0; t->env && t->env[i]; i++)
                if (!t->env[i][0] || t->env[i][0] == '=')
                        return "env: a variable has no name";
        if (t->flags & STINT_UMASK && t->umask > 0777)
                return "umask: 0 to 0777";
        if (t->nice < 0 || (unsigned)t->nice > COMMAND_NICE_MAX)
                return "nice: 0 to 19";
        return NULL;
}

static const char *check_message(const StintTask *t) {
        if (t->payload_size && !t->payload)
                return "payload: NULL, though payload_size is not 0";
        if (t->cwd || t->stdin_file || t->stdin_bytes || t->stdin_size || t->env || t->nice ||
            t->environment || t->output_limit || t->flags & (STINT_UMASK | STINT_OUTPUT_LIMIT))
                return "a message has no cwd, stdin, environment, umask, nice or output limit";
        return NULL;
}

static const char *task_objection(const StintTask *t) {
        const unsigned known =
                STINT_AT_MOST_ONCE | STINT_UMASK | STINT_OUTPUT_LIMIT | STINT_NO_GRACE;
        const char *objection;
        if (t->flags & ~known)
                return "flags: there is an unknown one";
        if (t->queue && !name_is_valid(t->queue))
                return "queue: a name is 1 to 64 characters of [A-Za-z0-9_.-]";
        if (t->group && !name_is_valid(t->group))
                return "group: a name is 1 to 64 characters of [A-Za-z0-9_.-]";
        if (is_longer(t->name, WIRE_TASK_NAME_MAX))
                return "name: at most 128 bytes";
        if (t->priority < -PRIORITY_LIMIT || t->priority > PRIORITY_LIMIT)
                return "priority: -100 to 100";
        if (t->retries > UINT16_MAX)
                return "retries: at most 65535";
        if (t->retries && t->flags & STINT_AT_MOST_ONCE)
                return "retries: not with STINT_AT_MOST_ONCE";
        if (t->grace_usec && t->flags & STINT_NO_GRACE)
                return "grace_usec: not with STINT_NO_GRACE";
        if ((objection = check_times(t)) || (objection = check_labels(t)))
                return objection;
        objection = t->argv ? check_command(t) : check_message(t);
        if (objection)
                return objection;
        return task_payload_bound(t) > WIRE_PAYLOAD_MAX
                       ? "argv, env, stdin_bytes, payload: together at most 8 MiB"
                       : NULL;
}

/* A caller of a later version may have set fields that we cannot honour. */
static const char *size_objection(const StintTask *from) {
        const char *bytes = (const char *)from;
        if (from->size < SIZE_LEAST)
                return "size: begin the struct with STINT_TASK";
        for (size_t i = sizeof *from; i < from->size; i++)
                if (bytes[i])
                        return "size: a field is set that this version of the library does not "
                               "know";
        return NULL;
}

const StintTask *task_at(const StintTask *tasks, size_t i, StintTask *room) {
        const char *at = (const char *)tasks + i * tasks->size;
        const StintTask *from = (const void *)at;
        if (from->size == sizeof *from)
                return from;
        *room = (StintTask){STINT_TASK};
        memcpy(room, from, MIN_OF(from->size, sizeof *room));
        return room;
}

int task_check(StintClient *c, const StintTask *tasks, size_t i) {
        StintTask room;
        const char *at = (const char *)tasks + i * tasks->size;
        const StintTask *from = (const void *)at;
        const char *objection =
                from->size == tasks->size ? size_objection(from) : "size: not that of the others";
        if (!objection)
                objection = task_objection(task_at(tasks, i, &room));
        return objection ? client_fail(c, STINT_INVALID, "task %zu of the call: %s", i, objection)
                         : 0;
}
