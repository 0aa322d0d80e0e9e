/* `stint signal`: a signal to every process of tasks that run; nothing else changes. */
#include "client/cli/outcome.h"
#include "client/cli/signal-name.h"

#include <inttypes.h>

static int take_signal(const Invocation *x, int *ret, Error *error) {
        if (!x->operand_count)
                return error_set(error, EXIT_USAGE,
                                 "signal names no signal: write TERM, INT, USR1 … and then the "
                                 "tasks");
        const char *objection = signal_parse(x->operands[0], ret);
        return objection ? error_set(error, EXIT_USAGE, "`%s` %s", x->operands[0], objection) : 0;
}

static void print_outcome(const Invocation *x, const StintOutcome *o) {
        if (x->general.json) {
                json_t *object = outcome_json(o, "signalled", "ended");
                json_set_number(object, "waiting", o->waiting);
                json_print_object("signal", object);
                return;
        }
        printf("%" PRIu64 " signalled", o->done);
        if (o->waiting)
                printf(", %" PRIu64 " not running yet", o->waiting);
        if (o->other)
                printf(", %" PRIu64 " had ended before", o->other);
        printf("\n");
}

static int signal_run(Invocation *x, Error *error) {
        static const SelectionFilter running = {.states = 1u << STINT_RUNNING,
                                                .what = "running task"};
        _cleanup_(stint_freep) StintClient *client = NULL;
        _cleanup_(selection_done) Selection selection = {0};
        _cleanup_(freep) uint64_t *ids = NULL;
        StintOutcome o;
        int number = 0, r = take_signal(x, &number, error);
        if (r == 0)
                r = outcome_select(x, 1, &running, &client, &selection, error);
        if (r < 0)
                return r;
        ids = selection_ids(&selection, error);
        if (!ids)
                return -EXIT_SOFTWARE;
        r = stint_signal(client, ids, selection.ids.count, number, &o);
        if (r < 0)
                return client_error(client, r, error);
        print_outcome(x, &o);
        return outcome_error(&o, error);
}

const Command command_signal = {
        .name = "signal",
        .summary = "send a signal to running tasks",
        .synopsis = "[OPTION…] SIGNAL SELECTOR…",
        .description =
                "All processes of the tasks get it. To end tasks use `stint cancel`: a task that "
                "dies of\n"
                "a signal has failed, and is retried if it may be. Only running tasks are "
                "meant.\n" SELECTOR_HELP,
        .groups = {&selector_options},
        .examples = {"stint signal USR1 7", "stint signal HUP queue:mail"},
        .args_size = sizeof(SelectorOptions),
        .run = signal_run,
};
