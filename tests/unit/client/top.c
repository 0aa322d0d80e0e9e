/* The model of `stint top`: selection that follows its row, sorting, filtering, what keys do, and
 * that every part of the screen has its place whatever the size. */
#include "client/cli/top-keys.h"
#include "client/cli/top-layout.h"
#include "client/cli/top-pages.h"

#include <criterion/criterion.h>
#include <string.h>

#define SEC 1000000u

static TopModel *m;

static void set_up(void) {
        m = top_model_new();
        cr_assert(m);
        m->now_usec = 1000 * (uint64_t)SEC;
}

static void tear_down(void) {
        m = top_model_free(m);
}

TestSuite(top, .init = set_up, .fini = tear_down);

static TopTable *tasks(void) {
        return &m->tables[m->tasks];
}

/* A task with this id and text; zero means the default in every other field. */
static void add_task(uint64_t id, const char *text, TopTask task) {
        char key[24];
        snprintf(key, sizeof key, "%llu", (unsigned long long)id);
        TopRow *row = top_table_add(tasks(), key);
        cr_assert(row);
        row->task = task;
        row->task.id = id;
        row->task.state = task.state ? task.state : STINT_RUNNING;
        snprintf(row->text, sizeof row->text, "%s", text);
}

static void add_queue(const char *name, TopQueue queue) {
        TopRow *row = top_table_add(&m->tables[TOP_QUEUES], name);
        cr_assert(row);
        row->queue = queue;
}

static void fill(uint64_t first, uint64_t last) {
        top_table_begin(tasks());
        for (uint64_t id = first; id <= last; id++)
                add_task(id, "make", (TopTask){.progress = -1});
        top_table_arrange(tasks(), m->now_usec);
}

static void press(const char *keys) {
        for (; *keys; keys++)
                top_key(m, *keys);
}

/* Ids from top to bottom, as "3 1 2". */
static const char *shown(void) {
        static char text[256];
        text[0] = '\0';
        for (size_t i = 0; i < tasks()->shown_count; i++) {
                strcat(text, i ? " " : "");
                strcat(text, top_table_at(tasks(), i)->key);
        }
        return text;
}

static void expect_shown(const char *expected) {
        cr_assert_str_eq(shown(), expected, "shown: %s", shown());
}

static void expect_selected(const char *key) {
        const TopRow *row = top_table_selected(tasks());
        cr_assert(row);
        cr_assert_str_eq(row->key, key, "selected: %s", row->key);
}

/* ---- tables ---- */

Test(top, selection_follows_its_row) {
        fill(1, 5);
        press("jj");
        expect_selected("3");
        fill(2, 9);
        expect_selected("3");
        press("i");
        expect_selected("3");
        cr_assert_eq(tasks()->selected, 6);
}

Test(top, what_takes_the_place_of_a_row_that_is_gone_is_selected) {
        fill(1, 5);
        press("jj");
        fill(4, 6);
        expect_selected("6");
        fill(8, 8);
        expect_selected("8");
        top_table_begin(tasks());
        top_table_arrange(tasks(), m->now_usec);
        cr_assert_null(top_table_selected(tasks()));
        cr_assert_null(top_model_task(m));
}

Test(top, selection_stops_at_both_ends) {
        fill(1, 3);
        press("kkk");
        expect_selected("1");
        press("jjjjj");
        expect_selected("3");
        press("g");
        expect_selected("1");
        press("G");
        expect_selected("3");
}

Test(top, an_undone_fill_leaves_what_was) {
        fill(1, 3);
        top_table_begin(tasks());
        add_task(9, "x", (TopTask){0});
        top_table_undo(tasks());
        top_table_arrange(tasks(), m->now_usec);
        expect_shown("1 2 3");
}

Test(top, scrolling_keeps_the_selected_row_on_the_screen) {
        fill(1, 100);
        for (int i = 0; i < 50; i++) {
                top_key(m, TOP_KEY_DOWN);
                top_table_scroll(tasks(), 7);
                cr_assert_leq(tasks()->offset, tasks()->selected);
                cr_assert_lt(tasks()->selected, tasks()->offset + 7);
        }
        fill(1, 5);
        top_table_scroll(tasks(), 7);
        cr_assert_eq(tasks()->offset, 0, "no row is hidden while there is room");
}

Test(top, sorts_by_every_column_and_back) {
        top_table_begin(tasks());
        add_task(1, "b", (TopTask){.started_usec = 5 * SEC, .progress = 50, .attempt = 2});
        add_task(2, "c", (TopTask){.started_usec = 3 * SEC, .progress = -1, .attempt = 1});
        add_task(3, "a", (TopTask){.started_usec = 9 * SEC, .progress = 90, .attempt = 1});
        top_table_arrange(tasks(), m->now_usec);
        expect_shown("1 2 3");
        press("ss"); /* attempts: the most first, equal ones as they came */
        expect_shown("1 2 3");
        press("s"); /* time: the longest first */
        expect_shown("2 1 3");
        press("s"); /* progress: the farthest first */
        expect_shown("3 1 2");
        press("s"); /* text */
        expect_shown("3 1 2");
        press("i");
        expect_shown("2 1 3");
        press("s"); /* around to the id, and not inverted any more */
        expect_shown("1 2 3");
        press("S");
        expect_shown("3 1 2");
}

/* ---- filter ---- */

Test(top, filters_by_any_text_of_a_row) {
        top_table_begin(tasks());
        add_task(10, "make check", (TopTask){.queue = "default"});
        add_task(21, "convert a.png", (TopTask){.queue = "Thumbs"});
        add_task(32, "true", (TopTask){.queue = "mail", .progress = 7});
        top_table_arrange(tasks(), m->now_usec);
        press("/CHECK\r");
        expect_shown("10");
        cr_assert_eq(m->mode, TOP_MODE_TABLES);
        press("/\x15thu\r");
        expect_shown("21");
        press("/\x15"
              "7%\r");
        expect_shown("32");
        top_key(m, TOP_KEY_ESCAPE);
        expect_shown("10 21 32");
}

Test(top, a_filter_is_written_with_care) {
        fill(1, 12);
        press("/1");
        expect_shown("1 10 11 12");
        top_key(m, 0xE9); /* é: two bytes, one backspace */
        cr_assert_str_eq(tasks()->filter, "1\u00e9");
        expect_shown("");
        top_key(m, TOP_KEY_BACKSPACE);
        expect_shown("1 10 11 12");
        press("0q?"); /* letters, no commands */
        cr_assert_str_eq(tasks()->filter, "10q?");
        top_key(m, TOP_KEY_ESCAPE);
        expect_shown("1 2 3 4 5 6 7 8 9 10 11 12");
        press("/");
        for (int i = 0; i < 1000; i++)
                top_key(m, i % 2 ? 0x1F600 : 'x');
        cr_assert_lt(strlen(tasks()->filter), TOP_FILTER_MAX);
        for (int i = 0; i < 1000; i++)
                top_key(m, TOP_KEY_BACKSPACE);
        cr_assert_str_eq(tasks()->filter, "");
}

/* ---- keys ---- */

static void expect_action(int key, TopActionKind kind, uint64_t id) {
        TopAction a = top_key(m, key);
        cr_assert_eq(a.kind, kind, "key %d: action %d", key, (int)a.kind);
        cr_assert_eq(a.id, id);
}

Test(top, cancels_only_after_a_yes) {
        fill(7, 9);
        press("j");
        expect_action('c', TOP_ACTION_NONE, 0);
        cr_assert_eq(m->mode, TOP_MODE_ASK);
        expect_action('\r', TOP_ACTION_NONE, 0);
        cr_assert_eq(m->mode, TOP_MODE_TABLES);
        press("c");
        fill(8, 12); /* the rows move while it is asked */
        press("");
        expect_action('y', TOP_ACTION_CANCEL, 8);
}

Test(top, cancels_what_has_not_ended_and_retries_what_has) {
        fill(1, 1);
        expect_action('r', TOP_ACTION_NONE, 0);
        cr_assert(m->message_is_bad);
        press("3");
        top_table_begin(tasks());
        add_task(4, "false", (TopTask){.state = STINT_TASK_FAILED});
        top_table_arrange(tasks(), m->now_usec);
        expect_action('c', TOP_ACTION_NONE, 0);
        cr_assert_eq(m->mode, TOP_MODE_TABLES, "there is nothing to ask");
        expect_action('r', TOP_ACTION_RETRY, 4);
}

Test(top, keys_of_tasks_say_so_where_there_is_none) {
        for (const char *key = "crl"; *key; key++) {
                m->message[0] = '\0';
                expect_action(*key, TOP_ACTION_NONE, 0);
                cr_assert(m->message[0] && m->message_is_bad);
        }
        m->pane = TOP_PANE_POOLS;
        expect_action('\r', TOP_ACTION_NONE, 0);
}

Test(top, enter_on_a_queue_shows_its_tasks_alone) {
        top_table_begin(&m->tables[TOP_QUEUES]);
        add_queue("mail", (TopQueue){.ready = 1});
        top_table_arrange(&m->tables[TOP_QUEUES], m->now_usec);
        top_key(m, TOP_KEY_TAB);
        cr_assert_eq(m->pane, TOP_PANE_QUEUES);
        expect_action('\r', TOP_ACTION_REFRESH, 0);
        cr_assert_str_eq(m->queue, "mail");
        cr_assert_eq(m->pane, TOP_PANE_TASKS);
        expect_action(TOP_KEY_ESCAPE, TOP_ACTION_REFRESH, 0);
        cr_assert_str_eq(m->queue, "");
}

Test(top, tables_of_tasks_are_a_ring) {
        for (TopTableKind k = TOP_RUNNING; k < TOP_TABLES; k++) {
                cr_assert_eq(m->tasks, k);
                expect_action(TOP_KEY_RIGHT, TOP_ACTION_REFRESH, 0);
        }
        cr_assert_eq(m->tasks, TOP_RUNNING);
        expect_action(TOP_KEY_LEFT, TOP_ACTION_REFRESH, 0);
        cr_assert_eq(m->tasks, TOP_ENDED);
}

Test(top, help_opens_scrolls_and_closes) {
        press("?");
        cr_assert_eq(m->mode, TOP_MODE_PAGE);
        cr_assert_gt(m->page.count, 10);
        top_page_fit(&m->page, 3);
        press("G");
        cr_assert_eq(m->page.offset, m->page.count - 3);
        press("q");
        cr_assert_eq(m->mode, TOP_MODE_TABLES);
        expect_action('q', TOP_ACTION_QUIT, 0);
}

/* ---- rates, numbers ---- */

Test(top, rates_approach_what_happens_and_forget) {
        double rate = 0;
        uint64_t n = 0;
        for (int i = 0; i < 200; i++, n += 50)
                rate = top_rate(rate, n, n + 50, SEC);
        cr_assert_float_eq(rate, 50, 0.1);
        for (int i = 0; i < 200; i++)
                rate = top_rate(rate, n, n, SEC);
        cr_assert_float_eq(rate, 0, 0.1);
        cr_assert_float_eq(top_rate(10, 500, 3, SEC), 0, 0.001, "a new dispatcher counts from 0");
}

Test(top, counts_take_five_cells) {
        static const struct {
                uint64_t n;
                const char *text;
        } rows[] = {{0, "0"},           {99999, "99999"},  {100000, "100k"},
                    {9999999, "9999k"}, {10000000, "10M"}, {UINT64_MAX, "18446P"}};
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char buf[24];
                cr_assert_str_eq(top_count_text(rows[i].n, buf, sizeof buf), rows[i].text);
        }
}

/* ---- layout ---- */

Test(top, every_size_of_screen_has_a_place_for_the_part_with_the_focus) {
        fill(1, 300);
        top_table_begin(&m->tables[TOP_QUEUES]);
        for (int i = 0; i < 40; i++) {
                char name[16];
                snprintf(name, sizeof name, "q%d", i);
                add_queue(name, (TopQueue){0});
        }
        top_table_arrange(&m->tables[TOP_QUEUES], m->now_usec);
        for (unsigned rows = 1; rows < 120; rows++)
                for (m->pane = 0; m->pane < TOP_PANES; m->pane++) {
                        TopLayout l;
                        top_layout(m, rows, &l);
                        unsigned next = l.head_rows;
                        for (TopPane p = 0; p < TOP_PANES; p++) {
                                next += l.tabs_row && l.tabs_row == next;
                                if (!l.panes[p].height)
                                        continue;
                                cr_assert_eq(l.panes[p].top, next, "%u rows", rows);
                                next += l.panes[p].height;
                        }
                        cr_assert(rows < 3 || next <= rows - 1, "%u rows: %u are used", rows, next);
                        if (rows >= 5 && m->pane != TOP_PANE_POOLS)
                                cr_assert_geq(l.panes[m->pane].height, 2, "%u rows", rows);
                        if (rows >= 24)
                                cr_assert_geq(l.panes[TOP_PANE_TASKS].height, 8, "%u rows", rows);
                }
}

Test(top, columns_fit_every_width) {
        fill(1, 20);
        for (TopTableKind k = 0; k < TOP_TABLES; k++)
                for (unsigned columns = 40; columns < 250; columns++) {
                        unsigned widths[TOP_COLUMNS_MAX], used = 0;
                        top_layout_columns(&m->tables[k], columns, m->now_usec, widths);
                        for (size_t i = 0; i < TOP_COLUMNS_MAX; i++)
                                used += widths[i] ? widths[i] + 1 : 0;
                        cr_assert_leq(used, columns + 1, "table %d on %u columns", k, columns);
                        cr_assert_gt(widths[0], 0);
                }
}

/* ---- output ---- */

static void expect_lines(const char *output, const char *first, const char *last) {
        top_page_clear(&m->page);
        top_page_output(&m->page, output, strlen(output), false);
        cr_assert_gt(m->page.count, 0);
        cr_assert_str_eq(m->page.lines[0], first);
        cr_assert_str_eq(m->page.lines[m->page.count - 1], last);
}

Test(top, output_is_shown_as_a_terminal_would_but_harmless) {
        expect_lines("a\nb\n", "a", "b");
        expect_lines("a\n\nb", "a", "b");
        expect_lines("a\tb\r\n", "a       b", "a       b");
        expect_lines("10%\r20%\r30%\n", "30%", "30%");
        expect_lines("\x1b[31mred\xff\n", "\\x1b[31mred\\xff", "\\x1b[31mred\\xff");
        top_page_clear(&m->page);
        top_page_output(&m->page, "ut\nwhole\n", 9, true);
        cr_assert_eq(m->page.count, 2);
        cr_assert_str_eq(m->page.lines[1], "whole");
}
