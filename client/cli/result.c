/* `stint result`: the bytes that a task gives. */
#include "client/cli/selection.h"
#include "client/cli/stream-json.h"

#include <inttypes.h>
#include <unistd.h>

static int result_one(const Invocation *x, StintClient *client, uint64_t id, Error *error) {
        TaskBrief task;
        int r = task_brief(client, id, &task, error);
        if (r == 0 && !stint_state_is_end(task.state))
                r = task_not_yet(&task, error);
        if (r == 0)
                r = task_has_output(&task, error);
        if (r < 0)
                return r;
        Stream s = {.id = id,
                    .which = task.kind == STINT_MESSAGE ? STINT_RESULT : STINT_STDOUT,
                    .fd = STDOUT_FILENO,
                    .watch.woken_fd = -1};
        if (x->general.json) {
                json_t *object = json_pack("{sI ss}", "task", (json_int_t)id, "state",
                                           stint_state_name(task.state));
                r = stream_into_json(&s, client, "bytes", object, error);
                if (r == 0)
                        json_print_object("result", json_incref(object));
                json_decref(object);
                return r;
        }
        r = stream_start(&s, client, error);
        if (r == 0)
                r = stream_finish(&s, error);
        if (r == 0)
                stream_warn(&s);
        return r;
}

static int result_run(Invocation *x, Error *error) {
        _cleanup_(stint_freep) StintClient *client = NULL;
        _cleanup_(selection_done) Selection selection = {0};
        uint64_t id, after = 0;
        if (!x->operand_count)
                return error_set(error, EXIT_USAGE, "result names no task: write its id, or last");
        int r = invocation_connect(x, 0, error, &client);
        if (r == 0)
                r = selection_or_last(client, x->operands, x->operand_count, x->args, &selection,
                                      error);
        while (r == 0 && selection_next(&selection, &after, &id, 1))
                r = result_one(x, client, id, error);
        return r;
}

const Command command_result = {
        .name = "result",
        .summary = "the bytes that a task gave",
        .synopsis = "[OPTION…] SELECTOR…",
        .description =
                "The answer of a message task, what a command task wrote to stdout. Only of tasks\n"
                "that have ended.\n" SELECTOR_HELP,
        .groups = {&selector_options},
        .examples = {"stint result 7 >answer", "stint result 7 8 9"},
        .args_size = sizeof(SelectorOptions),
        .run = result_run,
};
