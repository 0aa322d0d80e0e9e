/* See environment.h. */
#include "worker/environment.h"

#include "worker/spawn.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>

static int append(Environment *e, char *string) {
        if (e->count + 1 >= e->alloc) {
                size_t alloc = MAX_OF((size_t)64, 2 * e->alloc);
                char **grown = reallocarray(e->vector, alloc, sizeof *grown);
                if (!grown)
                        return -ENOMEM;
                e->vector = grown;
                e->alloc = alloc;
        }
        e->vector[e->count++] = string;
        e->vector[e->count] = NULL;
        return 0;
}

static bool has_name(const char *string, const char *name, size_t length) {
        return strncmp(string, name, length) == 0 && string[length] == '=';
}

static void remove_name(Environment *e, const char *name, size_t length) {
        size_t kept = 0;
        for (size_t i = 0; i < e->count; i++)
                if (!has_name(e->vector[i], name, length))
                        e->vector[kept++] = e->vector[i];
        e->count = kept;
        if (e->vector)
                e->vector[kept] = NULL;
}

/* NAME=VALUE replaces, NAME removes. */
static int apply(Environment *e, char *string) {
        size_t length = strcspn(string, "=");
        remove_name(e, string, length);
        return string[length] == '=' ? append(e, string) : 0;
}

_printf_(2, 3) static int add_own(Environment *e, const char *format, ...) {
        char *string = NULL;
        va_list arguments;
        va_start(arguments, format);
        int n = vasprintf(&string, format, arguments);
        va_end(arguments);
        if (n < 0)
                return -ENOMEM;
        ASSERT(e->own_count < ARRAY_SIZE(e->own));
        e->own[e->own_count++] = string;
        return apply(e, string);
}

static int add_block(Environment *e, BlobSlice block) {
        e->block = malloc((size_t)block.size + 1);
        if (!e->block)
                return -ENOMEM;
        memcpy(e->block, blob_slice_data(block), block.size);
        e->block[block.size] = '\0';
        int r = 0;
        for (char *s = e->block; r == 0 && s < e->block + block.size; s += strlen(s) + 1)
                r = *s ? append(e, s) : 0;
        return r;
}

/* One task at a time runs in this worker, so its serial is a slot that nobody else in the pool has.
 */
static int add_stint(Environment *e, const Run *run, const WorkerIdentity *identity) {
        int r = add_own(e, "STINT_TASK=%" PRIu64, run->task_id);
        if (r == 0)
                r = add_own(e, "STINT_ATTEMPT=%" PRIu32, run->attempt);
        if (r == 0)
                r = add_own(e, "STINT_RUN=%" PRIu64, run->run_id);
        if (r == 0)
                r = add_own(e, "STINT_QUEUE=%s", run->queue);
        if (r == 0)
                r = add_own(e, "STINT_POOL=%s", identity->pool);
        if (r == 0)
                r = add_own(e, "STINT_WORKER=%" PRIu64, identity->serial);
        if (r == 0)
                r = add_own(e, "STINT_SLOT=%" PRIu64, identity->serial);
        if (r == 0)
                r = add_own(e, "STINT_ENDPOINT=%s", identity->endpoint);
        if (r == 0)
                r = add_own(e, "STINT_PROGRESS_FD=%d", SPAWN_FD_PROGRESS);
        return r;
}

int environment_build(const Run *run, const CommandSpec *spec, const WorkerIdentity *identity,
                      Environment *ret) {
        *ret = (Environment){0};
        int r = add_block(ret, run->environment);
        for (size_t i = 0; r == 0 && i < spec->env_count; i++)
                r = apply(ret, (char *)(uintptr_t)spec->env[i]); /* only execve sees it */
        if (r == 0)
                r = add_stint(ret, run, identity);
        return r;
}

void environment_done(Environment *e) {
        for (size_t i = 0; i < e->own_count; i++)
                free(e->own[i]);
        free(e->vector);
        free(e->block);
        *e = (Environment){0};
}

const char *environment_get(const Environment *e, const char *name) {
        size_t length = strlen(name);
        for (size_t i = 0; i < e->count; i++)
                if (has_name(e->vector[i], name, length))
                        return e->vector[i] + length + 1;
        return NULL;
}
