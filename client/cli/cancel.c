/* `stint cancel`: the end of tasks, whether they wait or run. */
#include "client/cli/command.h"
#include "client/cli/json.h"
#include "client/cli/selection.h"
#include "common/text.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>

typedef struct CancelOptions {
        int signal; /* 0: TERM */
} CancelOptions;

static int signal_parse(const char *text) {
        uint64_t number;
        if (u64_parse(text, &number) == 0)
                return number > 0 && number < (uint64_t)NSIG ? (int)number : 0;
        if (strncasecmp(text, "SIG", 3) == 0)
                text += 3;
        for (int s = 1; s < NSIG; s++) {
                const char *name = sigabbrev_np(s);
                if (name && strcasecmp(name, text) == 0)
                        return s;
        }
        return 0;
}

static const char *set_signal(void *target, const char *value) {
        CancelOptions *o = target;
        o->signal = signal_parse(value);
        return o->signal ? NULL : "is no signal: write TERM, INT, KILL … or a number";
}

static const Option rows[] = {
        {"signal", 's', "SIGNAL", "the first signal to one that runs (default: TERM)", set_signal},
};
static const OptionGroup cancel_options = {"How", rows, ARRAY_SIZE(rows)};

/* What came of it, over all requests. */
typedef struct Outcome {
        uint64_t cancelled, ended, unknown, denied, first_unknown, first_denied;
} Outcome;

static int cancel_some(Session *s, int signal, const uint64_t *ids, size_t n, Outcome *o,
                       Error *error) {
        SessionAnswer answer;
        WireCancel cancel = {.signal = (uint64_t)signal, .ids = {ids, n}};
        session_number(s, &cancel.client, &cancel.seq, &cancel.held);
        int r = session_call(s, WIRE_TYPE_CANCEL, &cancel, (BlobSlice){0}, WIRE_TYPE_CANCELLED,
                             &answer, error);
        if (r < 0)
                return r;
        const WireCancelled *done = answer.body;
        o->cancelled += done->cancelled;
        o->ended += done->ended;
        if (!o->unknown && done->unknown.count)
                o->first_unknown = done->unknown.items[0];
        if (!o->denied && done->denied.count)
                o->first_denied = done->denied.items[0];
        o->unknown += done->unknown.count;
        o->denied += done->denied.count;
        return 0;
}

static void print_outcome(const Invocation *x, const Outcome *o) {
        if (x->general.json) {
                json_print_object("cancel",
                                  json_pack("{sI sI sI sI}", "cancelled", (json_int_t)o->cancelled,
                                            "ended", (json_int_t)o->ended, "unknown",
                                            (json_int_t)o->unknown, "denied",
                                            (json_int_t)o->denied));
                return;
        }
        printf("%" PRIu64 " cancelled", o->cancelled);
        if (o->ended)
                printf(", %" PRIu64 " had ended before", o->ended);
        printf("\n");
}

static int cancel_all(Session *s, const CancelOptions *options, const Selection *selection,
                      Outcome *o, Error *error) {
        uint64_t ids[WIRE_TASKS_MAX], after = 0;
        size_t n;
        while ((n = selection_next(selection, &after, ids, ARRAY_SIZE(ids)))) {
                int r = cancel_some(s, options->signal, ids, n, o, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int cancel_run(Invocation *x, Error *error) {
        _cleanup_(session_closep) Session *s = NULL;
        _cleanup_(selectors_done) SelectorList selectors = {0};
        _cleanup_(selection_done) Selection selection = {0};
        Outcome o = {0};
        if (!x->operand_count)
                return error_set(error, EXIT_USAGE,
                                 "cancel names no task: write an id, another selector, or all");
        int r = selectors_parse(x->operands, x->operand_count, &selectors, error);
        if (r == 0)
                r = invocation_open(x, SESSION_CONNECT_ONLY, error, &s);
        if (r == 0)
                r = selection_add(s, &selectors, STATES_UNENDED, &selection, error);
        if (r == 0)
                r = cancel_all(s, x->args, &selection, &o, error);
        if (r < 0)
                return r;
        print_outcome(x, &o);
        if (o.denied)
                return error_set(error, EXIT_NO_PERMISSION,
                                 "task %" PRIu64 " belongs to another user (%" PRIu64
                                 " such in all): ask them, or root",
                                 o.first_denied, o.denied);
        if (o.unknown)
                return error_set(error, EXIT_DATA,
                                 "there is no task %" PRIu64 " (%" PRIu64
                                 " such in all): see `stint list`",
                                 o.first_unknown, o.unknown);
        return 0;
}

const Command command_cancel = {
        .name = "cancel",
        .summary = "end tasks, whether they wait or run",
        .synopsis = "[OPTION…] SELECTOR…",
        .description =
                "A task that waits is gone at once; all processes of one that runs get the signal\n"
                "and, when its grace is over, KILL. A SELECTOR is an id, 7-12, 3,5,9, last, all, "
                "a\n"
                "state, queue:NAME, name:NAME or label:KEY=VALUE; only tasks that have not ended\n"
                "are meant.",
        .groups = {&cancel_options},
        .examples = {"stint cancel 7", "stint cancel --signal INT label:host=web1"},
        .args_size = sizeof(CancelOptions),
        .run = cancel_run,
};
