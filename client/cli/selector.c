/* See selector.h. */
#include "client/cli/selector.h"

#include "common/text.h"

#include <errno.h>
#include <string.h>

#define WORD_MAX (WIRE_TEXT_MAX + 16)

static int refuse(const char *word, const char *why, Error *error) {
        return error_set(error, EXIT_USAGE,
                         "`%s` names no task: %s; write an id, 7-12, 3,5,9, last, all, a state, "
                         "queue:NAME, name:NAME or label:KEY=VALUE",
                         word, why);
}

static int add(SelectorList *l, WireSelector s, Error *error) {
        if ((l->count & (l->count - 1)) == 0) { /* full at every power of two */
                size_t room = l->count ? 2 * l->count : 1;
                WireSelector *items = reallocarray(l->items, room, sizeof *items);
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
static int parse_range(const char *text, size_t size, WireSelector *ret) {
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
        *ret = (WireSelector){.kind = SELECTOR_IDS, .first = first, .count = last - first + 1};
        return 0;
}

static int parse_ids(const char *word, SelectorList *l, Error *error) {
        for (const char *at = word;; at++) {
                size_t size = strcspn(at, ",");
                WireSelector s;
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

static TaskState state_of(const char *name, size_t size) {
        for (TaskState s = 1; s <= TASK_STATE_MAX; s++) {
                const char *n = task_state_name(s);
                if (n && strlen(n) == size && memcmp(n, name, size) == 0)
                        return s;
        }
        return 0;
}

int states_parse(const char *text, uint64_t *ret_mask) {
        uint64_t mask = 0;
        for (;; text++) {
                size_t size = strcspn(text, ",");
                TaskState s = state_of(text, size);
                if (!s)
                        return -EINVAL;
                mask |= UINT64_C(1) << s;
                text += size;
                if (!*text)
                        break;
        }
        *ret_mask = mask;
        return 0;
}

/* PREFIX:TEXT; 1: it was one, 0: none, or -code. */
static int parse_prefixed(const char *word, SelectorList *l, Error *error) {
        static const struct {
                const char *prefix;
                SelectorKind kind;
        } prefixes[] = {
                {"queue:", SELECTOR_QUEUE}, {"name:", SELECTOR_NAME}, {"label:", SELECTOR_LABEL}};
        for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
                size_t n = strlen(prefixes[i].prefix);
                const char *text = word + n;
                if (strncmp(word, prefixes[i].prefix, n) != 0)
                        continue;
                if (!text[0])
                        return refuse(word, "there is nothing behind the colon", error);
                if (prefixes[i].kind == SELECTOR_QUEUE && !name_is_valid(text))
                        return refuse(word, "a queue's name has 1 to 64 of A-Z a-z 0-9 _ . -",
                                      error);
                if (prefixes[i].kind == SELECTOR_LABEL && !strchr(text, '='))
                        return refuse(word, "a label has the form KEY=VALUE", error);
                WireSelector s = {.kind = prefixes[i].kind, .text = wire_text(text)};
                int r = add(l, s, error);
                return r < 0 ? r : 1;
        }
        return 0;
}

static int refuse_word(const char *word, Error *error) {
        const char *words[TASK_STATE_MAX + 5] = {"last", "all", "queue:", "name:", "label:"};
        size_t n = 5;
        for (TaskState s = 1; s <= TASK_STATE_MAX; s++)
                words[n++] = task_state_name(s);
        const char *nearest = text_nearest(word, words, n);
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
                return add(l, (WireSelector){.kind = SELECTOR_LAST}, error);
        if (strcmp(word, "all") == 0)
                return add(l, (WireSelector){.kind = SELECTOR_ALL}, error);
        TaskState state = state_of(word, strlen(word));
        if (state)
                return add(l, (WireSelector){.kind = SELECTOR_STATE, .state = state}, error);
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
