/* Exit codes and words for how tasks end. */
#include "client/cli/ending.h"

#include "common/error.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>

Test(ending, exit_code_is_the_tasks_own) {
        cr_assert_eq(ending_exit_code(STINT_SUCCEEDED, STINT_REASON_EXIT, 0), 0);
        cr_assert_eq(ending_exit_code(STINT_TASK_FAILED, STINT_REASON_EXIT, 3), 3);
        cr_assert_eq(ending_exit_code(STINT_TASK_FAILED, STINT_REASON_EXIT, 255), 255);
}

Test(ending, exit_code_says_what_else_happened) {
        cr_assert_eq(ending_exit_code(STINT_TASK_FAILED, STINT_REASON_SIGNAL, SIGKILL), 137);
        cr_assert_eq(ending_exit_code(STINT_TASK_FAILED, STINT_REASON_TIMEOUT, 0), EXIT_TIMED_OUT);
        cr_assert_eq(ending_exit_code(STINT_TASK_FAILED, STINT_REASON_OUT_OF_MEMORY, 0), 137);
        cr_assert_eq(ending_exit_code(STINT_TASK_FAILED, STINT_REASON_COULD_NOT_START, ENOENT),
                     EXIT_NOT_FOUND);
        cr_assert_eq(ending_exit_code(STINT_TASK_FAILED, STINT_REASON_COULD_NOT_START, EACCES),
                     EXIT_CANNOT_EXECUTE);
        cr_assert_eq(ending_exit_code(STINT_CANCELLED, STINT_REASON_CANCELLED, 1000), 143);
        cr_assert_eq(ending_exit_code(STINT_TASK_FAILED, STINT_REASON_WORKER_LOST, 0), 1);
}

Test(ending, a_failure_never_looks_like_success) {
        for (StintReason r = 0; r <= STINT_REASON_HANDLER; r++)
                for (int code = -1; code < 300; code++)
                        if (ending_exit_code(STINT_TASK_FAILED, r, code) == 0)
                                cr_assert_fail("reason %d, code %d", r, code);
}

static void expect_text(StintReason reason, int64_t code, const char *text) {
        char buf[128];
        cr_assert_str_eq(ending_text(reason, code, buf, sizeof buf), text);
}

Test(ending, words) {
        expect_text(STINT_REASON_NONE, 0, "");
        expect_text(STINT_REASON_EXIT, 3, "exit code 3");
        expect_text(STINT_REASON_SIGNAL, SIGTERM, "killed by signal 15 (TERM)");
        expect_text(STINT_REASON_SIGNAL, 40, "killed by signal 40");
        expect_text(STINT_REASON_COULD_NOT_START, ENOENT,
                    "could not start: No such file or directory");
        expect_text(STINT_REASON_CANCELLED, 1000, "by uid 1000");
        expect_text(STINT_REASON_INTERRUPTED, 0, "stopped by stint");
        expect_text(STINT_REASON_EXPIRED, 0, "not started in time");
        expect_text(STINT_REASON_WORKER_LOST, 0, "worker lost");
}
