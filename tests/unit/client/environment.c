/* Which variables a task gets. */
#include "client/cli/environment.h"

#include <criterion/criterion.h>
#include <string.h>

static char *ours[] = {"HOME=/home/me", "LANG=de_DE.UTF-8", "SECRET=x=y", "EMPTY=", NULL};

static EnvironmentOptions options;

static void clear(void) {
        memset(&options, 0, sizeof options);
}

TestSuite(environment, .init = clear);

/* The block for these options as one string, NULs shown as |. */
static const char *block(EnvironmentBase base, EnvironmentTrust trust, char *const *variables) {
        static char shown[1024];
        char *data;
        size_t size;
        Error error;
        cr_assert_eq(environment_block(base, trust, variables, &data, &size, &error), 0);
        cr_assert_lt(size, sizeof shown);
        for (size_t i = 0; i < size; i++)
                shown[i] = data[i] ? data[i] : '|';
        shown[size] = '\0';
        free(data);
        return shown;
}

static const char everything[] = "HOME=/home/me|LANG=de_DE.UTF-8|SECRET=x=y|EMPTY=|";
static const char clean[] =
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin|LANG=de_DE.UTF-8|";

Test(environment, ones_own_instance_gets_all_of_it) {
        cr_assert_str_eq(block(ENVIRONMENT_DEFAULT, ENVIRONMENT_OF_OWN, ours), everything);
}

Test(environment, others_get_a_clean_one) {
        cr_assert_str_eq(block(ENVIRONMENT_DEFAULT, ENVIRONMENT_OF_OTHERS, ours), clean);
}

Test(environment, a_clean_one_has_a_language_even_if_we_have_none) {
        char *none[] = {NULL};
        cr_assert_not_null(
                strstr(block(ENVIRONMENT_DEFAULT, ENVIRONMENT_OF_OTHERS, none), "|LANG=C.UTF-8|"));
}

Test(environment, all_and_none_are_meant_literally) {
        cr_assert_str_eq(block(ENVIRONMENT_ALL, ENVIRONMENT_OF_OTHERS, ours), everything);
        cr_assert_str_eq(block(ENVIRONMENT_NONE, ENVIRONMENT_OF_OWN, ours), "");
}

Test(environment, words_choose_the_base) {
        cr_assert_null(environment_set(&options, "none", ours));
        cr_assert_eq(options.base, ENVIRONMENT_NONE);
        cr_assert_null(environment_set(&options, "all", ours));
        cr_assert_eq(options.base, ENVIRONMENT_ALL);
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
        cr_assert_eq(options.base, ENVIRONMENT_DEFAULT);
}

Test(environment, what_names_nothing_is_refused) {
        cr_assert_not_null(environment_set(&options, "SECRE", ours), "a prefix is no name");
        cr_assert_not_null(environment_set(&options, "MISSING", ours));
        cr_assert_not_null(environment_set(&options, "=x", ours));
        cr_assert_not_null(environment_set(&options, "", ours));
        cr_assert_eq(options.count, 0);
}

Test(environment, one_that_is_too_large_is_refused) {
        char *huge = malloc(WIRE_ENVIRONMENT_MAX + 1), *data;
        char *variables[] = {huge, NULL};
        size_t size;
        Error error;
        memset(huge, 'x', WIRE_ENVIRONMENT_MAX);
        huge[1] = '=';
        huge[WIRE_ENVIRONMENT_MAX] = '\0';
        cr_assert_eq(environment_block(ENVIRONMENT_ALL, ENVIRONMENT_OF_OWN, variables, &data, &size,
                                       &error),
                     -EXIT_DATA);
        free(huge);
}
