/* Shell words: a real /bin/sh reads back what text_shell_quote wrote. */
#include "common/text.h"

#include "common/macro.h"
#include "tests/unit/common/random.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void expect_quoted(char *const *argv, size_t argc, const char *expected) {
        char buf[256];
        cr_assert_str_eq(text_shell_quote(argv, argc, buf, sizeof(buf)), expected);
}

#define WORDS(...) (char *[]){__VA_ARGS__}, sizeof((char *[]){__VA_ARGS__}) / sizeof(char *)

Test(shell, quotes_only_where_needed) {
        expect_quoted(WORDS("ls", "-l", "/tmp/a.b", "x=1", "50%", "a@b:c,d"),
                      "ls -l /tmp/a.b x=1 50% a@b:c,d");
        expect_quoted(WORDS("echo", "a b", "", "$HOME", "*", "~", "it's"),
                      "echo 'a b' '' '$HOME' '*' '~' 'it'\\''s'");
        expect_quoted(WORDS("A=1", "if", "B=2"), "'A=1' if B=2");
        expect_quoted(WORDS("if", "if"), "'if' if");
        expect_quoted(WORDS("grüße"), "'grüße'");
        expect_quoted(NULL, 0, "");
}

Test(shell, cuts_at_a_whole_character_with_an_ellipsis) {
        char buf[32];
        cr_assert_str_eq(text_shell_quote(WORDS("echo", "abcdef"), buf, 12), "echo abcdef");
        cr_assert_str_eq(text_shell_quote(WORDS("echo", "abcdefg"), buf, 12), "echo abc…");
        cr_assert_str_eq(text_shell_quote(WORDS("é€😀"), buf, 10), "'é€…");
        cr_assert_str_eq(text_shell_quote(WORDS("ab"), buf, 0), "");
}

Test(shell, a_cut_line_is_within_its_size) {
        Random r = random_start();
        for (int i = 0; i < 20000; i++) {
                char word[] = "é'b €😀 x", *argv[] = {word + 3 * random_below(&r, 2), word, word};
                size_t size = 1 + random_below(&r, 60);
                char *buf = malloc(size); /* the sanitizer watches its ends */
                text_shell_quote(argv, 3, buf, size);
                CHECK(&r, strlen(buf) < size && utf8_is_valid(buf, strlen(buf)));
                free(buf);
        }
}

/* ---- through the shell ---- */

#define LINES      300
#define WORDS_MAX  6
#define WORD_BYTES 12

static void random_word(Random *r, char *word) {
        static const char special[] = " '\"\\$`!*?[]{}()<>|&;#~=%^\n\t-/.:,@+";
        size_t n = random_below(r, WORD_BYTES);
        for (size_t i = 0; i < n; i++)
                switch (random_below(r, 3)) {
                case 0:
                        word[i] = special[random_below(r, sizeof(special) - 1)];
                        break;
                case 1:
                        word[i] = (char)('a' + random_below(r, 26));
                        break;
                default:
                        word[i] = (char)(1 + random_below(r, 255));
                }
        word[n] = '\0';
}

Test(shell, random_words_survive_a_real_shell) {
        static char words[LINES][WORDS_MAX][WORD_BYTES];
        size_t counts[LINES];
        Random r = random_start();
        char path[] = "/tmp/stint-test-XXXXXX", command[64], buf[WORDS_MAX * WORD_BYTES * 4 + 1];
        int fd = mkstemp(path);
        cr_assert_geq(fd, 0);
        FILE *script = fdopen(fd, "w");
        for (size_t i = 0; i < LINES; i++) {
                char *argv[WORDS_MAX];
                counts[i] = 1 + random_below(&r, WORDS_MAX);
                for (size_t j = 0; j < counts[i]; j++)
                        random_word(&r, argv[j] = words[i][j]);
                fprintf(script, "set -- %s\nprintf '%%s\\0' $# \"$@\"\n",
                        text_shell_quote(argv, counts[i], buf, sizeof(buf)));
        }
        fclose(script);

        snprintf(command, sizeof(command), "LC_ALL=C /bin/sh %s", path);
        FILE *output = popen(command, "r");
        char *word = NULL;
        size_t size = 0;
        for (size_t i = 0; i < LINES; i++) {
                CHECK(&r, getdelim(&word, &size, '\0', output) > 0);
                CHECK(&r, strtoull(word, NULL, 10) == counts[i]);
                for (size_t j = 0; j < counts[i]; j++) {
                        CHECK(&r, getdelim(&word, &size, '\0', output) > 0);
                        CHECK(&r, strcmp(word, words[i][j]) == 0);
                }
        }
        CHECK(&r, pclose(output) == 0);
        free(word);
        unlink(path);
}

/* Commands with these names exist; the shell must run them instead of reading its grammar. */
Test(shell, first_word_is_a_command_whatever_it_looks_like) {
        static const char *const names[] = {"if",     "then",  "else",    "elif",  "fi",    "do",
                                            "done",   "case",  "esac",    "while", "until", "for",
                                            "in",     "time",  "A=b",     "{",     "}",     "!",
                                            "select", "a b c", "function"};
        char directory[] = "/tmp/stint-test-XXXXXX";
        cr_assert_not_null(mkdtemp(directory));
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                char path[64], quoted[64], script[256], answer[16] = "";
                snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
                FILE *command = fopen(path, "w");
                fputs("#!/bin/sh\necho ran \"$1\"\n", command);
                fclose(command);
                chmod(path, 0700);

                char *argv[] = {(char *)(uintptr_t)names[i], (char[]){"if"}};
                snprintf(script, sizeof(script), "PATH='%s:/usr/bin:/bin'; %s", directory,
                         text_shell_quote(argv, 2, quoted, sizeof(quoted)));
                FILE *output = popen(script, "r");
                cr_expect_not_null(fgets(answer, sizeof(answer), output), "%s", names[i]);
                cr_expect_eq(pclose(output), 0, "%s", names[i]);
                cr_expect_str_eq(answer, "ran if\n", "%s", names[i]);
                unlink(path);
        }
        rmdir(directory);
}
