/* Which variables a task gets. */
#include "client/cli/environment.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *ours[] = {"HOME=/home/me", "LANG=de_DE.UTF-8", "SECRET=x=y", "EMPTY=", NULL};

static EnvironmentOptions options;

static void clear(void) {
        memset(&options, 0, sizeof options);
}

TestSuite(environment, .init = clear);

Test(environment, words_choose_the_base) {
        cr_assert_null(environment_set(&options, "none", ours));
        cr_assert_eq(options.base, STINT_ENVIRONMENT_NONE);
        cr_assert_null(environment_set(&options, "all", ours));
        cr_assert_eq(options.base, STINT_ENVIRONMENT_ALL);
        cr_assert_eq(options.count, 0);
}

Test(environment, names_take_the_value_that_we_have) {
        cr_assert_null(environment_set(&options, "SECRET", ours));
        cr_assert_null(environment_set(&options, "EMPTY", ours));
        cr_assert_null(environment_set(&options, "NEW=a b", ours));
        cr_assert_eq(options.count, 3);
        cr_assert_str_eq(options.items[0], "SECRET=x=y");
        cr_assert_str_eq(options.items[1], "EMPTY=");
        cr_assert_str_eq(options.items[2], "NEW=a b");
        cr_assert_eq(options.base, STINT_ENVIRONMENT_DEFAULT);
}

Test(environment, what_names_nothing_is_refused) {
        cr_assert_not_null(environment_set(&options, "SECRE", ours), "a prefix is no name");
        cr_assert_not_null(environment_set(&options, "MISSING", ours));
        cr_assert_not_null(environment_set(&options, "=x", ours));
        cr_assert_not_null(environment_set(&options, "", ours));
        cr_assert_eq(options.count, 0);
}

/* ---- files ---- */

/* Writes a file, reads it; NULL, or what was wrong. */
static const char *read_text(const char *text) {
        char path[] = "/tmp/stint-test-XXXXXX";
        int fd = mkstemp(path);
        cr_assert_geq(fd, 0);
        cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
        close(fd);
        clear();
        const char *objection = environment_read(&options, path);
        unlink(path);
        return objection;
}

static void expect_items(const char *text, size_t n, const char *const *items) {
        const char *objection = read_text(text);
        cr_assert_null(objection, "%s: %s", text, objection);
        cr_assert_eq(options.count, n, "%s: %zu", text, options.count);
        for (size_t i = 0; i < n; i++)
                cr_assert_str_eq(options.items[i], items[i]);
        cr_assert_null(options.items[n]);
}
#define EXPECT_ITEMS(text, ...)                                                                    \
        expect_items(text, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *),                 \
                     (const char *[]){__VA_ARGS__})

Test(environment_file, lines_become_variables) {
        EXPECT_ITEMS("A=1\nB_2=two words\nEMPTY=\n", "A=1", "B_2=two words", "EMPTY=");
        EXPECT_ITEMS("LAST=no newline", "LAST=no newline");
        EXPECT_ITEMS("X=a=b", "X=a=b");
}

Test(environment_file, comments_and_blank_lines_are_left_out) {
        EXPECT_ITEMS("# one\n\n  ; two\n \t\nA=1\n  B=2 \t\n#C=3", "A=1", "B=2");
        EXPECT_ITEMS("A=1 # no comment", "A=1 # no comment");
}

Test(environment_file, quotes_protect) {
        EXPECT_ITEMS("A=' x '\nB=\" y\\\"\\$z\\n\"\n", "A= x ", "B= y\"$z\\n");
        EXPECT_ITEMS("A='x\ny'\nB=1", "A=x\ny", "B=1");
        EXPECT_ITEMS("A=a' b 'c\" d \"", "A=a b c d ");
        EXPECT_ITEMS("A='it'\\''s'", "A=it's");
}

Test(environment_file, a_backslash_joins_lines_or_stands_for_the_next_character) {
        EXPECT_ITEMS("A=x\\\ny\nB=\\\\\nC=z\\ \n", "A=xy", "B=\\", "C=z ");
}

Test(environment_file, nothing_is_expanded) {
        EXPECT_ITEMS("A=$HOME `id` ~", "A=$HOME `id` ~");
}

Test(environment_file, what_is_wrong_has_its_line) {
        static const struct {
                const char *text, *line;
        } wrong[] = {{"A=1\nnothing\n", "line 2"},
                     {"1A=x", "line 1"},
                     {"A=1\n\nB='open\nC=2\n", "line 3"},
                     {"export A=1", "line 1"},
                     {"A =1", "line 1"},
                     {"=1", "line 1"}};
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
                const char *objection = read_text(wrong[i].text);
                cr_assert_not_null(objection, "%s", wrong[i].text);
                cr_assert_not_null(strstr(objection, wrong[i].line), "%s: %s", wrong[i].text,
                                   objection);
        }
        cr_assert_not_null(environment_read(&options, "/nowhere/file"));
        cr_assert_not_null(environment_read(&options, "/"));
}
