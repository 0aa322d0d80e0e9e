/* Text for people that is broken at blanks, so that it fits the terminal. */
#pragma once

#include <stddef.h>

typedef struct Wrap {
        size_t indent; /* columns before every line but the first */
        size_t width;  /* columns of a line with its indent */
        size_t column; /* where the cursor is; set it where a line has begun already */
} Wrap;

/* As wide as the terminal, at most `most` columns; 80 where there is none. */
size_t wrap_width(size_t most);

/* A word, which is not broken itself: behind a blank or on a line of its own. Nothing has printed
 * to the line since but these functions. */
void wrap_word(Wrap *w, const char *word);
/* Its words; an empty line begins a new paragraph. */
void wrap_text(Wrap *w, const char *text);
void wrap_end(Wrap *w); /* ends the line, if one has begun */
