/* `stint top`: queues, pools and tasks on the whole screen, live.
 *
 *      top-source.c ──▶ top-model.c ──▶ top-layout.c, top-draw.c ──▶ top-screen.c
 *      libstint         what is shown   where                        ncurses
 *                          ▲
 *                       top-keys.c ◀── keys
 *
 * One loop: it sleeps until a key, a signal, an event of the dispatcher or the next second. Events
 * only say that what is shown is stale; it is asked for again at most four times a second however
 * many there are. Signals come through a descriptor, so the terminal is given back on each of them
 * in the same way. */
#include "client/cli/columns.h"
#include "client/cli/top-draw.h"
#include "client/cli/top-keys.h"
#include "client/cli/top-source.h"
#include "common/time.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define REFRESH_USEC USEC_PER_SEC       /* when nothing happens */
#define STALE_USEC   (USEC_PER_SEC / 4) /* when something does */

typedef struct Top {
        TopModel *model;
        TopSource *source;
        TopScreen *screen;
        int signals;
        usec_t refreshed; /* monotonic; when the last refresh began */
        bool is_due, is_over;
        int code;
} Top;

/* ---- signals ---- */

static void ending_signals(sigset_t *ret) {
        static const int numbers[] = {SIGINT,  SIGTERM, SIGHUP,  SIGQUIT,
                                      SIGUSR1, SIGUSR2, SIGALRM, SIGPIPE};
        sigemptyset(ret);
        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
                sigaddset(ret, numbers[i]);
}

static void all_signals(sigset_t *ret) {
        ending_signals(ret);
        sigaddset(ret, SIGTSTP);
        sigaddset(ret, SIGCONT);
        sigaddset(ret, SIGWINCH);
}

/* The terminal is the shell's while we are stopped. */
static void stop_here(Top *t) {
        sigset_t tstp;
        sigemptyset(&tstp);
        sigaddset(&tstp, SIGTSTP);
        top_screen_leave(t->screen);
        signal(SIGTSTP, SIG_DFL);
        raise(SIGTSTP);
        sigprocmask(SIG_UNBLOCK, &tstp, NULL); /* stops here */
        sigprocmask(SIG_BLOCK, &tstp, NULL);
        top_screen_return(t->screen);
}

static void on_signal(Top *t, int number) {
        switch (number) {
        case SIGWINCH:
                top_screen_measure(t->screen);
                break;
        case SIGTSTP:
                stop_here(t);
                break;
        case SIGCONT: /* after a stop that we were not asked about */
                top_screen_leave(t->screen);
                top_screen_return(t->screen);
                break;
        default:
                t->is_over = true;
                t->code = EXIT_SIGNAL_BASE + number;
        }
}

static bool take_signals(Top *t) {
        struct signalfd_siginfo info;
        bool any = false;
        while (!t->is_over && read(t->signals, &info, sizeof info) == (ssize_t)sizeof info) {
                on_signal(t, (int)info.ssi_signo);
                any = true;
        }
        return any;
}

/* ---- keys ---- */

static void act(Top *t, TopAction action) {
        switch (action.kind) {
        case TOP_ACTION_NONE:
                return;
        case TOP_ACTION_QUIT:
                t->is_over = true;
                return;
        case TOP_ACTION_REDRAW:
                top_screen_forget(t->screen);
                return;
        case TOP_ACTION_REFRESH:
                break;
        case TOP_ACTION_CANCEL:
                top_source_cancel(t->source, t->model, action.id);
                break;
        case TOP_ACTION_RETRY:
                top_source_retry(t->source, t->model, action.id);
                break;
        case TOP_ACTION_DETAILS:
                top_source_details(t->source, t->model, action.id);
                break;
        case TOP_ACTION_LOGS:
                top_source_logs(t->source, t->model, action.id);
                break;
        }
        t->is_due = true;
}

static bool take_keys(Top *t) {
        bool any = false;
        for (int key; !t->is_over && (key = top_screen_key(t->screen)); any = true)
                act(t, top_key(t->model, key));
        return any;
}

/* ---- the loop ---- */

static usec_t next_refresh(const Top *t) {
        bool soon = top_source_is_stale(t->source) && !t->model->away_since_usec &&
                    t->model->tasks != TOP_ENDED; /* a list from the store costs more */
        return t->is_due ? 0 : t->refreshed + (soon ? STALE_USEC : REFRESH_USEC);
}

/* Until there is something to do. */
static void sleep_until(Top *t, usec_t at) {
        usec_t now = time_now_monotonic();
        struct pollfd fds[] = {
                {.fd = t->signals, .events = POLLIN},
                {.fd = STDIN_FILENO, .events = POLLIN},
                /* Once it is stale, more events say nothing new until the next refresh. */
                {.fd = top_source_is_stale(t->source) ? -1 : top_source_fd(t->source),
                 .events = POLLIN},
        };
        usec_t left = at > now ? at - now : 0;
        int n = poll(fds, ARRAY_SIZE(fds), (int)((left + USEC_PER_MSEC - 1) / USEC_PER_MSEC));
        if (n > 0 && fds[1].revents & (POLLHUP | POLLERR | POLLNVAL)) { /* the terminal is gone */
                t->is_over = true;
                t->code = EXIT_SIGNAL_BASE + SIGHUP;
        }
        if (n > 0 && fds[2].revents)
                top_source_dispatch(t->source);
}

static void top_loop(Top *t) {
        t->is_due = true;
        while (!t->is_over) {
                t->model->now_usec = time_now_realtime();
                bool changed = take_signals(t);
                changed |= take_keys(t);
                usec_t now = time_now_monotonic();
                if (!t->is_over && now >= next_refresh(t)) {
                        t->refreshed = now;
                        t->is_due =
                                top_source_refresh(t->source, t->model) == TOP_REFRESH_INTERRUPTED;
                        changed |= !t->is_due;
                        t->model->now_usec = time_now_realtime();
                }
                if (changed && !t->is_over)
                        top_draw(t->screen, t->model);
                if (!t->is_over)
                        sleep_until(t, next_refresh(t));
        }
}

static int top_check(const Invocation *x, Error *error) {
        if (x->general.json)
                return error_set(error, EXIT_USAGE,
                                 "top has no JSON: use `stint status --json` for what is now, or "
                                 "`stint watch --json` for what happens");
        if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
                return error_set(error, EXIT_USAGE,
                                 "top needs a terminal: stdin and stdout must be one; use `stint "
                                 "status` or `stint watch` elsewhere");
        return refuse_operands(x, error);
}

static int top_open(Top *t, const Invocation *x, Error *error) {
        sigset_t mask;
        all_signals(&mask);
        t->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
        t->model = top_model_new();
        if (t->signals < 0 || !t->model)
                return error_set(error, EXIT_SOFTWARE, "cannot start: %s", strerror(errno));
        int r = top_source_open(&x->general, t->signals, STDIN_FILENO, error, &t->source);
        if (r < 0)
                return r;
        sigprocmask(SIG_BLOCK, &mask, NULL); /* only now: until here they may just end it */
        return top_screen_open(color_is_wanted(&x->general) ? TOP_COLORS_WANTED : TOP_COLORS_NONE,
                               error, &t->screen);
}

static void top_close(Top *t) {
        top_screen_free(t->screen);
        top_source_free(t->source);
        top_model_free(t->model);
        if (t->signals >= 0)
                close(t->signals);
}

static int top_run(Invocation *x, Error *error) {
        _cleanup_(top_close) Top t = {.signals = -1};
        int r = top_check(x, error);
        if (r == 0)
                r = top_open(&t, x, error);
        if (r < 0)
                return r;
        top_loop(&t);
        return t.code;
}

const Command command_top = {
        .name = "top",
        .summary = "queues, pools and tasks, live on the whole screen",
        .synopsis = "[OPTION…]",
        .description =
                "Tab goes from queues to pools to tasks; 1, 2 and 3 show running, waiting and\n"
                "ended tasks; ? explains the keys, q quits.",
        .examples = {"stint top", "stint top --system --color never"},
        .run = top_run,
};
