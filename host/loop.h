/* The one loop of a daemon with one thread: sd-event with signals from a table, one-shot timers and
 * the service manager's watchdog. */
#pragma once

#include "common/error.h"
#include "common/time.h"

#include <stdbool.h>
#include <systemd/sd-event.h>

typedef void (*LoopHandler)(void *userdata);

typedef struct LoopSignal {
        int number;
        LoopHandler handler;
} LoopSignal;

typedef struct Loop {
        sd_event *event;
        const LoopSignal *signals;
        size_t signal_count;
        void *userdata;
} Loop;

/* signals stays the caller's and must live as long as the loop; they are blocked from here on. The
 * watchdog (WATCHDOG_USEC) is fed by the loop itself: one that stands still is not fed. 0 or
 * negative exit code. A Loop must not move afterwards. */
int loop_init(Loop *l, const LoopSignal signals[], size_t count, void *userdata, Error *error);
/* One more signal, for a module with userdata of its own. 0 or negative errno. */
int loop_add_signal(Loop *l, int number, sd_event_signal_handler_t handler, void *userdata);
int loop_run(Loop *l, Error *error); /* until loop_end; its exit code, or a negative one */
void loop_end(Loop *l, int exit_code);
void loop_done(Loop *l); /* after all timers; accepts a zeroed loop */

/* A timer that is late by more than a second was held up with us (stopped, frozen), and so, maybe,
 * was whoever it waits for: it gets its time once more. Must be zeroed before its first use. */
typedef struct Timer {
        Loop *loop;
        sd_event_source *source;
        LoopHandler handler;
        void *userdata;
        usec_t delay_usec;
        bool excused;
} Timer;

/* Arms it anew, whatever it was. Without memory for one, we abort. */
void timer_arm(Loop *l, Timer *t, usec_t delay_usec, LoopHandler handler, void *userdata);
void timer_stop(Timer *t);
void timer_done(Timer *t);
