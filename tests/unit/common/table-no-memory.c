/* The table when Judy runs out of memory: these definitions stand in front of the library's. A
 * program of its own, since they hold for all of it. */
#include "common/table.h"

#include <Judy.h>
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>

static int memory_is_out;

PPvoid_t JudyLIns(PPvoid_t array, Word_t key, PJError_t error) {
        PPvoid_t (*real)(PPvoid_t, Word_t, PJError_t) = NULL;
        *(void **)&real = dlsym(RTLD_NEXT, "JudyLIns");
        return memory_is_out ? PPJERR : real(array, key, error);
}

int JudyLDel(PPvoid_t array, Word_t key, PJError_t error) {
        int (*real)(PPvoid_t, Word_t, PJError_t) = NULL;
        *(void **)&real = dlsym(RTLD_NEXT, "JudyLDel");
        return memory_is_out ? JERR : real(array, key, error);
}

static int values[3];

static Table three(void) {
        Table t = {0};
        for (uint64_t key = 0; key < 3; key++)
                cr_assert_eq(table_put(&t, key * 10, &values[key]), 0);
        return t;
}

Test(table_no_memory, put_fails_and_changes_nothing) {
        Table t = three();
        memory_is_out = 1;
        cr_assert_eq(table_put(&t, 5, &values[0]), -ENOMEM);
        cr_assert_eq(t.count, 3);
        cr_assert_null(table_get(&t, 5));
        table_done(&t);
}

Test(table_no_memory, remove_succeeds_and_the_entry_is_gone) {
        Table t = three();
        uint64_t key = 5;
        memory_is_out = 1;
        cr_assert_eq(table_remove(&t, 10), &values[1]);
        cr_assert_eq(t.count, 2);
        cr_assert_null(table_get(&t, 10));
        cr_assert_null(table_remove(&t, 10));
        cr_assert_eq(table_first_from(&t, &key), &values[2]);
        cr_assert_eq(key, 20);
        key = 15;
        cr_assert_eq(table_last_to(&t, &key), &values[0]);
        cr_assert_eq(key, 0);
        table_done(&t);
}

Test(table_no_memory, a_removed_key_can_be_put_again) {
        Table t = three();
        memory_is_out = 1;
        table_remove(&t, 10);
        memory_is_out = 0;
        cr_assert_eq(table_put(&t, 10, &values[2]), 0);
        cr_assert_eq(t.count, 3);
        cr_assert_eq(table_get(&t, 10), &values[2]);
        table_done(&t);
}
