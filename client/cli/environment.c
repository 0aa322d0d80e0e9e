/* See environment.h. */
#include "client/cli/environment.h"

#include <stdbool.h>
#include <string.h>

#define CLEAN_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define CLEAN_LANG "LANG=C.UTF-8"

/* NAME=VALUE of the client's environment, or NULL. */
static const char *variable_find(char *const *variables, const char *name, size_t size) {
        for (; *variables; variables++)
                if (strncmp(*variables, name, size) == 0 && (*variables)[size] == '=')
                        return *variables;
        return NULL;
}

const char *environment_set(EnvironmentOptions *o, const char *value, char *const *variables) {
        if (strcmp(value, "all") == 0 || strcmp(value, "none") == 0) {
                o->base = value[0] == 'a' ? ENVIRONMENT_ALL : ENVIRONMENT_NONE;
                return NULL;
        }
        if (!value[0] || value[0] == '=')
                return "names no variable: write all, none, NAME or NAME=VALUE";
        if (o->count == ARRAY_SIZE(o->items))
                return "is one too many: put the variables into a script";
        if (!strchr(value, '='))
                value = variable_find(variables, value, strlen(value));
        if (!value)
                return "is not set in your environment: set it, or write NAME=VALUE";
        o->items[o->count++] = value;
        return NULL;
}

static size_t block_size(const char *const *items, size_t n) {
        size_t size = 0;
        for (size_t i = 0; i < n; i++)
                size += strlen(items[i]) + 1;
        return size;
}

int environment_block(EnvironmentBase base, EnvironmentTrust trust, char *const *variables,
                      char **ret, size_t *ret_size, Error *error) {
        const char *lang = variable_find(variables, "LANG", strlen("LANG"));
        const char *const clean[] = {CLEAN_PATH, lang ? lang : CLEAN_LANG};
        const char *const *items = clean;
        size_t n = ARRAY_SIZE(clean);
        if (base == ENVIRONMENT_NONE)
                n = 0;
        if (base == ENVIRONMENT_ALL ||
            (base == ENVIRONMENT_DEFAULT && trust == ENVIRONMENT_OF_OWN)) {
                items = (const char *const *)variables;
                for (n = 0; items[n];)
                        n++;
        }
        size_t size = block_size(items, n);
        if (size > WIRE_ENVIRONMENT_MAX)
                return error_set(error, EXIT_DATA,
                                 "your environment has %zu bytes: a task's may have 2 MiB; use "
                                 "--env none and name what it needs",
                                 size);
        char *block = malloc(size + 1), *at = block;
        if (!block)
                return error_set(error, EXIT_SOFTWARE, "out of memory");
        for (size_t i = 0; i < n; i++)
                at = stpcpy(at, items[i]) + 1;
        *ret = block;
        *ret_size = size;
        return 0;
}
