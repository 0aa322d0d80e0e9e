/* What is logged of tasks, under virtual time. */
#include "dispatcher/task-log.h"

#include <criterion/criterion.h>

#define BEGIN ((usec_t)77)

static unsigned take(TaskLog *l, unsigned kind, unsigned n, usec_t now) {
        unsigned taken = 0;
        while (n--)
                taken += (unsigned)task_log_take(l, kind, now);
        return taken;
}

Test(task_log, a_burst_has_an_end) {
        TaskLog l = {0};
        cr_assert_eq(take(&l, TASK_LOG_CHANGES, 3 * TASK_LOG_BURST, BEGIN), TASK_LOG_BURST);
        cr_assert_eq(l.budgets[TASK_LOG_CHANGES].left_out, 2 * TASK_LOG_BURST);
}

Test(task_log, the_budget_comes_back) {
        TaskLog l = {0};
        take(&l, TASK_LOG_CHANGES, TASK_LOG_BURST, BEGIN);
        cr_assert_eq(take(&l, TASK_LOG_CHANGES, 100, BEGIN + 7 * USEC_PER_SEC), 7);
        cr_assert_eq(take(&l, TASK_LOG_CHANGES, 9999, BEGIN + USEC_PER_DAY), TASK_LOG_BURST);
}

Test(task_log, failures_have_a_budget_of_their_own) {
        TaskLog l = {0};
        take(&l, TASK_LOG_CHANGES, 2 * TASK_LOG_BURST, BEGIN);
        cr_assert_eq(take(&l, TASK_LOG_FAILURES, 10, BEGIN), 10);
}
