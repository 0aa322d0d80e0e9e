/* What could stand where a word is being typed: for the shells' completions, which ask
 * `stint _complete` at every press of the key (client/completions).
 *
 * complete.c reads the line by the same tables as the parser. The word that stands for a value in
 * the help (`--queue QUEUE`, `stint cancel SELECTOR…`) says what to offer: complete-values.c. */
#pragma once

#include "client/cli/command.h"

typedef struct Completion {
        GeneralOptions general;
        const Command *command; /* whose line it is; NULL: none is named yet */
        const char *word;       /* that is typed; "" at its beginning */
        size_t kept;            /* bytes of it before the value: "--state=", "3,5," */
} Completion;

/* Prints one, if it begins as the word does. description: NULL for none; escaped. */
void candidate_print(const Completion *c, const char *value, const char *description);

/* Prints what placeholder stands for: "QUEUE", "FILE|-", "all|none|NAME[=V]", "[SELECTOR…]". */
void placeholder_complete(const Completion *c, const char *placeholder);

/* Every word that placeholder_complete knows, also those that stand for free text; NULL: no more.
 */
const char *placeholder_word(size_t index);
