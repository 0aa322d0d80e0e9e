/* How long a client waits for a dispatcher that is gone: a minute, which no test should. So the
 * clock of this program can jump to whatever the library has set its timer to. */
#include "tests/unit/client/world.h"

#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define NSEC_PER_SEC 1000000000ll

static bool jumps;
static long long ahead_nsec; /* of the clock, by jumps */

static long long nsec(const struct timespec *t) {
        return (long long)t->tv_sec * NSEC_PER_SEC + t->tv_nsec;
}

/* In place of that of libc. */
int clock_gettime(clockid_t clock, struct timespec *ret) {
        long r = syscall(SYS_clock_gettime, clock, ret);
        if (r == 0 && clock == CLOCK_MONOTONIC) {
                long long now = nsec(ret) + ahead_nsec;
                *ret = (struct timespec){now / NSEC_PER_SEC, (long)(now % NSEC_PER_SEC)};
        }
        return (int)r;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *at, struct itimerspec *ret) {
        struct itimerspec soon = *at;
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (jumps && flags == TFD_TIMER_ABSTIME && nsec(&at->it_value) > nsec(&now)) {
                ahead_nsec += nsec(&at->it_value) - nsec(&now);
                soon.it_value = (struct timespec){0, 1};
        }
        return (int)syscall(SYS_timerfd_settime, fd, flags, &soon, ret);
}

TestSuite(patience, .init = world_start, .fini = world_stop, .timeout = 120);

Test(patience, after_a_minute_without_a_dispatcher_requests_and_futures_fail) {
        Gate gate;
        gate_make(&gate);
        struct timespec before, after;
        StintClient *c = world_client();
        StintTask task = {STINT_TASK, .queue = "noop"};
        StintFuture *waits =
                world_submit(c, &(StintTask){STINT_TASK, .argv = gate.argv}, STINT_COLLECT);
        expect_ok(c, stint_future_wait_acknowledged(waits, PATIENCE_MSEC));
        StintFuture *unsent = world_submit(c, &task, 0);
        clock_gettime(CLOCK_MONOTONIC, &before);
        jumps = true;
        world_kill();
        cr_assert_eq(stint_ping(c, -1, NULL), -STINT_UNAVAILABLE);
        clock_gettime(CLOCK_MONOTONIC, &after);
        cr_assert_geq(nsec(&after) - nsec(&before), 59 * NSEC_PER_SEC, "it was not given up early");
        cr_assert_neq(stint_error(c)[0], '\0');
        StintFuture *both[] = {waits, unsent};
        cr_assert_eq(stint_wait_all(c, both, 2, PATIENCE_MSEC), -STINT_UNAVAILABLE);
        cr_assert_eq(stint_future_status(waits), -STINT_UNAVAILABLE);
        cr_assert_eq(stint_future_status(unsent), -STINT_UNAVAILABLE);
        cr_assert_eq(stint_unacknowledged(c), 0);
        stint_free(c);
}
