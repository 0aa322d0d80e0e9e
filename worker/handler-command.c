/* The handler of commands: one at a time, in a process of its own.
 *
 *   start ──▶ RUNNING ──the main process has ended──▶ SWEEPING ──nothing is left below us──▶
 * run_end
 *
 * While SWEEPING, what the main process left running dies: at once, or, when a stop is under way,
 * at the end of its grace. Only then, with what is in the pipes drained, does the run end; so two
 * runs of one task never overlap, and a grandchild that holds a pipe open delays nobody
 * (docs/decisions, "leftover processes"). For ordinary commands SWEEPING costs nothing: wait4()
 * says ECHILD.
 *
 * Most commands end within a few milliseconds, so what only longer ones need is put off: the pipes
 * are watched from ATTACH_USEC on (until then they hold what comes, 64 KiB each), STARTED is told
 * from ANNOUNCE_USEC on, and one timer source, moved only when it must fire earlier, serves all
 * deadlines. */
#include "worker/handler-command.h"

#include "common/log.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define ATTACH_USEC    (2 * USEC_PER_MSEC)
#define ANNOUNCE_USEC  (10 * USEC_PER_MSEC)
#define PROGRESS_USEC  (250 * USEC_PER_MSEC) /* between two reports of a run */
#define SWEEP_MIN_USEC (1 * USEC_PER_MSEC)
#define SWEEP_MAX_USEC (100 * USEC_PER_MSEC)
#define TIMER_ACCURACY (500) /* usec; the loop's default of 250 ms would make time-outs late */

/* ---- time ---- */

static usec_t next_deadline(const Command *c) {
        usec_t at = MIN_OF(c->timeout_at, c->kill_at);
        at = MIN_OF(at, c->sweep_at);
        if (c->phase == COMMAND_RUNNING)
                at = MIN_OF(at, MIN_OF(c->attach_at, MIN_OF(c->announce_at, c->progress_at)));
        return at;
}

/* Lets the timer fire at the next deadline or before. One that is early costs a look; moving it
 * costs two system calls. */
static void timer_arm(CommandHandler *h) {
        usec_t at = next_deadline(&h->current);
        if (at >= h->timer_at)
                return;
        h->timer_at = at;
        (void)sd_event_source_set_time(h->timer, at);
        (void)sd_event_source_set_enabled(h->timer, SD_EVENT_ONESHOT);
}

/* ---- output ---- */

static int on_output(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        if (!capture_read(userdata))
                (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
        return 0;
}

/* On failure the pipe is read at the end only: worse for the command, which may block, so it is
 * told. */
static void attach(CommandHandler *h, unsigned i) {
        Command *c = &h->current;
        if (c->captures[i].pipe < 0 || c->watches[i])
                return;
        int r = sd_event_add_io(h->event, &c->watches[i], c->captures[i].pipe, EPOLLIN, on_output,
                                &c->captures[i]);
        if (r >= 0)
                r = sd_event_source_set_priority(c->watches[i], PRIORITY_OUTPUT);
        if (r < 0)
                log_error("cannot watch the output of task %" PRIu64 ": %s", c->run->task_id,
                          strerror(-r));
}

static void attach_all(CommandHandler *h) {
        h->current.attach_at = USEC_INFINITY;
        for (unsigned i = 0; i < COMMAND_STREAMS; i++)
                attach(h, i);
}

/* ---- progress ---- */

static void tell_progress(CommandHandler *h) {
        Command *c = &h->current;
        const ProgressReport *latest = &h->progress.latest;
        c->progress_at = USEC_INFINITY;
        c->progress_next = time_now_monotonic() + PROGRESS_USEC;
        run_tell_progress(c->run, latest->percent, wire_bytes(latest->text, latest->text_size));
}

/* Reads even what is not told now: a full pipe would hold the command up. */
static int on_progress(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        CommandHandler *h = userdata;
        Command *c = &h->current;
        if (c->phase != COMMAND_RUNNING) {
                progress_reset(&h->progress);
                return 0;
        }
        if (!progress_read(&h->progress))
                return 0;
        c->progress_at = c->progress_next;
        if (time_now_monotonic() >= c->progress_at)
                tell_progress(h);
        timer_arm(h);
        return 0;
}

/* ---- the end ---- */

static void describe_capture(Run *run, const Capture *c, const char *name) {
        if (c->error)
                run_add_detail(run, "cannot keep %s: %s: %" PRIu64 " bytes of it were dropped",
                               name, strerror(c->error), c->total - c->kept);
}

static void finish_captures(Command *c) {
        LinkEnd *end = &c->run->end;
        for (unsigned i = 0; i < COMMAND_STREAMS; i++)
                c->watches[i] = sd_event_source_disable_unref(c->watches[i]);
        capture_finish(&c->captures[0], &end->out);
        capture_finish(&c->captures[1], &end->err);
        end->item.out_total = c->captures[0].total;
        end->item.err_total = c->captures[1].total;
        end->item.out_kept = c->captures[0].kept;
        end->item.err_kept = c->captures[1].kept;
        if (c->captures[0].in_file)
                end->item.files |= WIRE_FILE_OUT;
        if (c->captures[1].in_file)
                end->item.files |= WIRE_FILE_ERR;
        describe_capture(c->run, &c->captures[0], "stdout");
        describe_capture(c->run, &c->captures[1], "stderr");
        for (unsigned i = 0; i < COMMAND_STREAMS; i++)
                capture_done(&c->captures[i]);
}

typedef enum Sender { SENDER_UNKNOWN, SENDER_STINT } Sender;

static void set_own_result(Run *run, int status, Sender sender) {
        if (!WIFSIGNALED(status)) {
                run_set_result(run, WEXITSTATUS(status) ? TASK_FAILED : TASK_SUCCEEDED, REASON_EXIT,
                               WEXITSTATUS(status));
                return;
        }
        run_set_result(run, TASK_FAILED, REASON_SIGNAL, WTERMSIG(status));
        if (WTERMSIG(status) == SIGKILL && sender == SENDER_UNKNOWN)
                run_add_detail(run, "stint did not send it: memory may have run out, a limit may "
                                    "have been reached, or somebody killed it");
}

/* A result that a stop has cut is none; what ended before the stop reached it counts (stop looks
 * first). */
static void set_result(const Command *c) {
        switch (c->cause) {
        case COMMAND_NOT_STOPPED:
                set_own_result(c->run, c->status, c->kill_asked ? SENDER_STINT : SENDER_UNKNOWN);
                break;
        case COMMAND_TIMED_OUT:
                run_set_result(c->run, TASK_FAILED, REASON_TIMEOUT, 0);
                break;
        case COMMAND_INTERRUPTED:
                run_set_result(c->run, TASK_READY, REASON_INTERRUPTED, 0);
                break;
        case COMMAND_CANCELLED:
        case COMMAND_FOREIGN:
                run_set_result(c->run, TASK_CANCELLED, REASON_CANCELLED, 0);
                break;
        }
}

static void finish(CommandHandler *h) {
        Command *c = &h->current;
        finish_captures(c);
        progress_reset(&h->progress);
        set_result(c);
        Run *run = c->run;
        *c = COMMAND_NONE;
        run_end(run);
}

/* ---- processes ---- */

static usec_t timeval_usec(struct timeval t) {
        return (usec_t)t.tv_sec * USEC_PER_SEC + (usec_t)t.tv_usec;
}

static void add_usage(WireEndItem *item, const struct rusage *usage) {
        item->user_usec += timeval_usec(usage->ru_utime);
        item->system_usec += timeval_usec(usage->ru_stime);
        item->max_rss_bytes = MAX_OF(item->max_rss_bytes, (uint64_t)usage->ru_maxrss * 1024u);
}

/* Reaps all that has died. Nobody: nothing is left below this process. */
typedef enum Left { LEFT_NOBODY, LEFT_SOMEBODY } Left;

static Left reap(CommandHandler *h) {
        Command *c = &h->current;
        for (;;) {
                int status;
                struct rusage usage;
                pid_t pid = wait4(-1, &status, WNOHANG, &usage);
                if (pid < 0 && errno == EINTR)
                        continue;
                if (pid <= 0)
                        return pid < 0 ? LEFT_NOBODY : LEFT_SOMEBODY;
                if (!c->run)
                        continue;
                add_usage(&c->run->end.item, &usage);
                if (pid != c->pid || c->phase != COMMAND_RUNNING)
                        continue;
                c->phase = COMMAND_SWEEPING;
                c->status = status;
                c->timeout_at = USEC_INFINITY;
                c->run->end.item.wall_usec = time_now_monotonic() - c->started_at;
        }
}

/* Kills what is there and looks again soon: what is being forked may be missed, and what dies tells
 * by SIGCHLD anyway. */
static void sweep(CommandHandler *h) {
        Command *c = &h->current;
        (void)tree_signal(SIGKILL);
        c->sweep_delay = MIN_OF(MAX_OF(2 * c->sweep_delay, SWEEP_MIN_USEC), SWEEP_MAX_USEC);
        c->sweep_at = time_now_monotonic() + c->sweep_delay;
        timer_arm(h);
}

static void settle(CommandHandler *h) {
        Command *c = &h->current;
        Left left = reap(h);
        if (!c->run || c->phase != COMMAND_SWEEPING)
                return;
        if (left == LEFT_NOBODY)
                finish(h);
        else if (c->sweep_at == USEC_INFINITY && c->kill_at == USEC_INFINITY)
                sweep(h);
}

static int on_child(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        settle(userdata);
        return 0;
}

/* ---- stopping ---- */

/* The first cause stands, except that a user's wish and another store go over what stint wants. */
static void stop(CommandHandler *h, CommandCause cause, int signal) {
        Command *c = &h->current;
        settle(h); /* it may have ended by itself: then it has its own result */
        if (!c->run || c->phase != COMMAND_RUNNING)
                return;
        c->cause = MAX_OF(c->cause, cause);
        c->timeout_at = USEC_INFINITY;
        usec_t grace = signal == SIGKILL ? 0 : c->run->grace_usec;
        c->kill_at = MIN_OF(c->kill_at, usec_add(time_now_monotonic(), grace));
        if (grace == 0) {
                c->kill_at = USEC_INFINITY;
                sweep(h);
                return;
        }
        (void)tree_signal(signal);
        (void)tree_signal(SIGCONT); /* what is stopped cannot heed the first */
        timer_arm(h);
}

static int on_timer(sd_event_source *source, uint64_t at, void *userdata) {
        CommandHandler *h = userdata;
        Command *c = &h->current;
        h->timer_at = USEC_INFINITY;
        if (!c->run)
                return 0;
        usec_t now = time_now_monotonic();
        if (now >= c->attach_at)
                attach_all(h);
        if (now >= c->announce_at) {
                c->announce_at = USEC_INFINITY;
                run_announce(c->run, c->run->end.item.started_usec, c->pid);
        }
        if (now >= c->progress_at && c->phase == COMMAND_RUNNING)
                tell_progress(h);
        if (now >= c->kill_at || now >= c->sweep_at) {
                c->kill_at = USEC_INFINITY;
                sweep(h);
        }
        if (now >= c->timeout_at)
                stop(h, COMMAND_TIMED_OUT, SIGTERM);
        settle(h);
        timer_arm(h);
        return 0;
}

static void command_stop(void *state, Run *run, StopWhy why, int signal) {
        static const CommandCause causes[] = {
                [STOP_CANCEL] = COMMAND_CANCELLED,
                [STOP_INTERRUPT] = COMMAND_INTERRUPTED,
                [STOP_FOREIGN] = COMMAND_FOREIGN,
        };
        if ((size_t)why < ARRAY_SIZE(causes) && causes[why])
                stop(state, causes[why], signal);
}

static void command_spill(void *state, Run *run) {
        CommandHandler *h = state;
        for (unsigned i = 0; i < COMMAND_STREAMS; i++) {
                attach(h, i);
                capture_spill(&h->current.captures[i]);
        }
}

static void command_signal(void *state, Run *run, int signal) {
        CommandHandler *h = state;
        settle(h); /* what has ended by itself was not ended by this */
        if (h->current.phase != COMMAND_RUNNING)
                return;
        h->current.kill_asked |= signal == SIGKILL;
        (void)tree_signal(signal);
}

static void command_kill_all(void *state) {
        tree_kill_and_reap();
}

/* ---- starting ---- */

static void command_start(void *state, Run *run) {
        CommandHandler *h = state;
        Command *c = &h->current;
        run->end.item.started_usec = time_now_realtime();
        *c = COMMAND_NONE;
        c->run = run;
        c->started_at = time_now_monotonic();
        if (!command_launch(h, run)) {
                finish_captures(c);
                *c = COMMAND_NONE;
                run_end(run);
                return;
        }
        c->phase = COMMAND_RUNNING;
        c->attach_at = c->started_at + ATTACH_USEC;
        c->announce_at = c->started_at + ANNOUNCE_USEC;
        c->progress_next = c->announce_at; /* first it is told that it runs */
        if (run->timeout_usec > 0)
                c->timeout_at = usec_add(c->started_at, run->timeout_usec);
        if (run->spill)
                command_spill(h, run);
        timer_arm(h);
}

/* ---- life ---- */

static void *command_close(void *state) {
        CommandHandler *h = state;
        if (!h)
                return NULL;
        for (unsigned i = 0; i < COMMAND_STREAMS; i++) {
                sd_event_source_disable_unref(h->current.watches[i]);
                capture_done(&h->current.captures[i]);
        }
        sd_event_source_disable_unref(h->child);
        sd_event_source_disable_unref(h->timer);
        sd_event_source_disable_unref(h->progress_watch);
        progress_done(&h->progress);
        spawner_free(h->spawner);
        if (h->null_fd >= 0)
                (void)close(h->null_fd);
        free(h);
        return NULL;
}

static int add_sources(CommandHandler *h) {
        int r = sd_event_add_signal(h->event, &h->child, SIGCHLD, on_child, h);
        if (r >= 0)
                r = sd_event_source_set_priority(h->child, PRIORITY_CHILD);
        if (r >= 0)
                r = sd_event_add_time(h->event, &h->timer, CLOCK_MONOTONIC, USEC_INFINITY,
                                      TIMER_ACCURACY, on_timer, h);
        if (r >= 0)
                r = sd_event_source_set_priority(h->timer, PRIORITY_TIMER);
        if (r >= 0)
                r = sd_event_add_io(h->event, &h->progress_watch, h->progress.reader, EPOLLIN,
                                    on_progress, h);
        if (r >= 0)
                r = sd_event_source_set_priority(h->progress_watch, PRIORITY_OUTPUT);
        return r;
}

static int command_open(sd_event *event, const WorkerIdentity *identity, void **ret_state) {
        CommandHandler *h = calloc(1, sizeof *h);
        if (!h)
                return -ENOMEM;
        h->event = event;
        h->identity = identity;
        h->current = COMMAND_NONE;
        h->progress = PROGRESS_NONE;
        h->timer_at = USEC_INFINITY;
        h->null_fd = command_open_null();
        int r = h->null_fd;
        if (r >= 0)
                r = spawner_new(&h->spawner);
        if (r >= 0)
                r = progress_open(&h->progress);
        if (r >= 0)
                r = add_sources(h);
        if (r < 0) {
                command_close(h);
                return r;
        }
        *ret_state = h;
        return 0;
}

const Handler handler_command = {
        .name = "command",
        .kind = TASK_KIND_COMMAND,
        .slots = 1,
        .open = command_open,
        .close = command_close,
        .start = command_start,
        .stop = command_stop,
        .spill = command_spill,
        .signal = command_signal,
        .kill_all = command_kill_all,
};
