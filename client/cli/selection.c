/* See selection.h. */
#include "client/cli/selection.h"

#include "client/cli/command.h"
#include "client/cli/queue-name.h"

#include <inttypes.h>
#include <stdbool.h>

static const char *set_all_users(void *target, const char *value) {
        ((SelectorOptions *)target)->all_users = 1;
        return NULL;
}

static const Option rows[] = {
        {"all-users", 0, NULL, "`last` and `all` mean tasks of everybody", set_all_users},
};
const OptionGroup selector_options = {"Whose", rows, ARRAY_SIZE(rows)};

/* Values of the table carry nothing. */
static char present;

typedef struct Taker {
        Selection *selection;
        const SelectionFilter *filter;
        uint64_t found;
        bool no_memory;
} Taker;

static int take(Taker *t, uint64_t id) {
        if (table_put(&t->selection->ids, id, &present) == 0)
                return 0;
        t->no_memory = true;
        return 1;
}

static int on_ids(void *userdata, const uint64_t *ids, size_t n) {
        Taker *t = userdata;
        t->found += n;
        for (size_t i = 0; i < n; i++)
                if (take(t, ids[i]))
                        return 1;
        return 0;
}

/* One that has not ended is refused by the command. */
static int on_info(void *userdata, const StintInfo *info) {
        Taker *t = userdata;
        uint64_t ended_before_usec = t->filter->ended_before_usec;
        t->found++;
        if (t->filter->retried == RETRIED_LEFT_OUT && info->retried_as)
                return 0;
        if (!ended_before_usec || info->ended_usec < ended_before_usec)
                return take(t, info->id);
        t->selection->young++;
        return 0;
}

static int nothing_matches(StintClient *client, const StintSelector *s, const char *task,
                           Error *error) {
        int r = s->kind == STINT_IN_QUEUE ? queue_name_check(client, s->text, error) : 0;
        if (r < 0)
                return r;
        switch (s->kind) {
        case STINT_IDS:
                return error_set(error, EXIT_DATA,
                                 "there is no task from %" PRIu64 " to %" PRIu64
                                 ": see `stint list`",
                                 s->first, s->first + s->count - 1);
        case STINT_LAST:
                return error_set(error, EXIT_DATA, "you have no task: see `stint submit --help`");
        case STINT_IN_STATE:
                return error_set(error, EXIT_DATA, "no %s is %s: see `stint list`", task,
                                 stint_state_name(s->state));
        default:
                return error_set(error, EXIT_DATA, "no %s has %s %s: see `stint list`", task,
                                 s->kind == STINT_IN_QUEUE  ? "queue"
                                 : s->kind == STINT_NAMED   ? "name"
                                 : s->kind == STINT_GROUPED ? "group"
                                                            : "label",
                                 s->text);
        }
}

static int add_selector(StintClient *client, const StintSelector *s, const SelectorOptions *how,
                        const SelectionFilter *filter, Selection *ret, Error *error) {
        bool named = s->kind == STINT_IDS || s->kind == STINT_LAST;
        Taker t = {.selection = ret, .filter = filter};
        StintQuery query = {STINT_QUERY, .selector = s,
                            .states = named ? STATES_ALL : filter->states, /* never another one */
                            .limit = s->kind == STINT_LAST ? 1 : 0,
                            .all_users = how && how->all_users};
        int r = 0;
        if (filter->ended_before_usec || (filter->retried == RETRIED_LEFT_OUT && !named))
                r = stint_list(client, &query, on_info, &t, NULL);
        else if (s->kind == STINT_IDS && s->count == 1)
                t.found = 1, take(&t, s->first);
        else
                r = stint_list_ids(client, &query, on_ids, &t);
        if (t.no_memory)
                return error_set(error, EXIT_SOFTWARE, "out of memory");
        if (r < 0)
                return client_error(client, r, error);
        return t.found || s->kind == STINT_ALL
                       ? 0
                       : nothing_matches(client, s, filter->what ? filter->what : "task", error);
}

int selection_add(StintClient *client, const SelectorList *selectors, const SelectorOptions *how,
                  const SelectionFilter *filter, Selection *ret, Error *error) {
        static const SelectionFilter all = {.states = STATES_ALL};
        for (size_t i = 0; i < selectors->count; i++) {
                int r = add_selector(client, &selectors->items[i], how, filter ? filter : &all, ret,
                                     error);
                if (r < 0)
                        return r;
        }
        return 0;
}

void selection_done(Selection *s) {
        table_done(&s->ids);
}

size_t selection_next(const Selection *s, uint64_t *after, uint64_t *ret, size_t max) {
        uint64_t id = *after + 1;
        size_t n = 0;
        for (; n < max && table_first_from(&s->ids, &id); id++)
                *after = ret[n++] = id;
        return n;
}

uint64_t *selection_ids(const Selection *s, Error *error) {
        uint64_t *ids = calloc(s->ids.count + 1, sizeof *ids), after = 0;
        if (!ids)
                error_set(error, EXIT_SOFTWARE, "out of memory");
        else
                selection_next(s, &after, ids, s->ids.count);
        return ids;
}

int selection_or_last(StintClient *client, char *const *words, size_t n, const SelectorOptions *how,
                      Selection *ret, Error *error) {
        StintSelector newest = {.kind = STINT_LAST};
        SelectorList last = {&newest, 1};
        _cleanup_(selectors_done) SelectorList selectors = {0};
        if (!n)
                return selection_add(client, &last, how, NULL, ret, error);
        int r = selectors_parse(words, n, &selectors, error);
        return r < 0 ? r : selection_add(client, &selectors, how, NULL, ret, error);
}

int selection_named(const char *command, char *const *words, size_t n, SelectorList *ret,
                    Error *error) {
        if (n)
                return selectors_parse(words, n, ret, error);
        return error_set(error, EXIT_USAGE,
                         "%s names no task: write an id, another selector, or all", command);
}

static int on_brief(void *userdata, const StintInfo *info) {
        *(TaskBrief *)userdata = (TaskBrief){
                .id = info->id, .kind = info->kind, .state = info->state, .attempt = info->attempt};
        return 0;
}

int task_brief(StintClient *client, uint64_t id, TaskBrief *ret, Error *error) {
        StintSelector only = {.kind = STINT_IDS, .first = id, .count = 1};
        StintQuery query = {STINT_QUERY, .selector = &only, .limit = 1};
        *ret = (TaskBrief){0};
        int r = stint_list(client, &query, on_brief, ret, NULL);
        if (r < 0)
                return client_error(client, r, error);
        return ret->id ? 0
                       : error_set(error, EXIT_DATA,
                                   "there is no task %" PRIu64 ": see `stint list`", id);
}

int task_not_yet(const TaskBrief *task, Error *error) {
        return error_set(error, EXIT_TRY_AGAIN,
                         "task %" PRIu64 " is %s: wait for it with `stint wait %" PRIu64 "`",
                         task->id, stint_state_name(task->state), task->id);
}

int task_has_output(const TaskBrief *task, Error *error) {
        if (task->attempt)
                return 0;
        return stint_state_is_end(task->state)
                       ? error_set(error, EXIT_DATA,
                                   "task %" PRIu64 " was %s before it ran: there is no output",
                                   task->id, stint_state_name(task->state))
                       : task_not_yet(task, error);
}
