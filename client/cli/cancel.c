/* `stint cancel`: the end of tasks, whether they wait or run. */
#include "client/cli/outcome.h"
#include "client/cli/signal-name.h"

#include <inttypes.h>

typedef struct CancelOptions {
        SelectorOptions selector;
        int signal; /* 0: TERM */
} CancelOptions;

static const char *set_signal(void *target, const char *value) {
        return signal_parse(value, &((CancelOptions *)target)->signal);
}

static const Option rows[] = {
        {"signal", 's', "SIGNAL", "the first signal to one that runs (default: TERM)", set_signal},
};
static const OptionGroup cancel_options = {"How", rows, ARRAY_SIZE(rows)};

static void print_outcome(const Invocation *x, const StintOutcome *o) {
        if (x->general.json) {
                json_print_object("cancel", outcome_json(o, "cancelled", "ended"));
                return;
        }
        printf("%" PRIu64 " cancelled", o->done);
        if (o->other)
                printf(", %" PRIu64 " had ended before", o->other);
        printf("\n");
}

static int cancel_run(Invocation *x, Error *error) {
        static const SelectionFilter unended = {.states = STATES_UNENDED,
                                                .what = "task that has not ended"};
        const CancelOptions *options = x->args;
        _cleanup_(stint_freep) StintClient *client = NULL;
        _cleanup_(selection_done) Selection selection = {0};
        _cleanup_(freep) uint64_t *ids = NULL;
        StintOutcome o;
        int r = outcome_select(x, 0, &unended, &client, &selection, error);
        if (r < 0)
                return r;
        ids = selection_ids(&selection, error);
        if (!ids)
                return -EXIT_SOFTWARE;
        r = stint_cancel(client, ids, selection.ids.count, options->signal, &o);
        if (r < 0)
                return client_error(client, r, error);
        print_outcome(x, &o);
        return outcome_error(&o, error);
}

const Command command_cancel = {
        .name = "cancel",
        .summary = "end tasks, whether they wait or run",
        .synopsis = "[OPTION…] SELECTOR…",
        .description =
                "A task that waits is gone at once; all processes of one that runs get the signal\n"
                "and, when its grace is over, KILL. Only tasks that have not ended are "
                "meant.\n" SELECTOR_HELP,
        .groups = {&cancel_options, &selector_options},
        .examples = {"stint cancel 7", "stint cancel --signal INT label:host=web1"},
        .args_size = sizeof(CancelOptions),
        .run = cancel_run,
};
