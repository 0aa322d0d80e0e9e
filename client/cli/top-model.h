/* What `stint top` shows, and where one is in it: rows of queues, pools and tasks, how they are
 * sorted and filtered, which one is selected, what is asked. Pure: no terminal, no clock, no
 * dispatcher. top-source.c fills it, top-keys.c changes it as keys say, top-draw.c draws it.
 *
 * A table keeps its selection by key, so that rows may come, go and change places under it. */
#pragma once

#include "common/macro.h"

#include <stint/stint.h>

#include <stdbool.h>

#define TOP_KEY_MAX     72
#define TOP_TEXT_MAX    512
#define TOP_FILTER_MAX  64
#define TOP_MESSAGE_MAX 320

typedef enum TopTableKind {
        TOP_QUEUES,
        TOP_POOLS,
        TOP_RUNNING,
        TOP_WAITING,
        TOP_ENDED,
        TOP_TABLES
} TopTableKind;

/* Parts of the screen; the last one shows one of the three tables of tasks. */
typedef enum TopPane { TOP_PANE_QUEUES, TOP_PANE_POOLS, TOP_PANE_TASKS, TOP_PANES } TopPane;

/* Texts of rows are escaped already. Times are of the wall clock. */
typedef struct TopQueue {
        uint64_t ready, delayed, running, held, blocked, oldest_usec;
        uint64_t succeeded, failed, cancelled, expired;
        double ends_per_sec; /* smoothed over some seconds */
} TopQueue;

typedef struct TopPool {
        char handler[TOP_KEY_MAX];
        uint64_t workers, wanted, busy, slots;
} TopPool;

typedef struct TopTask {
        uint64_t id, submitted_usec, due_usec, started_usec, ended_usec;
        StintState state;
        StintReason reason;
        int64_t code;
        int priority, progress; /* percent, -1: none told */
        unsigned attempt;
        char queue[TOP_KEY_MAX];
        char progress_text[4 * 80 + 1];
} TopTask;

typedef struct TopRow {
        char key[TOP_KEY_MAX];   /* name of the queue or pool, id of the task */
        char text[TOP_TEXT_MAX]; /* a task: its name and command; a pool: why a worker died */
        union {
                TopQueue queue;
                TopPool pool;
                TopTask task;
        };
} TopRow;

typedef struct TopTable {
        TopTableKind kind;
        TopRow *rows, *old; /* as they came; those of the time before */
        size_t count, room, old_count, old_room;
        size_t *shown, shown_count, shown_room; /* indices into rows: filtered and sorted */
        bool is_part;                           /* there are more than were asked for */
        unsigned sort;                          /* column */
        bool reversed;
        char filter[TOP_FILTER_MAX];
        char selected_key[TOP_KEY_MAX];
        size_t selected, offset; /* indices into shown; offset: the first one on the screen */
        size_t height;           /* rows on the screen; set by the layout */
} TopTable;

/* A text that fills the screen. */
typedef enum TopPageKind { TOP_PAGE_HELP, TOP_PAGE_DETAILS, TOP_PAGE_LOGS } TopPageKind;
typedef struct TopPage {
        TopPageKind kind;
        uint64_t id;
        StintStream stream;
        char title[TOP_KEY_MAX];
        char **lines;
        size_t count, room, offset, height;
        bool at_end; /* stays there as lines come */
} TopPage;

typedef enum TopMode {
        TOP_MODE_TABLES,
        TOP_MODE_PAGE,
        TOP_MODE_FILTER, /* a filter is being written */
        TOP_MODE_ASK,    /* whether asked_id is to be cancelled */
} TopMode;

/* Of the dispatcher. */
typedef struct TopHead {
        char version[TOP_KEY_MAX], instance[TOP_KEY_MAX], health[TOP_TEXT_MAX];
        uint64_t started_usec;
        double submitted_per_sec, started_per_sec, ended_per_sec;
} TopHead;

typedef struct TopModel {
        uint64_t now_usec;
        TopHead head;
        TopTable tables[TOP_TABLES];
        TopPane pane;
        TopTableKind tasks;      /* the table of the last pane */
        char queue[TOP_KEY_MAX]; /* only its tasks; "": all */
        TopMode mode;
        TopPage page;
        uint64_t asked_id;
        char filter_before[TOP_FILTER_MAX]; /* Escape brings it back */
        char message[TOP_MESSAGE_MAX];
        bool message_is_bad;
        uint64_t message_until_usec;
        uint64_t away_since_usec; /* 0: the dispatcher answers */
        char away_why[TOP_TEXT_MAX];
} TopModel;

TopModel *top_model_new(void);             /* NULL: out of memory */
TopModel *top_model_free(TopModel *model); /* accepts NULL, returns NULL */
DEFINE_CLEANUP(TopModel *, top_model_free)

/* ---- tables ---- */

/* Filling: begin, add each row, then arrange. */
void top_table_begin(TopTable *t);
void top_table_undo(TopTable *t);                    /* as it was before begin */
TopRow *top_table_add(TopTable *t, const char *key); /* zero but for its key; NULL: no memory */
/* The row of the time before, or NULL. Quick if they come in the same order. */
const TopRow *top_table_old(const TopTable *t, const char *key);
/* Filters, sorts, finds the selected row again; also after sort or filter were changed. */
void top_table_arrange(TopTable *t, uint64_t now_usec);

const TopRow *top_table_at(const TopTable *t, size_t shown); /* NULL: beyond the end */
const TopRow *top_table_selected(const TopTable *t);         /* NULL: there is no row */
void top_table_select(TopTable *t, int64_t delta);           /* stops at both ends */
/* Moves offset so that the selected row is on the screen. */
void top_table_scroll(TopTable *t, size_t height);

/* How many of its tasks ended, however they did. */
uint64_t top_queue_ends(const TopQueue *q);
/* A smoothed rate of a counter that was `before` dt_usec ago. */
double top_rate(double rate, uint64_t before, uint64_t now, uint64_t dt_usec);

/* ---- the whole ---- */

TopTable *top_model_table(TopModel *m, TopPane pane);
/* The selected task; NULL: another pane, or none. */
const TopTask *top_model_task(TopModel *m);
/* Sums over all queues. */
uint64_t top_model_running(const TopModel *m);
uint64_t top_model_waiting(const TopModel *m);

typedef enum TopMessage { TOP_MESSAGE_GOOD, TOP_MESSAGE_BAD } TopMessage;
void top_model_say(TopModel *m, TopMessage kind, const char *format, ...) _printf_(3, 4);

/* ---- pages ---- */

void top_page_clear(TopPage *p);
void top_page_line(TopPage *p, const char *format, ...) _printf_(2, 3); /* escaped already */
void top_page_scroll(TopPage *p, int64_t delta);
/* Clamps offset to a screen of that height. */
void top_page_fit(TopPage *p, size_t height);
