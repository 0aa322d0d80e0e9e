/* Options as tables: one parser for all commands, which also feeds their help and the suggestions
 * for what was misspelt. Nothing is abbreviated: a script that works today must not become
 * ambiguous with an option of tomorrow. */
#pragma once

#include "common/error.h"

#include <stddef.h>

/* Takes value (NULL for an option without one) into target; NULL, or what is wrong with it and what
 * to do, to be read behind "--NAME VALUE ". */
typedef const char *(*OptionSetter)(void *target, const char *value);

typedef struct Option {
        const char *name;    /* without dashes */
        char letter;         /* 0: none */
        const char *metavar; /* NULL: it has no value */
        const char *help;
        OptionSetter set;
} Option;

typedef struct OptionGroup {
        const char *title;
        const Option *options;
        size_t count;
} OptionGroup;

/* A group and what its setters fill. */
typedef struct OptionTarget {
        const OptionGroup *group;
        void *target;
} OptionTarget;

typedef enum OperandRule {
        OPERANDS_ANYWHERE,
        OPERANDS_END_OPTIONS /* the first operand is a command: what follows belongs to it */
} OperandRule;

/* Parses argv[1] … argv[argc - 1], which a NULL follows, and moves the operands to argv[1] …, with
 * a NULL behind them; returns how many there are, or -EXIT_USAGE. `--` ends the options. usage: how
 * to get help, for messages ("stint submit"). */
int options_parse(const OptionTarget *targets, size_t n, OperandRule rule, int argc, char **argv,
                  const char *usage, Error *error);
