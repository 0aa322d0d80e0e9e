/* stint, the client: finds the command, parses its options by its tables, runs it, and turns what
 * came of it into an exit code and at most one line on stderr. */
#include "client/cli/command.h"

#include <errno.h>
#include <locale.h>
#include <string.h>

static const char *set_json(void *target, const char *value) {
        ((GeneralOptions *)target)->json = true;
        return NULL;
}

static const char *set_endpoint(void *target, const char *value) {
        ((GeneralOptions *)target)->endpoint = value;
        return NULL;
}

/* Both may have been given: the last one is not what was meant any more than the first. */
static const char *choose(GeneralOptions *g, StintInstance choice, const char *objection) {
        if (g->choice != STINT_INSTANCE_CHOOSE && g->choice != choice)
                return objection;
        g->choice = choice;
        return NULL;
}

static const char *set_user(void *target, const char *value) {
        return choose(target, STINT_INSTANCE_OWN, "contradicts --system: leave out one of them");
}

static const char *set_system(void *target, const char *value) {
        return choose(target, STINT_INSTANCE_SYSTEM, "contradicts --user: leave out one of them");
}

static const char *set_color(void *target, const char *value) {
        GeneralOptions *g = target;
        static const char *const names[] = {"auto", "always", "never"};
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (strcmp(value, names[i]) == 0) {
                        g->color = (ColorChoice)i;
                        return NULL;
                }
        return "is none of auto, always and never";
}

static const char *set_no_pager(void *target, const char *value) {
        ((GeneralOptions *)target)->no_pager = true;
        return NULL;
}

static const char *set_help(void *target, const char *value) {
        ((GeneralOptions *)target)->help = true;
        return NULL;
}

static const char *set_version(void *target, const char *value) {
        ((GeneralOptions *)target)->version = true;
        return NULL;
}

static const Option general[] = {
        {"user", 0, NULL, "use your own instance", set_user},
        {"system", 0, NULL, "use the instance of the system", set_system},
        {"endpoint", 0, "URL", "use the dispatcher at this socket: ipc:///PATH", set_endpoint},
        {"json", 0, NULL, "print JSON", set_json},
        {"color", 0, "auto|always|never", "auto: only on a terminal", set_color},
        {"no-pager", 0, NULL, "never show long output in a pager", set_no_pager},
        {"help", 'h', NULL, "explain it and exit", set_help},
};
const OptionGroup general_options = {"General", general, ARRAY_SIZE(general)};

static const Option leading[] = {
        {"version", 'V', NULL, "print the version of the client and exit", set_version},
};
const OptionGroup leading_options = {"Other", leading, ARRAY_SIZE(leading)};

int refuse_operands(const Invocation *x, Error *error) {
        return x->operand_count
                       ? error_set(error, EXIT_USAGE, "%s takes no `%s`: see `stint %s --help`",
                                   x->command->name, x->operands[0], x->command->name)
                       : 0;
}

/* argv[0] is the command's name. */
static int invoke(Invocation *x, int argc, char **argv, Error *error) {
        char usage[64];
        OptionTarget targets[ARRAY_SIZE(x->command->groups) + 1] = {
                {&general_options, &x->general}};
        size_t n = 1;
        for (size_t i = 0; i < ARRAY_SIZE(x->command->groups) && x->command->groups[i]; i++)
                targets[n++] = (OptionTarget){x->command->groups[i], x->args};
        snprintf(usage, sizeof usage, "stint %s", x->command->name);
        int count = options_parse(targets, n, x->command->operands, argc, argv, usage, error);
        if (count < 0)
                return count;
        if (x->general.help)
                return help_command(x, x->command);
        x->operands = argv + 1;
        x->operand_count = (size_t)count;
        return x->command->run(x, error);
}

/* Options before the command, then the command, status if none is named. */
static int dispatch(Invocation *x, int argc, char **argv, Error *error) {
        static char status[] = "status";
        static char *only_status[] = {status, NULL};
        OptionTarget targets[] = {{&general_options, &x->general}, {&leading_options, &x->general}};
        int count = options_parse(targets, ARRAY_SIZE(targets), OPERANDS_END_OPTIONS, argc, argv,
                                  "stint", error);
        if (count < 0)
                return count;
        if (x->general.help)
                return help_all(x);
        if (x->general.version) {
                printf("stint " STINT_VERSION "\n");
                return 0;
        }
        argc = count ? count : 1;
        argv = count ? argv + 1 : only_status;
        x->command = command_find(argv[0]);
        if (!x->command)
                return command_unknown(argv[0], error);
        x->args = calloc(1, MAX_OF(x->command->args_size, (size_t)1));
        return x->args ? invoke(x, argc, argv, error)
                       : error_set(error, EXIT_SOFTWARE, "out of memory");
}

int main(int argc, char **argv) {
        Error error = {0};
        Invocation x = {0};
        setlocale(LC_ALL, "");
        int r = dispatch(&x, argc, argv, &error);
        errno = 0;
        int saved = fflush(stdout) == 0 && !ferror(stdout) ? 0 : errno ? errno : EIO;
        if (r >= 0 && saved)
                r = error_set(&error, EXIT_IO, "cannot write to stdout: %s", strerror(saved));
        if (r < 0) {
                error_print("stint", &error);
                r = x.command && x.command->failure ? x.command->failure : -r;
        }
        free(x.args);
        return r;
}
