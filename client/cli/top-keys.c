/* See top-keys.h. A table of keys for each mode, which is also what the help is made of. */
#include "client/cli/top-keys.h"

#include "client/cli/top-columns.h"

#include <inttypes.h>
#include <string.h>

static const TopAction nothing = {TOP_ACTION_NONE, 0};
static const TopAction refresh = {TOP_ACTION_REFRESH, 0};

typedef TopAction (*TopKeyHandler)(TopModel *m);

typedef struct TopKey {
        int keys[3];
        const char *shown; /* how the help writes them; NULL: explained by another row */
        const char *help;
        TopKeyHandler handler;
} TopKey;

static TopTable *table_of(TopModel *m) {
        return top_model_table(m, m->pane);
}

/* ---- moving ---- */

static TopAction move(TopModel *m, int64_t delta) {
        if (m->mode == TOP_MODE_PAGE)
                top_page_scroll(&m->page, delta);
        else
                top_table_select(table_of(m), delta);
        return nothing;
}

static int64_t screenful(const TopModel *m) {
        size_t height = m->mode == TOP_MODE_PAGE ? m->page.height
                                                 : top_model_table((TopModel *)m, m->pane)->height;
        return height > 1 ? (int64_t)height - 1 : 1;
}

static TopAction key_up(TopModel *m) {
        return move(m, -1);
}

static TopAction key_down(TopModel *m) {
        return move(m, 1);
}

static TopAction key_page_up(TopModel *m) {
        return move(m, -screenful(m));
}

static TopAction key_page_down(TopModel *m) {
        return move(m, screenful(m));
}

static TopAction key_home(TopModel *m) {
        return move(m, -(INT32_MAX));
}

static TopAction key_end(TopModel *m) {
        return move(m, INT32_MAX);
}

/* ---- what is shown ---- */

static TopAction key_next_pane(TopModel *m) {
        m->pane = (m->pane + 1) % TOP_PANES;
        return nothing;
}

static TopAction key_previous_pane(TopModel *m) {
        m->pane = (m->pane + TOP_PANES - 1) % TOP_PANES;
        return nothing;
}

static TopAction show_tasks(TopModel *m, TopTableKind tasks) {
        m->tasks = tasks;
        m->pane = TOP_PANE_TASKS;
        return refresh;
}

static TopAction key_running(TopModel *m) {
        return show_tasks(m, TOP_RUNNING);
}

static TopAction key_waiting(TopModel *m) {
        return show_tasks(m, TOP_WAITING);
}

static TopAction key_ended(TopModel *m) {
        return show_tasks(m, TOP_ENDED);
}

static TopAction key_next_tasks(TopModel *m) {
        return show_tasks(m, m->tasks == TOP_ENDED ? TOP_RUNNING : m->tasks + 1);
}

static TopAction key_previous_tasks(TopModel *m) {
        return show_tasks(m, m->tasks == TOP_RUNNING ? TOP_ENDED : m->tasks - 1);
}

/* ---- order and filter ---- */

static TopAction sort_by(TopModel *m, unsigned delta) {
        TopTable *t = table_of(m);
        size_t n;
        top_columns(t->kind, &n);
        t->sort = (t->sort + delta) % (unsigned)n;
        t->reversed = false;
        top_table_arrange(t, m->now_usec);
        return nothing;
}

static TopAction key_sort_next(TopModel *m) {
        return sort_by(m, 1);
}

static TopAction key_sort_previous(TopModel *m) {
        size_t n;
        top_columns(table_of(m)->kind, &n);
        return sort_by(m, (unsigned)n - 1);
}

static TopAction key_reverse(TopModel *m) {
        TopTable *t = table_of(m);
        t->reversed = !t->reversed;
        top_table_arrange(t, m->now_usec);
        return nothing;
}

static TopAction key_filter(TopModel *m) {
        memcpy(m->filter_before, table_of(m)->filter, TOP_FILTER_MAX);
        m->mode = TOP_MODE_FILTER;
        return nothing;
}

/* Escape takes back what hides rows: the filter first, then the choice of a queue. */
static TopAction key_escape(TopModel *m) {
        TopTable *t = table_of(m);
        if (t->filter[0]) {
                t->filter[0] = '\0';
                top_table_arrange(t, m->now_usec);
                return nothing;
        }
        m->queue[0] = '\0';
        return refresh;
}

static void filter_add(char *filter, int key) {
        char c[5] = "";
        if (key < 0x80)
                snprintf(c, sizeof c, "%c", key);
        else if (key < 0x800)
                snprintf(c, sizeof c, "%c%c", 0xC0 | key >> 6, 0x80 | (key & 63));
        else if (key < 0x10000)
                snprintf(c, sizeof c, "%c%c%c", 0xE0 | key >> 12, 0x80 | (key >> 6 & 63),
                         0x80 | (key & 63));
        else
                snprintf(c, sizeof c, "%c%c%c%c", 0xF0 | key >> 18, 0x80 | (key >> 12 & 63),
                         0x80 | (key >> 6 & 63), 0x80 | (key & 63));
        if (strlen(filter) + strlen(c) < TOP_FILTER_MAX)
                strcat(filter, c);
}

static void filter_remove(char *filter) {
        size_t n = strlen(filter);
        while (n && ((unsigned char)filter[n - 1] & 0xC0) == 0x80)
                n--;
        filter[n ? n - 1 : 0] = '\0';
}

static TopAction filter_key(TopModel *m, int key) {
        TopTable *t = table_of(m);
        if (key == TOP_KEY_ENTER || key == '\n')
                m->mode = TOP_MODE_TABLES;
        else if (key == TOP_KEY_ESCAPE) {
                memcpy(t->filter, m->filter_before, TOP_FILTER_MAX);
                m->mode = TOP_MODE_TABLES;
        } else if (key == TOP_KEY_BACKSPACE)
                filter_remove(t->filter);
        else if (key == TOP_KEY_ERASE_LINE)
                t->filter[0] = '\0';
        else if (key == TOP_KEY_UP || key == TOP_KEY_DOWN)
                return move(m, key == TOP_KEY_UP ? -1 : 1);
        else if (key >= ' ' && key < TOP_KEY_FIRST)
                filter_add(t->filter, key);
        top_table_arrange(t, m->now_usec);
        return nothing;
}

/* ---- tasks ---- */

/* The selected task, or a word about why there is none. */
static const TopTask *task_or_say(TopModel *m, const char *what) {
        const TopTask *task = top_model_task(m);
        if (!task)
                top_model_say(m, TOP_MESSAGE_BAD, "no task is selected to %s: press 1, 2 or 3",
                              what);
        return task;
}

static TopAction key_cancel(TopModel *m) {
        const TopTask *task = task_or_say(m, "cancel");
        if (!task)
                return nothing;
        if (stint_state_is_end(task->state)) {
                top_model_say(m, TOP_MESSAGE_BAD, "task %" PRIu64 " has ended: r runs it again",
                              task->id);
                return nothing;
        }
        m->asked_id = task->id;
        m->mode = TOP_MODE_ASK;
        return nothing;
}

static TopAction ask_key(TopModel *m, int key) {
        m->mode = TOP_MODE_TABLES;
        if (key == 'y' || key == 'Y')
                return (TopAction){TOP_ACTION_CANCEL, m->asked_id};
        top_model_say(m, TOP_MESSAGE_GOOD, "task %" PRIu64 " goes on", m->asked_id);
        return nothing;
}

static TopAction key_retry(TopModel *m) {
        const TopTask *task = task_or_say(m, "retry");
        if (!task)
                return nothing;
        if (stint_state_is_end(task->state))
                return (TopAction){TOP_ACTION_RETRY, task->id};
        top_model_say(m, TOP_MESSAGE_BAD, "task %" PRIu64 " is %s: only one that ended is retried",
                      task->id, stint_state_name(task->state));
        return nothing;
}

/* Of a queue: its tasks alone. */
static TopAction key_show(TopModel *m) {
        if (m->pane == TOP_PANE_QUEUES) {
                const TopRow *row = top_table_selected(table_of(m));
                if (!row)
                        return nothing;
                memcpy(m->queue, row->key, TOP_KEY_MAX);
                m->pane = TOP_PANE_TASKS;
                return refresh;
        }
        const TopTask *task = task_or_say(m, "show");
        return task ? (TopAction){TOP_ACTION_DETAILS, task->id} : nothing;
}

static TopAction key_logs(TopModel *m) {
        const TopTask *task = task_or_say(m, "read");
        m->page.stream = STINT_STDOUT;
        return task ? (TopAction){TOP_ACTION_LOGS, task->id} : nothing;
}

/* ---- the rest ---- */

static TopAction key_quit(TopModel *m) {
        return (TopAction){TOP_ACTION_QUIT, 0};
}

static TopAction key_redraw(TopModel *m) {
        return (TopAction){TOP_ACTION_REDRAW, 0};
}

static TopAction key_help(TopModel *m) {
        top_help(m);
        return nothing;
}

static TopAction page_close(TopModel *m) {
        m->mode = TOP_MODE_TABLES;
        return refresh;
}

static TopAction page_other_stream(TopModel *m) {
        if (m->page.kind != TOP_PAGE_LOGS)
                return nothing;
        m->page.stream = m->page.stream == STINT_STDOUT ? STINT_STDERR : STINT_STDOUT;
        return (TopAction){TOP_ACTION_LOGS, m->page.id};
}

static TopAction page_details(TopModel *m) {
        return m->page.kind == TOP_PAGE_LOGS ? (TopAction){TOP_ACTION_DETAILS, m->page.id}
                                             : nothing;
}

static TopAction page_logs(TopModel *m) {
        m->page.stream = STINT_STDOUT;
        return m->page.kind == TOP_PAGE_DETAILS ? (TopAction){TOP_ACTION_LOGS, m->page.id}
                                                : nothing;
}

#define MOVING                                                                                     \
        {{TOP_KEY_UP, 'k'}, "Up Down", "the row before, the next row (also k j)", key_up},         \
                {{TOP_KEY_DOWN, 'j'}, NULL, NULL, key_down},                                       \
                {{TOP_KEY_PAGE_UP, 'B' & 31}, "PgUp PgDn", "a screenful up, down", key_page_up},   \
                {{TOP_KEY_PAGE_DOWN, 'F' & 31, ' '}, NULL, NULL, key_page_down},                   \
                {{TOP_KEY_HOME, 'g'},                                                              \
                 "Home End",                                                                       \
                 "the first row, the last row (also g G)",                                         \
                 key_home},                                                                        \
                {{TOP_KEY_END, 'G'}, NULL, NULL, key_end}, {                                       \
                {TOP_KEY_REDRAW}, NULL, NULL, key_redraw                                           \
        }

static const TopKey table_keys[] = {
        {{TOP_KEY_TAB}, "Tab", "the next part: queues, pools, tasks", key_next_pane},
        {{TOP_KEY_BACK_TAB}, NULL, NULL, key_previous_pane},
        {{'1'}, "1 2 3", "running, waiting, ended tasks (also Left Right)", key_running},
        {{'2'}, NULL, NULL, key_waiting},
        {{'3'}, NULL, NULL, key_ended},
        {{TOP_KEY_RIGHT}, NULL, NULL, key_next_tasks},
        {{TOP_KEY_LEFT}, NULL, NULL, key_previous_tasks},
        MOVING,
        {{TOP_KEY_ENTER, '\n'}, "Enter", "all about the task; the tasks of the queue", key_show},
        {{'l'}, "l", "what the task wrote, as it comes", key_logs},
        {{'c'}, "c", "cancel the task, after a question", key_cancel},
        {{'r'}, "r", "retry the ended task: it runs again with a new id", key_retry},
        {{'s', '>'}, "s S", "sort by the next column, the one before (also > <)", key_sort_next},
        {{'S', '<'}, NULL, NULL, key_sort_previous},
        {{'i'}, "i", "invert the order", key_reverse},
        {{'/'}, "/", "show only rows with a text", key_filter},
        {{TOP_KEY_ESCAPE}, "Esc", "no filter, all queues", key_escape},
        {{'?', 'h', TOP_KEY_F1}, "?", "this help", key_help},
        {{'q', 'Q'}, "q", "quit", key_quit},
};

static const TopKey page_keys[] = {
        MOVING,
        {{'e'}, NULL, NULL, page_other_stream},
        {{'l'}, NULL, NULL, page_logs},
        {{TOP_KEY_ENTER, '\n'}, NULL, NULL, page_details},
        {{'q', TOP_KEY_ESCAPE, '?'}, NULL, NULL, page_close},
        {{TOP_KEY_LEFT, 'h', TOP_KEY_F1}, NULL, NULL, page_close},
};

static TopAction key_by_table(TopModel *m, const TopKey *rows, size_t n, int key) {
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < ARRAY_SIZE(rows[i].keys); k++)
                        if (rows[i].keys[k] == key)
                                return rows[i].handler(m);
        return nothing;
}

TopAction top_key(TopModel *m, int key) {
        if (!key)
                return nothing;
        switch (m->mode) {
        case TOP_MODE_FILTER:
                return filter_key(m, key);
        case TOP_MODE_ASK:
                return ask_key(m, key);
        case TOP_MODE_PAGE:
                return key_by_table(m, page_keys, ARRAY_SIZE(page_keys), key);
        case TOP_MODE_TABLES:
                return key_by_table(m, table_keys, ARRAY_SIZE(table_keys), key);
        }
        return nothing;
}

void top_help(TopModel *m) {
        TopPage *p = &m->page;
        top_page_clear(p);
        p->kind = TOP_PAGE_HELP;
        p->offset = 0;
        snprintf(p->title, sizeof p->title, "Keys of stint top");
        for (size_t i = 0; i < ARRAY_SIZE(table_keys); i++)
                if (table_keys[i].shown)
                        top_page_line(p, "  %-10s %s", table_keys[i].shown, table_keys[i].help);
        top_page_line(p, "%s", "");
        top_page_line(p, "  A queue's OLDEST is the age of its oldest waiting task; ENDS/S");
        top_page_line(p, "  is how many of its tasks ended per second, over some seconds.");
        m->mode = TOP_MODE_PAGE;
}
