/* `stint watch`: every change of state of tasks as it happens, a line each.
 *
 * Lines are written whole and at once, straight to the descriptor: what reads them must not wait
 * for a buffer to fill. A reader that is slow holds up nobody: the library then loses events of the
 * channel, fetches them again, and what is lost for good is told as a line of its own. The reader's
 * end is noticed without an event to write. */
#include "client/cli/columns.h"
#include "client/cli/ending.h"
#include "client/cli/json.h"
#include "client/cli/queue-name.h"
#include "client/cli/selector.h"
#include "common/text.h"
#include "common/time.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

/* Shorter than what a pipe takes at once, so that a write to one that is ready does not block. */
#define LINES_MAX 4096
#define LINE_SIZE 1024

typedef struct WatchOptions {
        const char *queue;
        uint64_t states, limit; /* 0: all; no end */
} WatchOptions;

static const char *set_queue(void *target, const char *value) {
        return queue_name_set(&((WatchOptions *)target)->queue, value);
}

static const char *set_state(void *target, const char *value) {
        return states_set(value, &((WatchOptions *)target)->states);
}

static const char *set_limit(void *target, const char *value) {
        WatchOptions *o = target;
        return u64_parse(value, &o->limit) < 0 || !o->limit ? "is no number: write how many, from 1"
                                                            : NULL;
}

static const Option rows[] = {
        {"queue", 'q', "QUEUE", "only tasks of this queue", set_queue},
        {"state", 's', "STATE,…", "only changes to these states", set_state},
        {"number", 'n', "N", "exit after N changes", set_limit},
};
static const OptionGroup watch_options = {"Which changes", rows, ARRAY_SIZE(rows)};

typedef enum WatchStop { STOP_NO, STOP_LIMIT, STOP_READER, STOP_WRITE, STOP_SIGNAL } WatchStop;

typedef struct Watcher {
        const WatchOptions *options;
        bool json, color;
        int signals, interrupt; /* signalfd; epoll of it and of stdout's hang-up */
        uint64_t told;
        WatchStop stop;
        int write_error, signal;
        int year, day; /* of the last line */
        char lines[LINES_MAX];
        size_t size;
} Watcher;

/* ---- out ---- */

/* Waits until stdout takes more; a signal ends the wait. */
static bool out_is_ready(Watcher *w) {
        struct pollfd fds[] = {{.fd = STDOUT_FILENO, .events = POLLOUT},
                               {.fd = w->signals, .events = POLLIN}};
        while (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno == EINTR)
                ;
        if (fds[1].revents)
                w->stop = STOP_SIGNAL;
        return !fds[1].revents;
}

static void out_flush(Watcher *w) {
        size_t done = 0;
        while (done < w->size && w->stop < STOP_READER && out_is_ready(w)) {
                ssize_t n = write(STDOUT_FILENO, w->lines + done, w->size - done);
                if (n >= 0) {
                        done += (size_t)n;
                } else if (errno != EINTR && errno != EAGAIN) {
                        w->stop = errno == EPIPE ? STOP_READER : STOP_WRITE;
                        w->write_error = errno;
                }
        }
        w->size = 0;
}

static void out_line(Watcher *w, const char *line) {
        size_t size = strlen(line);
        if (w->size + size > sizeof w->lines)
                out_flush(w);
        memcpy(w->lines + w->size, line, size);
        w->size += size;
}

/* ---- JSON ---- */

static json_t *event_json(const StintEvent *e) {
        json_t *o = json_object();
        const char *state = stint_state_name(e->state), *reason = stint_reason_name(e->reason);
        json_set_number(o, "time_usec", e->time_usec);
        json_set_number(o, "id", e->id);
        json_object_set_new(o, "queue", json_string(e->queue));
        json_object_set_new(o, "state", json_string(state ? state : "unknown"));
        if (e->reason) {
                json_object_set_new(o, "reason", json_string(reason ? reason : "unknown"));
                json_object_set_new(o, "code", json_integer(e->code));
        }
        json_set_number(o, "attempt", e->attempt);
        json_set_number(o, "epoch", e->epoch);
        json_set_number(o, "seq", e->seq);
        return o;
}

static json_t *missed_json(uint64_t missed) {
        return json_pack("{so}", "events",
                         missed == UINT64_MAX ? json_null() : json_integer((json_int_t)missed));
}

static void tell_json(Watcher *w, const StintEvent *e) {
        char line[LINE_SIZE];
        json_t *object = json_pack("{si so}", "schema", 1, e->missed ? "missed" : "event",
                                   e->missed ? missed_json(e->missed) : event_json(e));
        ASSERT(object);
        size_t n = json_dumpb(object, line, sizeof line - 2, JSON_COMPACT);
        ASSERT(n && n <= sizeof line - 2);
        memcpy(line + n, "\n", 2);
        out_line(w, line);
        json_decref(object);
}

/* ---- for people ---- */

/* Lines have the time alone; where a day begins, a line has the date. */
static void tell_day(Watcher *w, const struct tm *tm) {
        char line[64], date[32];
        if (w->year && (w->year != tm->tm_year || w->day != tm->tm_yday)) {
                strftime(date, sizeof date, "%Y-%m-%d", tm);
                snprintf(line, sizeof line, "-- %s --\n", date);
                out_line(w, line);
        }
        w->year = tm->tm_year;
        w->day = tm->tm_yday;
}

static void tell_missed(Watcher *w, uint64_t missed) {
        char line[128];
        if (missed == UINT64_MAX)
                snprintf(line, sizeof line,
                         "-- the dispatcher was restarted: events may be missing here --\n");
        else
                snprintf(line, sizeof line, "-- %" PRIu64 " event%s missed here --\n", missed,
                         missed == 1 ? "" : "s");
        out_line(w, line);
}

static void tell_event(Watcher *w, const StintEvent *e) {
        char line[LINE_SIZE], time[16], queue[4 * NAME_MAX_LENGTH + 1], end[128] = "";
        const char *state = stint_state_name(e->state);
        const char *color = w->color ? color_of_state(e->state) : "";
        struct tm tm;
        time_t sec = (time_t)(e->time_usec / USEC_PER_SEC);
        localtime_r(&sec, &tm);
        tell_day(w, &tm);
        strftime(time, sizeof time, "%H:%M:%S", &tm);
        if (e->reason && e->state != STINT_SUCCEEDED)
                ending_text(e->reason, e->code, end, sizeof end);
        int n = snprintf(line, sizeof line - 1, "%s.%03u %7" PRIu64 "  %-12s %s%-9s%s", time,
                         (unsigned)(e->time_usec / USEC_PER_MSEC % 1000), e->id,
                         text_escape(e->queue, strlen(e->queue), queue, sizeof queue), color,
                         state ? state : "?", color[0] ? COLOR_END : "");
        bool goes_on = end[0] && !stint_state_is_end(e->state);
        if (e->attempt > 1 || goes_on)
                n += snprintf(line + n, sizeof line - (size_t)n, "  attempt %u", e->attempt);
        if (end[0])
                n += snprintf(line + n, sizeof line - (size_t)n, "%s%s",
                              goes_on ? " ended: " : "  ", end);
        while (n && line[n - 1] == ' ')
                n--;
        memcpy(line + n, "\n", 2);
        out_line(w, line);
}

/* ---- the command ---- */

static void on_event(StintWatch *watch, const StintEvent *e, void *userdata) {
        Watcher *w = userdata;
        if (w->stop)
                return;
        if (w->json)
                tell_json(w, e);
        else if (e->missed)
                tell_missed(w, e->missed);
        else
                tell_event(w, e);
        if (!e->missed && ++w->told == w->options->limit)
                w->stop = STOP_LIMIT;
}

/* SIGINT, SIGTERM and SIGHUP end it between two lines; a reader that goes away does, too. */
static int watcher_open(Watcher *w, Error *error) {
        sigset_t mask;
        sigemptyset(&mask);
        sigaddset(&mask, SIGINT);
        sigaddset(&mask, SIGTERM);
        sigaddset(&mask, SIGHUP);
        sigprocmask(SIG_BLOCK, &mask, NULL);
        signal(SIGPIPE, SIG_IGN);
        w->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
        w->interrupt = epoll_create1(EPOLL_CLOEXEC);
        struct epoll_event readable = {.events = EPOLLIN, .data.fd = w->signals};
        struct epoll_event gone = {.events = 0, .data.fd = STDOUT_FILENO};
        if (w->signals < 0 || w->interrupt < 0 ||
            epoll_ctl(w->interrupt, EPOLL_CTL_ADD, w->signals, &readable) < 0)
                return error_set(error, EXIT_SOFTWARE, "cannot watch for signals: %s",
                                 strerror(errno));
        /* A file has no reader that could go away: refused, and rightly so. */
        epoll_ctl(w->interrupt, EPOLL_CTL_ADD, STDOUT_FILENO, &gone);
        return 0;
}

static void watcher_close(Watcher *w) {
        if (w->interrupt >= 0)
                close(w->interrupt);
        if (w->signals >= 0)
                close(w->signals);
}

/* What made a wait return early. */
static void on_interrupt(Watcher *w) {
        struct epoll_event e;
        struct signalfd_siginfo info;
        if (epoll_wait(w->interrupt, &e, 1, 0) == 1 && e.data.fd == STDOUT_FILENO)
                w->stop = STOP_READER;
        if (read(w->signals, &info, sizeof info) == (ssize_t)sizeof info) {
                w->stop = STOP_SIGNAL;
                w->signal = (int)info.ssi_signo;
        }
}

static int watch_loop(Watcher *w, StintClient *client, Error *error) {
        while (!w->stop) {
                int r = stint_dispatch(client, -1);
                out_flush(w);
                if (r == -STINT_TIMED_OUT || w->stop == STOP_SIGNAL)
                        on_interrupt(w);
                else if (r < 0)
                        return client_error(client, r, error);
        }
        if (w->stop == STOP_WRITE)
                return error_set(error, EXIT_IO, "cannot write to stdout: %s",
                                 strerror(w->write_error));
        return w->stop == STOP_SIGNAL ? EXIT_SIGNAL_BASE + w->signal : 0;
}

static int watch_run(Invocation *x, Error *error) {
        const WatchOptions *o = x->args;
        _cleanup_(watcher_close) Watcher w = {.options = o,
                                              .json = x->general.json,
                                              .color = color_is_wanted(&x->general),
                                              .signals = -1,
                                              .interrupt = -1};
        _cleanup_(stint_freep) StintClient *client = NULL;
        int r = refuse_operands(x, error);
        if (r == 0)
                r = invocation_connect(x, 0, error, &client);
        if (r == 0 && o->queue)
                r = queue_name_check(client, o->queue, error);
        if (r == 0)
                r = watcher_open(&w, error);
        if (r < 0)
                return r;
        stint_set_interrupt(client, w.interrupt);
        if (!stint_watch_new(client, o->queue, o->states, on_event, &w)) {
                on_interrupt(&w);
                if (!w.stop)
                        return error_set(error, EXIT_NO_DISPATCHER, "%s", stint_error(client));
        }
        return watch_loop(&w, client, error);
}

const Command command_watch = {
        .name = "watch",
        .summary = "changes of tasks as they happen",
        .synopsis = "[OPTION…]",
        .description =
                "A line for each change from now on: time, id, queue, state, and why. Events that\n"
                "were missed are told in a line of their own. Ctrl-C ends it.",
        .groups = {&watch_options},
        .examples = {"stint watch -q mail", "stint watch --state failed,expired --json"},
        .args_size = sizeof(WatchOptions),
        .run = watch_run,
};
