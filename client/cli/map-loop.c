/* The loop of a map: inputs, tasks, signals and the progress, until everything is printed.
 *
 * The window holds a quarter of a second's work, and at least two tasks a slot: enough that no
 * worker waits for us, and not so many that others' tasks in the same queue wait long behind ours.
 * With --jobs the window is what bounds the tasks that run at once, however many workers there are
 * or a reload adds; see docs/decisions/054-jobs-of-map.md. */
#include "client/cli/map.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define WINDOW_MIN    16u
#define WINDOW_MAX    4096u
#define WINDOW_SECS   0.25
#define WINDOW_GROWTH 4u /* at most so many times as large, each time */
#define PACE_USEC     (50 * USEC_PER_MSEC)
#define SLOTS_USEC    USEC_PER_SEC

/* ---- signals ---- */

static int signals_open(Map *m) {
        sigset_t set;
        struct sigaction hangup;
        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGHUP);
        if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler == SIG_IGN)
                sigdelset(&set, SIGHUP); /* nohup */
        signal(SIGPIPE, SIG_IGN);        /* a reader that leaves is noticed by the write */
        if (sigprocmask(SIG_BLOCK, &set, NULL) == 0)
                m->signals_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return m->signals_fd >= 0 ? 0
                                  : error_set(m->error, EXIT_SOFTWARE,
                                              "cannot wait for signals: %s", strerror(errno));
}

static void read_signals(Map *m) {
        struct signalfd_siginfo info;
        while (read(m->signals_fd, &info, sizeof info) == (ssize_t)sizeof info) {
                if (m->signal)
                        m->leave_with = EXIT_SIGNAL_BASE + (int)info.ssi_signo;
                else
                        m->signal = (int)info.ssi_signo;
        }
}

/* While a write waits for its reader: that reader is not worth waiting for any more. */
static bool on_woken(void *userdata) {
        Map *m = userdata;
        read_signals(m);
        m->mute |= m->signal != 0;
        return m->mute;
}

static void obey_signals(Map *m) {
        if (!m->signal || m->stop == MAP_CANCELLED)
                return;
        if (isatty(STDERR_FILENO))
                map_say(m, "stint: cancelling; Ctrl-C again leaves at once\n");
        map_cancel(m);
}

/* ---- the window ---- */

static bool serves(const StintPoolStatus *pool, const char *queue) {
        for (const char *const *q = pool->queues; *q; q++)
                if (strcmp(*q, queue) == 0)
                        return true;
        return false;
}

/* A look that fails is no failure of the map; the next one comes. */
static void count_slots(Map *m, usec_t now) {
        StintStatus *status;
        const char *queue = m->settings.task->queue ? m->settings.task->queue : "default";
        m->slots_usec = now;
        stint_set_interrupt(m->client, m->signals_fd);
        if (stint_status(m->client, &status) == 0) {
                m->slots = 0;
                for (const StintPoolStatus *const *p = status->pools; *p; p++)
                        if (serves(*p, queue))
                                m->slots += (size_t)(*p)->slots;
                stint_status_free(status);
        }
        stint_set_interrupt(m->client, -1);
}

static size_t window_least(const Map *m) {
        return MIN_OF(MAX_OF(2 * m->slots, (size_t)WINDOW_MIN), (size_t)MAP_JOBS_MAX);
}

static size_t window_wanted(const Map *m, usec_t now) {
        double secs = (double)(now - m->pace_usec) / (double)USEC_PER_SEC;
        double work = (double)(m->done - m->pace_done) / secs * WINDOW_SECS;
        return MAX_OF(window_least(m), (size_t)MIN_OF(work, (double)WINDOW_MAX));
}

static void pace(Map *m, usec_t now) {
        if (m->settings.jobs || now < m->pace_usec + PACE_USEC)
                return;
        if (now >= m->slots_usec + SLOTS_USEC)
                count_slots(m, now);
        m->window = MAX_OF(MIN_OF(window_wanted(m, now), m->window * WINDOW_GROWTH), m->window / 2);
        m->pace_usec = now;
        m->pace_done = m->done;
}

/* ---- the loop ---- */

static void draw(Map *m, usec_t now) {
        MapCounts counts = {.done = m->done, .failed = m->failed, .total = UINT64_MAX};
        map_input_total(m->input, &counts.total);
        bool room = !(isatty(STDOUT_FILENO) && map_writer_is_within_line(m->writer, 1)) &&
                    !map_writer_is_within_line(m->writer, 2);
        map_progress_draw(&m->progress, room ? &counts : NULL, now);
}

static void hide_progress(void *userdata) {
        map_progress_hide(&((Map *)userdata)->progress);
}

static bool is_over(const Map *m) {
        bool no_more = m->stop != MAP_GOES_ON || (m->inputs_ended && !m->again);
        return m->leave_with || (no_more && !m->unfinished && map_order_is_empty(&m->order));
}

/* Milliseconds, rounded up. handled: messages of this turn, which may have made room. */
static int patience(const Map *m, int handled, usec_t now) {
        usec_t due = handled > 0 ? now : map_progress_due(&m->progress);
        due = MIN_OF(due, map_again_due(m));
        if (!m->settings.jobs && m->stop == MAP_GOES_ON && !m->inputs_ended)
                due = MIN_OF(due, m->slots_usec + SLOTS_USEC); /* more workers may make room */
        if (due == USEC_INFINITY)
                return -1;
        return due <= now ? 0 : (int)((due - now + USEC_PER_MSEC - 1) / USEC_PER_MSEC);
}

static void wait_for_something(Map *m, int handled, usec_t now) {
        bool read_inputs = m->stop == MAP_GOES_ON && !m->inputs_ended;
        struct pollfd fds[] = {
                {.fd = stint_fd(m->client), .events = POLLIN},
                {.fd = m->signals_fd, .events = POLLIN},
                {.fd = read_inputs ? map_input_fd(m->input) : -1, .events = POLLIN},
        };
        Error error = {0};
        if (poll(fds, ARRAY_SIZE(fds), patience(m, handled, now)) <= 0)
                return;
        if (fds[1].revents)
                read_signals(m);
        if (fds[2].revents && map_input_read(m->input, &error) < 0)
                map_fail(m, error.code, "%s", error.text);
}

/* One round. 0, or -code. */
static int turn(Map *m) {
        usec_t now = time_now_monotonic();
        pace(m, now);
        map_fill(m, now);
        int r = stint_dispatch(m->client, 0);
        if (r < 0 && r != -STINT_TIMED_OUT)
                return map_fail(m, r, "%s", stint_error(m->client));
        map_print(m);
        map_writer_flush(m->writer);
        if (map_writer_error(m->writer) && !m->mute) {
                m->mute = true;
                map_cancel(m);
        }
        obey_signals(m);
        if (is_over(m))
                return 0;
        now = time_now_monotonic();
        draw(m, now);
        wait_for_something(m, r, now);
        return 0;
}

static void release(Map *m) {
        for (; !map_order_is_empty(&m->order); map_order_pop(&m->order)) {
                MapTask *t = map_order_task(&m->order, m->order.first);
                if (t)
                        map_task_free(t);
        }
        if (m->settings.order == MAP_UNORDERED)
                for (MapTask *t = m->unfinished, *behind; t; t = behind) {
                        behind = t->behind;
                        map_task_free(t);
                }
        m->reader = stint_reader_free(m->reader);
        map_order_done(&m->order);
        m->writer = map_writer_free(m->writer);
        if (m->signals_fd >= 0)
                close(m->signals_fd);
}

static int prepare(Map *m, int progress_fd) {
        usec_t now = time_now_monotonic();
        m->signals_fd = -1;
        m->again_tail = &m->again;
        m->ceiling = MAP_JOBS_MAX;
        map_order_init(&m->order);
        map_progress_init(&m->progress, progress_fd, now);
        int r = signals_open(m);
        if (r < 0)
                return r;
        MapWriterOptions options = {
                .watch = {m->signals_fd, on_woken, m}, .before = hide_progress, .userdata = m};
        m->writer = map_writer_new(&options);
        if (!m->writer)
                return error_set(m->error, EXIT_SOFTWARE, "out of memory");
        if (!m->settings.jobs)
                count_slots(m, now);
        m->window = m->settings.jobs ? (size_t)m->settings.jobs : window_least(m);
        m->pace_usec = now;
        return 0;
}

/* Somebody types the inputs: knows how far they are, and is not to be written over. */
static bool inputs_are_typed(Map *m) {
        int fd = map_input_fd(m->input);
        if (fd < 0 || !isatty(fd))
                return false;
        if (isatty(STDERR_FILENO))
                fprintf(stderr, "stint: inputs are read from the terminal, one a line, until "
                                "Ctrl-D\n");
        return true;
}

int map_run(Map *m) {
        bool progress = m->settings.progress == MAP_PROGRESS && !inputs_are_typed(m);
        int r = prepare(m, progress ? STDERR_FILENO : -1);
        while (r == 0 && !is_over(m))
                r = turn(m);
        if (m->writer) {
                map_writer_flush(m->writer);
                map_progress_hide(&m->progress);
                r = map_report(m);
        }
        release(m);
        return r;
}
