/* A command of stint: a row of the table in commands.c, a function and a file of its own. */
#pragma once

#include "client/cli/options.h"

#include <stdbool.h>
#include <stint/stint.h>

typedef enum ColorChoice { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER } ColorChoice;

/* Taken before or after the name of every command. */
typedef struct GeneralOptions {
        const char *endpoint;
        StintInstance choice;
        ColorChoice color;
        bool json, no_pager, help, version;
} GeneralOptions;

extern const OptionGroup general_options;
extern const OptionGroup leading_options; /* only before a command's name */

typedef struct Command Command;

/* One call of a command. */
typedef struct Invocation {
        const Command *command;
        GeneralOptions general;
        void *args; /* args_size bytes, zero before the options were set */
        char **operands;
        size_t operand_count;
} Invocation;

struct Command {
        const char *name;
        const char *summary;          /* one line, for the list of commands */
        const char *synopsis;         /* behind "stint NAME" */
        const char *description;      /* further lines of its help, or NULL */
        const OptionGroup *groups[6]; /* besides the general ones; NULL behind the last */
        const char *examples[4];
        OperandRule operands;
        bool hidden; /* for scripts of stint itself: not in the help */
        size_t args_size;
        int failure; /* exit code when the command itself fails; 0: as the error says */
        /* The exit code, or -code with error set. */
        int (*run)(Invocation *x, Error *error);
};

/* Every command, in the order of the help; NULL behind the last. */
extern const Command *const commands[];
const Command *command_find(const char *name); /* NULL: there is none */
/* The error for a name that is none, with what may have been meant. */
int command_unknown(const char *name, Error *error);

/* A client of the instance that is meant, connected; what it has to say goes to stderr. flags:
 * STINT_START_OWN where tasks are made. 0, or -code. */
int invocation_connect(const Invocation *x, unsigned flags, Error *error, StintClient **ret);

/* What libstint returned, -code, with its text in error; returns it. */
int client_error(const StintClient *client, int code, Error *error);

static inline void stint_freep(StintClient **client) {
        stint_free(*client);
}
static inline void stint_future_freep(StintFuture **future) {
        stint_future_free(*future);
}

/* A command that was given operands though it takes none. */
int refuse_operands(const Invocation *x, Error *error);

/* On stdout; they return 0. */
int help_command(const Invocation *x, const Command *c);
int help_all(const Invocation *x);
