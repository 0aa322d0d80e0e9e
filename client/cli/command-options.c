/* See command-options.h. */
#include "client/cli/command-options.h"

#include "client/cli/bytes.h"
#include "common/text.h"
#include "common/wire-schema.h" /* bounds */

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NICE_MAX 19

/* ---- options ---- */

static const char *set_stdin(void *target, const char *value) {
        ((CommandOptions *)target)->stdin_from = value;
        return value[0] ? NULL : "names no file: write a path, or - for stdin";
}

static const char *set_env(void *target, const char *value) {
        return environment_set(&((CommandOptions *)target)->environment, value, environ);
}

static const char *set_env_file(void *target, const char *value) {
        return environment_read(&((CommandOptions *)target)->environment, value);
}

static const char *set_cwd(void *target, const char *value) {
        ((CommandOptions *)target)->cwd = value;
        return value[0] ? NULL : "names no directory: write a path";
}

static const char *set_umask(void *target, const char *value) {
        CommandOptions *o = target;
        char *end;
        errno = 0;
        unsigned long mask = strtoul(value, &end, 8);
        if (errno || *end || value[0] < '0' || value[0] > '7' || mask > 0777)
                return "is no umask: write an octal number from 0 to 777";
        o->task.task.umask = (unsigned)mask;
        o->task.task.flags |= STINT_UMASK;
        return NULL;
}

static const char *set_output_limit(void *target, const char *value) {
        StintTask *t = &((CommandOptions *)target)->task.task;
        t->flags |= STINT_OUTPUT_LIMIT;
        return size_parse(value, &t->output_limit) < 0 ? "is no size: write 64K, 512M or 2G" : NULL;
}

static const char *set_nice(void *target, const char *value) {
        uint64_t nice;
        if (u64_parse(value, &nice) < 0 || nice > NICE_MAX)
                return "is no niceness: write 0 to 19, higher gives way to others";
        ((CommandOptions *)target)->task.task.nice = (int)nice;
        return NULL;
}

static const char *set_shell(void *target, const char *value) {
        ((CommandOptions *)target)->execution = COMMAND_BY_SHELL;
        return NULL;
}

static const Option rows[] = {
        {"stdin", 0, "FILE|-", "its input (default: nothing); - sends up to 1 MiB", set_stdin},
        {"env", 0, "all|none|NAME[=V]", "its environment; may be repeated", set_env},
        {"env-file", 0, "FILE", "set variables from lines NAME=VALUE", set_env_file},
        {"cwd", 'C', "DIR", "where it runs (default: here)", set_cwd},
        {"umask", 0, "MODE", "its umask (default: yours)", set_umask},
        {"nice", 0, "N", "its niceness, 0 to 19 (default: 0)", set_nice},
        {"output-limit", 0, "SIZE", "bytes kept of each stream (default: 64M)", set_output_limit},
        {"shell", 0, NULL, "give CMD and ARGs, joined by blanks, to /bin/sh -c", set_shell},
};
const OptionGroup command_options = {"Command", rows, ARRAY_SIZE(rows)};

/* ---- the command ---- */

/* path, made absolute by our working directory; NULL with errno. */
static char *absolute(const char *path) {
        char here[PATH_MAX], *joined;
        if (path[0] == '/')
                return strdup(path);
        if (!getcwd(here, sizeof here))
                return NULL;
        return asprintf(&joined, "%s/%s", strcmp(here, "/") == 0 ? "" : here, path) < 0 ? NULL
                                                                                        : joined;
}

static bool is_file(const char *directory, size_t size, const char *name) {
        char path[PATH_MAX];
        struct stat st;
        int n = snprintf(path, sizeof path, "%.*s/%s", (int)size, directory, name);
        return n < (int)sizeof path && stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
}

CommandWord command_word(const char *word, const char *directory, const char *path) {
        if (!strpbrk(word, " \t\n"))
                return COMMAND_WORD_PLAIN;
        if (word[0] == '/' && is_file("", 0, word))
                return COMMAND_WORD_PLAIN;
        if (strchr(word, '/'))
                return is_file(directory, strlen(directory), word) ? COMMAND_WORD_PLAIN
                                                                   : COMMAND_WORD_FOR_SHELL;
        for (const char *at = path ? path : ""; *at;) {
                size_t size = strcspn(at, ":");
                if (size && is_file(at, size, word))
                        return COMMAND_WORD_PLAIN;
                at += size + (at[size] == ':');
        }
        return COMMAND_WORD_FOR_SHELL;
}

/* The words with a blank between them. */
static char *join(char **words, size_t count) {
        size_t size = 1;
        for (size_t i = 0; i < count; i++)
                size += strlen(words[i]) + 1;
        char *line = calloc(1, size), *at = line;
        for (size_t i = 0; line && i < count; i++) {
                if (i)
                        *at++ = ' ';
                at = stpcpy(at, words[i]);
        }
        return line;
}

/* Our stdin, which must not be much. */
static int read_stdin(CommandTask *t, Error *error) {
        size_t size;
        int r = read_all(STDIN_FILENO, WIRE_STDIN_MAX, &t->stdin_bytes, &size);
        if (r == -EFBIG)
                return error_set(error, EXIT_DATA,
                                 "stdin has more than 1 MiB: put it into a file and name that "
                                 "with --stdin FILE");
        if (r < 0)
                return error_set(error, EXIT_IO, "cannot read stdin: %s", strerror(-r));
        t->task.stdin_bytes = t->stdin_bytes;
        t->task.stdin_size = size;
        return 0;
}

static int set_paths(const CommandOptions *o, CommandTask *t, Error *error) {
        t->cwd = o->cwd ? absolute(o->cwd) : getcwd(NULL, 0);
        if (!t->cwd)
                return error_set(error, EXIT_IO, "cannot tell the working directory: %s; use --cwd",
                                 strerror(errno));
        t->task.cwd = t->cwd;
        if (!o->stdin_from)
                return 0;
        if (strcmp(o->stdin_from, "-") == 0)
                return read_stdin(t, error);
        t->stdin_file = absolute(o->stdin_from);
        if (!t->stdin_file)
                return error_set(error, EXIT_IO, "cannot tell the working directory: %s",
                                 strerror(errno));
        t->task.stdin_file = t->stdin_file;
        return 0;
}

static unsigned umask_ours(void) {
        mode_t mask = umask(022);
        umask(mask);
        return mask;
}

static int set_words(const CommandOptions *o, char **words, size_t count, CommandTask *t,
                     Error *error) {
        if (o->execution == COMMAND_BY_SHELL) {
                t->joined = join(words, count);
                if (!t->joined)
                        return error_set(error, EXIT_SOFTWARE, "out of memory");
                t->shell[0] = "/bin/sh";
                t->shell[1] = "-c";
                t->shell[2] = t->joined;
                t->task.argv = t->shell;
        } else if (command_word(words[0], t->cwd, getenv("PATH")) == COMMAND_WORD_FOR_SHELL) {
                return error_set(error, EXIT_USAGE,
                                 "there is no command `%s`: use --shell to have a shell read the "
                                 "line, or leave out the quotes",
                                 words[0]);
        } else {
                t->task.argv = (const char *const *)words;
        }
        return 0;
}

int command_task_new(const CommandOptions *o, char **words, size_t count, CommandTask *ret,
                     Error *error) {
        *ret = (CommandTask){0};
        if (!count || !words[0][0])
                return error_set(error, EXIT_USAGE,
                                 "no command is named: write it behind the options");
        ret->task = o->task.task;
        ret->task.environment = o->environment.base;
        ret->task.env = o->environment.count ? o->environment.items : NULL;
        if (!(ret->task.flags & STINT_UMASK))
                ret->task.umask = umask_ours();
        ret->task.flags |= STINT_UMASK;
        int r = set_paths(o, ret, error);
        if (r == 0)
                r = set_words(o, words, count, ret, error);
        if (r < 0)
                command_task_done(ret);
        return r;
}

void command_task_done(CommandTask *t) {
        free(t->joined);
        free(t->cwd);
        free(t->stdin_file);
        free(t->stdin_bytes);
        *t = (CommandTask){0};
}
