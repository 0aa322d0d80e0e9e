/* `stint wait`: until tasks have ended. */
#include "client/cli/command.h"
#include "client/cli/ending.h"
#include "client/cli/json.h"
#include "client/cli/selection.h"
#include "common/time.h"

#include <inttypes.h>
#include <limits.h>

#define TIMEOUT_MAX ((usec_t)INT_MAX * USEC_PER_MSEC)

typedef struct WaitOptions {
        SelectorOptions selector;
        enum { WAIT_FOR_ALL, WAIT_FOR_ANY } what;
        uint64_t timeout_usec; /* 0: for ever */
} WaitOptions;

static const char *set_any(void *target, const char *value) {
        ((WaitOptions *)target)->what = WAIT_FOR_ANY;
        return NULL;
}

static const char *set_timeout(void *target, const char *value) {
        uint64_t *timeout = &((WaitOptions *)target)->timeout_usec;
        if (duration_parse(value, timeout) < 0)
                return "is no duration: write 250ms, 10s, 5m, 2h or 1d";
        *timeout = MAX_OF(*timeout, (uint64_t)1); /* a look */
        return *timeout > TIMEOUT_MAX ? "is too long: at most 24 days" : NULL;
}

static const Option rows[] = {
        {"any", 0, NULL, "until the first has ended; print its id", set_any},
        {"timeout", 't', "DURATION", "not longer than this: then exit with 124", set_timeout},
};
static const OptionGroup wait_options = {"How", rows, ARRAY_SIZE(rows)};

typedef struct Wait {
        const WaitOptions *options;
        size_t total, ended, succeeded;
        int code; /* of the last one that ended */
        uint64_t last_id;
        json_t *ends; /* NULL: no JSON */
} Wait;

static int on_end(void *userdata, const StintEnd *end) {
        Wait *w = userdata;
        w->ended++;
        w->succeeded += end->state == STINT_SUCCEEDED;
        w->code = ending_exit_code(end->state, end->reason, end->code);
        w->last_id = end->id;
        if (w->ends)
                json_array_append_new(w->ends, ending_json(end));
        return w->options->what == WAIT_FOR_ANY;
}

/* Consecutive ids as ranges, in memory of the caller; NULL: out of memory. */
static StintRange *ranges_of(const Selection *selection, size_t *ret_count) {
        StintRange *ranges = calloc(selection->ids.count + 1, sizeof *ranges);
        uint64_t id, after = 0;
        size_t count = 0;
        while (ranges && selection_next(selection, &after, &id, 1)) {
                StintRange *last = count ? &ranges[count - 1] : NULL;
                if (last && last->first + last->count == id)
                        last->count++;
                else
                        ranges[count++] = (StintRange){.first = id, .count = 1};
        }
        *ret_count = count;
        return ranges;
}

static int wait_follow(Wait *w, StintClient *client, const Selection *selection, Error *error) {
        size_t count;
        _cleanup_(freep) StintRange *ranges = ranges_of(selection, &count);
        int timeout_msec = -1;
        if (!ranges)
                return error_set(error, EXIT_SOFTWARE, "out of memory");
        if (w->options->timeout_usec)
                timeout_msec =
                        (int)((w->options->timeout_usec + USEC_PER_MSEC - 1) / USEC_PER_MSEC);
        w->total = selection->ids.count;
        int r = stint_wait_ranges(client, ranges, count, timeout_msec, on_end, w);
        if (r == -STINT_TIMED_OUT)
                return error_set(error, EXIT_TIMED_OUT,
                                 "%zu of %zu tasks have not ended: the time of --timeout is over",
                                 w->total - w->ended, w->total);
        return r < 0 ? client_error(client, r, error) : 0;
}

static int wait_report(Wait *w) {
        if (w->ends)
                json_print_object("tasks", json_incref(w->ends));
        else if (w->options->what == WAIT_FOR_ANY && w->ended)
                printf("%" PRIu64 "\n", w->last_id);
        if (w->total == 1 || w->options->what == WAIT_FOR_ANY)
                return w->code;
        return w->succeeded == w->ended ? 0 : 1;
}

/* Nothing named: all that have not ended. */
static int wait_select(StintClient *client, const Invocation *x, Selection *ret, Error *error) {
        StintSelector everything = {.kind = STINT_ALL};
        SelectorList all = {&everything, 1};
        SelectionFilter unended = {.states = STATES_UNENDED};
        _cleanup_(selectors_done) SelectorList selectors = {0};
        int r = selectors_parse(x->operands, x->operand_count, &selectors, error);
        if (r < 0)
                return r;
        if (selectors.count)
                return selection_add(client, &selectors, x->args, NULL, ret, error);
        return selection_add(client, &all, x->args, &unended, ret, error);
}

static int wait_run(Invocation *x, Error *error) {
        _cleanup_(stint_freep) StintClient *client = NULL;
        _cleanup_(selection_done) Selection selection = {0};
        Wait w = {.options = x->args};
        int r = invocation_connect(x, 0, error, &client);
        if (r == 0)
                r = wait_select(client, x, &selection, error);
        if (r < 0)
                return r;
        w.ends = x->general.json ? json_array() : NULL;
        r = wait_follow(&w, client, &selection, error);
        if (r == 0)
                r = wait_report(&w);
        json_decref(w.ends);
        return r;
}

const Command command_wait = {
        .name = "wait",
        .summary = "wait until tasks have ended",
        .synopsis = "[OPTION…] [SELECTOR…]",
        .description = SELECTOR_HELP
        " Without one, all your tasks that have\n"
        "not ended. Exits with the code of the task if it is one; else 0 if all succeeded,\n"
        "1 if not; 124 when --timeout is over.",
        .groups = {&wait_options, &selector_options},
        .examples = {"stint wait last", "stint wait --timeout 10m 7-12"},
        .args_size = sizeof(WaitOptions),
        .run = wait_run,
};
