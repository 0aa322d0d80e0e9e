/* Which lines are progress, and what is left of them in the pipe between two runs. */
#include "worker/progress.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <unistd.h>

static void say(const Progress *p, const char *text) {
        cr_assert_eq(write(p->writer, text, strlen(text)), (ssize_t)strlen(text));
}

/* What a run that says this has told in the end; percent -1: nothing. */
static void expect(const char *said, int percent, const char *text) {
        Progress p;
        cr_assert_eq(progress_open(&p), 0);
        say(&p, said);
        cr_assert_eq(progress_read(&p), percent >= 0, "%s", said);
        cr_assert_eq(p.latest.told, percent >= 0);
        if (percent >= 0) {
                cr_assert_eq(p.latest.percent, (unsigned)percent, "%s: %u", said, p.latest.percent);
                cr_assert_eq(p.latest.text_size, strlen(text), "%s: %zu", said, p.latest.text_size);
                cr_assert_arr_eq(p.latest.text, text, strlen(text));
        }
        progress_done(&p);
}

Test(progress_lines, are_a_percentage_and_perhaps_a_text) {
        expect("42% resizing\n", 42, "resizing");
        expect("42%\n", 42, "");
        expect("0%\n", 0, "");
        expect("100%\n", 100, "");
        expect("100.00% done\n", 100, "done");
        expect("99.9%\n", 99, "");
        expect("007%   two words \t\r\n", 7, "two words");
        expect("1%\n2% b\n3", 2, "b");
        expect("1%\nnonsense\n", 1, "");
}

Test(progress_lines, that_are_none_are_ignored) {
        static const char *const none[] = {
                "\n",       "%\n",         "x\n",    "42\n",  "0.5\n",  "-1%\n",
                " 5%\n",    "101%\n",      "5.%\n",  ".5%\n", "1e1%\n", "100.1%\n",
                "0042%\n",  "42%resize\n", "42 %\n", "5%",    "5,5%\n", "99999999999999999999%\n",
                "5.5.5%\n",
        };
        for (size_t i = 0; i < ARRAY_SIZE(none); i++)
                expect(none[i], -1, "");
}

Test(progress_lines, long_texts_are_cut_at_a_whole_character) {
        char line[8192], expected[WIRE_PROGRESS_MAX + 1];
        memset(line, 'x', sizeof line);
        memcpy(line, "5% ", 3);
        memcpy(line + sizeof line - 2, "\n", 2);
        memset(expected, 'x', WIRE_PROGRESS_MAX);
        expected[WIRE_PROGRESS_MAX] = '\0';
        expect(line, 5, expected);
        memcpy(line + 3 + WIRE_PROGRESS_MAX - 2, "\xe2\x82\xac", 3); /* begins two bytes before */
        expected[WIRE_PROGRESS_MAX - 2] = '\0';
        expect(line, 5, expected);
        memset(line, '5', sizeof line - 2); /* a number that never ends */
        expect(line, -1, "");
}

Test(progress_lines, come_in_pieces) {
        Progress p;
        cr_assert_eq(progress_open(&p), 0);
        static const char text[] = "42% \xe2\x82\xac\n";
        for (size_t i = 0; i < sizeof text - 1; i++) {
                cr_assert_not(p.latest.told);
                cr_assert_eq(write(p.writer, text + i, 1), 1);
                cr_assert_eq(progress_read(&p), i == sizeof text - 2);
        }
        cr_assert_eq(p.latest.text_size, 3);
        cr_assert_not(progress_read(&p), "nothing is there");
        say(&p, text);
        cr_assert_not(progress_read(&p), "nothing is new");
        progress_done(&p);
}

Test(progress_lines, of_a_run_that_has_ended_are_forgotten) {
        Progress p;
        cr_assert_eq(progress_open(&p), 0);
        cr_assert_eq(fcntl(p.writer, F_SETFL, O_NONBLOCK), 0);
        say(&p, "42% a\n4");
        cr_assert(progress_read(&p));
        say(&p, "43% a\n4");
        progress_reset(&p);
        cr_assert_not(p.latest.told);
        cr_assert_eq(fcntl(p.writer, F_GETFL) & O_NONBLOCK, 0, "as the next one expects it");
        say(&p, "2% b\n");
        cr_assert(progress_read(&p));
        cr_assert_eq(p.latest.percent, 2, "the rest of a line is no beginning of the next: %u",
                     p.latest.percent);
        progress_done(&p);
}
