/* See loop.h. */
#include "host/loop.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define LATE_USEC USEC_PER_SEC

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        const Loop *l = userdata;
        for (size_t i = 0; i < l->signal_count; i++)
                if (l->signals[i].number == (int)info->ssi_signo)
                        l->signals[i].handler(l->userdata);
        return 0;
}

/* One that we inherited as ignored would never arrive, and with SIGCHLD ignored no child could be
 * waited for. */
int loop_add_signal(Loop *l, int number, sd_event_signal_handler_t handler, void *userdata) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, number);
        if (signal(number, SIG_DFL) == SIG_ERR || sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        return sd_event_add_signal(l->event, NULL, number, handler, userdata);
}

int loop_init(Loop *l, const LoopSignal signals[], size_t count, void *userdata, Error *error) {
        *l = (Loop){.signals = signals, .signal_count = count, .userdata = userdata};
        int r = sd_event_new(&l->event);
        for (size_t i = 0; i < count && r >= 0; i++)
                r = loop_add_signal(l, signals[i].number, on_signal, l);
        if (r >= 0)
                r = sd_event_set_watchdog(l->event, true);
        return r >= 0 ? 0
                      : error_set(error, EXIT_SOFTWARE,
                                  "cannot make an event loop: %s; is there "
                                  "memory, and are descriptors left?",
                                  strerror(-r));
}

int loop_run(Loop *l, Error *error) {
        int r = sd_event_loop(l->event);
        return r >= 0 ? r
                      : error_set(error, EXIT_SOFTWARE, "the event loop failed: %s", strerror(-r));
}

void loop_end(Loop *l, int exit_code) {
        sd_event_exit(l->event, exit_code);
}

void loop_done(Loop *l) {
        l->event = sd_event_unref(l->event);
}

static int on_time(sd_event_source *source, uint64_t due, void *userdata) {
        Timer *t = userdata;
        if (!t->excused && time_now_monotonic() > due + LATE_USEC) {
                timer_arm(t->loop, t, t->delay_usec, t->handler, t->userdata);
                t->excused = true;
        } else {
                t->handler(t->userdata);
        }
        return 0;
}

void timer_arm(Loop *l, Timer *t, usec_t delay_usec, LoopHandler handler, void *userdata) {
        sd_event_source *source = t->source;
        int r = source ? sd_event_source_set_time_relative(source, delay_usec)
                       : sd_event_add_time_relative(l->event, &source, CLOCK_MONOTONIC, delay_usec,
                                                    USEC_PER_MSEC, on_time, t);
        ASSERT(r >= 0);
        ASSERT(sd_event_source_set_enabled(source, SD_EVENT_ONESHOT) >= 0);
        *t = (Timer){l, source, handler, userdata, delay_usec, false};
}

void timer_stop(Timer *t) {
        if (t->source)
                sd_event_source_set_enabled(t->source, SD_EVENT_OFF);
}

void timer_done(Timer *t) {
        t->source = sd_event_source_disable_unref(t->source);
}
