/* Helper programs on trial. */
#include "host/binaries.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const names[] = {"sh", "true"};

static bool is_open(int fd) {
        return fcntl(fd, F_GETFD) >= 0;
}

static Binaries opened(void) {
        Binaries b = {.names = names, .count = 2};
        Error e = {0};
        setenv("STINT_LIBEXECDIR", "/bin", 1);
        cr_assert_eq(binaries_open(&b, &e), 0, "%s", e.text);
        return b;
}

Test(binaries, on_trial_are_kept_or_reverted_and_numbers_never_return) {
        Binaries b = opened();
        Error e = {0};
        int old = b.now.fds[0];
        cr_assert_eq(b.now.number, 1);
        cr_assert(!binaries_on_trial(&b));
        cr_assert_eq(binaries_open(&b, &e), 0);
        cr_assert(binaries_on_trial(&b));
        cr_assert_eq(b.now.number, 2);
        binaries_revert(&b);
        cr_assert_eq(b.now.number, 1);
        cr_assert_eq(b.now.fds[0], old);
        cr_assert_eq(binaries_open(&b, &e), 0);
        cr_assert_eq(b.now.number, 3);
        binaries_keep(&b);
        cr_assert(!binaries_on_trial(&b) && !is_open(old));
        int now = b.now.fds[0];
        binaries_close(&b);
        cr_assert(!is_open(now));
}

Test(binaries, that_are_not_all_there_change_nothing) {
        Binaries b = opened();
        Error e = {0};
        setenv("STINT_LIBEXECDIR", "/nonexistent", 1);
        cr_assert_eq(binaries_open(&b, &e), -EXIT_SOFTWARE);
        cr_assert_str_eq(e.text, "cannot open /nonexistent/sh: No such file or directory; install "
                                 "it there or set STINT_LIBEXECDIR");
        cr_assert_eq(b.now.number, 1);
        cr_assert(!binaries_on_trial(&b) && is_open(b.now.fds[0]));
        binaries_close(&b);
}
