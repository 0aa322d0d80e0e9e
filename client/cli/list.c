/* `stint list`: tasks, newest first. Several selectors are asked one after the other and merged, so
 * that a task is shown once. */
#include "client/cli/pager.h"
#include "client/cli/queue-name.h"
#include "client/cli/row.h"
#include "client/cli/selection.h"
#include "common/text.h"
#include "common/time-parse.h"

#include <string.h>

#define LIMIT_DEFAULT 50

typedef struct ListOptions {
        SelectorOptions selector;
        uint64_t states, limit, since_usec;
        const char *queue;
        enum { LIMIT_NOT_GIVEN, LIMIT_GIVEN } limit_from;
} ListOptions;

static const char *set_state(void *target, const char *value) {
        return states_set(value, &((ListOptions *)target)->states);
}

static const char *set_queue(void *target, const char *value) {
        return queue_name_set(&((ListOptions *)target)->queue, value);
}

static const char *set_since(void *target, const char *value) {
        ListOptions *o = target;
        usec_t now = time_now_realtime(), ago;
        if (duration_parse(value, &ago) == 0)
                o->since_usec = now > ago ? now - ago : 1;
        else if (time_parse(value, now, TIME_LAST, &o->since_usec) < 0)
                return "is no time: write 2h (ago), 18:30, `yesterday 12:00`, `monday`, "
                       "`2030-01-31 12:00` or 2030-01-31T12:00:00Z";
        return NULL;
}

static const char *set_limit(void *target, const char *value) {
        ListOptions *o = target;
        o->limit_from = LIMIT_GIVEN;
        return u64_parse(value, &o->limit) < 0 ? "is no number: write how many, 0 for all" : NULL;
}

static const Option rows[] = {
        {"state", 's', "STATE,…", "only tasks in these states", set_state},
        {"queue", 'q', "QUEUE", "only tasks of this queue", set_queue},
        {"since", 0, "TIME", "only tasks submitted since: 2h (ago), 18:30, `monday`", set_since},
        {"number", 'n', "N", "at most N tasks, 0: all (default: 50)", set_limit},
};
static const OptionGroup list_options = {"Which tasks", rows, ARRAY_SIZE(rows)};

/* Rows arrive by selector; they are printed by id. */
typedef struct Rows {
        Table by_id;    /* id -> ListedRow, which is freed with the table */
        uint64_t limit; /* UINT64_MAX: none */
        bool more, no_memory;
} Rows;

typedef struct ListedRow {
        StintInfo info;
        const char *labels[]; /* with their NULL; behind them the texts that info points to */
} ListedRow;

static const char *text_keep(char **at, const char *text) {
        char *copy = *at;
        *at = stpcpy(copy, text ? text : "") + 1;
        return copy;
}

static size_t text_size(const char *text) {
        return text ? strlen(text) + 1 : 1;
}

static ListedRow *row_keep(const StintInfo *info) {
        size_t labels = 0, size = text_size(info->queue) + text_size(info->name) +
                                  text_size(info->group) + text_size(info->summary) +
                                  text_size(info->progress_text);
        for (; info->labels && info->labels[labels]; labels++)
                size += text_size(info->labels[labels]);
        ListedRow *kept = malloc(sizeof *kept + (labels + 1) * sizeof kept->labels[0] + size);
        if (!kept)
                return NULL;
        char *at = (char *)(kept->labels + labels + 1);
        kept->info = *info;
        kept->info.queue = text_keep(&at, info->queue);
        kept->info.name = text_keep(&at, info->name);
        kept->info.group = text_keep(&at, info->group);
        kept->info.summary = text_keep(&at, info->summary);
        kept->info.progress_text = text_keep(&at, info->progress_text);
        for (size_t i = 0; i < labels; i++)
                kept->labels[i] = text_keep(&at, info->labels[i]);
        kept->labels[labels] = NULL;
        kept->info.labels = kept->labels;
        return kept;
}

static void rows_done(Rows *r) {
        uint64_t id = 0;
        for (ListedRow *row; (row = table_first_from(&r->by_id, &id)); id++)
                free(row);
        table_done(&r->by_id);
}

static int on_info(void *userdata, const StintInfo *info) {
        Rows *r = userdata;
        if (table_get(&r->by_id, info->id))
                return 0;
        ListedRow *kept = row_keep(info);
        if (kept && table_put(&r->by_id, info->id, kept) == 0)
                return 0;
        free(kept);
        r->no_memory = true;
        return 1;
}

/* What one selector (NULL: everything) stands for, newest first, until there are enough. */
static int list_ask(StintClient *client, const ListOptions *o, const StintSelector *selector,
                    Rows *r, Error *error) {
        bool last = selector && selector->kind == STINT_LAST;
        uint64_t before = 0;
        StintQuery query = {STINT_QUERY,
                            .selector = selector,
                            .states = o->states,
                            .queue = o->queue,
                            .since_usec = o->since_usec,
                            .limit = last                     ? 1
                                     : r->limit == UINT64_MAX ? 0
                                                              : r->limit,
                            .all_users = o->selector.all_users};
        int code = stint_list(client, &query, on_info, r, &before);
        if (r->no_memory)
                return error_set(error, EXIT_SOFTWARE, "out of memory");
        if (code == -STINT_NOT_FOUND && selector) { /* by its filters, or at all? */
                TaskBrief ignored;
                return task_brief(client, selector->first, &ignored, error);
        }
        if (code < 0)
                return client_error(client, code, error);
        r->more |= before != 0 && !last;
        return 0;
}

/* Nothing was found: because a queue's name is misspelt? */
static int list_check_queues(StintClient *client, const ListOptions *o,
                             const SelectorList *selectors, Error *error) {
        int r = o->queue ? queue_name_check(client, o->queue, error) : 0;
        for (size_t i = 0; r == 0 && i < selectors->count; i++)
                if (selectors->items[i].kind == STINT_IN_QUEUE)
                        r = queue_name_check(client, selectors->items[i].text, error);
        return r;
}

/* Are there more than are shown? */
static bool rows_hide_some(const Rows *r) {
        return r->more || r->by_id.count > r->limit;
}

static void print_json(const Rows *r) {
        json_t *array = json_array(), *object;
        uint64_t id = UINT64_MAX, n = 0;
        for (const ListedRow *row; n < r->limit && (row = table_last_to(&r->by_id, &id)); id--, n++)
                json_array_append_new(array, row_json(&row->info));
        object = json_pack("{sisosb}", "schema", 1, "tasks", array, "more", rows_hide_some(r));
        json_dumpf(object, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(object);
}

static void print_table(const Rows *r, const Invocation *x) {
        pager_start(x);
        _cleanup_(columns_freep) Columns *c = row_columns(&x->general);
        uint64_t id = UINT64_MAX, n = 0, now_usec = time_now_realtime();
        for (const ListedRow *row; n < r->limit && (row = table_last_to(&r->by_id, &id)); id--, n++)
                row_add(c, &row->info, now_usec);
        columns_print(c);
        pager_finish();
}

static int list_run(Invocation *x, Error *error) {
        const ListOptions *o = x->args;
        _cleanup_(stint_freep) StintClient *client = NULL;
        _cleanup_(selectors_done) SelectorList selectors = {0};
        uint64_t limit = o->limit_from == LIMIT_GIVEN ? o->limit : LIMIT_DEFAULT;
        _cleanup_(rows_done) Rows found = {.limit = limit ? limit : UINT64_MAX};
        int r = selectors_parse(x->operands, x->operand_count, &selectors, error);
        if (r == 0)
                r = invocation_connect(x, 0, error, &client);
        if (r == 0 && !selectors.count)
                r = list_ask(client, o, NULL, &found, error);
        for (size_t i = 0; r == 0 && i < selectors.count; i++)
                r = list_ask(client, o, &selectors.items[i], &found, error);
        if (r == 0 && !found.by_id.count)
                r = list_check_queues(client, o, &selectors, error);
        if (r < 0)
                return r;
        if (x->general.json)
                print_json(&found);
        else
                print_table(&found, x);
        if (o->limit_from == LIMIT_NOT_GIVEN && !x->general.json && rows_hide_some(&found))
                fprintf(stderr, "stint: only the newest %d are shown; -n 0 shows all\n",
                        LIMIT_DEFAULT);
        return 0;
}

const Command command_list = {
        .name = "list",
        .summary = "tasks, newest first",
        .synopsis = "[OPTION…] [SELECTOR…]",
        .description = SELECTOR_HELP " Without one, all tasks that you may see.",
        .groups = {&list_options, &selector_options},
        .examples = {"stint list --state failed,expired -n 10",
                     "stint list --since 2h label:host=web1 running"},
        .args_size = sizeof(ListOptions),
        .run = list_run,
};
