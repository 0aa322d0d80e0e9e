/* `stint reload`: has the instance read its configuration again. */
#include "client/cli/command.h"
#include "client/cli/json.h"

#include <inttypes.h>
#include <string.h>

/* What is wrong, a line each: too much for one line of error. */
static int print_findings(const Invocation *x, const char *findings, Error *error) {
        json_t *array = json_array();
        size_t count = 0;
        for (const char *at = findings; *at;) {
                size_t size = strcspn(at, "\n");
                Error line;
                error_set(&line, EXIT_CONFIG, "%.*s", (int)size, at);
                if (x->general.json)
                        json_array_append_new(array, json_text(line.text));
                else
                        error_print("stint", &line);
                count++;
                at += size + (at[size] == '\n');
        }
        if (x->general.json)
                json_print_object("reload", json_pack("{sO}", "findings", array));
        json_decref(array);
        return error_set(error, EXIT_CONFIG,
                         "the configuration stays as it was: %zu finding%s; correct the file and "
                         "reload again",
                         count, count == 1 ? "" : "s");
}

static int reload_run(Invocation *x, Error *error) {
        _cleanup_(stint_freep) StintClient *client = NULL;
        uint64_t generation;
        int r = refuse_operands(x, error);
        if (r == 0)
                r = invocation_connect(x, 0, error, &client);
        if (r < 0)
                return r;
        r = stint_reload(client, &generation);
        if (r == -STINT_BAD_CONFIG)
                return print_findings(x, stint_error(client), error);
        if (r < 0)
                return client_error(client, r, error);
        if (x->general.json)
                json_print_object("reload",
                                  json_pack("{sI}", "generation", (json_int_t)generation));
        else
                printf("the configuration is in force (generation %" PRIu64 ")\n", generation);
        return 0;
}

const Command command_reload = {
        .name = "reload",
        .summary = "have the instance read its configuration again",
        .synopsis = "[OPTION…]",
        .description =
                "No task is lost. A file with mistakes changes nothing; every one is told with its "
                "place.",
        .examples = {"stint reload", "stint --system reload"},
        .run = reload_run,
};
