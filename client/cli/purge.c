/* `stint purge`: forgets ended tasks and their output. */
#include "client/cli/outcome.h"
#include "common/time.h"

#include <inttypes.h>

typedef struct PurgeOptions {
        SelectorOptions selector;
        uint64_t older_usec;
} PurgeOptions;

static const char *set_older(void *target, const char *value) {
        uint64_t *older = &((PurgeOptions *)target)->older_usec;
        return duration_parse(value, older) < 0 ? "is no duration: write 10m, 2h, 7d" : NULL;
}

static const Option rows[] = {
        {"older", 0, "DURATION", "only tasks that ended longer ago than this", set_older},
};
static const OptionGroup purge_options = {"Which tasks", rows, ARRAY_SIZE(rows)};

static void print_outcome(const Invocation *x, const StintOutcome *o, uint64_t young) {
        if (x->general.json) {
                json_t *object = outcome_json(o, "purged", "unended");
                json_set_number(object, "younger", young);
                json_print_object("purge", object);
                return;
        }
        printf("%" PRIu64 " purged", o->done);
        if (o->other)
                printf(", %" PRIu64 " left alone: not ended", o->other);
        if (young)
                printf(", %" PRIu64 " left alone: ended less than --older ago", young);
        printf("\n");
}

static int purge_run(Invocation *x, Error *error) {
        const PurgeOptions *options = x->args;
        SelectionFilter ended = {.states = STATES_ENDED, .what = "task that has ended"};
        _cleanup_(stint_freep) StintClient *client = NULL;
        _cleanup_(selection_done) Selection selection = {0};
        _cleanup_(freep) uint64_t *ids = NULL;
        StintOutcome o;
        usec_t now = time_now_realtime();
        if (options->older_usec)
                ended.ended_before_usec = now > options->older_usec ? now - options->older_usec : 1;
        int r = outcome_select(x, 0, &ended, &client, &selection, error);
        if (r < 0)
                return r;
        ids = selection_ids(&selection, error);
        if (!ids)
                return -EXIT_SOFTWARE;
        r = stint_purge(client, ids, selection.ids.count, &o);
        if (r < 0)
                return client_error(client, r, error);
        print_outcome(x, &o, selection.young);
        return outcome_error(&o, error);
}

const Command command_purge = {
        .name = "purge",
        .summary = "forget ended tasks and their output",
        .synopsis = "[OPTION…] SELECTOR…",
        .description =
                "Only tasks that have ended are forgotten, others are left alone. Their ids are "
                "never\n"
                "given again. Old tasks go by themselves, as store.retention in the configuration "
                "says.\n" SELECTOR_HELP,
        .groups = {&purge_options, &selector_options},
        .examples = {"stint purge --older 1d succeeded", "stint purge all"},
        .args_size = sizeof(PurgeOptions),
        .run = purge_run,
};
