/* Signals by name and number, and what is suggested for those that are none. */
#include "client/cli/signal-name.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

static void expect(const char *text, int number) {
        int got = 0;
        cr_assert_null(signal_parse(text, &got), "%s", text);
        cr_assert_eq(got, number, "%s: %d", text, got);
}

static void expect_refused(const char *text, const char *suggestion) {
        int got = 0;
        const char *objection = signal_parse(text, &got);
        cr_assert_not_null(objection, "%s", text);
        cr_assert_not_null(strstr(objection, suggestion), "%s: %s", text, objection);
}

Test(signal_name, with_and_without_sig_in_any_case) {
        expect("TERM", SIGTERM);
        expect("SIGTERM", SIGTERM);
        expect("sigusr1", SIGUSR1);
        expect("hup", SIGHUP);
}

Test(signal_name, numbers) {
        expect("9", SIGKILL);
        expect("64", 64);
        expect_refused("0", "1 to 64");
        expect_refused("65", "1 to 64");
        expect_refused("-9", "no signal");
        expect_refused("99999999999999999999", "no signal");
}

Test(signal_name, the_nearest_name_is_suggested) {
        expect_refused("TREM", "TERM?");
        expect_refused("SIGKIL", "KILL?");
        expect_refused("usr", "USR1?");
        expect_refused("", "no signal");
        expect_refused("something", "write TERM");
}
