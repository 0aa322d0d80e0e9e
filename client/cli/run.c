/* `stint run`: submit, copy both streams as they come, exit as the task did. Ctrl-C cancels the
 * task and waits for its end; a second one leaves at once; a hang-up leaves the task alone.
 *
 * The signals are blocked and read from a descriptor that the session waits on too, so that none
 * falls between a look and a wait. */
#include "client/cli/command.h"
#include "client/cli/ending.h"
#include "client/cli/stream.h"
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
        Session *session;
        Error *error;
        uint64_t id; /* 0: not acknowledged yet */
        uint64_t submit_request, cancel_request;
        OutputStream streams[STREAMS];
        unsigned open_streams;
        bool asked, ended;
        WireEndedTask end;
        int signals_fd;
        int signal;     /* the first one that asked for the end of the task */
        int leave_with; /* exit code of leaving without waiting, 0: stay */
} Run;

static void run_cancel(Run *r) {
        if (!r->id || r->cancel_request || r->ended)
                return;
        WireCancel cancel = {.ids = {&r->id, 1}};
        session_number(r->session, &cancel.client, &cancel.seq, &cancel.held);
        int64_t request =
                session_send(r->session, WIRE_TYPE_CANCEL, &cancel, (BlobSlice){0}, r->error);
        if (request > 0)
                r->cancel_request = (uint64_t)request;
}

static void run_leave(Run *r, int signal, const char *what) {
        r->leave_with = EXIT_SIGNAL_BASE + signal;
        if (r->id)
                fprintf(stderr, "stint: task %" PRIu64 " %s\n", r->id, what);
        else
                fprintf(stderr, "stint: left before the task was acknowledged: it may run or not; "
                                "see `stint list`\n");
}

/* Reads the signals that came; not 0: leave. */
static int on_signal(void *userdata) {
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
        return r->leave_with;
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
        static const StreamKind kinds[STREAMS] = {STREAM_STDOUT, STREAM_STDERR};
        static const int fds[STREAMS] = {STDOUT_FILENO, STDERR_FILENO};
        r->asked = true;
        for (size_t i = 0; i < STREAMS; i++) {
                r->streams[i] = (OutputStream){.task_id = r->id,
                                               .kind = kinds[i],
                                               .span = STREAM_EVERY_ATTEMPT,
                                               .follow = STREAM_FOLLOW,
                                               .fd = fds[i],
                                               .watched_fd = r->signals_fd,
                                               .woken = on_signal,
                                               .userdata = r};
                int error = stream_start(r->session, &r->streams[i], r->error);
                if (error < 0)
                        return error;
                r->open_streams++;
        }
        return 0;
}

static int on_submit_answer(Run *r, const SessionAnswer *a) {
        if (a->type == WIRE_TYPE_ERROR)
                return session_refused(a, r->error);
        if (a->type == WIRE_TYPE_SUBMITTED) {
                r->id = ((const WireSubmitted *)a->body)->first_id;
                if (r->signal)
                        run_cancel(r);
                return 0;
        }
        const WireEnded *ended = a->body;
        if (a->type != WIRE_TYPE_ENDED)
                return error_set(r->error, EXIT_PROTOCOL,
                                 "the dispatcher answered a submit with message %u: install the "
                                 "same version of both",
                                 a->type);
        for (size_t i = 0; i < ended->ends.count; i++)
                if (ended->ends.items[i].id == r->id) {
                        r->end = ended->ends.items[i];
                        r->ended = true;
                }
        if (!r->ended && !ended->more)
                return error_set(r->error, EXIT_DATA,
                                 "task %" PRIu64 " was purged before its end was seen", r->id);
        return r->ended && !r->asked ? run_ask(r) : 0;
}

static int on_stream_answer(Run *r, OutputStream *o, const SessionAnswer *a) {
        int outcome = stream_answer(r->session, o, a, r->error);
        if (outcome == STREAM_GOES_ON)
                return 0;
        r->open_streams--;
        if (o->write_error && !r->leave_with)
                run_cancel(r); /* nobody reads it any more */
        return outcome < 0 ? outcome : 0;
}

static int on_answer(Run *r, const SessionAnswer *a) {
        if (a->request_id == r->submit_request)
                return on_submit_answer(r, a);
        if (a->request_id == r->cancel_request)
                return a->type == WIRE_TYPE_ERROR ? session_refused(a, r->error) : 0;
        for (size_t i = 0; i < STREAMS; i++)
                if (a->request_id == r->streams[i].request)
                        return on_stream_answer(r, &r->streams[i], a);
        return 0;
}

/* Until the task has ended and its streams are copied, or we are to leave. */
static int run_follow(Run *r) {
        int error = 0;
        while (error == 0 && !r->leave_with && (!r->ended || r->open_streams)) {
                SessionAnswer answer;
                int patience = r->id && !r->asked ? ASK_AFTER_MSEC : -1;
                error = session_receive(r->session, patience, &answer, r->error);
                if (error == 0) {
                        error = on_answer(r, &answer);
                } else if (error == -EINTR) {
                        on_signal(r);
                        error = 0;
                } else if (error == -ETIMEDOUT) {
                        error = run_ask(r);
                }
        }
        return error;
}

static int run_exit_code(const Run *r) {
        char text[128];
        int code = ending_exit_code((TaskState)r->end.state, (EndReason)r->end.reason, r->end.code);
        for (size_t i = 0; i < STREAMS; i++) {
                int lost = r->streams[i].write_error;
                stream_warn(&r->streams[i]);
                if (lost == EPIPE)
                        return EXIT_SIGNAL_BASE + SIGPIPE;
                if (lost)
                        return error_set(r->error, EXIT_IO,
                                         "cannot write the output of task %" PRIu64 ": %s", r->id,
                                         strerror(lost));
        }
        if (r->signal && r->end.state == TASK_CANCELLED)
                return EXIT_SIGNAL_BASE + r->signal;
        if (r->end.state != TASK_SUCCEEDED && r->end.reason != REASON_EXIT)
                fprintf(stderr, "stint: task %" PRIu64 " %s: %s; see `stint show %" PRIu64 "`\n",
                        r->id, task_state_name((TaskState)r->end.state),
                        ending_text((EndReason)r->end.reason, r->end.code, text, sizeof text),
                        r->id);
        return code;
}

static int run_task(Run *r, CommandOptions *o, const CommandTask *task) {
        int error = signals_open(r);
        if (error < 0)
                return error_set(r->error, EXIT_SOFTWARE, "cannot wait for signals: %s",
                                 strerror(-error));
        session_watch(r->session, r->signals_fd);
        int64_t request = submit_command(r->session, o, task, SUBMIT_AND_WAIT, r->error);
        if (request < 0)
                return (int)request;
        r->submit_request = (uint64_t)request;
        error = run_follow(r);
        if (error < 0)
                return error;
        return r->leave_with ? r->leave_with : run_exit_code(r);
}

static int run_run(Invocation *x, Error *error) {
        CommandOptions *o = x->args;
        _cleanup_(session_closep) Session *s = NULL;
        _cleanup_(command_task_done) CommandTask task = {0};
        int r = task_options_check(&o->task, error);
        if (r == 0)
                r = command_task_new(o, x->operands, x->operand_count, &task, error);
        if (r == 0)
                r = invocation_open(x, SESSION_START_OWN, error, &s);
        if (r == 0)
                r = submit_check_directory(s, task.spec.cwd, error);
        if (r < 0)
                return r;
        Run run = {.session = s, .error = error, .signals_fd = -1};
        r = run_task(&run, o, &task);
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
                "task, a second one leaves at once; if the terminal goes away, the task goes on.",
        .groups = {&queue_options, &task_options, &command_options},
        .examples = {"stint run make check", "stint run --shell 'ls *.c | wc -l'"},
        .operands = OPERANDS_END_OPTIONS,
        .args_size = sizeof(CommandOptions),
        .failure = EXIT_STINT_FAILED,
        .run = run_run,
};
