/* See top-draw.h. */
#include "client/cli/top-draw.h"

#include "client/cli/top-columns.h"
#include "client/cli/top-layout.h"
#include "common/time.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

/* A line that is put together from left to right. */
typedef struct Pen {
        TopScreen *screen;
        unsigned row, column;
} Pen;

static unsigned cells_of(const char *text) {
        unsigned n = 0;
        for (; *text; text++)
                n += ((unsigned char)*text & 0xC0) != 0x80;
        return n;
}

static void write_text(Pen *p, TopStyle style, const char *text) {
        unsigned width = cells_of(text);
        top_screen_put(p->screen, p->row, p->column, width, TOP_ALIGN_LEFT, style, text);
        p->column += width;
}

static void write_line(TopScreen *s, unsigned row, TopStyle style, const char *text) {
        top_screen_put(s, row, 0, top_screen_columns(s), TOP_ALIGN_LEFT, style, text);
}

/* ---- tables ---- */

static TopStyle style_of_tone(TopTone tone) {
        static const TopStyle styles[] = {
                [TOP_TONE_PLAIN] = TOP_STYLE_PLAIN,     [TOP_TONE_DIM] = TOP_STYLE_DIM,
                [TOP_TONE_RUNNING] = TOP_STYLE_RUNNING, [TOP_TONE_GOOD] = TOP_STYLE_GOOD,
                [TOP_TONE_WARNING] = TOP_STYLE_WARNING, [TOP_TONE_BAD] = TOP_STYLE_BAD,
        };
        return styles[tone];
}

/* The bar alone: full, partly full and empty cells. */
static const char *bar_text(const TopScreen *s, int percent, char *buf, size_t size) {
        int full = (percent * TOP_BAR_CELLS + 50) / 100;
        buf[0] = '\0';
        for (int i = 0; i < TOP_BAR_CELLS; i++) {
                const char *cell = top_screen_is_utf8(s) ? (i < full ? "\u2588" : "\u2591")
                                                         : (i < full ? "#" : "-");
                strncat(buf, cell, size - strlen(buf) - 1);
        }
        return buf;
}

static void draw_cell(TopScreen *s, const TopColumn *c, const TopRow *row, uint64_t now_usec,
                      Pen at, unsigned width, bool selected) {
        char buf[TOP_TEXT_MAX], bar[4 * TOP_BAR_CELLS + 1];
        const char *text = c->text(row, now_usec, buf, sizeof buf);
        TopStyle style = selected  ? TOP_STYLE_SELECTED
                         : c->tone ? style_of_tone(c->tone(row))
                                   : TOP_STYLE_PLAIN;
        int percent = c->percent ? c->percent(row) : -1;
        if (percent >= 0 && width > TOP_BAR_CELLS) {
                top_screen_put(s, at.row, at.column, TOP_BAR_CELLS + 1, TOP_ALIGN_LEFT,
                               selected ? TOP_STYLE_SELECTED : TOP_STYLE_BAR,
                               bar_text(s, percent, bar, sizeof bar));
                at.column += TOP_BAR_CELLS + 1;
                width -= TOP_BAR_CELLS + 1;
        }
        top_screen_put(s, at.row, at.column, width,
                       c->kind == TOP_COLUMN_RIGHT ? TOP_ALIGN_RIGHT : TOP_ALIGN_LEFT, style, text);
}

/* The titles; the one that is sorted by has an arrow, the first one the filter, which of tasks is
 * told elsewhere. */
static void draw_titles(TopScreen *s, const TopTable *t, unsigned row, const unsigned *widths,
                        TopStyle style) {
        size_t n;
        unsigned column = 0;
        const TopColumn *c = top_columns(t->kind, &n);
        write_line(s, row, style, "");
        for (size_t i = 0; i < n; i++) {
                if (!widths[i])
                        continue;
                char title[TOP_FILTER_MAX + 32];
                bool falls = t->reversed != c[i].falling;
                const char *arrow = i != t->sort            ? ""
                                    : top_screen_is_utf8(s) ? (falls ? "\u25be" : "\u25b4")
                                                            : (falls ? "v" : "^");
                bool tells = i == 0 && t->kind < TOP_RUNNING && t->filter[0];
                snprintf(title, sizeof title, "%s%s%s%s", c[i].title, arrow, tells ? " /" : "",
                         tells ? t->filter : "");
                bool right = c[i].kind == TOP_COLUMN_RIGHT;
                unsigned width = MAX_OF(widths[i], right ? cells_of(title) : 0u);
                unsigned more = width - widths[i]; /* into the gap before it */
                if (more > column)
                        more = width = 0;
                top_screen_put(s, row, column - more, width,
                               right ? TOP_ALIGN_RIGHT : TOP_ALIGN_LEFT, style, title);
                column += widths[i] + 1;
        }
}

static const char *empty_text(const TopModel *m, const TopTable *t) {
        static const char *const texts[TOP_TABLES] = {
                [TOP_QUEUES] = "no queue",         [TOP_POOLS] = "no pool",
                [TOP_RUNNING] = "no task runs",    [TOP_WAITING] = "no task waits",
                [TOP_ENDED] = "no task has ended",
        };
        bool hidden = t->filter[0] || (m->queue[0] && t->kind >= TOP_RUNNING);
        return t->filter[0] && t->count ? "nothing matches the filter (Esc shows all)"
               : hidden                 ? "none here (Esc shows all)"
                                        : texts[t->kind];
}

static void draw_table(TopScreen *s, const TopModel *m, const TopTable *t, TopArea area,
                       bool focused) {
        size_t n;
        unsigned widths[TOP_COLUMNS_MAX];
        const TopColumn *c = top_columns(t->kind, &n);
        if (!area.height)
                return;
        top_layout_columns(t, top_screen_columns(s), m->now_usec, widths);
        draw_titles(s, t, area.top, widths, focused ? TOP_STYLE_FOCUS : TOP_STYLE_TITLE);
        if (!t->shown_count && area.height > 1)
                write_line(s, area.top + 1, TOP_STYLE_DIM, empty_text(m, t));
        for (unsigned i = 0; i + 1 < area.height; i++) {
                const TopRow *row = top_table_at(t, t->offset + i);
                bool selected = focused && row && t->offset + i == t->selected;
                Pen at = {s, area.top + 1 + i, 0};
                if (selected)
                        write_line(s, at.row, TOP_STYLE_SELECTED, "");
                for (size_t k = 0; row && k < n; k++) {
                        if (!widths[k])
                                continue;
                        draw_cell(s, &c[k], row, m->now_usec, at, widths[k], selected);
                        at.column += widths[k] + 1;
                }
        }
}

/* ---- lines ---- */

static void draw_head(TopScreen *s, const TopModel *m, unsigned rows) {
        char text[TOP_TEXT_MAX + 96], up[64], clock[16];
        const TopHead *h = &m->head;
        struct tm tm;
        time_t sec = (time_t)(m->now_usec / USEC_PER_SEC);
        uint64_t age = m->now_usec > h->started_usec ? m->now_usec - h->started_usec : 0;
        localtime_r(&sec, &tm);
        strftime(clock, sizeof clock, "%H:%M:%S", &tm);
        snprintf(text, sizeof text, "stint %s, %s instance, up %s", h->version, h->instance,
                 duration_format_brief(age - age % USEC_PER_SEC, up, sizeof up));
        write_line(s, 0, TOP_STYLE_STRONG, text);
        if (top_screen_columns(s) > cells_of(text) + 9)
                top_screen_put(s, 0, top_screen_columns(s) - 8, 8, TOP_ALIGN_RIGHT,
                               TOP_STYLE_STRONG, clock);
        bool is_well = strcmp(h->health, "ok") == 0;
        if (m->away_since_usec) {
                uint64_t away = m->now_usec - MIN_OF(m->away_since_usec, m->now_usec);
                snprintf(text, sizeof text, "no answer for %s: %s",
                         duration_format_brief(away - away % USEC_PER_SEC, up, sizeof up),
                         m->away_why);
                write_line(s, rows - 1, TOP_STYLE_WARNING, text);
        } else if (!is_well) {
                write_line(s, rows - 1, TOP_STYLE_BAD, h->health);
        } else if (rows > 1) {
                snprintf(text, sizeof text, "per second: %.1f submitted, %.1f started, %.1f ended",
                         h->submitted_per_sec, h->started_per_sec, h->ended_per_sec);
                write_line(s, 1, TOP_STYLE_PLAIN, text);
        }
}

static void draw_tab(Pen *p, const TopModel *m, TopTableKind kind, const char *name,
                     const char *count) {
        char text[96];
        snprintf(text, sizeof text, " %d %s%s%s ", (int)(kind - TOP_RUNNING) + 1, name,
                 count[0] ? " " : "", count);
        write_text(p, m->tasks == kind ? TOP_STYLE_STRONG : TOP_STYLE_DIM, text);
}

static void draw_tabs(TopScreen *s, const TopModel *m, unsigned row) {
        char text[TOP_TEXT_MAX], count[24];
        const TopTable *t = &m->tables[m->tasks];
        Pen p = {s, row, 0};
        top_count_text(top_model_running(m), count, sizeof count);
        draw_tab(&p, m, TOP_RUNNING, "running", count);
        top_count_text(top_model_waiting(m), count, sizeof count);
        draw_tab(&p, m, TOP_WAITING, "waiting", count);
        draw_tab(&p, m, TOP_ENDED, "ended", "");
        if (m->queue[0]) {
                snprintf(text, sizeof text, " queue %s", m->queue);
                write_text(&p, TOP_STYLE_WARNING, text);
        }
        if (t->filter[0]) {
                snprintf(text, sizeof text, " filter %s", t->filter);
                write_text(&p, TOP_STYLE_WARNING, text);
        }
        if (t->is_part) {
                snprintf(text, sizeof text, " the newest %s",
                         top_count_text(t->count, count, sizeof count));
                write_text(&p, TOP_STYLE_DIM, text);
        }
}

/* Keys by what they are pressed for, as many as fit. */
static void draw_hints(TopScreen *s, unsigned row, const char *const (*hints)[2]) {
        Pen p = {s, row, 0};
        for (; (*hints)[0]; hints++) {
                unsigned width = cells_of((*hints)[0]) + cells_of((*hints)[1]) + 1;
                if (p.column + width > top_screen_columns(s))
                        return;
                write_text(&p, TOP_STYLE_STRONG, (*hints)[0]);
                p.column++;
                write_text(&p, TOP_STYLE_DIM, (*hints)[1]);
                p.column += 2;
        }
}

static void draw_question(TopScreen *s, const TopModel *m, unsigned row) {
        char text[TOP_TEXT_MAX + 64], key[24];
        const char *what = "";
        snprintf(key, sizeof key, "%" PRIu64, m->asked_id);
        for (size_t i = 0; i < m->tables[m->tasks].count; i++)
                if (strcmp(m->tables[m->tasks].rows[i].key, key) == 0)
                        what = m->tables[m->tasks].rows[i].text;
        snprintf(text, sizeof text, "Cancel task %s? [y/N] (%s)", key, what);
        write_line(s, row, TOP_STYLE_WARNING, text);
}

static void draw_foot(TopScreen *s, TopModel *m, unsigned row) {
        static const char *const hints[][2] = {
                {"q", "quit"},   {"?", "help"},  {"Tab", "part"}, {"/", "filter"},   {"s", "sort"},
                {"c", "cancel"}, {"r", "retry"}, {"l", "logs"},   {"Enter", "show"}, {NULL, NULL},
        };
        char text[TOP_TEXT_MAX];
        if (m->mode == TOP_MODE_ASK) {
                draw_question(s, m, row);
        } else if (m->mode == TOP_MODE_FILTER) {
                snprintf(text, sizeof text, "/%s%s", top_model_table(m, m->pane)->filter,
                         top_screen_is_utf8(s) ? "\u2588" : "_");
                write_line(s, row, TOP_STYLE_STRONG, text);
        } else if (m->message[0] && m->now_usec < m->message_until_usec) {
                write_line(s, row, m->message_is_bad ? TOP_STYLE_BAD : TOP_STYLE_GOOD, m->message);
        } else {
                draw_hints(s, row, hints);
        }
}

/* ---- pages ---- */

static void draw_page(TopScreen *s, TopModel *m) {
        static const char *const help[][2] = {{"q", "back"}, {NULL, NULL}};
        static const char *const details[][2] = {
                {"q", "back"}, {"l", "logs"}, {"Up Down", "move"}, {NULL, NULL}};
        static const char *const logs[][2] = {{"q", "back"},
                                              {"e", "other stream"},
                                              {"Enter", "show"},
                                              {"End", "follow"},
                                              {NULL, NULL}};
        static const char *const(*const hints[])[2] = {
                [TOP_PAGE_HELP] = help, [TOP_PAGE_DETAILS] = details, [TOP_PAGE_LOGS] = logs};
        const TopPage *p = &m->page;
        unsigned rows = top_screen_rows(s);
        write_line(s, 0, TOP_STYLE_FOCUS, p->title);
        for (size_t i = 0; i < p->height && p->offset + i < p->count; i++)
                write_line(s, (unsigned)i + 1, TOP_STYLE_PLAIN, p->lines[p->offset + i]);
        if (m->message[0] && m->now_usec < m->message_until_usec)
                write_line(s, rows - 1, m->message_is_bad ? TOP_STYLE_BAD : TOP_STYLE_GOOD,
                           m->message);
        else
                draw_hints(s, rows - 1, hints[p->kind]);
}

void top_draw(TopScreen *s, TopModel *m) {
        TopLayout layout;
        top_layout(m, top_screen_rows(s), &layout);
        top_screen_begin(s);
        if (m->mode == TOP_MODE_PAGE) {
                draw_page(s, m);
        } else {
                draw_head(s, m, layout.head_rows);
                for (TopPane p = 0; p < TOP_PANES; p++)
                        draw_table(s, m, top_model_table(m, p), layout.panes[p], p == m->pane);
                if (layout.tabs_row)
                        draw_tabs(s, m, layout.tabs_row);
                draw_foot(s, m, layout.foot_row);
        }
        top_screen_end(s);
}
