/* Where the parts of the screen of `stint top` are, for any size of it. Pure. */
#pragma once

#include "client/cli/top-columns.h"

/* A head of titles and rows below it. rows 0 and no head: there is no room for the part. */
typedef struct TopArea {
        unsigned top, height; /* height with its head; 0: not shown */
} TopArea;

typedef struct TopLayout {
        unsigned head_rows; /* 1 or 2, at the top */
        TopArea panes[TOP_PANES];
        unsigned tabs_row; /* which tasks are shown; above the last pane; 0: no room */
        unsigned foot_row;
} TopLayout;

/* Shares rows among the parts: what has the focus first, and the tasks get what the others leave.
 * On a low screen only the part with the focus is shown. */
void top_layout(TopModel *m, unsigned rows, TopLayout *ret);

#define TOP_COLUMNS_MAX 16
/* Widths of the columns of a table on a screen so wide; 0: left out. One cell is between them. */
void top_layout_columns(const TopTable *t, unsigned columns, uint64_t now_usec,
                        unsigned ret_widths[static TOP_COLUMNS_MAX]);
