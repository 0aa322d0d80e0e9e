/* The table of commands: a new command is a file and a row here. */
#include "client/cli/command.h"

#include "common/text.h"

#include <string.h>

/* clang-format off */
#define COMMANDS(C)                                                     \
        C(submit)                                                       \
        C(run)                                                          \
        C(call)                                                         \
        C(map)                                                          \
        C(status)                                                       \
        C(list)                                                         \
        C(show)                                                         \
        C(logs)                                                         \
        C(result)                                                       \
        C(wait)                                                         \
        C(watch)                                                        \
        C(top)                                                          \
        C(cancel)                                                       \
        C(retry)                                                        \
        C(signal)                                                       \
        C(purge)                                                        \
        C(config)                                                       \
        C(reload)                                                       \
        C(ping)                                                         \
        C(version)                                                      \
        C(help)                                                         \
        C(_complete)                                                    \
        C(_describe)

#define COMMAND_EXTERN(name) extern const Command command_##name;
#define COMMAND_ROW(name)    &command_##name,
COMMANDS(COMMAND_EXTERN)
/* clang-format on */

const Command *const commands[] = {COMMANDS(COMMAND_ROW) NULL};

/* What other programs call it. */
static const struct {
        const char *name, *ours;
} synonyms[] = {
        {"ls", "list"},     {"ps", "list"},        {"queue", "list"},      {"rm", "cancel"},
        {"kill", "cancel"}, {"stop", "cancel"},    {"remove", "cancel"},   {"delete", "cancel"},
        {"add", "submit"},  {"enqueue", "submit"}, {"put", "submit"},      {"exec", "run"},
        {"log", "logs"},    {"output", "logs"},    {"info", "show"},       {"stat", "status"},
        {"tail", "logs"},   {"resubmit", "retry"}, {"restart", "retry"},   {"forget", "purge"},
        {"clean", "purge"}, {"send", "call"},      {"settings", "config"},
};

const Command *command_find(const char *name) {
        for (const Command *const *c = commands; *c; c++)
                if (strcmp((*c)->name, name) == 0)
                        return *c;
        return NULL;
}

static const char *command_suggestion(const char *name) {
        const char *names[ARRAY_SIZE(commands)];
        size_t n = 0;
        for (size_t i = 0; i < ARRAY_SIZE(synonyms); i++)
                if (strcmp(synonyms[i].name, name) == 0)
                        return synonyms[i].ours;
        for (const Command *const *c = commands; *c; c++)
                if (!(*c)->hidden)
                        names[n++] = (*c)->name;
        return text_nearest(name, names, n);
}

int command_unknown(const char *name, Error *error) {
        const char *suggestion = command_suggestion(name);
        name = name[0] ? name : "''";
        if (suggestion)
                return error_set(error, EXIT_USAGE, "unknown command %s: did you mean `stint %s`?",
                                 name, suggestion);
        return error_set(error, EXIT_USAGE, "unknown command %s: see `stint --help`", name);
}
