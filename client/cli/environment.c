/* See environment.h. */
#include "client/cli/environment.h"

#include "client/cli/bytes.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define FILE_SIZE_MAX ((size_t)2 << 20)

/* NAME=VALUE of the client's environment, or NULL. */
static const char *variable_find(char *const *variables, const char *name, size_t size) {
        for (; *variables; variables++)
                if (strncmp(*variables, name, size) == 0 && (*variables)[size] == '=')
                        return *variables;
        return NULL;
}

static const char *add(EnvironmentOptions *o, const char *item) {
        if (o->count == ENVIRONMENT_ITEMS_MAX)
                return "is one too many: put the variables into a script";
        o->items[o->count++] = item;
        return NULL;
}

const char *environment_set(EnvironmentOptions *o, const char *value, char *const *variables) {
        if (strcmp(value, "all") == 0 || strcmp(value, "none") == 0) {
                o->base = value[0] == 'a' ? STINT_ENVIRONMENT_ALL : STINT_ENVIRONMENT_NONE;
                return NULL;
        }
        if (!value[0] || value[0] == '=')
                return "names no variable: write all, none, NAME or NAME=VALUE";
        if (!strchr(value, '='))
                value = variable_find(variables, value, strlen(value));
        if (!value)
                return "is not set in your environment: set it, or write NAME=VALUE";
        return add(o, value);
}

/* ---- files ---- */

/* What was read, as long as the program runs: the items point into it. */
typedef struct Kept {
        struct Kept *next;
        char *text;
} Kept;
static Kept *kept;

/* In place: what is written is never longer than what was read. */
typedef struct Reader {
        char *at, *out;
        size_t line;
} Reader;

static char next(Reader *r) {
        r->line += *r->at == '\n';
        return *r->at++;
}

static void skip_blanks(Reader *r) {
        while (*r->at == ' ' || *r->at == '\t')
                r->at++;
}

static void skip_line(Reader *r) {
        while (*r->at && *r->at != '\n')
                next(r);
        if (*r->at)
                next(r);
}

/* Behind the opening quote; false: there is no closing one. */
static bool read_quoted(Reader *r, char quote) {
        while (*r->at && *r->at != quote) {
                char c = next(r);
                if (quote == '"' && c == '\\' && *r->at && strchr("\"\\$`\n", *r->at)) {
                        c = next(r);
                        if (c == '\n')
                                continue;
                }
                *r->out++ = c;
        }
        if (!*r->at)
                return false;
        next(r);
        return true;
}

/* Up to the end of the line, which is consumed; false: a quote is open. */
static bool read_value(Reader *r) {
        char *last = r->out; /* behind what is no trailing blank */
        skip_blanks(r);
        while (*r->at && *r->at != '\n') {
                char c = next(r);
                if (c == '\'' || c == '"') {
                        if (!read_quoted(r, c))
                                return false;
                        last = r->out;
                        continue;
                }
                if (c == '\\' && *r->at) {
                        c = next(r);
                        if (c == '\n')
                                continue;
                        last = r->out + 1;
                }
                *r->out++ = c;
                if (!isspace((unsigned char)c))
                        last = r->out;
        }
        if (*r->at)
                next(r);
        r->out = last;
        return true;
}

static const char *read_name(Reader *r) {
        const char *first = r->at;
        while (isalnum((unsigned char)*r->at) || *r->at == '_')
                *r->out++ = *r->at++;
        if (r->at == first || isdigit((unsigned char)*first) || *r->at != '=')
                return "is no line NAME=VALUE";
        *r->out++ = *r->at++;
        return NULL;
}

static const char *read_items(EnvironmentOptions *o, Reader *r) {
        const char *objection = NULL;
        while (!objection && *r->at) {
                while (isspace((unsigned char)*r->at))
                        next(r);
                if (*r->at == '#' || *r->at == ';') {
                        skip_line(r);
                        continue;
                }
                if (!*r->at)
                        break;
                size_t line = r->line;
                char *item = r->out;
                objection = read_name(r);
                if (!objection && !read_value(r))
                        objection = "opens a quote that is never closed";
                if (objection)
                        r->line = line;
                else
                        objection = add(o, item);
                /* The NUL overwrites at most the end of the line that was just read. */
                *r->out++ = '\0';
        }
        return objection;
}

static const char *read_file(const char *path, char **ret) {
        static char objection[256];
        size_t size;
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        int r = fd < 0 ? -errno : read_all(fd, FILE_SIZE_MAX, ret, &size);
        if (fd >= 0)
                close(fd);
        if (r < 0) {
                snprintf(objection, sizeof objection, "cannot be read: %s", strerror(-r));
                return objection;
        }
        if (memchr(*ret, '\0', size))
                return "is no text: it has a NUL byte";
        char *ended = realloc(*ret, size + 2); /* a NUL, and one behind the last item */
        if (!ended)
                return "cannot be read: out of memory";
        ended[size] = ended[size + 1] = '\0';
        *ret = ended;
        return NULL;
}

const char *environment_read(EnvironmentOptions *o, const char *path) {
        static char text[128];
        _cleanup_(freep) char *data = NULL;
        const char *objection = read_file(path, &data);
        Kept *k = objection ? NULL : malloc(sizeof *k);
        if (!k)
                return objection ? objection : "cannot be read: out of memory";
        *k = (Kept){kept, take_ptr(data)};
        kept = k;
        Reader r = {.at = k->text, .out = k->text, .line = 1};
        objection = read_items(o, &r);
        if (!objection)
                return NULL;
        snprintf(text, sizeof text, "line %zu: %s", r.line, objection);
        return text;
}
