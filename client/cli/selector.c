/* See selector.h. */
#include "client/cli/selector.h"

#include "common/text.h"
#include "common/wire-schema.h" /* bounds */

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define WORD_MAX (WIRE_TEXT_MAX + 16)

static int refuse(const char *word, const char *why, Error *error) {
        return error_set(error, EXIT_USAGE,
                         "`%s` names no task: %s; write an id, 7-12, 3,5,9, last, all, a state, "
                         "queue:NAME, name:NAME, group:NAME or label:KEY=VALUE",
                         word, why);
}

static int add(SelectorList *l, StintSelector s, Error *error) {
        if ((l->count & (l->count - 1)) == 0) { /* full at every power of two */
                size_t room = l->count ? 2 * l->count : 1;
                StintSelector *items = reallocarray(l->items, room, sizeof *items);
                if (!items)
                        return error_set(error, EXIT_SOFTWARE, "out of memory");
                l->items = items;
        }
        l->items[l->count++] = s;
        return 0;
}

static int parse_id(const char *text, size_t size, uint64_t *ret) {
        char digits[24];
        if (size >= sizeof digits)
                return -EINVAL;
        snprintf(digits, sizeof digits, "%.*s", (int)size, text);
        int r = u64_parse(digits, ret);
        return r < 0 || *ret == 0 || *ret > INT64_MAX ? -EINVAL : 0;
}

/* One of `7` and `7-12`. */
static int parse_range(const char *text, size_t size, StintSelector *ret) {
        const char *dash = memchr(text, '-', size);
        uint64_t first, last;
        size_t first_size = dash ? (size_t)(dash - text) : size;
        if (parse_id(text, first_size, &first) < 0)
                return -EINVAL;
        last = first;
        if (dash && parse_id(dash + 1, size - first_size - 1, &last) < 0)
                return -EINVAL;
        if (last < first)
                return -ERANGE;
        *ret = (StintSelector){.kind = STINT_IDS, .first = first, .count = last - first + 1};
        return 0;
}

static int parse_ids(const char *word, SelectorList *l, Error *error) {
        for (const char *at = word;; at++) {
                size_t size = strcspn(at, ",");
                StintSelector s;
                int r = parse_range(at, size, &s);
                if (r == -ERANGE)
                        return refuse(word, "a range goes from the lower id to the higher", error);
                if (r < 0)
                        return refuse(word, "an id is a number from 1", error);
                r = add(l, s, error);
                at += size;
                if (r < 0 || !*at)
                        return r;
        }
}

static StintState state_of(const char *name, size_t size) {
        for (StintState s = 1; s <= STINT_EXPIRED; s++) {
                const char *n = stint_state_name(s);
                if (n && strlen(n) == size && memcmp(n, name, size) == 0)
                        return s;
        }
        return 0;
}

#define STATE_NAMES "blocked, delayed, held, ready, running, succeeded, failed, cancelled, expired"

static const char *refuse_state(const char *text, size_t size) {
        static char objection[256];
        const char *names[STINT_EXPIRED], *nearest;
        char word[64];
        for (StintState s = 1; s <= STINT_EXPIRED; s++)
                names[s - 1] = stint_state_name(s);
        snprintf(word, sizeof word, "%.*s", (int)size, text);
        nearest = text_nearest(word, names, ARRAY_SIZE(names));
        if (nearest)
                snprintf(objection, sizeof objection, "names no state: did you mean %s?", nearest);
        else
                snprintf(objection, sizeof objection, "names no state: write some of " STATE_NAMES);
        return objection;
}

/* 0, or -EINVAL with *ret_at on what is no state. */
static int read_states(const char *text, uint64_t *ret_mask, const char **ret_at) {
        uint64_t mask = 0;
        for (;; text++) {
                size_t size = strcspn(text, ",");
                StintState s = state_of(text, size);
                if (!s) {
                        *ret_at = text;
                        return -EINVAL;
                }
                mask |= UINT64_C(1) << s;
                text += size;
                if (!*text)
                        break;
        }
        *ret_mask = mask;
        return 0;
}

const char *states_set(const char *text, uint64_t *ret_mask) {
        const char *at;
        return read_states(text, ret_mask, &at) < 0 ? refuse_state(at, strcspn(at, ",")) : NULL;
}

/* PREFIX:TEXT; 1: it was one, 0: none, or -code. */
static int parse_prefixed(const char *word, SelectorList *l, Error *error) {
        static const struct {
                const char *prefix;
                StintSelectorKind kind;
        } prefixes[] = {{"queue:", STINT_IN_QUEUE},
                        {"name:", STINT_NAMED},
                        {"group:", STINT_GROUPED},
                        {"label:", STINT_LABELLED}};
        for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
                size_t n = strlen(prefixes[i].prefix);
                const char *text = word + n;
                if (strncmp(word, prefixes[i].prefix, n) != 0)
                        continue;
                if (!text[0])
                        return refuse(word, "there is nothing behind the colon", error);
                bool plain =
                        prefixes[i].kind == STINT_IN_QUEUE || prefixes[i].kind == STINT_GROUPED;
                if (plain && !name_is_valid(text))
                        return refuse(word,
                                      "a queue's or group's name has 1 to 64 of A-Z a-z 0-9 _ . -",
                                      error);
                if (prefixes[i].kind == STINT_LABELLED && !strchr(text, '='))
                        return refuse(word, "a label has the form KEY=VALUE", error);
                StintSelector s = {.kind = prefixes[i].kind, .text = text};
                int r = add(l, s, error);
                return r < 0 ? r : 1;
        }
        return 0;
}

/* What was meant: for PREFIX:TEXT, the prefix with its text. */
static const char *nearest_selector(const char *word, char *buf, size_t size) {
        static const char *const prefixes[] = {"queue", "name", "group", "label"};
        const char *words[STINT_EXPIRED + 2] = {"last", "all"}, *nearest;
        const char *colon = strchr(word, ':');
        size_t n = 2;
        for (StintState s = 1; s <= STINT_EXPIRED; s++)
                words[n++] = stint_state_name(s);
        if (!colon)
                return text_nearest(word, words, n);
        snprintf(buf, size, "%.*s", (int)MIN_OF(colon - word, (ptrdiff_t)size - 1), word);
        nearest = text_nearest(buf, prefixes, ARRAY_SIZE(prefixes));
        if (nearest)
                snprintf(buf, size, "%s%s", nearest, colon);
        return nearest ? buf : NULL;
}

static int refuse_word(const char *word, Error *error) {
        char buf[WORD_MAX + 16];
        const char *nearest = nearest_selector(word, buf, sizeof buf);
        return nearest ? error_set(error, EXIT_USAGE, "`%s` names no task: did you mean `%s`?",
                                   word, nearest)
                       : refuse(word, "it is no selector", error);
}

static int parse_word(const char *word, SelectorList *l, Error *error) {
        if (strlen(word) > WORD_MAX && (word[0] < '0' || word[0] > '9'))
                return error_set(error, EXIT_USAGE, "a selector is longer than %d bytes", WORD_MAX);
        if (word[0] >= '0' && word[0] <= '9')
                return parse_ids(word, l, error);
        if (strcmp(word, "last") == 0)
                return add(l, (StintSelector){.kind = STINT_LAST}, error);
        if (strcmp(word, "all") == 0)
                return add(l, (StintSelector){.kind = STINT_ALL}, error);
        StintState state = state_of(word, strlen(word));
        if (state)
                return add(l, (StintSelector){.kind = STINT_IN_STATE, .state = state}, error);
        int r = parse_prefixed(word, l, error);
        return r ? (r < 0 ? r : 0) : refuse_word(word, error);
}

int selectors_parse(char *const *words, size_t n, SelectorList *ret, Error *error) {
        SelectorList l = {0};
        for (size_t i = 0; i < n; i++) {
                int r = parse_word(words[i], &l, error);
                if (r < 0) {
                        selectors_done(&l);
                        return r;
                }
        }
        *ret = l;
        return 0;
}

void selectors_done(SelectorList *l) {
        free(l->items);
        *l = (SelectorList){0};
}
