/* See options.h. */
#include "client/cli/options.h"

#include "common/text.h"

#include <stdbool.h>
#include <string.h>

#define NAME_SIZE 64 /* of an option, for comparing and suggesting */

typedef struct Found {
        const Option *option;
        void *target;
} Found;

typedef struct Parser {
        const OptionTarget *targets;
        size_t target_count;
        int argc, next; /* next: the argument that is looked at next */
        char **argv;
        const char *usage;
        Error *error;
} Parser;

static Found find_name(const Parser *p, const char *name, size_t size) {
        for (size_t t = 0; t < p->target_count; t++)
                for (size_t i = 0; i < p->targets[t].group->count; i++) {
                        const Option *o = &p->targets[t].group->options[i];
                        if (strlen(o->name) == size && memcmp(o->name, name, size) == 0)
                                return (Found){o, p->targets[t].target};
                }
        return (Found){0};
}

static Found find_letter(const Parser *p, char letter) {
        for (size_t t = 0; t < p->target_count; t++)
                for (size_t i = 0; i < p->targets[t].group->count; i++) {
                        const Option *o = &p->targets[t].group->options[i];
                        if (o->letter == letter)
                                return (Found){o, p->targets[t].target};
                }
        return (Found){0};
}

static int refuse_unknown(const Parser *p, const char *name, size_t size) {
        const char *names[256], *nearest;
        char word[NAME_SIZE];
        size_t n = 0;
        for (size_t t = 0; t < p->target_count; t++)
                for (size_t i = 0; i < p->targets[t].group->count && n < ARRAY_SIZE(names); i++)
                        names[n++] = p->targets[t].group->options[i].name;
        snprintf(word, sizeof word, "%.*s", (int)size, name);
        nearest = text_nearest(word, names, n);
        if (nearest)
                return error_set(p->error, EXIT_USAGE, "unknown option --%.*s: did you mean --%s?",
                                 (int)size, name, nearest);
        return error_set(p->error, EXIT_USAGE, "unknown option --%.*s: see `%s --help`", (int)size,
                         name, p->usage);
}

/* Gives value to the option, or fetches it from the next argument. */
static int take(Parser *p, Found f, const char *value) {
        const Option *o = f.option;
        if (!o->metavar && value)
                return error_set(p->error, EXIT_USAGE, "--%s takes no value: leave out `%s`",
                                 o->name, value);
        if (o->metavar && !value) {
                if (p->next == p->argc)
                        return error_set(p->error, EXIT_USAGE, "--%s needs a value: write --%s %s",
                                         o->name, o->name, o->metavar);
                value = p->argv[p->next++];
        }
        const char *objection = o->set(f.target, value);
        if (!objection)
                return 0;
        if (!value)
                return error_set(p->error, EXIT_USAGE, "--%s %s", o->name, objection);
        return error_set(p->error, EXIT_USAGE, "--%s %s %s", o->name, value[0] ? value : "''",
                         objection);
}

static int take_long(Parser *p, const char *word) {
        size_t size = strcspn(word, "=");
        Found f = find_name(p, word, size);
        if (!f.option)
                return refuse_unknown(p, word, size);
        return take(p, f, word[size] ? word + size + 1 : NULL);
}

/* -x, -xVALUE, or several letters without values at once. */
static int take_letters(Parser *p, const char *letters) {
        for (; *letters; letters++) {
                Found f = find_letter(p, *letters);
                if (!f.option)
                        return error_set(p->error, EXIT_USAGE,
                                         "unknown option -%c: see `%s --help`", *letters, p->usage);
                bool rest = f.option->metavar && letters[1];
                int r = take(p, f, rest ? letters + 1 : NULL);
                if (r < 0 || f.option->metavar)
                        return r;
        }
        return 0;
}

int options_parse(const OptionTarget *targets, size_t n, OperandRule rule, int argc, char **argv,
                  const char *usage, Error *error) {
        Parser p = {.targets = targets,
                    .target_count = n,
                    .argc = argc,
                    .next = 1,
                    .argv = argv,
                    .usage = usage,
                    .error = error};
        int operands = 0;
        bool ended = false;
        while (p.next < argc) {
                char *word = argv[p.next++];
                int r = 0;
                if (ended || word[0] != '-' || !word[1]) {
                        argv[++operands] = word;
                        ended |= rule == OPERANDS_END_OPTIONS;
                } else if (strcmp(word, "--") == 0) {
                        ended = true;
                } else {
                        r = word[1] == '-' ? take_long(&p, word + 2) : take_letters(&p, word + 1);
                }
                if (r < 0)
                        return r;
        }
        if (operands + 1 < argc)
                argv[operands + 1] = NULL;
        return operands;
}
