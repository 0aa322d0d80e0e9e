/* Whether an account may enter a directory, on directories of our own. */
#include "client/cli/access.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char outer[64], inner[96];

static void make_directories(void) {
        snprintf(outer, sizeof outer, "/tmp/stint-access-XXXXXX");
        cr_assert_not_null(mkdtemp(outer));
        snprintf(inner, sizeof inner, "%s/inner", outer);
        cr_assert_eq(mkdir(inner, 0700), 0);
}

static void remove_directories(void) {
        chmod(outer, 0700);
        rmdir(inner);
        rmdir(outer);
}

TestSuite(access, .init = make_directories, .fini = remove_directories);

Test(access, owner_enters_by_the_owners_bits) {
        cr_assert_eq(access_to_directory(geteuid(), inner), ACCESS_GRANTED);
        cr_assert_eq(chmod(inner, 0677), 0);
        cr_assert_eq(access_to_directory(geteuid(), inner), ACCESS_DENIED);
}

Test(access, every_directory_on_the_way_counts) {
        cr_assert_eq(chmod(inner, 0777), 0);
        cr_assert_eq(chmod(outer, 0600), 0);
        cr_assert_neq(access_to_directory(geteuid(), inner), ACCESS_GRANTED);
}

Test(access, what_cannot_be_told_is_unknown) {
        cr_assert_eq(access_to_directory(geteuid(), "relative"), ACCESS_UNKNOWN);
        cr_assert_eq(access_to_directory(geteuid(), "/no/such/directory"), ACCESS_UNKNOWN);
        cr_assert_eq(access_to_directory((uid_t)-2, inner), ACCESS_UNKNOWN, "no such account");
}
