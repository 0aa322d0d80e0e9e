/* What keys do in `stint top`: they change the model, or ask for something that needs the
 * dispatcher or the terminal. Pure. */
#pragma once

#include "client/cli/top-model.h"

/* Characters are themselves (Unicode); the others are beyond them. */
enum {
        TOP_KEY_ENTER = '\r',
        TOP_KEY_ESCAPE = 27,
        TOP_KEY_TAB = '\t',
        TOP_KEY_REDRAW = 'L' & 31,
        TOP_KEY_ERASE_LINE = 'U' & 31,
        TOP_KEY_FIRST = 0x110000,
        TOP_KEY_UP,
        TOP_KEY_DOWN,
        TOP_KEY_LEFT,
        TOP_KEY_RIGHT,
        TOP_KEY_PAGE_UP,
        TOP_KEY_PAGE_DOWN,
        TOP_KEY_HOME,
        TOP_KEY_END,
        TOP_KEY_BACK_TAB,
        TOP_KEY_BACKSPACE,
        TOP_KEY_F1,
};

typedef enum TopActionKind {
        TOP_ACTION_NONE,
        TOP_ACTION_QUIT,
        TOP_ACTION_REDRAW,  /* all of the screen: somebody else wrote on it */
        TOP_ACTION_REFRESH, /* what is shown now was not asked for before */
        TOP_ACTION_CANCEL,
        TOP_ACTION_RETRY,
        TOP_ACTION_DETAILS,
        TOP_ACTION_LOGS,
} TopActionKind;

typedef struct TopAction {
        TopActionKind kind;
        uint64_t id;
} TopAction;

TopAction top_key(TopModel *m, int key);

/* Fills the page with the help, and shows it. */
void top_help(TopModel *m);
