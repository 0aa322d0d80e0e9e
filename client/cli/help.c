/* `stint --help`, `stint COMMAND --help` and `stint help COMMAND`: all from the tables that also
 * parse, so that help cannot say what is not so. */
#include "client/cli/describe.h"
#include "client/cli/pager.h"
#include "client/cli/wrap.h"

#include <string.h>

#define WIDTH_MOST   80
#define WIDTH_NARROW 60 /* below it what something is for stands under it */
#define HELP_COLUMN  30 /* of what an option is for */
#define NAMES_COLUMN 12 /* of what a command is for */
#define BELOW_COLUMN 8

/* What stands left, from column 2 on, and what it is for. */
static void print_row(const char *left, const char *right, size_t column) {
        Wrap w = {.indent = 2, .width = wrap_width(WIDTH_MOST)};
        wrap_word(&w, left);
        w.indent = w.width < WIDTH_NARROW ? MIN_OF(column, (size_t)BELOW_COLUMN) : column;
        if (w.column + 2 > w.indent)
                wrap_end(&w);
        wrap_text(&w, right);
        wrap_end(&w);
}

static void print_paragraph(const char *text) {
        Wrap w = {.width = wrap_width(WIDTH_MOST)};
        wrap_text(&w, text);
        wrap_end(&w);
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
                print_row(left, o->help, HELP_COLUMN);
        }
}

static void print_command(const Command *c) {
        char head[256], usage[256];
        snprintf(head, sizeof head, "stint %s: %s", c->name, c->summary);
        snprintf(usage, sizeof usage, "Usage: stint %s %s", c->name, c->synopsis);
        print_paragraph(head);
        printf("\n");
        print_paragraph(usage);
        if (c->description) {
                printf("\n");
                print_paragraph(c->description);
        }
        for (size_t i = 0; i < ARRAY_SIZE(c->groups) && c->groups[i]; i++)
                print_options(c->groups[i]);
        print_options(&general_options);
        printf("\nExamples:\n");
        for (size_t i = 0; i < ARRAY_SIZE(c->examples) && c->examples[i]; i++)
                printf("  %s\n", c->examples[i]);
}

static void print_all(void) {
        print_paragraph("stint: queue tasks, run them, see what became of them\n\n"
                        "Usage: stint [OPTION…] COMMAND …\n\nCommands (without one: status):");
        for (const Command *const *c = commands; *c; c++)
                if (!(*c)->hidden)
                        print_row((*c)->name, (*c)->summary, NAMES_COLUMN);
        print_options(&general_options);
        printf("\n");
        print_paragraph("`stint COMMAND --help` says more, with examples.");
}

int help_command(const Invocation *x, const Command *c) {
        if (x->general.json) {
                json_print_object("command", describe_command(c));
                return 0;
        }
        pager_start(x);
        print_command(c);
        pager_finish();
        return 0;
}

int help_all(const Invocation *x) {
        if (x->general.json) {
                json_print_object("client", describe_all());
                return 0;
        }
        pager_start(x);
        print_all();
        pager_finish();
        return 0;
}

static int help_run(Invocation *x, Error *error) {
        if (!x->operand_count)
                return help_all(x);
        if (x->operand_count > 1)
                return error_set(error, EXIT_USAGE, "help explains one command: leave out `%s`",
                                 x->operands[1]);
        const Command *c = command_find(x->operands[0]);
        return c ? help_command(x, c) : command_unknown(x->operands[0], error);
}

const Command command_help = {
        .name = "help",
        .summary = "explain a command",
        .synopsis = "[COMMAND]",
        .examples = {"stint help", "stint help submit"},
        .run = help_run,
};
