/* The terminal as `stint top` uses it: cells, keys, and a clean end. ncurses behind it is loaded
 * when the screen is opened, since all other commands start faster without it, and keeps what the
 * terminal shows, so that only what differs is written. */
#pragma once

#include "common/error.h"

#include <stdbool.h>

typedef struct TopScreen TopScreen;

typedef enum TopStyle {
        TOP_STYLE_PLAIN,
        TOP_STYLE_DIM,
        TOP_STYLE_STRONG,
        TOP_STYLE_RUNNING, /* as TopTone */
        TOP_STYLE_GOOD,
        TOP_STYLE_WARNING,
        TOP_STYLE_BAD,
        TOP_STYLE_BAR,      /* the filled part of one */
        TOP_STYLE_TITLE,    /* of a part of the screen */
        TOP_STYLE_FOCUS,    /* of the part that keys go to */
        TOP_STYLE_SELECTED, /* the row that keys go to */
} TopStyle;

typedef enum TopColors { TOP_COLORS_NONE, TOP_COLORS_WANTED } TopColors;
typedef enum TopAlign { TOP_ALIGN_LEFT, TOP_ALIGN_RIGHT } TopAlign;

/* Takes stdin and stdout, which must be a terminal, over. 0, or -code with error set. */
int top_screen_open(TopColors colors, Error *error, TopScreen **ret);
TopScreen *top_screen_free(TopScreen *s); /* gives the terminal back; accepts NULL, returns NULL */
DEFINE_CLEANUP(TopScreen *, top_screen_free)

/* As of the last look; top_screen_measure looks again. At least 1 each. */
unsigned top_screen_rows(const TopScreen *s);
unsigned top_screen_columns(const TopScreen *s);
void top_screen_measure(TopScreen *s);
/* May it show more than ASCII? */
bool top_screen_is_utf8(const TopScreen *s);

/* Drawing: begin, put, end. Whatever is outside the screen is left out. */
void top_screen_begin(TopScreen *s);
/* Exactly `width` cells: the text cut with an ellipsis, or filled with blanks. */
void top_screen_put(TopScreen *s, unsigned row, unsigned column, unsigned width, TopAlign align,
                    TopStyle style, const char *text);
void top_screen_end(TopScreen *s);
/* Everything again at the next end. */
void top_screen_forget(TopScreen *s);

/* The next key (see top-keys.h) without waiting; 0: none. */
int top_screen_key(TopScreen *s);

/* The terminal as it was before, for as long as somebody else has it; then ours again. */
void top_screen_leave(TopScreen *s);
void top_screen_return(TopScreen *s);
