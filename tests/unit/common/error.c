/* Errors: filled, cut, printed. */
#include "common/error.h"

#include "common/text.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <string.h>

Test(error, set_fills_and_returns_the_negative_code) {
        Error e = {0};
        cr_assert_eq(error_set(&e, EXIT_CONFIG, "cannot read %s: %s", "x.conf", "no"),
                     -EXIT_CONFIG);
        cr_assert_eq(e.code, EXIT_CONFIG);
        cr_assert_str_eq(e.text, "cannot read x.conf: no");
}

Test(error, later_calls_overwrite) {
        Error e = {0};
        error_set(&e, EXIT_IO, "first");
        error_set(&e, EXIT_USAGE, "second");
        cr_assert_eq(e.code, EXIT_USAGE);
        cr_assert_str_eq(e.text, "second");
}

Test(error, nobody_need_listen) {
        cr_assert_eq(error_set(NULL, EXIT_IO, "unheard %d", 1), -EXIT_IO);
}

Test(error, a_text_that_just_fits_is_kept) {
        Error e;
        error_set(&e, EXIT_IO, "%*s", ERROR_TEXT_MAX - 1, "x");
        cr_assert_eq(strlen(e.text), ERROR_TEXT_MAX - 1);
        cr_assert_eq(e.text[ERROR_TEXT_MAX - 2], 'x');
        error_set(&e, EXIT_IO, "%*s", ERROR_TEXT_MAX, "x");
        cr_assert_str_eq(e.text + ERROR_TEXT_MAX - 5, " …");
}

Test(error, a_long_text_is_cut_at_a_whole_character) {
        for (int lead = 0; lead < 4; lead++) {
                Error e;
                char text[2 * ERROR_TEXT_MAX] = "";
                memset(text, 'a', (size_t)lead);
                while (strlen(text) < ERROR_TEXT_MAX + 10)
                        strcat(text, "😀");
                error_set(&e, EXIT_IO, "%s", text);
                size_t n = strlen(e.text);
                cr_assert(utf8_is_valid(e.text, n));
                cr_assert_str_eq(e.text + n - 3, "…");
                cr_assert_gt(n, ERROR_TEXT_MAX - 8);
        }
}

Test(error, print_writes_one_line_that_moves_no_cursor, .init = cr_redirect_stderr) {
        Error e;
        error_set(&e, EXIT_DATA, "no task \"\033[2J\n\": unknown");
        error_print("stint", &e);
        cr_assert_stderr_eq_str("stint: no task \"\\x1b[2J\\n\": unknown\n");
}

Test(error, print_of_the_worst_text_ends_its_line, .init = cr_redirect_stderr) {
        Error e = {.code = EXIT_DATA};
        memset(e.text, 1, sizeof(e.text)); /* four times as long when escaped, and not terminated */
        error_print("a-program-with-a-name-of-some-length", &e);
        char line[4 * ERROR_TEXT_MAX + 64];
        FILE *f = cr_get_redirected_stderr();
        cr_assert_not_null(fgets(line, sizeof(line), f));
        cr_assert_eq(line[strlen(line) - 1], '\n');
}
