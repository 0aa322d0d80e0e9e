/* See map-words.h. */
#include "client/cli/map-words.h"

#include "common/macro.h"

#include <stdbool.h>
#include <string.h>

#define PLACE    "{}"
#define VARIABLE "stint_input"
#define NUMBER   "stint_number" /* the same where the shell calculates */
#define DEPTH    64 /* of quotes and substitutions within each other that are told apart */

/* Text that grows; what does not fit any more sets failed. */
typedef struct Growing {
        char *data;
        size_t size, alloc;
        bool failed;
} Growing;

struct MapWords {
        char **words;
        size_t count;
        MapWordsMode mode;
        bool has_place, calculates;
        Growing script; /* by a shell: with the variable in place */
        Growing text;   /* of the words that were filled last */
        const char **argv;
        size_t *offsets; /* into text, by word */
};

static void grow(Growing *g, const char *data, size_t size) {
        if (g->failed || !size)
                return;
        if (g->size + size > g->alloc) {
                size_t alloc = MAX_OF(2 * g->alloc, g->size + size + 256);
                char *more = realloc(g->data, alloc);
                if (!more) {
                        g->failed = true;
                        return;
                }
                g->data = more;
                g->alloc = alloc;
        }
        memcpy(g->data + g->size, data, size);
        g->size += size;
}

static void grow_text(Growing *g, const char *text) {
        grow(g, text, strlen(text));
}

/* ---- scripts ---- */

/* Where in a script we are, as far as quoting goes: what is open, innermost last. A place that is
 * misjudged, in a here-document say, may split an input into words, but never executes it. */
typedef struct Quoting {
        char open[DEPTH]; /* '"', '\'', '(' for what is read as code until its ')', or '#' for what
                             is calculated until then */
        size_t depth;
} Quoting;

static char innermost(const Quoting *q) {
        return q->depth ? q->open[q->depth - 1] : '(';
}

static void enter(Quoting *q, char what) {
        if (q->depth < DEPTH)
                q->open[q->depth++] = what;
}

static void leave(Quoting *q) {
        if (q->depth)
                q->depth--;
}

/* Goes past what at begins with; returns how many bytes that is. */
static size_t quoting_step(Quoting *q, const char *at) {
        char in = innermost(q);
        if (in == '\'') {
                if (*at == '\'')
                        leave(q);
        } else if (*at == '\\' && at[1]) {
                return 2;
        } else if (*at == '"') {
                in == '"' ? leave(q) : enter(q, '"');
        } else if (strncmp(at, "$((", 3) == 0) {
                enter(q, '#');
                enter(q, '#');
                return 3;
        } else if (*at == '$' && at[1] == '(') {
                enter(q, '(');
                return 2;
        } else if (in == '(' || in == '#') {
                if (*at == '\'' || *at == '(')
                        enter(q, *at == '(' ? in : *at);
                else if (*at == ')')
                        leave(q);
        }
        return 1;
}

static void grow_place(MapWords *w, const Quoting *q) {
        Growing *g = &w->script;
        switch (innermost(q)) {
        case '#':
                grow_text(g, "${" NUMBER "}"); /* which takes no quotes there */
                w->calculates = true;
                break;
        case '"':
                grow_text(g, "${" VARIABLE "}");
                break;
        case '\'':
                grow_text(g, "'\"$" VARIABLE "\"'");
                break;
        default:
                grow_text(g, "\"$" VARIABLE "\"");
                break;
        }
}

static void script_make(MapWords *w) {
        Quoting q = {0};
        for (size_t i = 0; i < w->count; i++) {
                for (const char *at = w->words[i]; *at;) {
                        if (strncmp(at, PLACE, strlen(PLACE)) == 0) {
                                grow_place(w, &q);
                                at += strlen(PLACE);
                        } else {
                                size_t step = quoting_step(&q, at);
                                grow(&w->script, at, step);
                                at += step;
                        }
                }
                if (i + 1 < w->count)
                        grow_text(&w->script, " ");
        }
        if (!w->has_place) {
                grow_text(&w->script, " ");
                grow_place(w, &(Quoting){0});
        }
}

/* Some shells execute what they are to calculate with, such as a[$(command)]. */
static bool is_number(const char *input, size_t size) {
        static const char digits[] = "0123456789abcdefABCDEFxX";
        size_t at = size && (*input == '-' || *input == '+');
        while (at < size && memchr(digits, input[at], sizeof digits - 1))
                at++;
        return at == size && size && memchr(digits, input[size - 1], sizeof digits - 1);
}

/* An assignment in single quotes, then the script. */
static void fill_script(MapWords *w, const char *input, size_t size) {
        Growing *g = &w->text;
        if (w->calculates && is_number(input, size)) {
                grow_text(g, NUMBER "=");
                grow(g, input, size);
                grow_text(g, "; ");
        } else if (w->calculates) {
                grow_text(g, NUMBER "='not a number'; "); /* and the shell says so */
        }
        grow_text(g, VARIABLE "='");
        for (const char *end = input + size; input < end;) {
                const char *quote = memchr(input, '\'', (size_t)(end - input));
                size_t plain = (size_t)((quote ? quote : end) - input);
                grow(g, input, plain);
                input += plain;
                if (quote) {
                        grow_text(g, "'\\''");
                        input++;
                }
        }
        grow_text(g, "'; ");
        grow(g, w->script.data, w->script.size);
        grow(g, "", 1);
}

/* ---- words ---- */

static void fill_word(Growing *g, const char *word, const char *input, size_t size) {
        const char *place;
        while ((place = strstr(word, PLACE))) {
                grow(g, word, (size_t)(place - word));
                grow(g, input, size);
                word = place + strlen(PLACE);
        }
        grow(g, word, strlen(word) + 1);
}

MapWords *map_words_new(char **words, size_t count, MapWordsMode mode) {
        MapWords *w = calloc(1, sizeof *w);
        if (!w)
                return NULL;
        *w = (MapWords){.words = words, .count = count, .mode = mode};
        for (size_t i = 0; i < count; i++)
                w->has_place |= strstr(words[i], PLACE) != NULL;
        w->argv = calloc(MAX_OF(count, (size_t)3) + 2, sizeof *w->argv);
        w->offsets = calloc(count + 1, sizeof *w->offsets);
        if (mode == MAP_WORDS_BY_SHELL)
                script_make(w);
        return w->argv && w->offsets && !w->script.failed ? w : map_words_free(w);
}

MapWords *map_words_free(MapWords *w) {
        if (!w)
                return NULL;
        free(w->script.data);
        free(w->text.data);
        free(w->argv);
        free(w->offsets);
        free(w);
        return NULL;
}

static void fill_argv(MapWords *w, const char *input, size_t size) {
        size_t n = 0;
        for (; n < w->count; n++) {
                w->offsets[n] = w->text.size;
                fill_word(&w->text, w->words[n], input, size);
        }
        if (!w->has_place) {
                w->offsets[n++] = w->text.size;
                fill_word(&w->text, PLACE, input, size);
        }
        for (size_t i = 0; i < n && !w->text.failed; i++)
                w->argv[i] = w->text.data + w->offsets[i];
        w->argv[n] = NULL;
}

const char *const *map_words_fill(MapWords *w, const char *input, size_t size, size_t *ret_count) {
        w->text.size = 0;
        if (w->mode == MAP_WORDS_BY_SHELL) {
                fill_script(w, input, size);
                w->argv[0] = "/bin/sh";
                w->argv[1] = "-c";
                w->argv[2] = w->text.data;
                w->argv[3] = NULL;
        } else {
                fill_argv(w, input, size);
        }
        for (*ret_count = 0; w->argv[*ret_count];)
                ++*ret_count;
        return w->text.failed ? NULL : w->argv;
}
