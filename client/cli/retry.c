/* `stint retry`: ended tasks once more, each as a new task. Selectors that stand for many tasks
 * leave out what was retried already, so that `stint retry failed` can be repeated; a task that is
 * named by its id and cannot be retried is told. */
#include "client/cli/outcome.h"

#include <inttypes.h>

typedef struct RetryOptions {
        SelectorOptions selector;
        unsigned flags; /* STINT_RETRY_AGAIN */
} RetryOptions;

static const char *set_again(void *target, const char *value) {
        ((RetryOptions *)target)->flags |= STINT_RETRY_AGAIN;
        return NULL;
}

static const Option rows[] = {
        {"again", 0, NULL, "also tasks that were retried already", set_again},
};
static const OptionGroup retry_options = {"Which tasks", rows, ARRAY_SIZE(rows)};

/* A state says what is meant; whoever names a queue does not mean what succeeded. */
static int retry_select(StintClient *client, const Invocation *x, const SelectorList *selectors,
                        Selection *ret, Error *error) {
        const RetryOptions *o = x->args;
        int r = 0;
        for (size_t i = 0; r == 0 && i < selectors->count; i++) {
                StintSelector *s = &selectors->items[i];
                SelectionFilter filter = {.states = STATES_ENDED,
                                          .retried = o->flags ? RETRIED_TOO : RETRIED_LEFT_OUT,
                                          .what = "task that can be retried"};
                if (s->kind != STINT_IN_STATE)
                        filter.states &= ~(1u << STINT_SUCCEEDED);
                r = selection_add(client, &(SelectorList){s, 1}, &o->selector, &filter, ret, error);
        }
        return r;
}

/* Tells what can be told at once; JSON gathers. */
static int retry_each(StintClient *client, const Invocation *x, const Selection *selection,
                      json_t *pairs, Error *error) {
        const RetryOptions *o = x->args;
        uint64_t id, new_id, after = 0, refused = 0;
        Error first = {0};
        while (selection_next(selection, &after, &id, 1)) {
                int r = stint_retry(client, id, o->flags, &new_id);
                if (r < 0 && refused++ == 0)
                        client_error(client, r, &first);
                if (r < 0 && r != -STINT_TRY_AGAIN && r != -STINT_NOT_FOUND &&
                    r != -STINT_FORBIDDEN)
                        break;
                if (r < 0)
                        continue;
                if (pairs)
                        json_array_append_new(pairs, json_pack("{sI sI}", "task", (json_int_t)id,
                                                               "retried_as", (json_int_t)new_id));
                else
                        printf("%" PRIu64 "\n", new_id);
        }
        if (refused > 1)
                return error_set(error, first.code, "%s (%" PRIu64 " such in all)", first.text,
                                 refused);
        return refused ? error_set(error, first.code, "%s", first.text) : 0;
}

static int retry_run(Invocation *x, Error *error) {
        _cleanup_(stint_freep) StintClient *client = NULL;
        _cleanup_(selectors_done) SelectorList selectors = {0};
        _cleanup_(selection_done) Selection selection = {0};
        int r = selection_named("retry", x->operands, x->operand_count, &selectors, error);
        if (r == 0)
                r = invocation_connect(x, 0, error, &client);
        if (r == 0)
                r = retry_select(client, x, &selectors, &selection, error);
        if (r < 0)
                return r;
        json_t *pairs = x->general.json ? json_array() : NULL;
        r = retry_each(client, x, &selection, pairs, error);
        if (pairs)
                json_print_object("retry", pairs);
        return r;
}

const Command command_retry = {
        .name = "retry",
        .summary = "submit ended tasks once more",
        .synopsis = "[OPTION…] SELECTOR…",
        .description =
                "Makes a new task of each, alike in all but its id, and prints the new ids. The "
                "old\n"
                "tasks stay as they ended; `stint show` tells where they went on. A queue, name, "
                "group\n"
                "or label means tasks that failed, expired or were cancelled, and a task that was\n"
                "retried already is left out without --again.\n" SELECTOR_HELP,
        .groups = {&retry_options, &selector_options},
        .examples = {"stint retry 7", "stint retry failed", "stint retry --again group:nightly"},
        .args_size = sizeof(RetryOptions),
        .run = retry_run,
};
