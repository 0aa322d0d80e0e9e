/* stint-worker: executes runs for the dispatcher, one process of a pool. Its arguments and what it
 * finds open are the contract of common/supervise.h; what it says is common/wire-schema.h;
 * worker/executor.h is its middle.
 *
 * One thread of ours and one loop (libzmq has its I/O thread). It lives as long as its supervisor:
 * end of file on the inherited pipe means that the instance is dead, and everything below this
 * process dies with it. SIGTERM asks it to leave once it is empty. */
#include "common/log.h"
#include "common/supervise.h"
#include "common/text.h"
#include "worker/executor.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define USAGE                                                                                      \
        "usage: stint-worker --state DIR --run DIR --instance user|system --pool NAME "            \
        "--serial N\nIt is started by stintd, with its sockets open: see common/supervise.h.\n"

typedef struct Worker {
        WorkerIdentity identity;
        Config *config;
        const Handler *handler;
        sd_event *event;
        Executor *executor;
} Worker;

/* ---- options ---- */

static int parse_options(int argc, char **argv, WorkerIdentity *ret) {
        static const struct option options[] = {
                {"state", required_argument, NULL, 's'},    {"run", required_argument, NULL, 'r'},
                {"instance", required_argument, NULL, 'i'}, {"pool", required_argument, NULL, 'p'},
                {"serial", required_argument, NULL, 'n'},   {0},
        };
        bool serial = false, instance = false;
        for (int option; (option = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
                switch (option) {
                case 's':
                        ret->state_dir = optarg;
                        break;
                case 'r':
                        ret->run_dir = optarg;
                        break;
                case 'p':
                        ret->pool = optarg;
                        break;
                case 'i':
                        instance = strcmp(optarg, "user") == 0 || strcmp(optarg, "system") == 0;
                        break;
                case 'n':
                        serial = u64_parse(optarg, &ret->serial) == 0;
                        break;
                default:
                        return -EINVAL;
                }
        }
        return serial && instance && ret->state_dir && ret->run_dir && ret->pool && optind == argc
                       ? 0
                       : -EINVAL;
}

/* ---- the process ---- */

/* Signals as this program wants them, whatever it inherited: all default but two that are errors of
 * write(). Those that the loop reads are blocked before any other thread exists. */
static void set_up_signals(void) {
        for (int signal = 1; signal < _NSIG; signal++)
                (void)sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
        (void)signal(SIGPIPE, SIG_IGN);
        (void)signal(SIGXFSZ, SIG_IGN);
        sigset_t blocked;
        (void)sigemptyset(&blocked);
        (void)sigaddset(&blocked, SIGCHLD);
        (void)sigaddset(&blocked, SIGTERM);
        (void)sigprocmask(SIG_SETMASK, &blocked, NULL);
}

/* 0, 1 and 2 are always taken, so that no descriptor of ours is ever one of them. */
static void fill_standard_descriptors(void) {
        int fd;
        do
                fd = open("/dev/null", O_RDWR);
        while (fd >= 0 && fd < 3);
        if (fd >= 3)
                (void)close(fd);
}

static int on_channel(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Worker *w = userdata;
        char nothing[64];
        ssize_t n = read(fd, nothing, sizeof nothing);
        if (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN)))
                return 0;
        executor_kill_all(w->executor);
        return sd_event_exit(w->event, EXIT_SUCCESS);
}

static int on_terminate(sd_event_source *source, const struct signalfd_siginfo *info,
                        void *userdata) {
        Worker *w = userdata;
        executor_drain(w->executor);
        return 0;
}

/* ---- life ---- */

static int load_config(Worker *w) {
        ConfigFindings findings = {0};
        int r = config_load_fd(SUPERVISE_FD_CONFIG, &findings, &w->config);
        for (size_t i = 0; i < findings.count; i++)
                log_error("%s", findings.lines[i]);
        config_findings_done(&findings);
        if (r < 0)
                return r;
        log_set_level(w->config->log_level);
        w->identity.log_level = w->config->log_level;
        const PoolConfig *pool = config_pool(w->config, w->identity.pool);
        w->handler = pool ? handler_find(pool->handler) : NULL;
        if (!w->handler) {
                log_error("the configuration has no pool %s that this worker could serve",
                          w->identity.pool);
                return -ENOENT;
        }
        (void)snprintf(w->identity.endpoint, sizeof w->identity.endpoint, "ipc://%s",
                       w->config->control_socket);
        return 0;
}

static int watch(Worker *w) {
        sd_event_source *source;
        int r = sd_event_add_io(w->event, &source, SUPERVISE_FD_CHANNEL, EPOLLIN, on_channel, w);
        if (r >= 0)
                r = sd_event_source_set_priority(source, PRIORITY_CHANNEL);
        if (r >= 0)
                r = sd_event_source_set_floating(source, true);
        if (r >= 0) {
                sd_event_source_unref(source);
                r = sd_event_add_signal(w->event, &source, SIGTERM, on_terminate, w);
        }
        if (r >= 0)
                r = sd_event_source_set_priority(source, PRIORITY_SIGNAL);
        if (r >= 0)
                r = sd_event_source_set_floating(source, true);
        if (r >= 0)
                sd_event_source_unref(source);
        return r;
}

static int worker_run(Worker *w) {
        int r = load_config(w);
        if (r >= 0)
                r = sd_event_new(&w->event);
        if (r >= 0)
                r = executor_new(w->event, &w->identity, w->handler, SUPERVISE_FD_FIRST,
                                 &w->executor);
        if (r >= 0)
                r = watch(w);
        if (r >= 0)
                r = sd_event_loop(w->event);
        if (r < 0)
                log_error("worker %s cannot work: %s", w->identity.pool, strerror(-r));
        executor_free(w->executor);
        sd_event_unref(w->event);
        config_free(w->config);
        return r < 0 ? EXIT_FAILURE : r;
}

int main(int argc, char **argv) {
        Worker w = {0};
        char log_dir[PATH_MAX];
        if (parse_options(argc, argv, &w.identity) < 0) {
                (void)fputs(USAGE, stderr);
                return EXIT_USAGE;
        }
        (void)prctl(PR_SET_NAME, "stint-worker"); /* fexecve leaves a number */
        fill_standard_descriptors();
        set_up_signals();
        (void)snprintf(log_dir, sizeof log_dir, "%s/log", w.identity.state_dir);
        (void)log_open("stint-worker", LOG_TARGET_AUTO, log_dir);
        if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
                log_error("cannot become a subreaper: %s", strerror(errno));
                return EXIT_FAILURE;
        }
        return worker_run(&w);
}
