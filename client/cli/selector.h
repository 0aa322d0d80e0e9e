/* Which tasks are meant: `7`, `7-12`, `3,5,9`, `last`, `all`, a state, `queue:NAME`, `name:NAME`,
 * `group:NAME`, `label:KEY=VALUE`. Parsing only; see selection.h for what they stand for. */
#pragma once

#include "common/error.h"

#include <stint/stint.h>

/* For the help of commands that take selectors. */
#define SELECTOR_HELP                                                                              \
        "A SELECTOR is an id, 7-12, 3,5,9, last, all, a state, queue:NAME, name:NAME,\n"           \
        "group:NAME or label:KEY=VALUE."

typedef struct SelectorList {
        StintSelector *items; /* texts point into the words */
        size_t count;
} SelectorList;

/* Parses words; a word with commas becomes several selectors. 0, or -EXIT_USAGE. */
int selectors_parse(char *const *words, size_t n, SelectorList *ret, Error *error);
void selectors_done(SelectorList *l);

/* A comma-separated list of names of states as a mask of 1 << StintState. NULL, or what is wrong,
 * with the nearest name; valid until the next call. */
const char *states_set(const char *text, uint64_t *ret_mask);

#define STATES_ALL 0u
#define STATES_UNENDED                                                                             \
        (1u << STINT_BLOCKED | 1u << STINT_DELAYED | 1u << STINT_HELD | 1u << STINT_READY |        \
         1u << STINT_RUNNING)
#define STATES_ENDED                                                                               \
        (1u << STINT_SUCCEEDED | 1u << STINT_TASK_FAILED | 1u << STINT_CANCELLED |                 \
         1u << STINT_EXPIRED)
