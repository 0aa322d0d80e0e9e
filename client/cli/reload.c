/* `stint reload`: has the instance read its configuration again, and tells what that changed, or
 * everything that is wrong with it. */
#include "client/cli/command.h"
#include "client/cli/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct ReloadOptions {
        bool quiet;
} ReloadOptions;

static const char *set_quiet(void *target, const char *value) {
        ((ReloadOptions *)target)->quiet = true;
        return NULL;
}

static const Option rows[] = {
        {"quiet", 0, NULL, "say nothing of what has changed: the log has it, too", set_quiet},
};
static const OptionGroup reload_options = {"Output", rows, ARRAY_SIZE(rows)};

/* Calls tell with each line of text. Returns how many there were. */
static size_t each_line(char *text, void (*tell)(const char *line, void *context), void *context) {
        char *rest = NULL;
        size_t count = 0;
        for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
                tell(line, context);
                count++;
        }
        return count;
}

static void add_line(const char *line, void *array) {
        json_array_append_new(array, json_text(line));
}

static void print_line(const char *line, void *none) {
        printf("%s\n", line);
}

static void print_finding(const char *line, void *none) {
        Error error;
        error_set(&error, EXIT_CONFIG, "%s", line);
        error_print("stint", &error);
}

/* What is wrong, a line each: too much for one line of error. */
static int print_findings(const Invocation *x, char *findings, Error *error) {
        json_t *array = json_array();
        size_t count = x->general.json ? each_line(findings, add_line, array)
                                       : each_line(findings, print_finding, NULL);
        if (x->general.json)
                json_print_object("reload", json_pack("{sO}", "findings", array));
        json_decref(array);
        return error_set(error, EXIT_CONFIG,
                         "the configuration stays as it was: %zu finding%s; correct the file and "
                         "reload again",
                         count, count == 1 ? "" : "s");
}

static void print_changes(const Invocation *x, uint64_t generation, char *changes) {
        json_t *array = json_array();
        if (x->general.json) {
                each_line(changes, add_line, array);
                json_print_object("reload", json_pack("{sI sO}", "generation",
                                                      (json_int_t)generation, "changes", array));
        } else {
                if (each_line(changes, print_line, NULL) == 0)
                        printf("nothing has changed\n");
                printf("the configuration is in force (generation %" PRIu64 ")\n", generation);
        }
        json_decref(array);
}

static int reload_run(Invocation *x, Error *error) {
        const ReloadOptions *options = x->args;
        _cleanup_(stint_freep) StintClient *client = NULL;
        _cleanup_(freep) char *changes = NULL, *findings = NULL;
        uint64_t generation;
        int r = refuse_operands(x, error);
        if (r == 0)
                r = invocation_connect(x, 0, error, &client);
        if (r < 0)
                return r;
        r = stint_reload(client, &generation, &changes);
        if (r == -STINT_BAD_CONFIG && (findings = strdup(stint_error(client))))
                return print_findings(x, findings, error);
        if (r < 0)
                return client_error(client, r, error);
        if (!options->quiet)
                print_changes(x, generation, changes);
        return 0;
}

const Command command_reload = {
        .name = "reload",
        .summary = "have the instance read its configuration again",
        .synopsis = "[OPTION…]",
        .description =
                "No task is lost. Every change is told, with when it takes effect. A file with "
                "mistakes changes nothing; every one is told with its place.",
        .groups = {&reload_options},
        .args_size = sizeof(ReloadOptions),
        .examples = {"stint reload", "stint --system reload", "stint config"},
        .run = reload_run,
};
