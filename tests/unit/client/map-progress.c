/* The line that says how far a map has come. */
#include "client/cli/map-progress.h"

#include <criterion/criterion.h>
#include <pty.h>
#include <stdlib.h>
#include <unistd.h>

static const char *text(uint64_t done, uint64_t total, uint64_t failed, double per_sec) {
        static char buf[160];
        MapCounts counts = {.done = done, .total = total, .failed = failed};
        return map_progress_text(&counts, per_sec, buf, sizeof buf);
}

/* An end that is more than a hundred years away is not told. */
Test(map_progress, says_what_is_known) {
        cr_assert_str_eq(text(12, UINT64_MAX, 0, 3.25), "12 done  3.2/s");
        cr_assert_str_eq(text(50, 200, 0, 25), "50/200  25%  25/s  ETA 7s");
        cr_assert_str_eq(text(50, 200, 3, 0), "50/200  25%  0.0/s  3 failed");
        cr_assert_str_eq(text(200, 200, 0, 1234.5), "200/200  100%  1234/s");
        cr_assert_str_eq(text(0, 0, 0, 0), "0/0  100%  0.0/s");
        cr_assert_str_eq(text(1, 1000000, 0, 0.000001), "1/1000000  0%  0.0/s");
}

Test(map_progress, a_line_that_is_too_long_is_cut) {
        char buf[8];
        MapCounts counts = {.done = 123456789, .total = UINT64_MAX};
        cr_assert_str_eq(map_progress_text(&counts, 5, buf, sizeof buf), "1234567");
}

Test(map_progress, nothing_is_drawn_on_what_is_no_terminal) {
        int fds[2];
        char byte;
        MapProgress p;
        MapCounts counts = {.done = 1, .total = 2};
        cr_assert_eq(pipe(fds), 0);
        setenv("TERM", "xterm", 1);
        map_progress_init(&p, fds[1], 1);
        cr_assert_eq(map_progress_due(&p), USEC_INFINITY);
        map_progress_draw(&p, &counts, USEC_PER_HOUR);
        map_progress_hide(&p);
        close(fds[1]);
        cr_assert_eq(read(fds[0], &byte, 1), 0);
}

Test(map_progress, is_drawn_seldom_but_soon_again_after_it_was_hidden) {
        int ours, theirs;
        char shown[256];
        MapProgress p;
        MapCounts counts = {.done = 1, .total = 2};
        usec_t now = USEC_PER_SEC;
        cr_assert_eq(openpty(&ours, &theirs, NULL, NULL, NULL), 0);
        setenv("TERM", "xterm", 1);
        map_progress_init(&p, theirs, now);
        map_progress_hide(&p);
        cr_assert_eq(map_progress_due(&p), now + MAP_PROGRESS_USEC, "there was nothing to hide");
        now += MAP_PROGRESS_USEC;
        map_progress_draw(&p, &counts, now);
        cr_assert_eq(map_progress_due(&p), now + MAP_PROGRESS_USEC);
        map_progress_hide(&p);
        cr_assert_eq(map_progress_due(&p), now + MAP_PROGRESS_HIDDEN_USEC);
        map_progress_draw(&p, &counts, now);
        ssize_t n = read(ours, shown, sizeof shown - 1);
        shown[n < 0 ? 0 : n] = '\0';
        cr_assert_str_eq(shown, "\r\033[K1/2  50%  4.0/s  ETA 1s\r\033[K");
        close(ours);
        close(theirs);
}
