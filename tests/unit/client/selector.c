/* Selectors: what parses to what, and that anything else is refused with a way out. The property:
 * whatever list of ids and ranges is written down is read back. */
#include "client/cli/selector.h"

#include "tests/unit/common/random.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static SelectorList list;
static Error error;

static int parse(const char *word) {
        char *words[] = {(char *)word};
        selectors_done(&list);
        return selectors_parse(words, 1, &list, &error);
}

static void clear(void) {
        selectors_done(&list);
}

TestSuite(selector, .fini = clear);

static void expect_one(const char *word, StintSelectorKind kind) {
        cr_assert_eq(parse(word), 0, "%s: %s", word, error.text);
        cr_assert_eq(list.count, 1);
        cr_assert_eq(list.items[0].kind, kind);
}

static void expect_range(size_t i, uint64_t first, uint64_t count) {
        cr_assert_lt(i, list.count);
        cr_assert_eq(list.items[i].kind, STINT_IDS);
        cr_assert_eq(list.items[i].first, first);
        cr_assert_eq(list.items[i].count, count);
}

Test(selector, ids_ranges_and_lists) {
        cr_assert_eq(parse("7"), 0);
        expect_range(0, 7, 1);
        cr_assert_eq(parse("7-12"), 0);
        expect_range(0, 7, 6);
        cr_assert_eq(parse("3,5-6,9"), 0);
        cr_assert_eq(list.count, 3);
        expect_range(0, 3, 1);
        expect_range(1, 5, 2);
        expect_range(2, 9, 1);
}

Test(selector, words) {
        expect_one("last", STINT_LAST);
        expect_one("all", STINT_ALL);
}

Test(selector, every_state) {
        for (StintState s = 1; s <= STINT_EXPIRED; s++) {
                expect_one(stint_state_name(s), STINT_IN_STATE);
                cr_assert_eq(list.items[0].state, s);
        }
}

Test(selector, queue_name_and_label) {
        expect_one("queue:mail", STINT_IN_QUEUE);
        cr_assert_str_eq(list.items[0].text, "mail");
        expect_one("name:my job, 1", STINT_NAMED);
        cr_assert_str_eq(list.items[0].text, "my job, 1");
        expect_one("label:a=b=c", STINT_LABELLED);
        cr_assert_str_eq(list.items[0].text, "a=b=c");
}

Test(selector, several_words_add_up) {
        char *words[] = {"last", "4", "failed"};
        cr_assert_eq(selectors_parse(words, ARRAY_SIZE(words), &list, &error), 0);
        cr_assert_eq(list.count, 3);
}

Test(selector, what_is_none_is_refused) {
        static const char *const wrong[] = {"",          "0",
                                            "-1",        "1-",
                                            "-",         "12-7",
                                            "1,,2",      "1,",
                                            ",1",        "1-2-3",
                                            "0-5",       "7x",
                                            "1 2",       "99999999999999999999",
                                            "queue:",    "name:",
                                            "label:",    "label:x",
                                            "queue:a b", "group:a b",
                                            "grop:x",    "9223372036854775808"};
        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
                cr_assert_eq(parse(wrong[i]), -EXIT_USAGE, "%s", wrong[i]);
}

Test(selector, misspelt_ones_suggest) {
        cr_assert_eq(parse("faild"), -EXIT_USAGE);
        cr_assert_not_null(strstr(error.text, "did you mean `failed`?"), "%s", error.text);
        cr_assert_eq(parse("quue:mail"), -EXIT_USAGE);
        cr_assert_not_null(strstr(error.text, "did you mean `queue:mail`?"), "%s", error.text);
        uint64_t mask;
        cr_assert_not_null(strstr(states_set("ready,runing", &mask), "did you mean running?"));
        cr_assert_null(states_set("ready,running", &mask));
}

Test(selector, state_lists_become_masks) {
        uint64_t mask;
        cr_assert_null(states_set("failed,ready", &mask));
        cr_assert_eq(mask, 1u << STINT_TASK_FAILED | 1u << STINT_READY);
        cr_assert_not_null(states_set("", &mask));
        cr_assert_not_null(states_set("failed,", &mask));
        cr_assert_not_null(states_set("nope", &mask));
}

#define ROUNDS    5000
#define ITEMS_MAX 40

Test(selector, written_lists_are_read_back) {
        Random r = random_start();
        for (int round = 0; round < ROUNDS; round++) {
                StintRange expected[ITEMS_MAX];
                char word[ITEMS_MAX * 44] = "";
                size_t n = 1 + random_below(&r, ITEMS_MAX), at = 0;
                for (size_t i = 0; i < n; i++) {
                        uint64_t first = 1 + random_u64(&r) % (INT64_MAX / 2);
                        uint64_t count = random_below(&r, 2) ? 1 : 1 + random_u64(&r) % (1u << 30);
                        expected[i] = (StintRange){first, count};
                        const char *comma = i ? "," : "";
                        at += (size_t)(count == 1 && random_below(&r, 2)
                                               ? sprintf(word + at, "%s%" PRIu64, comma, first)
                                               : sprintf(word + at, "%s%" PRIu64 "-%" PRIu64, comma,
                                                         first, first + count - 1));
                }
                CHECK(&r, parse(word) == 0);
                CHECK(&r, list.count == n);
                for (size_t i = 0; i < n; i++) {
                        CHECK(&r, list.items[i].kind == STINT_IDS);
                        CHECK(&r, list.items[i].first == expected[i].first);
                        CHECK(&r, list.items[i].count == expected[i].count);
                }
        }
}

Test(selector, noise_is_refused_or_parsed_but_never_harms) {
        static const char alphabet[] = "0123456789-,:=alstqueunmfid \xff";
        Random r = random_start();
        for (int round = 0; round < 20 * ROUNDS; round++) {
                char word[24];
                size_t n = random_below(&r, sizeof word);
                for (size_t i = 0; i < n; i++)
                        word[i] = alphabet[random_below(&r, sizeof alphabet - 1)];
                word[n] = '\0';
                if (parse(word) < 0) {
                        CHECK(&r, list.count == 0);
                        continue;
                }
                for (size_t i = 0; i < list.count; i++)
                        CHECK(&r, list.items[i].kind != STINT_IDS ||
                                          (list.items[i].first && list.items[i].count));
        }
}
