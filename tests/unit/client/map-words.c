/* The words of a map's command: where an input goes, and that a shell reads back exactly what was
 * put in, wherever in the script it stands. */
#include "client/cli/map-words.h"

#include "common/macro.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static MapWords *w;

static void clear(void) {
        w = map_words_free(w);
}

TestSuite(map_words, .fini = clear);

/* The words joined by "|". */
static const char *filled(char **words, size_t count, MapWordsMode mode, const char *input) {
        static char joined[4096];
        size_t n;
        clear();
        w = map_words_new(words, count, mode);
        cr_assert_not_null(w);
        const char *const *argv = map_words_fill(w, input, strlen(input), &n);
        cr_assert_not_null(argv);
        cr_assert_null(argv[n]);
        joined[0] = '\0';
        for (size_t i = 0; i < n; i++) {
                strcat(joined, i ? "|" : "");
                strcat(joined, argv[i]);
        }
        return joined;
}

#define FILLED(input, ...)                                                                         \
        filled((char *[]){__VA_ARGS__}, ARRAY_SIZE(((char *[]){__VA_ARGS__})), MAP_WORDS_EXACT,    \
               input)

Test(map_words, without_a_place_an_input_is_the_last_word) {
        cr_assert_str_eq(FILLED("a b", "gzip", "-k"), "gzip|-k|a b");
        cr_assert_str_eq(FILLED("", "echo"), "echo|");
        cr_assert_str_eq(FILLED("-n", "echo"), "echo|-n");
}

Test(map_words, every_place_is_filled) {
        cr_assert_str_eq(FILLED("x", "cp", "{}", "{}.old"), "cp|x|x.old");
        cr_assert_str_eq(FILLED("x", "{}", "-v"), "x|-v");
        cr_assert_str_eq(FILLED("x", "a{}b{}c", "{}{}"), "axbxc|xx");
        cr_assert_str_eq(FILLED("{}", "echo", "{}"), "echo|{}");
        cr_assert_str_eq(FILLED("x", "echo", "{ }", "{", "}"), "echo|{ }|{|}|x");
}

Test(map_words, inputs_one_after_the_other_leave_nothing_behind) {
        char *words[] = {(char *)"echo", (char *)"{}"};
        size_t n;
        w = map_words_new(words, 2, MAP_WORDS_EXACT);
        char *long_input = malloc(100000);
        memset(long_input, 'x', 100000);
        const char *const *argv = map_words_fill(w, long_input, 100000, &n);
        cr_assert_eq(strlen(argv[1]), 100000);
        argv = map_words_fill(w, "y", 1, &n);
        cr_assert_str_eq(argv[1], "y");
        free(long_input);
}

/* What /bin/sh prints for the script with the input in it. */
static const char *shell_says(const char *script, const char *input) {
        static char said[4096];
        char *words[] = {(char *)script};
        int fds[2];
        size_t n, size = 0;
        clear();
        w = map_words_new(words, 1, MAP_WORDS_BY_SHELL);
        const char *const *argv = map_words_fill(w, input, strlen(input), &n);
        cr_assert_eq(n, 3);
        cr_assert_eq(pipe(fds), 0);
        pid_t pid = fork();
        if (pid == 0) {
                dup2(fds[1], STDOUT_FILENO);
                close(fds[0]);
                execv(argv[0], (char *const *)(uintptr_t)argv);
                _exit(127);
        }
        close(fds[1]);
        for (ssize_t got; (got = read(fds[0], said + size, sizeof said - 1 - size)) > 0;)
                size += (size_t)got;
        said[size] = '\0';
        close(fds[0]);
        waitpid(pid, NULL, 0);
        return said;
}

static const char *const nasty[] = {
        "plain",
        "",
        " two  blanks ",
        "it's",
        "\"quoted\"",
        "$(echo no)",
        "`echo no`",
        "$HOME",
        "a\nb",
        "back\\slash",
        "*",
        "-n",
        "; echo no",
        "'; echo no; '",
        "${HOME}",
        "\xff\xfe",
        "!!",
        "'\"'\"'",
        "\\",
        "{}",
        "$stint_input",
        "~",
        "&",
        ">x",
        "#c",
};

Test(map_words, a_shell_gets_every_input_as_one_word_wherever_it_stands) {
        static const char *const scripts[] = {
                "printf '<%s>'",
                "printf '<%s>' {}",
                "printf '<%s>' \"{}\"",
                "printf '<%s>' '{}'",
                "printf '<%s>' \"$(printf %s {})\"",
                "printf '<%s>' \"$(printf %s \"{}\")\"",
                "f() { printf '<%s>' {}; }; f other",
                "(printf '<%s>' {})",
                "printf \\'\\\" >&2; printf '<%s>' {}",
                "set -- other; printf '<%s>' {}",
        };
        char expected[256];
        for (size_t s = 0; s < ARRAY_SIZE(scripts); s++)
                for (size_t i = 0; i < ARRAY_SIZE(nasty); i++) {
                        snprintf(expected, sizeof expected, "<%s>", nasty[i]);
                        cr_assert_str_eq(shell_says(scripts[s], nasty[i]), expected, "%s with %s",
                                         scripts[s], nasty[i]);
                }
}

Test(map_words, what_is_within_quotes_stays_there) {
        cr_assert_str_eq(shell_says("printf '<%s>' \"a {} b\"", "x  y"), "<a x  y b>");
        cr_assert_str_eq(shell_says("printf '<%s>' 'a {} b'", "x  y"), "<a x  y b>");
        cr_assert_str_eq(shell_says("printf '<%s>' \"{}0\"", "x"), "<x0>");
        cr_assert_str_eq(shell_says("printf '<%s>' a{}b{}", "x y"), "<ax ybx y>");
}

Test(map_words, a_shell_calculates_with_numbers_only) {
        cr_assert_str_eq(shell_says("echo $((9-{})) {}", "2"), "7 2\n");
        cr_assert_str_eq(shell_says("echo \"$((({} + 1) * {}))\" \"{}\"", "-2"), "2 -2\n");
        cr_assert_str_eq(shell_says("echo $(( {} )); echo \"$(echo {})\"", "0x1f"), "31\n0x1f\n");
        cr_assert_str_eq(shell_says("echo $((1 + {}))", "a[$(echo no >&1)]"), "");
        cr_assert_str_eq(shell_says("echo $(({}))", ""), "");
}

Test(map_words, a_place_that_is_misjudged_executes_nothing) {
        static const char *const scripts[] = {
                "printf '<%s>' `printf %s {}`",
                "cat <<END\nit's {}\nEND",
                "cat <<END\n\"{}\nEND",
                ": # it's\nprintf '<%s>' {}",
        };
        for (size_t s = 0; s < ARRAY_SIZE(scripts); s++) {
                const char *said = shell_says(scripts[s], "$(printf n; printf o)");
                cr_assert_null(strstr(said, "no"), "%s: %s", scripts[s], said);
        }
}
