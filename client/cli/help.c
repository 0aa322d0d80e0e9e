/* `stint --help`, `stint COMMAND --help` and `stint help COMMAND`: all from the tables that also
 * parse, so that help cannot say what is not so. */
#include "client/cli/command.h"

#include <string.h>

#define OPTION_WIDTH 26

/* Columns on a terminal: bytes that begin a character, since nothing wider is in the tables. */
static size_t text_width(const char *text) {
        size_t n = 0;
        for (; *text; text++)
                n += ((unsigned char)*text & 0xC0) != 0x80;
        return n;
}

static void print_options(const OptionGroup *g) {
        printf("\n%s:\n", g->title);
        for (size_t i = 0; i < g->count; i++) {
                const Option *o = &g->options[i];
                char left[128], letter[] = "    ";
                if (o->letter)
                        snprintf(letter, sizeof letter, "-%c, ", o->letter);
                snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->metavar ? " " : "",
                         o->metavar ? o->metavar : "");
                size_t width = text_width(left);
                if (width <= OPTION_WIDTH)
                        printf("  %s%*s  %s\n", left, (int)(OPTION_WIDTH - width), "", o->help);
                else
                        printf("  %s\n  %*s  %s\n", left, OPTION_WIDTH, "", o->help);
        }
}

int help_command(const Command *c, Error *error) {
        printf("stint %s: %s\n\nUsage: stint %s%s%s\n", c->name, c->summary, c->name,
               c->synopsis[0] ? " " : "", c->synopsis);
        if (c->description)
                printf("\n%s\n", c->description);
        for (size_t i = 0; i < ARRAY_SIZE(c->groups) && c->groups[i]; i++)
                print_options(c->groups[i]);
        print_options(&general_options);
        printf("\nExamples:\n");
        for (size_t i = 0; i < ARRAY_SIZE(c->examples) && c->examples[i]; i++)
                printf("  %s\n", c->examples[i]);
        return 0;
}

int help_all(Error *error) {
        printf("stint: queue tasks, run them, see what became of them\n\n"
               "Usage: stint [OPTION…] COMMAND …\n\nCommands (without one: status):\n");
        for (const Command *const *c = commands; *c; c++)
                if (!(*c)->hidden)
                        printf("  %-10s%s\n", (*c)->name, (*c)->summary);
        print_options(&general_options);
        printf("\n`stint COMMAND --help` says more, with examples.\n");
        return 0;
}

static int help_run(Invocation *x, Error *error) {
        if (!x->operand_count)
                return help_all(error);
        const char *name = x->operands[0];
        const Command *c = command_find(name);
        if (c)
                return help_command(c, error);
        const char *suggestion = command_suggestion(name);
        if (suggestion)
                return error_set(error, EXIT_USAGE, "unknown command %s: did you mean %s?", name,
                                 suggestion);
        return error_set(error, EXIT_USAGE, "unknown command %s: see `stint --help`", name);
}

const Command command_help = {
        .name = "help",
        .summary = "explain a command",
        .synopsis = "[COMMAND]",
        .examples = {"stint help", "stint help submit"},
        .run = help_run,
};
