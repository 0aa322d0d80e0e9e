/* See selection.h. */
#include "client/cli/selection.h"

#include <inttypes.h>

/* Values of the table carry nothing. */
static char present;

static int take(Selection *s, uint64_t id, Error *error) {
        return table_put(&s->ids, id, &present) < 0
                       ? error_set(error, EXIT_SOFTWARE, "out of memory")
                       : 0;
}

/* The ids of one answer; ret_found counts them, ret_before is where to go on. */
static int take_page(Selection *s, const WireIds *ids, uint64_t *ret_before, size_t *ret_found,
                     Error *error) {
        for (size_t i = 0; i < ids->ids.count; i++) {
                int r = take(s, ids->ids.items[i], error);
                if (r < 0)
                        return r;
        }
        *ret_found += ids->ids.count;
        *ret_before = ids->before;
        return 0;
}

static int nothing_matches(const WireSelector *w, uint64_t states, Error *error) {
        const char *task = states == STATES_ALL ? "task" : "task that has not ended";
        switch ((SelectorKind)w->kind) {
        case SELECTOR_IDS:
                return error_set(error, EXIT_DATA,
                                 "there is no task from %" PRIu64 " to %" PRIu64
                                 ": see `stint list`",
                                 w->first, w->first + w->count - 1);
        case SELECTOR_LAST:
                return error_set(error, EXIT_DATA, "you have no task: see `stint submit --help`");
        case SELECTOR_STATE:
                return error_set(error, EXIT_DATA, "no %s is %s: see `stint list`", task,
                                 task_state_name((TaskState)w->state));
        default:
                return error_set(error, EXIT_DATA, "no %s has %s %.*s: see `stint list`", task,
                                 w->kind == SELECTOR_QUEUE  ? "queue"
                                 : w->kind == SELECTOR_NAME ? "name"
                                                            : "label",
                                 (int)w->text.size, w->text.data);
        }
}

static int add_selector(Session *s, const WireSelector *w, uint64_t states, Selection *ret,
                        Error *error) {
        uint64_t before = 0;
        size_t found = 0;
        if (w->kind == SELECTOR_IDS && w->count == 1)
                return take(ret, w->first, error);
        if (w->kind == SELECTOR_IDS || w->kind == SELECTOR_LAST)
                states = STATES_ALL; /* these name tasks: never another one instead */
        do {
                SessionAnswer answer;
                WireList list = {.selectors = {w, 1},
                                 .states = states,
                                 .before = before,
                                 .limit = w->kind == SELECTOR_LAST ? 1 : WIRE_TASKS_MAX,
                                 .flags = WIRE_LIST_IDS};
                int r = session_call(s, WIRE_TYPE_LIST, &list, (BlobSlice){0}, WIRE_TYPE_IDS,
                                     &answer, error);
                if (r == 0)
                        r = take_page(ret, answer.body, &before, &found, error);
                if (r < 0)
                        return r;
        } while (before && !(w->kind == SELECTOR_LAST && found));
        return found || w->kind == SELECTOR_ALL ? 0 : nothing_matches(w, states, error);
}

int selection_add(Session *s, const SelectorList *selectors, uint64_t states, Selection *ret,
                  Error *error) {
        for (size_t i = 0; i < selectors->count; i++) {
                int r = add_selector(s, &selectors->items[i], states, ret, error);
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

int task_brief(Session *s, uint64_t id, TaskBrief *ret, Error *error) {
        SessionAnswer answer;
        WireSelector only = {.kind = SELECTOR_IDS, .first = id, .count = 1};
        WireList list = {.selectors = {&only, 1}, .limit = 1};
        int r = session_call(s, WIRE_TYPE_LIST, &list, (BlobSlice){0}, WIRE_TYPE_ROWS, &answer,
                             error);
        if (r < 0)
                return r;
        const WireRows *rows = answer.body;
        if (!rows->rows.count)
                return error_set(error, EXIT_DATA, "there is no task %" PRIu64 ": see `stint list`",
                                 id);
        const WireRow *row = &rows->rows.items[0];
        *ret = (TaskBrief){.id = row->id,
                           .kind = (TaskKind)row->kind,
                           .state = (TaskState)row->state,
                           .attempt = row->attempt};
        return 0;
}

int selection_or_last(Session *s, char *const *words, size_t n, Selection *ret, Error *error) {
        static const WireSelector newest = {.kind = SELECTOR_LAST};
        _cleanup_(selectors_done) SelectorList selectors = {0};
        if (!n)
                return add_selector(s, &newest, STATES_ALL, ret, error);
        int r = selectors_parse(words, n, &selectors, error);
        return r < 0 ? r : selection_add(s, &selectors, STATES_ALL, ret, error);
}
