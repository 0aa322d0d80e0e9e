/* `stint _complete -- WORD…`: what could stand in place of the last WORD; the others are what
 * stands between `stint` and it.
 *
 * The first line of the answer tells the shell what to do: `words` (the lines below are all),
 * `files`, `directories` (and the lines below), or `command N`: from WORD N, counted from 0, it is
 * another command's line, to be completed as that. Each further line is a whole word, a tab, and
 * what it means. Nobody waits for completions: whatever fails, there are none, and no complaint. */
#include "client/cli/complete.h"

#include <string.h>

typedef struct Line {
        Completion at;
        char **words;
        size_t operands, first_operand; /* of the command; index of the first */
        const Option *lacking;          /* its value comes next */
        bool ended;                     /* no options any more */
        bool lost;                      /* there is no such command */
} Line;

static const Option *find_in(const OptionGroup *g, const char *name, size_t size, char letter) {
        for (size_t i = 0; i < g->count; i++) {
                const Option *o = &g->options[i];
                if (letter ? o->letter == letter
                           : strlen(o->name) == size && memcmp(o->name, name, size) == 0)
                        return o;
        }
        return NULL;
}

/* The groups of options that may stand here; NULL behind the last. */
static const OptionGroup *group_at(const Line *l, size_t index) {
        if (index == 0)
                return &general_options;
        if (!l->at.command)
                return index == 1 ? &leading_options : NULL;
        return index <= ARRAY_SIZE(l->at.command->groups) ? l->at.command->groups[index - 1] : NULL;
}

/* By its name, or by its letter if that is not 0. What is general takes effect: it may say which
 * dispatcher to ask. */
static const Option *find_option(const Line *l, const char *name, size_t size, char letter) {
        const OptionGroup *g;
        const Option *o = NULL;
        for (size_t i = 0; !o && (g = group_at(l, i)); i++)
                o = find_in(g, name, size, letter);
        return o;
}

static void take_general(Line *l, const Option *o, const char *value) {
        if (o >= general_options.options && o < general_options.options + general_options.count)
                o->set(&l->at.general, value);
}

static void read_option(Line *l, const char *word) {
        bool is_long = word[1] == '-';
        const char *name = word + 1 + is_long;
        size_t size = is_long ? strcspn(name, "=") : strlen(name);
        for (size_t i = 0; i < (is_long ? 1 : size); i++) {
                const Option *o = find_option(l, name, size, is_long ? '\0' : name[i]);
                if (!o)
                        return;
                const char *value = is_long ? name + size + (name[size] == '=') : name + i + 1;
                if (!o->metavar || *value)
                        take_general(l, o, o->metavar ? value : NULL);
                else
                        l->lacking = o;
                if (o->metavar)
                        return;
        }
}

static void read_operand(Line *l, size_t index) {
        if (!l->at.command) {
                l->at.command = command_find(l->words[index]);
                l->lost = !l->at.command;
                l->ended = false;
                return;
        }
        if (!l->operands++)
                l->first_operand = index;
        l->ended |= l->at.command->operands == OPERANDS_END_OPTIONS;
}

static void read_word(Line *l, size_t index) {
        const char *word = l->words[index];
        if (l->lacking) {
                take_general(l, l->lacking, word);
                l->lacking = NULL;
        } else if (l->ended || word[0] != '-' || !word[1]) {
                read_operand(l, index);
        } else if (strcmp(word, "--") == 0) {
                l->ended = true;
        } else {
                read_option(l, word);
        }
}

static void complete_option(Line *l) {
        const char *word = l->at.word, *value = strchr(word, '=');
        const OptionGroup *g;
        if (value && word[1] == '-') {
                const Option *o = find_option(l, word + 2, (size_t)(value - word) - 2, '\0');
                l->at.kept = (size_t)(value - word) + 1;
                placeholder_complete(&l->at, o && o->metavar ? o->metavar : "");
                return;
        }
        puts("words");
        for (size_t i = 0; (g = group_at(l, i)); i++)
                for (size_t k = 0; k < g->count; k++) {
                        char name[64];
                        snprintf(name, sizeof name, "--%s", g->options[k].name);
                        candidate_print(&l->at, name, g->options[k].help);
                        snprintf(name, sizeof name, "-%c", g->options[k].letter);
                        if (g->options[k].letter)
                                candidate_print(&l->at, name, g->options[k].help);
                }
}

/* The word of the synopsis for the operand; the last one may be repeated. */
static void complete_operand(const Line *l) {
        char synopsis[256], *saved, found[64] = "";
        size_t left = l->operands + 1;
        snprintf(synopsis, sizeof synopsis, "%s", l->at.command->synopsis);
        for (char *w = strtok_r(synopsis, " ", &saved); w; w = strtok_r(NULL, " ", &saved)) {
                if (w[0] == '-' || strncmp(w, "[-", 2) == 0 || strncmp(w, "[OPTION", 7) == 0)
                        continue;
                snprintf(found, sizeof found, "%s", w);
                if (!--left)
                        break;
        }
        bool repeated = strstr(found, "…");
        placeholder_complete(&l->at, left && !repeated ? "" : found);
}

/* Behind `:::` of map come inputs, which are files more often than not. */
static bool in_inputs(const Line *l, size_t count) {
        for (size_t i = l->first_operand; i < count && strstr(l->at.command->synopsis, ":::"); i++)
                if (strcmp(l->words[i], ":::") == 0)
                        return true;
        return false;
}

static int complete_run(Invocation *x, Error *error) {
        if (!x->operand_count)
                return 0;
        size_t last = x->operand_count - 1;
        Line l = {.words = x->operands, .at = {.general = x->general, .word = x->operands[last]}};
        for (size_t i = 0; i < last && !l.lost; i++)
                read_word(&l, i);
        if (l.lost)
                puts("words");
        else if (l.lacking)
                placeholder_complete(&l.at, l.lacking->metavar);
        else if (!l.ended && l.at.word[0] == '-')
                complete_option(&l);
        else if (!l.at.command)
                placeholder_complete(&l.at, "COMMAND");
        else if (l.at.command->operands != OPERANDS_END_OPTIONS)
                complete_operand(&l);
        else if (l.operands && in_inputs(&l, last))
                placeholder_complete(&l.at, "FILE");
        else
                printf("command %zu\n", l.operands ? l.first_operand : last);
        return 0;
}

const Command command__complete = {
        .name = "_complete",
        .summary = "what could stand in place of the last word, for shells",
        .synopsis = "-- WORD…",
        .examples = {"stint _complete -- list --sta"},
        .operands = OPERANDS_END_OPTIONS,
        .hidden = true,
        .run = complete_run,
};
