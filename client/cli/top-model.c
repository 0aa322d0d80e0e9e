/* See top-model.h. */
#include "client/cli/top-model.h"

#include "client/cli/top-columns.h"
#include "common/text.h"
#include "common/time.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define RATE_USEC    (10 * USEC_PER_SEC) /* the time in which a rate forgets */
#define MESSAGE_USEC (6 * USEC_PER_SEC)

TopModel *top_model_new(void) {
        TopModel *m = calloc(1, sizeof *m);
        if (!m)
                return NULL;
        for (TopTableKind k = 0; k < TOP_TABLES; k++) {
                m->tables[k].kind = k;
                m->tables[k].sort = top_columns_default(k);
        }
        m->pane = TOP_PANE_TASKS;
        m->tasks = TOP_RUNNING;
        return m;
}

TopModel *top_model_free(TopModel *m) {
        if (!m)
                return NULL;
        for (TopTableKind k = 0; k < TOP_TABLES; k++) {
                free(m->tables[k].rows);
                free(m->tables[k].old);
                free(m->tables[k].shown);
        }
        top_page_clear(&m->page);
        free(m->page.lines);
        free(m);
        return NULL;
}

/* ---- tables ---- */

static void swap_rows(TopTable *t) {
        TopRow *rows = t->rows;
        size_t room = t->room;
        t->rows = t->old;
        t->room = t->old_room;
        t->old = rows;
        t->old_room = room;
}

void top_table_begin(TopTable *t) {
        swap_rows(t);
        t->old_count = t->count;
        t->count = t->shown_count = 0;
        t->is_part = false;
}

void top_table_undo(TopTable *t) {
        swap_rows(t);
        t->count = t->old_count;
        t->old_count = t->shown_count = 0;
}

TopRow *top_table_add(TopTable *t, const char *key) {
        if (t->count == t->room) {
                size_t room = t->room ? 2 * t->room : 16;
                TopRow *rows = reallocarray(t->rows, room, sizeof *rows);
                if (!rows)
                        return NULL;
                t->rows = rows;
                t->room = room;
        }
        TopRow *row = &t->rows[t->count++];
        *row = (TopRow){0};
        snprintf(row->key, sizeof row->key, "%s", key);
        return row;
}

const TopRow *top_table_old(const TopTable *t, const char *key) {
        size_t guess = t->count ? t->count - 1 : 0; /* the place of the row that was just added */
        for (size_t i = 0; i < t->old_count; i++) {
                const TopRow *row = &t->old[(guess + i) % t->old_count];
                if (strcmp(row->key, key) == 0)
                        return row;
        }
        return NULL;
}

static bool is_filtered_out(const TopTable *t, const TopRow *row, uint64_t now_usec) {
        if (!t->filter[0])
                return false;
        size_t n;
        const TopColumn *columns = top_columns(t->kind, &n);
        for (size_t i = 0; i < n; i++) {
                char buf[TOP_TEXT_MAX];
                if (strcasestr(columns[i].text(row, now_usec, buf, sizeof buf), t->filter))
                        return false;
        }
        return true;
}

static int compare_rows(const void *a, const void *b, void *userdata) {
        const TopTable *t = userdata;
        const TopRow *x = &t->rows[*(const size_t *)a], *y = &t->rows[*(const size_t *)b];
        size_t n;
        const TopColumn *column = &top_columns(t->kind, &n)[t->sort];
        int order = column->compare(x, y);
        if (t->reversed != column->falling)
                order = -order;
        return order ? order : *(const size_t *)a < *(const size_t *)b ? -1 : 1;
}

/* The selection follows its row; when that is gone, what took its place is selected. */
static void find_selected(TopTable *t) {
        for (size_t i = 0; t->selected_key[0] && i < t->shown_count; i++)
                if (strcmp(t->rows[t->shown[i]].key, t->selected_key) == 0) {
                        t->selected = i;
                        return;
                }
        t->selected = t->shown_count ? MIN_OF(t->selected, t->shown_count - 1) : 0;
        if (t->shown_count)
                memcpy(t->selected_key, t->rows[t->shown[t->selected]].key, TOP_KEY_MAX);
}

void top_table_arrange(TopTable *t, uint64_t now_usec) {
        t->shown_count = 0;
        if (t->count > t->shown_room) {
                size_t *shown = reallocarray(t->shown, t->room, sizeof *shown);
                if (!shown)
                        return;
                t->shown = shown;
                t->shown_room = t->room;
        }
        for (size_t i = 0; i < t->count; i++)
                if (!is_filtered_out(t, &t->rows[i], now_usec))
                        t->shown[t->shown_count++] = i;
        if (t->shown_count)
                qsort_r(t->shown, t->shown_count, sizeof *t->shown, compare_rows, t);
        find_selected(t);
}

const TopRow *top_table_at(const TopTable *t, size_t shown) {
        return shown < t->shown_count ? &t->rows[t->shown[shown]] : NULL;
}

const TopRow *top_table_selected(const TopTable *t) {
        return top_table_at(t, t->selected);
}

void top_table_select(TopTable *t, int64_t delta) {
        if (!t->shown_count)
                return;
        int64_t last = (int64_t)t->shown_count - 1, at = (int64_t)t->selected;
        at = delta > last - at ? last : delta < -at ? 0 : at + delta;
        t->selected = (size_t)at;
        memcpy(t->selected_key, top_table_selected(t)->key, TOP_KEY_MAX);
}

void top_table_scroll(TopTable *t, size_t height) {
        t->height = height;
        if (t->selected < t->offset)
                t->offset = t->selected;
        if (height && t->selected >= t->offset + height)
                t->offset = t->selected - height + 1;
        if (t->offset + height > t->shown_count)
                t->offset = t->shown_count > height ? t->shown_count - height : 0;
}

uint64_t top_queue_ends(const TopQueue *q) {
        return q->succeeded + q->failed + q->cancelled + q->expired;
}

double top_rate(double rate, uint64_t before, uint64_t now, uint64_t dt_usec) {
        if (now < before || !dt_usec) /* another dispatcher counts from zero */
                return 0;
        double dt = (double)dt_usec, current = (double)(now - before) * USEC_PER_SEC / dt;
        return rate + (current - rate) * dt / (dt + RATE_USEC);
}

/* ---- the whole ---- */

TopTable *top_model_table(TopModel *m, TopPane pane) {
        return &m->tables[pane == TOP_PANE_QUEUES  ? TOP_QUEUES
                          : pane == TOP_PANE_POOLS ? TOP_POOLS
                                                   : m->tasks];
}

const TopTask *top_model_task(TopModel *m) {
        if (m->pane != TOP_PANE_TASKS)
                return NULL;
        const TopRow *row = top_table_selected(&m->tables[m->tasks]);
        return row ? &row->task : NULL;
}

uint64_t top_model_running(const TopModel *m) {
        const TopTable *t = &m->tables[TOP_QUEUES];
        uint64_t n = 0;
        for (size_t i = 0; i < t->count; i++)
                n += t->rows[i].queue.running;
        return n;
}

uint64_t top_model_waiting(const TopModel *m) {
        const TopTable *t = &m->tables[TOP_QUEUES];
        uint64_t n = 0;
        for (size_t i = 0; i < t->count; i++) {
                const TopQueue *q = &t->rows[i].queue;
                n += q->ready + q->delayed + q->held + q->blocked;
        }
        return n;
}

void top_model_say(TopModel *m, TopMessage kind, const char *format, ...) {
        char text[TOP_MESSAGE_MAX];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        text_escape(text, strlen(text), m->message, sizeof m->message);
        m->message_is_bad = kind == TOP_MESSAGE_BAD;
        m->message_until_usec = m->now_usec + MESSAGE_USEC;
}

/* ---- pages ---- */

void top_page_clear(TopPage *p) {
        for (size_t i = 0; i < p->count; i++)
                free(p->lines[i]);
        p->count = 0;
}

void top_page_line(TopPage *p, const char *format, ...) {
        char *line = NULL;
        if (p->count == p->room) {
                size_t room = p->room ? 2 * p->room : 64;
                char **lines = reallocarray(p->lines, room, sizeof *lines);
                if (!lines)
                        return;
                p->lines = lines;
                p->room = room;
        }
        va_list args;
        va_start(args, format);
        int n = vasprintf(&line, format, args);
        va_end(args);
        if (n >= 0)
                p->lines[p->count++] = line;
}

void top_page_scroll(TopPage *p, int64_t delta) {
        int64_t last = p->count > p->height ? (int64_t)(p->count - p->height) : 0;
        int64_t at = (int64_t)p->offset;
        at = delta > last - at ? last : delta < -at ? 0 : at + delta;
        p->offset = (size_t)at;
        p->at_end = at == last;
}

void top_page_fit(TopPage *p, size_t height) {
        size_t last = p->count > height ? p->count - height : 0;
        p->height = height;
        if (p->at_end && p->kind == TOP_PAGE_LOGS)
                p->offset = last;
        p->offset = MIN_OF(p->offset, last);
}
