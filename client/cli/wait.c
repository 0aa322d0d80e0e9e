/* `stint wait`: until tasks have ended. */
#include "client/cli/command.h"
#include "client/cli/ending.h"
#include "client/cli/json.h"
#include "client/cli/selection.h"
#include "common/time.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>

typedef struct WaitOptions {
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
        return NULL;
}

static const Option rows[] = {
        {"any", 0, NULL, "until the first has ended; print its id", set_any},
        {"timeout", 't', "DURATION", "not longer than this: then exit with 124", set_timeout},
};
static const OptionGroup wait_options = {"How", rows, ARRAY_SIZE(rows)};

typedef struct Wait {
        Session *session;
        const WaitOptions *options;
        size_t total, requests; /* requests: outstanding */
        size_t ended, succeeded;
        uint64_t unknown; /* an id that does not exist, 0: none */
        int code;         /* of the last one that ended */
        uint64_t last_id;
        json_t *ends; /* NULL: no JSON */
} Wait;

/* Consecutive ids become ranges; a WAIT for every WIRE_TASKS_MAX of these. */
static int wait_ask(Wait *w, const Selection *selection, Error *error) {
        WireRange ranges[WIRE_TASKS_MAX];
        uint64_t ids[WIRE_TASKS_MAX], after = 0;
        size_t n;
        while ((n = selection_next(selection, &after, ids, ARRAY_SIZE(ids)))) {
                size_t count = 0;
                for (size_t i = 0; i < n; i++) {
                        WireRange *last = count ? &ranges[count - 1] : NULL;
                        if (last && last->first + last->count == ids[i])
                                last->count++;
                        else
                                ranges[count++] = (WireRange){.first = ids[i], .count = 1};
                }
                int64_t r =
                        session_send(w->session, WIRE_TYPE_WAIT,
                                     &(WireWait){.ranges = {ranges, count}}, (BlobSlice){0}, error);
                if (r < 0)
                        return (int)r;
                w->requests++;
                w->total += n;
        }
        return 0;
}

static void on_end(Wait *w, const WireEndedTask *e) {
        w->ended++;
        w->succeeded += e->state == TASK_SUCCEEDED;
        w->code = ending_exit_code((TaskState)e->state, (EndReason)e->reason, e->code);
        w->last_id = e->id;
        if (w->ends) {
                const char *state = task_state_name((TaskState)e->state);
                const char *reason = end_reason_name((EndReason)e->reason);
                json_array_append_new(w->ends, json_pack("{sI ss* ss* sI}", "id", (json_int_t)e->id,
                                                         "state", state, "reason", reason, "code",
                                                         (json_int_t)e->code));
        }
}

static void on_ended(Wait *w, const WireEnded *ended) {
        for (size_t i = 0; i < ended->ends.count; i++) {
                on_end(w, &ended->ends.items[i]);
                if (w->options->what == WAIT_FOR_ANY)
                        return;
        }
        if (ended->unknown.count)
                w->unknown = ended->unknown.items[0];
        if (!ended->more)
                w->requests--;
}

static bool wait_is_over(const Wait *w) {
        return w->unknown || !w->requests || (w->options->what == WAIT_FOR_ANY && w->ended);
}

/* 0, -ETIMEDOUT, or -code. */
static int wait_follow(Wait *w, Error *error) {
        usec_t deadline = w->options->timeout_usec
                                  ? usec_add(time_now_monotonic(), w->options->timeout_usec)
                                  : USEC_INFINITY;
        while (!wait_is_over(w)) {
                SessionAnswer answer;
                usec_t now = time_now_monotonic();
                usec_t left = deadline > now ? deadline - now : 0;
                int msec = deadline == USEC_INFINITY
                                   ? -1
                                   : (int)MIN_OF(left / USEC_PER_MSEC + 1, (usec_t)INT_MAX);
                int r = session_receive(w->session, msec, &answer, error);
                if (r == -EINTR || (r == -ETIMEDOUT && time_now_monotonic() < deadline))
                        continue;
                if (r == 0 && answer.type == WIRE_TYPE_ERROR)
                        r = session_refused(&answer, error);
                if (r < 0)
                        return r;
                if (answer.type == WIRE_TYPE_ENDED)
                        on_ended(w, answer.body);
        }
        return 0;
}

static int wait_report(Wait *w, Error *error) {
        if (w->unknown)
                return error_set(error, EXIT_DATA, "there is no task %" PRIu64 ": see `stint list`",
                                 w->unknown);
        if (w->ends)
                json_print_object("tasks", json_incref(w->ends));
        else if (w->options->what == WAIT_FOR_ANY && w->ended)
                printf("%" PRIu64 "\n", w->last_id);
        if (w->total == 1 || w->options->what == WAIT_FOR_ANY)
                return w->code;
        return w->succeeded == w->ended ? 0 : 1;
}

static int wait_select(Session *s, const Invocation *x, Selection *ret, Error *error) {
        static const WireSelector everything = {.kind = SELECTOR_ALL};
        _cleanup_(selectors_done) SelectorList selectors = {0};
        int r = selectors_parse(x->operands, x->operand_count, &selectors, error);
        if (r < 0)
                return r;
        if (selectors.count)
                return selection_add(s, &selectors, STATES_ALL, ret, error);
        SelectorList all = {(WireSelector[]){everything}, 1};
        return selection_add(s, &all, STATES_UNENDED, ret, error);
}

static int wait_run(Invocation *x, Error *error) {
        _cleanup_(session_closep) Session *s = NULL;
        _cleanup_(selection_done) Selection selection = {0};
        int r = invocation_open(x, SESSION_CONNECT_ONLY, error, &s);
        if (r == 0)
                r = wait_select(s, x, &selection, error);
        if (r < 0)
                return r;
        Wait w = {.session = s, .options = x->args};
        w.ends = x->general.json ? json_array() : NULL;
        r = wait_ask(&w, &selection, error);
        if (r == 0)
                r = wait_follow(&w, error);
        if (r == -ETIMEDOUT)
                r = error_set(error, EXIT_TIMED_OUT,
                              "%zu of %zu tasks have not ended: the time of --timeout is over",
                              w.total - w.ended, w.total);
        if (r == 0)
                r = wait_report(&w, error);
        json_decref(w.ends);
        return r;
}

const Command command_wait = {
        .name = "wait",
        .summary = "wait until tasks have ended",
        .synopsis = "[OPTION…] [SELECTOR…]",
        .description =
                "A SELECTOR is an id, 7-12, 3,5,9, last, all, a state, queue:NAME, name:NAME or\n"
                "label:KEY=VALUE; without one, all your tasks that have not ended. Exits with the\n"
                "code of the task if it is one; else 0 if all succeeded, 1 if not.",
        .groups = {&wait_options},
        .examples = {"stint wait last", "stint wait --timeout 10m 7-12"},
        .args_size = sizeof(WaitOptions),
        .run = wait_run,
};
