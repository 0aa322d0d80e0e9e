/* How runs are ended from outside, and that nothing of them is left. */
#include "tests/unit/worker/harness.h"

#include "common/time.h"

#include <sys/wait.h>
#include <unistd.h>

#define SEC USEC_PER_SEC

/* A command in the test's directory. First, it makes a child of its own session that ignores TERM,
 * whose parent is gone, and which holds the task's stdout; its pid is in the file "pid". Then it
 * goes on as the text says. */
static const char *with_stubborn_child(const Harness *h, char *buffer, size_t size,
                                       const char *rest) {
        (void)snprintf(buffer, size,
                       "cd %s; setsid sh -c 'setsid sh -c \"trap : TERM; echo \\$\\$ > pid; "
                       "while :; do sleep 1; done\" & exit' & "
                       "while [ ! -s pid ]; do sleep 0.01; done; %s",
                       h->dir, rest);
        return buffer;
}
#define STUBBORN_CHILD(h, rest) with_stubborn_child(h, (char[512]){0}, 512, rest)

static void expect_result(const End *e, TaskState state, EndReason reason) {
        cr_assert_eq(e->item.state, state, "state %s", task_state_name((TaskState)e->item.state));
        cr_assert_eq(e->item.reason, reason, "reason %s",
                     end_reason_name((EndReason)e->item.reason));
}

Test(stop, a_timeout_ends_the_whole_tree) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        uint64_t run_id = harness_submit(
                h, (Job){.shell = STUBBORN_CHILD(h, "trap '' TERM; while :; do sleep 1; done"),
                         .timeout_usec = SEC / 2,
                         .grace_usec = SEC / 5});
        pid_t child = (pid_t)harness_wait_number(h, "pid");
        _cleanup_(end_done) End e = harness_wait_end(h, run_id);
        expect_result(&e, TASK_FAILED, REASON_TIMEOUT);
        cr_assert_geq(e.item.wall_usec, SEC * 7 / 10, "the grace was given");
        cr_assert_eq(kill(child, 0), -1, "dead before the end is told");
}

Test(stop, a_timeout_that_is_heeded_needs_no_kill) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        _cleanup_(end_done) End e =
                harness_execute(h, (Job){.shell = "trap 'echo bye; exit 0' TERM; sleep 30 & wait",
                                         .timeout_usec = SEC / 5,
                                         .grace_usec = 30 * SEC});
        expect_result(&e, TASK_FAILED, REASON_TIMEOUT);
        cr_assert_str_eq(e.out, "bye\n");
        cr_assert_lt(e.item.wall_usec, 20 * SEC);
}

Test(stop, the_tree_has_the_grace_even_when_its_root_is_gone) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        _cleanup_(end_done) End e = harness_execute(
                h, (Job){.shell = "(trap 'sleep 0.3; echo tidied; exit' TERM; echo up; "
                                  "while :; do sleep 0.05; done) & wait",
                         .timeout_usec = SEC / 2,
                         .grace_usec = 30 * SEC});
        expect_result(&e, TASK_FAILED, REASON_TIMEOUT);
        cr_assert_str_eq(e.out, "up\ntidied\n");
}

Test(stop, a_stopped_process_heeds_too) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        _cleanup_(end_done) End e = harness_execute(
                h,
                (Job){.shell = "kill -STOP $$", .timeout_usec = SEC / 5, .grace_usec = 60 * SEC});
        expect_result(&e, TASK_FAILED, REASON_TIMEOUT);
        cr_assert_lt(e.item.wall_usec, 30 * SEC);
}

Test(stop, what_a_command_leaves_running_is_killed) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        uint64_t run_id = harness_submit(h, (Job){.shell = STUBBORN_CHILD(h, "echo done; exit 3")});
        _cleanup_(end_done) End e = harness_wait_end(h, run_id);
        expect_result(&e, TASK_FAILED, REASON_EXIT);
        cr_assert_eq(e.item.code, 3);
        cr_assert_str_eq(e.out, "done\n", "it held the pipe open and delayed nothing");
        pid_t child = (pid_t)harness_wait_number(h, "pid");
        cr_assert_eq(kill(child, 0), -1, "dead before the end is told");
}

Test(stop, a_storm_of_forks_is_killed) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        _cleanup_(end_done) End e = harness_execute(
                h, (Job){.shell = "f() { setsid sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 60 & "
                                  "done; wait' & }; f; f; f; f; sleep 0.1; exit 0"});
        expect_result(&e, TASK_SUCCEEDED, REASON_EXIT);
        char text[96];
        (void)snprintf(text, sizeof text, "cat /proc/%d/task/*/children | wc -w", h->worker);
        _cleanup_(end_done) End left = harness_execute(h, (Job){.shell = text});
        cr_assert_eq(strtol(left.out, NULL, 10), 1, "only the one that counts: %s", left.out);
}

Test(stop, cancel_ends_as_cancelled) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        uint64_t run_id = harness_submit(h, (Job){.shell = "sleep 60", .grace_usec = 30 * SEC});
        harness_wait_started(h, run_id);
        harness_stop_run(h, run_id, STOP_CANCEL, 0);
        _cleanup_(end_done) End e = harness_wait_end(h, run_id);
        expect_result(&e, TASK_CANCELLED, REASON_CANCELLED);
}

Test(stop, cancel_sends_the_signal_that_was_asked_for) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        uint64_t run_id = harness_submit(
                h, (Job){.shell = "trap 'echo usr1; exit' USR1; echo 1 > ready; while :; do sleep "
                                  "0.01; done",
                         .spec = {.cwd = h->dir},
                         .grace_usec = 30 * SEC});
        (void)harness_wait_number(h, "ready");
        harness_stop_run(h, run_id, STOP_CANCEL, SIGUSR1);
        _cleanup_(end_done) End e = harness_wait_end(h, run_id);
        expect_result(&e, TASK_CANCELLED, REASON_CANCELLED);
        cr_assert_str_eq(e.out, "usr1\n");
}

Test(stop, a_second_cancel_may_be_harder) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        uint64_t run_id =
                harness_submit(h, (Job){.shell = "trap '' TERM; echo x; while :; do sleep 1; done",
                                        .grace_usec = 600 * SEC});
        harness_wait_started(h, run_id);
        harness_stop_run(h, run_id, STOP_CANCEL, SIGTERM);
        harness_stop_run(h, run_id, STOP_CANCEL, SIGKILL);
        _cleanup_(end_done) End e = harness_wait_end(h, run_id);
        expect_result(&e, TASK_CANCELLED, REASON_CANCELLED);
}

/* Lets a command go on that waits for the file "go" in its directory. */
static void let_go(const Harness *h) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/go", h->dir);
        (void)fclose(fopen(path, "w"));
}

Test(stop, a_signal_reaches_the_whole_tree_and_the_run_goes_on) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        uint64_t run_id = harness_submit(
                h, (Job){.shell = "trap 'echo 1 > root' USR1; setsid sh -c 'trap \"echo 2 > leaf\" "
                                  "USR1; echo 3 > ready; while [ ! -e go ]; do sleep 0.01; done' & "
                                  "while [ ! -e go ]; do sleep 0.01; done; wait; exit 5",
                         .spec = {.cwd = h->dir}});
        (void)harness_wait_number(h, "ready");
        harness_signal_run(h, run_id + 1, SIGKILL); /* none of ours */
        harness_signal_run(h, run_id, 0);
        harness_signal_run(h, run_id, 1000);
        harness_signal_run(h, run_id, SIGUSR1);
        cr_assert_eq(harness_wait_number(h, "root"), 1);
        cr_assert_eq(harness_wait_number(h, "leaf"), 2);
        let_go(h);
        _cleanup_(end_done) End e = harness_wait_end(h, run_id);
        expect_result(&e, TASK_FAILED, REASON_EXIT);
        cr_assert_eq(e.item.code, 5);
}

Test(stop, a_signal_may_end_it_and_is_no_riddle_then) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        uint64_t run_id = harness_submit(h, (Job){.shell = "exec sleep 60"});
        harness_wait_started(h, run_id);
        harness_signal_run(h, run_id, SIGKILL);
        _cleanup_(end_done) End e = harness_wait_end(h, run_id);
        expect_result(&e, TASK_FAILED, REASON_SIGNAL);
        cr_assert_eq(e.item.code, SIGKILL);
        cr_assert_str_eq(e.detail, "", "stint did send it");
        harness_signal_run(h, run_id, SIGKILL); /* it has ended: nothing happens */
        _cleanup_(end_done) End next = harness_execute(h, (Job){.shell = "exit 0"});
        expect_result(&next, TASK_SUCCEEDED, REASON_EXIT);
}

Test(stop, a_signal_for_a_queued_run_waits_for_its_start) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        uint64_t first = harness_submit(h, (Job){.shell = "while [ ! -e go ]; do sleep 0.01; done",
                                                 .spec = {.cwd = h->dir}});
        uint64_t second = harness_submit(h, (Job){.shell = "exec sleep 60"});
        uint64_t third = harness_submit(h, (Job){.shell = "exit 0"});
        harness_wait_started(h, first);
        harness_signal_run(h, second, SIGUSR1);
        harness_signal_run(h, second, SIGTERM);
        let_go(h);
        _cleanup_(end_done) End first_end = harness_wait_end(h, first);
        expect_result(&first_end, TASK_SUCCEEDED, REASON_EXIT);
        _cleanup_(end_done) End e = harness_wait_end(h, second);
        expect_result(&e, TASK_FAILED, REASON_SIGNAL);
        cr_assert(e.item.code == SIGUSR1 || e.item.code == SIGTERM);
        _cleanup_(end_done) End third_end = harness_wait_end(h, third);
        expect_result(&third_end, TASK_SUCCEEDED, REASON_EXIT);
}

Test(stop, an_interrupted_run_is_ready_again) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        uint64_t run_id = harness_submit(h, (Job){.shell = "sleep 60", .grace_usec = 30 * SEC});
        harness_wait_started(h, run_id);
        harness_stop_run(h, run_id, STOP_INTERRUPT, SIGTERM);
        _cleanup_(end_done) End e = harness_wait_end(h, run_id);
        expect_result(&e, TASK_READY, REASON_INTERRUPTED);
}

Test(stop, a_run_that_ended_before_the_stop_keeps_its_result) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        uint64_t run_id =
                harness_submit(h, (Job){.shell = "exec sleep 60", .grace_usec = 30 * SEC});
        harness_wait_started(h, run_id);
        cr_assert_eq(kill(h->worker, SIGSTOP), 0); /* the worker learns both at once */
        wait_until_state(h->worker, 'T');
        cr_assert_eq(kill(h->started_pid, SIGKILL), 0);
        wait_until_state(h->started_pid, 'Z');
        harness_stop_run(h, run_id, STOP_INTERRUPT, SIGTERM);
        cr_assert_eq(kill(h->worker, SIGCONT), 0);
        _cleanup_(end_done) End e = harness_wait_end(h, run_id);
        expect_result(&e, TASK_FAILED, REASON_SIGNAL);
        cr_assert_eq(e.item.code, SIGKILL);
}

Test(stop, a_queued_run_ends_without_a_start) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        uint64_t running = harness_submit(h, (Job){.shell = "sleep 60", .grace_usec = 30 * SEC});
        char text[128];
        (void)snprintf(text, sizeof text, "touch %s/started", h->dir);
        uint64_t queued = harness_submit(h, (Job){.shell = text});
        harness_wait_started(h, running);
        harness_stop_run(h, queued, STOP_CANCEL, SIGTERM);
        _cleanup_(end_done) End e = harness_wait_end(h, queued);
        expect_result(&e, TASK_CANCELLED, REASON_CANCELLED);
        cr_assert_eq(e.item.wall_usec, 0);
        char path[128];
        (void)snprintf(path, sizeof path, "%s/started", h->dir);
        cr_assert_eq(access(path, F_OK), -1);
}

Test(stop, sigterm_waits_for_what_runs_and_for_its_ack) {
        Harness *h = harness_start("default");
        char text[128];
        int status = -1;
        (void)snprintf(text, sizeof text, "while [ ! -e %s/go ]; do sleep 0.01; done", h->dir);
        uint64_t running = harness_submit(h, (Job){.shell = text});
        uint64_t queued = harness_submit(h, (Job){.shell = "exit 0"});
        harness_wait_started(h, running);
        cr_assert_eq(kill(h->worker, SIGTERM), 0);
        _cleanup_(end_done) End interrupted = harness_wait_end(h, queued);
        expect_result(&interrupted, TASK_READY, REASON_INTERRUPTED);
        (void)snprintf(text, sizeof text, "%s/go", h->dir);
        (void)fclose(fopen(text, "w"));
        _cleanup_(end_done) End e = harness_wait_end(h, running);
        expect_result(&e, TASK_SUCCEEDED, REASON_EXIT);
        harness_ack(h, queued);
        cr_assert_eq(waitpid(h->worker, &status, WNOHANG), 0, "an end is not acked");
        harness_ack(h, running);
        harness_stop(h); /* which would find it alive if it waited for more than the acks: see the
                            next test */
}

Test(stop, sigterm_with_nothing_to_do_leaves) {
        Harness *h = harness_start("default");
        int status = -1;
        cr_assert_eq(kill(h->worker, SIGTERM), 0);
        cr_assert_eq(waitpid(h->worker, &status, 0), h->worker);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        h->worker = 0;
        harness_stop(h);
}

Test(stop, the_death_of_the_supervisor_kills_all) {
        Harness *h = harness_start("default");
        (void)harness_submit(h, (Job){.shell = STUBBORN_CHILD(h, "trap '' TERM; while :; "
                                                                 "do sleep 1; done"),
                                      .grace_usec = 600 * SEC});
        pid_t child = (pid_t)harness_wait_number(h, "pid");
        cr_assert_eq(kill(child, 0), 0);
        harness_stop(h); /* returns when the worker is gone */
        cr_assert_eq(kill(child, 0), -1, "dead before the worker is");
}

Test(stop, a_killed_worker_takes_its_command_with_it) {
        Harness *h = harness_start("default");
        int status = -1;
        uint64_t run_id = harness_submit(h, (Job){.shell = "exec sleep 60"});
        harness_wait_started(h, run_id);
        cr_assert_eq(kill(h->worker, SIGKILL), 0);
        cr_assert_eq(waitpid(h->worker, &status, 0), h->worker);
        h->worker = 0;
        wait_until_dead(h->started_pid);
        harness_stop(h);
}
