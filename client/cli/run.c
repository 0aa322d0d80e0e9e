/* `stint run`: submit, copy both streams as they come, exit as the task did. Ctrl-C cancels the
 * task and waits for its end; a second one leaves at once; a hang-up leaves the task alone.
 *
 * The signals are blocked and read from a descriptor that the library waits on too, so that none
 * falls between a look and a wait. */
#include "client/cli/command-options.h"
#include "client/cli/dry-run.h"
#include "client/cli/ending.h"
#include "client/cli/stream-json.h"
#include "client/cli/submission.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define STREAMS 2
/* Most commands are short: their output comes with their end. Asking earlier makes the worker write
 * files. */
#define ASK_AFTER_MSEC 20

typedef struct Run {
        StintClient *client;
        Error *error;
        StintFuture *future;
        Stream streams[STREAMS];
        bool asked, cancelled, json;
        int signals_fd;
        int signal;     /* the first one that asked for the end of the task */
        int leave_with; /* exit code of leaving without waiting, 0: stay */
} Run;

static void run_cancel(Run *r) {
        if (!r->cancelled && r->future)
                r->cancelled = stint_future_cancel(r->future) == 0;
}

static void run_leave(Run *r, int signal, const char *what) {
        uint64_t id = stint_future_id(r->future);
        r->leave_with = EXIT_SIGNAL_BASE + signal;
        if (id)
                fprintf(stderr, "stint: task %" PRIu64 " %s\n", id, what);
        else
                fprintf(stderr, "stint: left before the task was acknowledged: it may run or not; "
                                "see `stint list`\n");
}

/* Reads the signals that came; true: leave. */
static bool on_signal(void *userdata) {
        Run *r = userdata;
        struct signalfd_siginfo info;
        while (read(r->signals_fd, &info, sizeof info) == (ssize_t)sizeof info) {
                int signal = (int)info.ssi_signo;
                if (signal == SIGHUP) {
                        run_leave(r, signal, "goes on without this terminal");
                } else if (r->signal) {
                        run_leave(r, signal, "is being cancelled; not waiting for its end");
                } else {
                        r->signal = signal;
                        run_cancel(r);
                        if (isatty(STDERR_FILENO))
                                fprintf(stderr, "stint: cancelling; Ctrl-C again leaves at once\n");
                }
        }
        return r->leave_with != 0;
}

static int signals_open(Run *r) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGHUP);
        struct sigaction hangup;
        if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler == SIG_IGN)
                sigdelset(&set, SIGHUP); /* nohup */
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        signal(SIGPIPE, SIG_IGN); /* a reader that leaves is noticed by the write */
        r->signals_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return r->signals_fd < 0 ? -errno : 0;
}

static int run_ask(Run *r) {
        static const StintStream which[STREAMS] = {STINT_STDOUT, STINT_STDERR};
        static const int fds[STREAMS] = {STDOUT_FILENO, STDERR_FILENO};
        r->asked = true;
        for (size_t i = 0; i < STREAMS; i++) {
                r->streams[i] = (Stream){.id = stint_future_id(r->future),
                                         .which = which[i],
                                         .flags = STINT_FOLLOW | STINT_ALL_ATTEMPTS,
                                         .fd = fds[i],
                                         .watch = {r->signals_fd, on_signal, r}};
                if (r->json)
                        r->streams[i].take = stream_take_json;
                int error = stream_start(&r->streams[i], r->client, r->error);
                if (error < 0)
                        return error;
        }
        return 0;
}

/* What has come so far: 0, -code, or 1 when all is over. */
static int run_look(Run *r) {
        bool open = false;
        int error = stint_future_status(r->future);
        if (error < 0)
                return submit_refused(r->client, r->future, error, r->error);
        for (size_t i = 0; r->asked && i < STREAMS; i++) {
                Stream *s = &r->streams[i];
                open |= !s->over;
                if (s->code)
                        return stream_outcome(s, r->error);
                if (s->write_error && !r->leave_with)
                        run_cancel(r); /* nobody reads it any more */
        }
        return stint_future_poll(r->future) && r->asked && !open;
}

/* Until the task has ended and its streams are copied, or we are to leave. */
static int run_follow(Run *r) {
        int over = 0;
        while (!over && !r->leave_with) {
                bool known = stint_future_id(r->future) != 0;
                int n = stint_dispatch(r->client, known && !r->asked ? ASK_AFTER_MSEC : -1);
                on_signal(r);
                over = run_look(r);
                if (over == 0 && n < 0 && n != -STINT_TIMED_OUT)
                        over = client_error(r->client, n, r->error);
                bool late = known && n == 0;
                if (over == 0 && !r->asked && (late || stint_future_poll(r->future)))
                        over = run_ask(r);
        }
        return over < 0 ? over : 0;
}

static int run_exit_code(const Run *r) {
        const StintEnd *end = stint_future_end(r->future);
        int error = 0;
        for (size_t i = 0; i < STREAMS; i++) {
                stream_warn(&r->streams[i]);
                if (r->streams[i].write_error == EPIPE)
                        return EXIT_SIGNAL_BASE + SIGPIPE;
                if (error == 0)
                        error = stream_outcome(&r->streams[i], r->error);
        }
        if (error < 0)
                return error;
        if (r->json)
                json_print_object("task", ending_json(end));
        if (r->signal && end->state == STINT_CANCELLED)
                return EXIT_SIGNAL_BASE + r->signal;
        if (end->state != STINT_SUCCEEDED && end->reason != STINT_REASON_EXIT)
                ending_warn(end);
        return ending_exit_code(end->state, end->reason, end->code);
}

static int run_task(Run *r, const StintTask *task) {
        int error = signals_open(r);
        if (error < 0)
                return error_set(r->error, EXIT_SOFTWARE, "cannot wait for signals: %s",
                                 strerror(-error));
        stint_set_interrupt(r->client, r->signals_fd);
        error = stint_submit(r->client, task, 1, 0, &r->future);
        if (error < 0)
                return client_error(r->client, error, r->error);
        error = run_follow(r);
        if (error < 0)
                return error;
        return r->leave_with ? r->leave_with : run_exit_code(r);
}

static int run_run(Invocation *x, Error *error) {
        CommandOptions *o = x->args;
        _cleanup_(stint_freep) StintClient *client = NULL;
        _cleanup_(command_task_done) CommandTask command = {0};
        int r = task_options_check(&o->task, error);
        if (r == 0)
                r = command_task_new(o, x->operands, x->operand_count, &command, error);
        if (r == 0 && o->task.dry_run)
                return dry_run_print(x, &o->task, &command.task);
        if (r == 0)
                r = invocation_connect(x, STINT_START_OWN, error, &client);
        if (r == 0)
                r = submit_check_directory(client, command.task.cwd, error);
        if (r < 0)
                return r;
        Run run = {.client = client, .error = error, .json = x->general.json, .signals_fd = -1};
        r = run_task(&run, &command.task);
        if (run.signals_fd >= 0)
                close(run.signals_fd);
        return r;
}

const Command command_run = {
        .name = "run",
        .summary = "queue a command, show its output, exit as it does",
        .synopsis = "[OPTION…] CMD [ARG…]",
        .description =
                "Both streams are copied as they come, of every attempt if it is retried. Exits "
                "with\n"
                "the code of the command, 124 if it ran into --timeout, 126 or 127 if it could "
                "not\n"
                "start, 128+N if signal N killed it, 125 if stint itself fails. Ctrl-C cancels "
                "the\n"
                "task, a second one leaves at once; if the terminal goes away, the task goes on. "
                "With --json each piece of output and the end are an object on a line of its own.",
        .groups = {&queue_options, &task_options, &command_options},
        .examples = {"stint run make check", "stint run --shell 'ls *.c | wc -l'"},
        .operands = OPERANDS_END_OPTIONS,
        .args_size = sizeof(CommandOptions),
        .failure = EXIT_STINT_FAILED,
        .run = run_run,
};
