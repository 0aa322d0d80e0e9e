/* Which tasks are meant: `7`, `7-12`, `3,5,9`, `last`, `all`, a state, `queue:NAME`, `name:NAME`,
 * `label:KEY=VALUE`. Parsing only; see selection.h for what they stand for. */
#pragma once

#include "common/error.h"
#include "common/wire.h"

typedef struct SelectorList {
        WireSelector *items; /* texts point into the words */
        size_t count;
} SelectorList;

/* Parses words; a word with commas becomes several selectors. 0, or -EXIT_USAGE. */
int selectors_parse(char *const *words, size_t n, SelectorList *ret, Error *error);
void selectors_done(SelectorList *l);

/* A comma-separated list of names of states as a mask of 1 << TaskState. 0, or -EINVAL. */
int states_parse(const char *text, uint64_t *ret_mask);
