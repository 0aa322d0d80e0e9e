/* Progress of commands as the dispatcher is told of it. */
#include "tests/unit/worker/harness.h"

#include "common/time.h"

typedef struct Told {
        uint64_t run_id;
        unsigned percent;
        char text[WIRE_PROGRESS_MAX + 1];
} Told;

static Told wait_told(Harness *h) {
        WireMessage m;
        do {
                harness_receive(h, &m);
                cr_assert_neq(m.type, WIRE_TYPE_END, "it ended before it told");
        } while (m.type != WIRE_TYPE_PROGRESS);
        const WireProgress *progress = m.body;
        cr_assert_eq(progress->serial, SERIAL);
        cr_assert_eq(progress->runs.count, 1);
        const WireProgressItem *item = &progress->runs.items[0];
        Told told = {.run_id = item->run_id, .percent = (unsigned)item->percent};
        memcpy(told.text, item->text.data, item->text.size);
        return told;
}

static void let_go(const Harness *h) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/go", h->dir);
        (void)fclose(fopen(path, "w"));
}

#define THEN_WAIT "; while [ ! -e go ]; do sleep 0.01; done"

static uint64_t submit(Harness *h, const char *shell) {
        return harness_submit(h, (Job){.shell = shell, .spec = {.cwd = h->dir}});
}

Test(progress, is_told_while_it_runs) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        uint64_t run_id = submit(h, "echo '42% resizing' >&$STINT_PROGRESS_FD; echo out" THEN_WAIT);
        harness_wait_started(h, run_id); /* fails should it be told before */
        Told told = wait_told(h);
        cr_assert_eq(told.run_id, run_id);
        cr_assert_eq(told.percent, 42);
        cr_assert_str_eq(told.text, "resizing");
        let_go(h);
        _cleanup_(end_done) End e = harness_wait_end(h, run_id);
        cr_assert_eq(e.item.state, TASK_SUCCEEDED, "%s", e.err);
        cr_assert_str_eq(e.out, "out\n");
}

Test(progress, is_told_four_times_a_second_at_most_and_the_latest_wins) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        uint64_t run_id = submit(h, "i=0; while [ $i -le 100 ]; do echo $i% >&3; i=$((i+1)); "
                                    "sleep 0.01; done" THEN_WAIT);
        harness_wait_started(h, run_id);
        usec_t since = time_now_monotonic();
        unsigned count = 0;
        for (Told told = {0}, before = {0}; told.percent < 100; count++, before = told) {
                told = wait_told(h);
                cr_assert(count == 0 || told.percent > before.percent);
        }
        usec_t took = time_now_monotonic() - since;
        cr_assert_leq(count, 2 + took * 4 / USEC_PER_SEC, "%u in %llu usec", count,
                      (unsigned long long)took);
        cr_assert_geq(count, 2);
        let_go(h);
        _cleanup_(end_done) End e = harness_wait_end(h, run_id);
        cr_assert_eq(e.item.state, TASK_SUCCEEDED, "%s", e.err);
}

Test(progress, a_flood_holds_nobody_up) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        uint64_t run_id =
                submit(h, "yes '50% x' | head -c 18000000 >&3; echo '60% y' >&3" THEN_WAIT);
        Told told;
        do
                told = wait_told(h);
        while (told.percent != 60);
        let_go(h);
        _cleanup_(end_done) End e = harness_wait_end(h, run_id);
        cr_assert_eq(e.item.state, TASK_SUCCEEDED, "%s", e.err);
}

Test(progress, of_a_run_that_has_ended_is_not_the_next_ones) {
        _cleanup_(harness_stopp) Harness *h = harness_start("default");
        for (int i = 0; i < 50; i++) {
                _cleanup_(end_done) End e = harness_execute(
                        h, (Job){.shell = "echo '77% mine' >&3; printf 7 >&3; "
                                          "(while :; do echo '78%' >&3; printf 7 >&3; done) & :"});
                cr_assert_eq(e.item.state, TASK_SUCCEEDED, "%s", e.err);
        }
        uint64_t run_id = submit(h, "sleep 0.3; echo '5%' >&3" THEN_WAIT);
        Told told = wait_told(h);
        while (told.run_id != run_id) /* an earlier one that took long enough */
                told = wait_told(h);
        cr_assert_eq(told.percent, 5);
        let_go(h);
        _cleanup_(end_done) End e = harness_wait_end(h, run_id);
        cr_assert_eq(e.item.state, TASK_SUCCEEDED, "%s", e.err);
}
