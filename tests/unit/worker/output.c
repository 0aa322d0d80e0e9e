/* Output: inside END up to 64 KiB of each stream, in files beyond that or when asked for, bounded,
 * and never at the cost of the command. */
#include "tests/unit/worker/harness.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* n bytes of a pattern in which a lost or doubled byte shows. */
#define PATTERN "seq -w 0 99999999 | head -c "

static void expect_pattern(const char *data, size_t size) {
        char line[32];
        for (size_t i = 0; i < size; i += 9) {
                (void)snprintf(line, sizeof line, "%08zu\n", i / 9);
                cr_assert_eq(memcmp(data + i, line, MIN_OF((size_t)9, size - i)), 0, "at %zu", i);
        }
}

static void expect_success(const End *e) {
        cr_assert_eq(e->item.state, TASK_SUCCEEDED, "%s %s", e->detail, e->err);
}

Test(output, what_fits_comes_inside_the_end) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        _cleanup_(end_done) End e = harness_execute(h, (Job){.shell = PATTERN "65536"});
        expect_success(&e);
        cr_assert_eq(e.item.files, 0);
        cr_assert_eq(e.item.out_total, 65536);
        cr_assert_eq(e.out_size, 65536);
        expect_pattern(e.out, e.out_size);
}

Test(output, one_byte_more_goes_into_a_file) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        size_t size;
        _cleanup_(end_done) End e =
                harness_execute(h, (Job){.shell = PATTERN "65537; echo small >&2"});
        expect_success(&e);
        cr_assert_eq(e.item.files, WIRE_FILE_OUT, "each stream decides for itself");
        cr_assert_eq(e.item.out_kept, 65537);
        cr_assert_str_eq(e.err, "small\n");
        _cleanup_(freep) char *out = harness_read_output(h, e.item.run_id, STREAM_STDOUT, &size);
        cr_assert_eq(size, 65537);
        expect_pattern(out, size);
}

Test(output, ten_mebibytes_are_whole_in_both_files) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        size_t out_size, err_size;
        _cleanup_(end_done) End e =
                harness_execute(h, (Job){.shell = PATTERN "10485760; " PATTERN "10485760 >&2"});
        expect_success(&e);
        cr_assert_eq(e.item.files, WIRE_FILE_OUT | WIRE_FILE_ERR);
        cr_assert_eq(e.item.out_total, 10485760);
        cr_assert_eq(e.item.err_total, 10485760);
        _cleanup_(freep) char *out =
                harness_read_output(h, e.item.run_id, STREAM_STDOUT, &out_size);
        _cleanup_(freep) char *err =
                harness_read_output(h, e.item.run_id, STREAM_STDERR, &err_size);
        cr_assert_eq(out_size, 10485760);
        cr_assert_eq(err_size, 10485760);
        expect_pattern(out, out_size);
        expect_pattern(err, err_size);
}

Test(output, beyond_the_limit_it_is_counted_and_dropped) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        size_t size;
        _cleanup_(end_done) End large =
                harness_execute(h, (Job){.shell = PATTERN "1000000", .spec.output_limit = 100000});
        expect_success(&large);
        cr_assert_eq(large.item.out_total, 1000000);
        cr_assert_eq(large.item.out_kept, 100000);
        _cleanup_(freep) char *out =
                harness_read_output(h, large.item.run_id, STREAM_STDOUT, &size);
        cr_assert_eq(size, 100000);
        expect_pattern(out, size);
        _cleanup_(end_done) End small =
                harness_execute(h, (Job){.shell = PATTERN "1000000", .spec.output_limit = 1000});
        cr_assert_eq(small.item.files, 0, "what is kept fits into the END");
        cr_assert_eq(small.item.out_total, 1000000);
        cr_assert_eq(small.out_size, 1000);
        expect_pattern(small.out, small.out_size);
}

Test(output, spill_makes_it_readable_while_it_runs) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        char text[256];
        size_t size = 0;
        (void)snprintf(text, sizeof text,
                       "echo first; while [ ! -e %s/go ]; do sleep 0.01; done; echo second; "
                       "echo third >&2",
                       h->dir);
        uint64_t run_id = harness_submit(h, (Job){.shell = text});
        harness_wait_started(h, run_id);
        harness_spill(h, run_id);
        char path[256];
        struct stat st = {0};
        cr_assert_eq(output_path(h->state, run_id, STREAM_STDOUT, path, sizeof path), 0);
        for (int i = 0; i < 3000 && (stat(path, &st) < 0 || st.st_size < 6); i++)
                (void)poll(NULL, 0, 10);
        _cleanup_(freep) char *early = harness_read_output(h, run_id, STREAM_STDOUT, &size);
        cr_assert_str_eq(early, "first\n");
        (void)snprintf(path, sizeof path, "%s/go", h->dir);
        (void)fclose(fopen(path, "w"));

        _cleanup_(end_done) End e = harness_wait_end(h, run_id);
        expect_success(&e);
        cr_assert_eq(e.item.files, WIRE_FILE_OUT | WIRE_FILE_ERR);
        cr_assert_eq(e.item.out_kept, 13);
        _cleanup_(freep) char *out = harness_read_output(h, run_id, STREAM_STDOUT, &size);
        _cleanup_(freep) char *err = harness_read_output(h, run_id, STREAM_STDERR, &size);
        cr_assert_str_eq(out, "first\nsecond\n");
        cr_assert_str_eq(err, "third\n");
}

Test(output, a_file_that_cannot_be_made_does_not_stop_the_command) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        char path[128];
        (void)snprintf(path, sizeof path, "%s/output", h->state);
        (void)fclose(fopen(path, "w")); /* in the way of the directory */
        _cleanup_(end_done) End e = harness_execute(h, (Job){.shell = PATTERN "200000"});
        expect_success(&e);
        cr_assert_eq(e.item.files, 0);
        cr_assert_eq(e.item.out_total, 200000);
        cr_assert_leq(e.out_size, 65536);
        expect_pattern(e.out, e.out_size);
        char expected[160];
        (void)snprintf(expected, sizeof expected,
                       "cannot keep stdout: Not a directory: %zu bytes of it were dropped",
                       200000 - e.out_size);
        cr_assert_str_eq(e.detail, expected);
}

Test(output, a_file_that_cannot_grow_keeps_its_head) {
        /* A limit on the size of files stands for a full disk: the same path, another errno. */
        struct rlimit before, limit;
        cr_assert_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
        Harness *h = harness_start("default");
        limit = (struct rlimit){.rlim_cur = 150000, .rlim_max = before.rlim_max};
        cr_assert_eq(prlimit(h->worker, RLIMIT_FSIZE, &limit, NULL), 0);
        _cleanup_(end_done) End e = harness_execute(h, (Job){.shell = PATTERN "400000"});
        expect_success(&e);
        cr_assert_eq(e.item.files, WIRE_FILE_OUT);
        cr_assert_eq(e.item.out_total, 400000);
        cr_assert_eq(e.item.out_kept, 150000);
        cr_assert_str_eq(e.detail,
                         "cannot keep stdout: File too large: 250000 bytes of it were dropped");
        harness_stop(h);
}

Test(output, a_command_may_close_its_output_and_live_on) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        _cleanup_(end_done) End e =
                harness_execute(h, (Job){.shell = "echo x; exec >&- 2>&-; sleep 0.05; exit 4"});
        cr_assert_eq(e.item.code, 4);
        cr_assert_str_eq(e.out, "x\n");
}

Test(output, spill_may_come_before_the_start) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        size_t size;
        uint64_t first = harness_submit(h, (Job){.shell = "sleep 0.2"});
        uint64_t second = harness_submit(h, (Job){.shell = "echo small"});
        harness_spill(h, second);
        _cleanup_(end_done) End silent = harness_wait_end(h, first);
        cr_assert_eq(silent.item.files, 0);
        _cleanup_(end_done) End e = harness_wait_end(h, second);
        cr_assert_eq(e.item.files, WIRE_FILE_OUT | WIRE_FILE_ERR, "a silent stream has one, too");
        _cleanup_(freep) char *out = harness_read_output(h, second, STREAM_STDOUT, &size);
        cr_assert_str_eq(out, "small\n");
}
