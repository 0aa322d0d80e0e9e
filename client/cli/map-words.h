/* The words of a map's command with an input put in: for each `{}`, wherever it stands, or else as
 * one more word at the end.
 *
 * With a shell the words are joined by blanks into one script, and an input is never part of what
 * the shell parses: it is a variable that the script's first words set, so whatever an input
 * holds, it stays one word and is never executed. `{}` becomes that variable, quoted as the place
 * in the script needs it: "{}", "$(basename {})", '{}' and $((2*{})) mean what they look like; a
 * shell that is to calculate with what is no number fails. */
#pragma once

#include "common/macro.h"

typedef enum MapWordsMode { MAP_WORDS_EXACT, MAP_WORDS_BY_SHELL } MapWordsMode;

typedef struct MapWords MapWords;

/* words must outlive it; count > 0. NULL: out of memory. */
MapWords *map_words_new(char **words, size_t count, MapWordsMode mode);
MapWords *map_words_free(MapWords *w); /* accepts NULL, returns NULL */
DEFINE_CLEANUP(MapWords *, map_words_free)

/* The argv for an input, which holds no NUL: *ret_count words, then NULL; lent until the next call.
 * NULL: out of memory. */
const char *const *map_words_fill(MapWords *w, const char *input, size_t size, size_t *ret_count);
