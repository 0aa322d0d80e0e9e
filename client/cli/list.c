/* `stint list`: tasks, newest first. Several selectors are asked one after the other and merged, so
 * that a task is shown once. */
#include "client/cli/command.h"
#include "client/cli/row.h"
#include "client/cli/selection.h"
#include "common/table.h"
#include "common/text.h"
#include "common/time.h"

#include <string.h>

#define LIMIT_DEFAULT 50

typedef struct ListOptions {
        uint64_t states, limit;
        const char *queue;
        enum { LIMIT_NOT_GIVEN, LIMIT_GIVEN } limit_from;
} ListOptions;

static const char *set_state(void *target, const char *value) {
        return states_parse(value, &((ListOptions *)target)->states) < 0
                       ? "names no state: write some of blocked, delayed, held, ready, running, "
                         "succeeded, failed, cancelled, expired"
                       : NULL;
}

static const char *set_queue(void *target, const char *value) {
        ((ListOptions *)target)->queue = value;
        return name_is_valid(value) ? NULL : "is no name of a queue";
}

static const char *set_limit(void *target, const char *value) {
        ListOptions *o = target;
        o->limit_from = LIMIT_GIVEN;
        return u64_parse(value, &o->limit) < 0 ? "is no number: write how many, 0 for all" : NULL;
}

static const Option rows[] = {
        {"state", 's', "STATE,…", "only tasks in these states", set_state},
        {"queue", 'q', "QUEUE", "only tasks of this queue", set_queue},
        {"number", 'n', "N", "at most N tasks, 0: all (default: 50)", set_limit},
};
static const OptionGroup list_options = {"Which tasks", rows, ARRAY_SIZE(rows)};

/* Rows arrive by selector; they are printed by id. */
typedef struct Rows {
        Table by_id;    /* id -> ListedRow, which is freed with the table */
        uint64_t limit; /* UINT64_MAX: none */
        bool more;
} Rows;

typedef struct ListedRow {
        WireRow row;
        WireText labels[WIRE_LABELS_MAX];
        char texts[]; /* what they point to */
} ListedRow;

static WireText text_keep(char **at, WireText t) {
        char *copy = *at;
        if (t.size)
                memcpy(copy, t.data, t.size);
        *at += t.size;
        return wire_bytes(copy, t.size);
}

static ListedRow *row_keep(const WireRow *row) {
        size_t size = row->queue.size + row->name.size + row->summary.size;
        for (size_t i = 0; i < row->labels.count; i++)
                size += row->labels.items[i].size;
        ListedRow *kept = malloc(sizeof *kept + size);
        if (!kept)
                return NULL;
        char *at = kept->texts;
        kept->row = *row;
        kept->row.queue = text_keep(&at, row->queue);
        kept->row.name = text_keep(&at, row->name);
        kept->row.summary = text_keep(&at, row->summary);
        for (size_t i = 0; i < row->labels.count; i++)
                kept->labels[i] = text_keep(&at, row->labels.items[i]);
        kept->row.labels = (WireTexts){kept->labels, row->labels.count};
        return kept;
}

static void rows_done(Rows *r) {
        uint64_t id = 0;
        for (ListedRow *row; (row = table_first_from(&r->by_id, &id)); id++)
                free(row);
        table_done(&r->by_id);
}

static int rows_add(Rows *r, const WireRows *page, Error *error) {
        for (size_t i = 0; i < page->rows.count; i++) {
                const WireRow *row = &page->rows.items[i];
                if (table_get(&r->by_id, row->id))
                        continue;
                ListedRow *kept = row_keep(row);
                if (!kept || table_put(&r->by_id, row->id, kept) < 0) {
                        free(kept);
                        return error_set(error, EXIT_SOFTWARE, "out of memory");
                }
        }
        return 0;
}

/* Pages of one selector (NULL: everything), newest first, until there are enough. */
static int list_ask(Session *s, const ListOptions *o, const WireSelector *selector, Rows *r,
                    Error *error) {
        uint64_t left = r->limit, before = 0;
        while (left) {
                SessionAnswer answer;
                WireList list = {.selectors = {selector, selector ? 1 : 0},
                                 .states = o->states,
                                 .queue = wire_text(o->queue),
                                 .before = before,
                                 .limit = MIN_OF(left, (uint64_t)WIRE_TASKS_MAX)};
                int error_code = session_call(s, WIRE_TYPE_LIST, &list, (BlobSlice){0},
                                              WIRE_TYPE_ROWS, &answer, error);
                if (error_code < 0)
                        return error_code;
                const WireRows *page = answer.body;
                if (page->unknown.count) { /* by its filters, or at all? */
                        TaskBrief ignored;
                        return task_brief(s, page->unknown.items[0], &ignored, error);
                }
                before = page->before;
                left -= MIN_OF(left, (uint64_t)page->rows.count);
                error_code = rows_add(r, page, error);
                if (error_code < 0 || !before)
                        return error_code;
                if (selector && selector->kind == SELECTOR_LAST && page->rows.count)
                        return 0;
        }
        r->more |= before != 0;
        return 0;
}

/* Are there more than are shown? */
static bool rows_hide_some(const Rows *r) {
        return r->more || r->by_id.count > r->limit;
}

static void print_json(const Rows *r) {
        json_t *array = json_array(), *object;
        uint64_t id = UINT64_MAX, n = 0;
        for (const ListedRow *row; n < r->limit && (row = table_last_to(&r->by_id, &id)); id--, n++)
                json_array_append_new(array, row_json(&row->row));
        object = json_pack("{sisosb}", "schema", 1, "tasks", array, "more", rows_hide_some(r));
        json_dumpf(object, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(object);
}

static void print_table(const Rows *r, const GeneralOptions *general) {
        _cleanup_(columns_freep) Columns *c = row_columns(general);
        uint64_t id = UINT64_MAX, n = 0, now_usec = time_now_realtime();
        for (const ListedRow *row; n < r->limit && (row = table_last_to(&r->by_id, &id)); id--, n++)
                row_add(c, &row->row, now_usec);
        columns_print(c);
}

static int list_run(Invocation *x, Error *error) {
        const ListOptions *o = x->args;
        _cleanup_(session_closep) Session *s = NULL;
        _cleanup_(selectors_done) SelectorList selectors = {0};
        uint64_t limit = o->limit_from == LIMIT_GIVEN ? o->limit : LIMIT_DEFAULT;
        _cleanup_(rows_done) Rows found = {.limit = limit ? limit : UINT64_MAX};
        int r = selectors_parse(x->operands, x->operand_count, &selectors, error);
        if (r == 0)
                r = invocation_open(x, SESSION_CONNECT_ONLY, error, &s);
        if (r == 0 && !selectors.count)
                r = list_ask(s, o, NULL, &found, error);
        for (size_t i = 0; r == 0 && i < selectors.count; i++)
                r = list_ask(s, o, &selectors.items[i], &found, error);
        if (r < 0)
                return r;
        if (x->general.json)
                print_json(&found);
        else
                print_table(&found, &x->general);
        if (o->limit_from == LIMIT_NOT_GIVEN && !x->general.json && rows_hide_some(&found))
                fprintf(stderr, "stint: only the newest %d are shown; -n 0 shows all\n",
                        LIMIT_DEFAULT);
        return 0;
}

const Command command_list = {
        .name = "list",
        .summary = "tasks, newest first",
        .synopsis = "[OPTION…] [SELECTOR…]",
        .description =
                "A SELECTOR is an id, 7-12, 3,5,9, last, all, a state, queue:NAME, name:NAME or\n"
                "label:KEY=VALUE; without one, all tasks that you may see.",
        .groups = {&list_options},
        .examples = {"stint list --state failed,expired -n 10",
                     "stint list label:host=web1 running"},
        .args_size = sizeof(ListOptions),
        .run = list_run,
};
