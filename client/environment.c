/* See environment.h. An instance of one's own may get one's environment; no other, unless it is
 * said. */
#include "client/environment.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CLEAN_PATH  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define CLEAN_LANG  "LANG=C.UTF-8"
#define UMASK_USUAL 022u

static const char *variable_find(char *const *variables, const char *name) {
        size_t size = strlen(name);
        for (; variables && *variables; variables++)
                if (strncmp(*variables, name, size) == 0 && (*variables)[size] == '=')
                        return *variables;
        return NULL;
}

static bool instance_is_own(const StintClient *c) {
        return strcmp(c->peer.instance, "user") == 0 &&
               (c->peer.owner_uid == geteuid() || c->peer.owner_uid == 0);
}

static size_t block_size(const char *const *items) {
        size_t size = 0;
        for (; *items; items++)
                size += strlen(*items) + 1;
        return size;
}

int task_environment_block(StintClient *c, StintEnvironment environment, char **ret,
                           size_t *ret_size) {
        const char *lang = variable_find(environ, "LANG");
        const char *const clean[] = {CLEAN_PATH, lang ? lang : CLEAN_LANG, NULL};
        const char *const *items = clean;
        if (environ && (environment == STINT_ENVIRONMENT_ALL ||
                        (environment == STINT_ENVIRONMENT_DEFAULT && instance_is_own(c))))
                items = (const char *const *)environ;
        size_t size = block_size(items);
        if (size > WIRE_ENVIRONMENT_MAX)
                return client_fail(c, STINT_INVALID,
                                   "environment: it has %zu bytes, a task's may have 2 MiB; take "
                                   "STINT_ENVIRONMENT_NONE and set what it needs with env",
                                   size);
        char *block = malloc(size + 1), *at = block;
        if (!block)
                return client_fail(c, STINT_FAILED, "out of memory");
        for (; *items; items++)
                at = stpcpy(at, *items) + 1;
        *ret = block;
        *ret_size = size;
        return 0;
}

unsigned umask_ours(void) {
        static const char key[] = "\nUmask:";
        char text[512];
        int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
        if (fd >= 0)
                close(fd);
        text[MAX_OF(n, (ssize_t)0)] = '\0';
        const char *at = strstr(text, key);
        return at ? (unsigned)strtoul(at + strlen(key), NULL, 8) & 0777u : UMASK_USUAL;
}
