/* The command line: what it gives, what it refuses and what it suggests. */
#include "host/options.h"

#include <criterion/criterion.h>
#include <string.h>

static int flag;
static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                        {"user", no_argument, &flag, 7},
                                        {NULL, 0, NULL, 0}};

static void expect_refused(const char *word, const char *text) {
        char *argv[] = {(char *)"daemon", (char *)word, NULL};
        Error e = {0};
        optind = 1;
        cr_assert_eq(options_next(2, argv, options, "daemon", &e), -EXIT_USAGE);
        cr_assert_eq(e.code, EXIT_USAGE);
        cr_assert_str_eq(e.text, text);
}

Test(options, are_read_to_their_end) {
        char *argv[] = {(char *)"daemon", (char *)"--user", (char *)"--config", (char *)"f", NULL};
        Error e = {0};
        cr_assert_eq(options_next(4, argv, options, "daemon", &e), 0);
        cr_assert_eq(flag, 7);
        cr_assert_eq(options_next(4, argv, options, "daemon", &e), 'c');
        cr_assert_str_eq(optarg, "f");
        cr_assert_eq(options_next(4, argv, options, "daemon", &e), OPTIONS_END);
}

Test(options, that_are_wrong_are_explained) {
        expect_refused("--confg", "unknown option --confg: did you mean --config?");
        expect_refused("--config", "--config lacks its value: see daemon --help");
        expect_refused("--zzzzzz", "unknown argument '--zzzzzz': see daemon --help");
        expect_refused("start", "unknown argument 'start': see daemon --help");
}
