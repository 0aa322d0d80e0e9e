/* See top-layout.h. */
#include "client/cli/top-layout.h"

#include <string.h>

#define LOW_ROWS    16 /* below it, one part at a time */
#define TASKS_SHARE 2  /* the tasks get at least one row in so many */

/* Gives a part what it wants of the rows that are left. */
static unsigned share(unsigned wanted, unsigned most, unsigned *left) {
        unsigned got = MIN_OF(wanted, MIN_OF(most, *left));
        if (got < 2) /* a head without a row says nothing */
                return 0;
        *left -= got;
        return got;
}

static unsigned wanted_rows(const TopTable *t) {
        return t->shown_count < 64 ? (unsigned)t->shown_count + 1 : 65;
}

static void layout_high(TopModel *m, unsigned rows, TopLayout *ret) {
        unsigned left = rows - ret->head_rows - 2; /* foot and tabs */
        unsigned upper = left - left / TASKS_SHARE, heights[TOP_PANES] = {0};
        TopPane first = m->pane == TOP_PANE_POOLS ? TOP_PANE_POOLS : TOP_PANE_QUEUES;
        TopPane second = first == TOP_PANE_POOLS ? TOP_PANE_QUEUES : TOP_PANE_POOLS;
        unsigned of_first = wanted_rows(top_model_table(m, first));
        unsigned of_second = wanted_rows(top_model_table(m, second));
        unsigned half = upper / 2;
        heights[first] = share(of_first, upper - MIN_OF(half, of_second), &upper);
        heights[second] = share(of_second, upper, &upper);
        heights[TOP_PANE_TASKS] = left - heights[first] - heights[second];
        unsigned top = ret->head_rows;
        for (TopPane p = 0; p < TOP_PANES; p++) {
                if (p == TOP_PANE_TASKS)
                        ret->tabs_row = top++;
                ret->panes[p] = (TopArea){top, heights[p]};
                top += heights[p];
        }
}

static void layout_low(TopModel *m, unsigned rows, TopLayout *ret) {
        unsigned top = ret->head_rows;
        if (m->pane == TOP_PANE_TASKS && rows > top + 4)
                ret->tabs_row = top++;
        if (rows > top + 1)
                ret->panes[m->pane] = (TopArea){top, rows - top - 1};
}

void top_layout(TopModel *m, unsigned rows, TopLayout *ret) {
        *ret = (TopLayout){.head_rows = rows < LOW_ROWS ? 1 : 2, .foot_row = rows ? rows - 1 : 0};
        if (rows < LOW_ROWS)
                layout_low(m, rows, ret);
        else
                layout_high(m, rows, ret);
        for (TopPane p = 0; p < TOP_PANES; p++)
                if (ret->panes[p].height)
                        top_table_scroll(top_model_table(m, p), ret->panes[p].height - 1);
        top_page_fit(&m->page, rows > 2 ? rows - 2 : 0);
}

/* Characters, which are cells for all that columns of a given width hold. */
static unsigned text_cells(const char *text) {
        unsigned n = 0;
        for (; *text; text++)
                n += ((unsigned char)*text & 0xC0) != 0x80;
        return n;
}

/* As wide as its widest text, over all rows, so that scrolling does not move it. */
static unsigned natural_width(const TopTable *t, const TopColumn *c, uint64_t now_usec) {
        unsigned width = c->min;
        char buf[TOP_TEXT_MAX];
        for (size_t i = 0; i < t->shown_count && width < c->max; i++) {
                const char *text = c->text(top_table_at(t, i), now_usec, buf, sizeof buf);
                unsigned bar = c->kind == TOP_COLUMN_BAR ? TOP_BAR_CELLS + 1 : 0;
                width = MAX_OF(width, text_cells(text) + (text[0] ? bar : 0));
        }
        return MIN_OF(width, c->max);
}

void top_layout_columns(const TopTable *t, unsigned columns, uint64_t now_usec,
                        unsigned ret_widths[static TOP_COLUMNS_MAX]) {
        size_t n, wide = TOP_COLUMNS_MAX;
        const TopColumn *c = top_columns(t->kind, &n);
        unsigned used = 0;
        memset(ret_widths, 0, TOP_COLUMNS_MAX * sizeof *ret_widths);
        ASSERT(n <= TOP_COLUMNS_MAX);
        for (size_t i = 0; i < n; i++) {
                if (columns < c[i].from)
                        continue;
                if (c[i].kind == TOP_COLUMN_WIDE) {
                        wide = i;
                        continue;
                }
                /* On a narrow screen nothing is wider than it must be. */
                ret_widths[i] = columns < 60 ? c[i].min : natural_width(t, &c[i], now_usec);
                used += ret_widths[i] + 1;
        }
        if (wide < n && columns > used)
                ret_widths[wide] = columns - used;
}
