/* What a command finds when it is executed, and how its end is told. */
#include "tests/unit/worker/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void expect_exit(const End *e, int code) {
        cr_assert_eq(e->item.reason, REASON_EXIT, "reason %s, %s",
                     end_reason_name((EndReason)e->item.reason), e->detail);
        cr_assert_eq(e->item.code, code, "code %ld, stderr: %s", (long)e->item.code, e->err);
        cr_assert_eq(e->item.state, code ? TASK_FAILED : TASK_SUCCEEDED);
}

static void expect_not_started(const End *e, int error, const char *detail) {
        cr_assert_eq(e->item.state, TASK_FAILED);
        cr_assert_eq(e->item.reason, REASON_COULD_NOT_START);
        cr_assert_eq(e->item.code, error);
        cr_assert_str_eq(e->detail, detail);
}

#define ARGV(...)                                                                                  \
        .argv = (const char *const[]){__VA_ARGS__, NULL},                                          \
        .argc = sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)

Test(execute, exit_codes_are_told) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        static const int codes[] = {0, 1, 7, 126, 127, 255};
        for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
                char text[32];
                (void)snprintf(text, sizeof text, "exit %d", codes[i]);
                _cleanup_(end_done) End e = harness_execute(h, (Job){.shell = text});
                expect_exit(&e, codes[i]);
                cr_assert_eq(e.item.task_id, e.item.run_id - 1000);
        }
}

Test(execute, both_streams_and_usage_come_back) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        _cleanup_(end_done) End e = harness_execute(
                h, (Job){.shell = "echo out; echo err >&2; i=0; while [ $i -lt 20000 ]; do "
                                  "i=$((i+1)); done"});
        expect_exit(&e, 0);
        cr_assert_str_eq(e.out, "out\n");
        cr_assert_str_eq(e.err, "err\n");
        cr_assert_eq(e.item.out_total, 4);
        cr_assert_eq(e.item.files, 0);
        cr_assert_gt(e.item.wall_usec, 0);
        cr_assert_gt(e.item.user_usec + e.item.system_usec, 0);
        cr_assert_gt(e.item.max_rss_bytes, 100000);
        cr_assert_gt(e.item.started_usec, 1500000000ull * 1000000);
}

Test(execute, death_by_signal_is_told) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        _cleanup_(end_done) End e = harness_execute(h, (Job){.shell = "kill -SEGV $$"});
        cr_assert_eq(e.item.state, TASK_FAILED);
        cr_assert_eq(e.item.reason, REASON_SIGNAL);
        cr_assert_eq(e.item.code, SIGSEGV);
}

Test(execute, argv_is_executed_exactly) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        _cleanup_(end_done) End e = harness_execute(
                h, (Job){.spec = {ARGV("printf", "<%s>", "a b", "", "$HOME", "*", "'\"\\")}});
        expect_exit(&e, 0);
        cr_assert_str_eq(e.out, "<a b><><$HOME><*><'\"\\>");
}

Test(execute, what_cannot_be_executed_is_no_exit_code) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        _cleanup_(end_done) End missing =
                harness_execute(h, (Job){.spec = {ARGV("no-such-program")}});
        expect_not_started(&missing, ENOENT,
                           "cannot execute no-such-program: No such file or directory");
        _cleanup_(end_done) End denied = harness_execute(h, (Job){.spec = {ARGV("/etc/passwd")}});
        expect_not_started(&denied, EACCES, "cannot execute /etc/passwd: Permission denied");
        _cleanup_(end_done) End empty = harness_execute(h, (Job){.spec = {ARGV("")}});
        expect_not_started(&empty, ENOENT, "cannot execute : No such file or directory");
        _cleanup_(end_done) End cwd =
                harness_execute(h, (Job){.spec = {ARGV("true"), .cwd = "/x/y"}});
        expect_not_started(&cwd, ENOENT, "cannot change to /x/y: No such file or directory");
        _cleanup_(end_done) End in =
                harness_execute(h, (Job){.spec = {ARGV("true"), .stdin_kind = COMMAND_STDIN_FILE,
                                                  .stdin_file = "/x/y"}});
        expect_not_started(&in, ENOENT, "cannot open stdin file /x/y: No such file or directory");
        _cleanup_(end_done) End directory = harness_execute(
                h,
                (Job){.spec = {ARGV("true"), .stdin_kind = COMMAND_STDIN_FILE, .stdin_file = "/"}});
        expect_not_started(&directory, EISDIR, "cannot open stdin file /: Is a directory");
        _cleanup_(end_done) End after = harness_execute(h, (Job){.shell = "exit 0"});
        expect_exit(&after, 0);
}

Test(execute, a_payload_that_is_no_command_ends_its_task) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        _cleanup_(end_done) End e = harness_execute(h, (Job){.payload = "\xc1", .payload_size = 1});
        cr_assert_eq(e.item.reason, REASON_HANDLER, "a message in a command pool");
        cr_assert_str_eq(e.detail,
                         "pool default has the handler command, which takes no message tasks");
}

Test(execute, path_is_the_tasks_own) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        char path[128], environment[256];
        (void)snprintf(path, sizeof path, "%s/tool", h->dir);
        FILE *file = fopen(path, "w");
        (void)fputs("#!/bin/sh\necho found\n", file);
        (void)fclose(file);
        cr_assert_eq(chmod(path, 0755), 0);
        int size = snprintf(environment, sizeof environment, "PATH=/nowhere:%s:/bin", h->dir);
        _cleanup_(end_done) End e = harness_execute(h, (Job){.spec = {ARGV("tool")},
                                                             .environment = environment,
                                                             .environment_size = (size_t)size + 1});
        expect_exit(&e, 0);
        cr_assert_str_eq(e.out, "found\n");
        cr_assert_eq(chmod(path, 0644), 0);
        _cleanup_(end_done) End denied =
                harness_execute(h, (Job){.spec = {ARGV("tool")},
                                         .environment = environment,
                                         .environment_size = (size_t)size + 1});
        expect_not_started(&denied, EACCES, "cannot execute tool: Permission denied");
        size = snprintf(environment, sizeof environment, "A=b");
        _cleanup_(end_done) End by_default = harness_execute(
                h,
                (Job){.spec = {ARGV("true")}, .environment = environment, .environment_size = 3});
        expect_exit(&by_default, 0);
}

Test(execute, environment_is_as_given_plus_stint) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        static const char environment[] = "A=1\0EMPTY=\0STINT_TASK=forged\0GONE=x\0B=old\0SP=a b=c";
        const char *const settings[] = {"B=new", "GONE", "C=added", NULL};
        char expected[512];
        _cleanup_(end_done) End e = harness_execute(
                h, (Job){.spec = {ARGV("/usr/bin/env"), .env = settings, .env_count = 3},
                         .environment = environment,
                         .environment_size = sizeof environment - 1});
        (void)snprintf(expected, sizeof expected,
                       "A=1\nEMPTY=\nSP=a b=c\nB=new\nC=added\nSTINT_TASK=1\nSTINT_ATTEMPT=3\n"
                       "STINT_RUN=1001\nSTINT_QUEUE=default\nSTINT_POOL=default\n"
                       "STINT_WORKER=17\nSTINT_SLOT=17\nSTINT_ENDPOINT=ipc://%s/control.sock\n",
                       h->run);
        expect_exit(&e, 0);
        cr_assert_str_eq(e.out, expected);
}

Test(execute, stdin_is_null_bytes_or_a_file) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        _cleanup_(end_done) End null = harness_execute(h, (Job){.spec = {ARGV("cat")}});
        expect_exit(&null, 0);
        cr_assert_str_eq(null.out, "");
        _cleanup_(end_done) End bytes =
                harness_execute(h, (Job){.spec = {ARGV("cat"), .stdin_kind = COMMAND_STDIN_BYTES,
                                                  .stdin_bytes = wire_text("some bytes")}});
        cr_assert_str_eq(bytes.out, "some bytes");
        _cleanup_(end_done) End empty =
                harness_execute(h, (Job){.spec = {ARGV("cat"), .stdin_kind = COMMAND_STDIN_BYTES}});
        expect_exit(&empty, 0);
        cr_assert_str_eq(empty.out, "");
        char path[128];
        (void)snprintf(path, sizeof path, "%s/stintd.conf", h->dir);
        _cleanup_(end_done) End file = harness_execute(
                h, (Job){.spec = {ARGV("head", "-c", "6"), .stdin_kind = COMMAND_STDIN_FILE,
                                  .stdin_file = path}});
        cr_assert_str_eq(file.out, "queues");
}

Test(execute, a_whole_mebibyte_of_stdin_arrives) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        _cleanup_(freep) char *bytes = malloc(WIRE_STDIN_MAX);
        memset(bytes, 'x', WIRE_STDIN_MAX);
        _cleanup_(end_done) End e = harness_execute(
                h, (Job){.spec = {ARGV("wc", "-c"), .stdin_kind = COMMAND_STDIN_BYTES,
                                  .stdin_bytes = {bytes, WIRE_STDIN_MAX}}});
        cr_assert_str_eq(e.out, "1048576\n");
}

Test(execute, stdin_without_a_writer_does_not_hold_the_worker) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        char path[128];
        (void)snprintf(path, sizeof path, "%s/fifo", h->dir);
        cr_assert_eq(mkfifo(path, 0600), 0);
        _cleanup_(end_done) End e = harness_execute(
                h,
                (Job){.spec = {ARGV("cat"), .stdin_kind = COMMAND_STDIN_FILE, .stdin_file = path}});
        expect_exit(&e, 0);
}

Test(execute, cwd_and_umask_are_the_tasks) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        _cleanup_(end_done) End e = harness_execute(
                h,
                (Job){.spec = {ARGV("sh", "-c", "pwd; umask"), .cwd = "/usr/bin", .umask = 027}});
        cr_assert_str_eq(e.out, "/usr/bin\n0027\n");
        _cleanup_(end_done) End root =
                harness_execute(h, (Job){.spec = {ARGV("sh", "-c", "pwd; umask")}});
        cr_assert_str_eq(root.out, "/\n0000\n");
}

Test(execute, nothing_of_the_worker_is_inherited) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        /* ls itself opens 3 to read the directory. */
        _cleanup_(end_done) End open_now =
                harness_execute(h, (Job){.spec = {ARGV("ls", "/proc/self/fd")}});
        cr_assert_str_eq(open_now.out, "0\n1\n2\n3\n");
        _cleanup_(end_done) End signals = harness_execute(
                h, (Job){.spec = {ARGV("sed", "-n", "/^Sig[BIC]/p", "/proc/self/status")}});
        cr_assert_str_eq(signals.out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"
                                      "SigCgt:\t0000000000000000\n");
        _cleanup_(end_done) End limits =
                harness_execute(h, (Job){.shell = "ulimit -Sn; ulimit -Hn; nice"});
        long soft = 0, hard = 0, nice_value = -1;
        cr_assert_eq(sscanf(limits.out, "%ld %ld %ld", &soft, &hard, &nice_value), 3, "%s",
                     limits.out);
        cr_assert_eq(soft, 1024);
        cr_assert_geq(hard, soft);
        cr_assert_eq(nice_value, getpriority(PRIO_PROCESS, 0), "as this test, which may be nice");
}

Test(execute, each_command_leads_its_own_session) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        _cleanup_(end_done) End e =
                harness_execute(h, (Job){.shell = "read -r p c s pp pg sid r < /proc/$$/stat; echo "
                                                  "$((p == sid && p == pg))"});
        cr_assert_str_eq(e.out, "1\n", "%s%s", e.out, e.err);
}

Test(execute, queued_runs_are_executed_one_by_one_in_order) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        uint64_t runs[20];
        char text[512];
        for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
                (void)snprintf(text, sizeof text,
                               "mkdir %s/lock && echo %zu >> %s/order && rmdir %s/lock", h->dir, i,
                               h->dir, h->dir);
                runs[i] = harness_submit(h, (Job){.shell = text});
        }
        for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
                _cleanup_(end_done) End e = harness_wait_end(h, runs[i]);
                expect_exit(&e, 0);
        }
        (void)snprintf(text, sizeof text, "tr '\\n' ' ' < %s/order", h->dir);
        _cleanup_(end_done) End e = harness_execute(h, (Job){.shell = text});
        cr_assert_str_eq(e.out, "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 ");
}
