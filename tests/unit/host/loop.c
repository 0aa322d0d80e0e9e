/* Signals and timers of the loop. */
#include "host/loop.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

TestSuite(loop, .timeout = 60);

typedef struct Turns {
        Loop loop;
        Timer timer;
        int times;
} Turns;

static void on_count(void *userdata) {
        Turns *t = userdata;
        t->times++;
        if (t->times < 3)
                timer_arm(&t->loop, &t->timer, 1, on_count, t);
        else
                loop_end(&t->loop, 5);
}

static void on_end(void *userdata) {
        Turns *t = userdata;
        loop_end(&t->loop, 6);
}

static void turns_done(Turns *t) {
        timer_done(&t->timer);
        loop_done(&t->loop);
}

Test(loop, a_timer_fires_once_for_each_arming) {
        Turns t = {0};
        Error e = {0};
        cr_assert_eq(loop_init(&t.loop, NULL, 0, &t, &e), 0);
        timer_arm(&t.loop, &t.timer, 1, on_end, &t);
        timer_arm(&t.loop, &t.timer, 1, on_count, &t); /* replaces it */
        cr_assert_eq(loop_run(&t.loop, &e), 5);
        cr_assert_eq(t.times, 3);
        turns_done(&t);
}

static void on_late(void *userdata) {
        Turns *t = userdata;
        t->times++;
        loop_end(&t->loop, 0);
}

/* The deadline is 1 ms; we stand still for longer than what counts as late. */
Test(loop, a_timer_that_is_late_because_we_stood_still_gets_its_time_once_more) {
        Turns t = {0};
        Error e = {0};
        cr_assert_eq(loop_init(&t.loop, NULL, 0, &t, &e), 0);
        timer_arm(&t.loop, &t.timer, 1000, on_late, &t);
        poll(NULL, 0, 1200);
        cr_assert_gt(sd_event_run(t.loop.event, 0), 0);
        cr_assert_eq(t.times, 0);
        poll(NULL, 0, 1200);
        cr_assert_gt(sd_event_run(t.loop.event, 0), 0);
        cr_assert_eq(t.times, 1, "late twice: it counts");
        turns_done(&t);
}

Test(loop, a_signal_that_was_ignored_is_received) {
        static const LoopSignal signals[] = {{SIGUSR1, on_count}, {SIGUSR2, on_end}};
        Turns t = {0};
        Error e = {0};
        signal(SIGUSR2, SIG_IGN);
        cr_assert_eq(loop_init(&t.loop, signals, 2, &t, &e), 0);
        kill(getpid(), SIGUSR2);
        cr_assert_eq(loop_run(&t.loop, &e), 6);
        cr_assert_eq(t.times, 0);
        turns_done(&t);
}
