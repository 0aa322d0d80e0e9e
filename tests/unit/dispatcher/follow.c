/* Requests that wait for output: each is tried again when there is a reason, and nothing is left
 * of tasks that nobody follows any more. */
#include "dispatcher/follow.h"

#include "common/output.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUN(n) (((run_id_t)1 << 32) + (n))

static sd_event *event;
static Follow *follow;
static char directory[] = "/tmp/stint-follow-XXXXXX";
static uint64_t retried[16];
static size_t retried_count;

static void on_retry(void *userdata, const FollowRequest *request) {
        cr_assert_lt(retried_count, ARRAY_SIZE(retried));
        retried[retried_count++] = request->output.id;
}

static void set_up(void) {
        cr_assert(mkdtemp(directory));
        cr_assert_geq(sd_event_new(&event), 0);
        char output[PATH_MAX];
        (void)snprintf(output, sizeof output, "%s/output", directory);
        cr_assert_eq(mkdir(output, 0700), 0);
        cr_assert_eq(follow_new(event, directory, 0, on_retry, NULL, &follow), 0);
}

static void tear_down(void) {
        char command[PATH_MAX];
        follow_free(follow);
        sd_event_unref(event);
        (void)snprintf(command, sizeof command, "rm -r %s", directory);
        cr_assert_eq(system(command), 0);
}

TestSuite(follow, .init = set_up, .fini = tear_down);

static uint64_t watch(uint64_t task, run_id_t run, bool expect_new) {
        uint64_t changes;
        bool new_watch;
        cr_assert_eq(follow_watch(follow, task, run, &changes, &new_watch), 0);
        cr_assert_eq(new_watch, expect_new);
        return changes;
}

static void park(uint64_t task, run_id_t run, uint64_t changes) {
        FollowRequest r = {.output.id = task, .origin = {.request_id = task}};
        cr_assert_eq(follow_park(follow, &r, run, changes), 0);
}

static size_t flush(void) {
        retried_count = 0;
        follow_flush(follow);
        return retried_count;
}

static void write_output(run_id_t run) {
        char path[PATH_MAX];
        cr_assert_eq(output_path(directory, run, STREAM_STDOUT, path, sizeof path), 0);
        int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        cr_assert_eq(write(fd, "x", 1), 1);
        cr_assert_eq(close(fd), 0);
        while (sd_event_run(event, 0) > 0)
                ;
}

Test(follow, a_change_of_the_task_or_of_the_file_is_a_reason) {
        uint64_t changes = watch(7, RUN(1), true);
        park(7, RUN(1), changes);
        park(8, 0, 0);
        cr_assert_eq(flush(), 0, "no reason yet");
        write_output(RUN(1));
        cr_assert_eq(flush(), 1);
        cr_assert_eq(retried[0], 7);
        follow_task_changed(follow, 9);
        cr_assert_eq(flush(), 0);
        follow_task_changed(follow, 8);
        follow_task_changed(follow, 8);
        cr_assert_eq(flush(), 1, "once a turn");
        cr_assert_eq(retried[0], 8);
        cr_assert_eq(flush(), 0);
}

Test(follow, what_changed_since_the_read_is_tried_again_at_once) {
        uint64_t changes = watch(7, RUN(1), true);
        write_output(RUN(1));
        park(7, RUN(1), changes);
        cr_assert_eq(flush(), 1);
        park(7, RUN(1), watch(7, RUN(1), false));
        cr_assert_eq(flush(), 0);
        park(7, RUN(2), 0);
        cr_assert_eq(flush(), 1, "a run that is not watched");
}

/* The task ends while somebody waits: nobody will follow that run again, so its watch must go with
 * the request, without another change. */
Test(follow, nothing_is_left_of_a_run_that_ended_while_it_was_followed) {
        uint64_t before = watch(7, RUN(1), true);
        park(7, RUN(1), before);
        follow_task_changed(follow, 7);
        cr_assert_eq(flush(), 1);
        uint64_t changes = watch(7, RUN(1), true);
        cr_assert_neq(changes, before, "a read from before is not taken for one of now");
        follow_task_changed(follow, 7);
        watch(7, RUN(1), true);
}

Test(follow, a_client_that_gives_up_is_forgotten) {
        park(7, RUN(1), watch(7, RUN(1), true));
        park(8, 0, 0);
        follow_forget(follow, &(CoreOrigin){.request_id = 7});
        write_output(RUN(1));
        follow_task_changed(follow, 7);
        follow_task_changed(follow, 8);
        cr_assert_eq(flush(), 1);
        cr_assert_eq(retried[0], 8);
}
