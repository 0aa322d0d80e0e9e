/* See world.h. */
#include "tests/unit/client/world.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What is enough for most tests. */
static const char usual[] = "daemon: { stop_timeout = \"0s\"; };\n"
                            "queues: ( { name = \"default\"; }, { name = \"echo\"; },\n"
                            "          { name = \"noop\"; },\n"
                            "          { name = \"small\"; max_waiting = 1; } );\n"
                            "pools: ( { name = \"default\"; queues = [\"default\", \"small\"];\n"
                            "           workers = 2; },\n"
                            "         { name = \"echo\"; queues = [\"echo\"];\n"
                            "           handler = \"echo\"; workers = 1; },\n"
                            "         { name = \"noop\"; queues = [\"noop\"];\n"
                            "           handler = \"noop\"; workers = 1; } );\n";

static char directory[] = "/tmp/stint-world-XXXXXX";
static pid_t daemon_pid, paused_pid;

const char *world_path(const char *name) {
        static char path[sizeof directory + NAME_MAX];
        snprintf(path, sizeof path, "%s/%s", directory, name);
        return path;
}

/* Between two looks at a condition. */
static void step(unsigned *steps, const char *what) {
        cr_assert_lt(++*steps, PATIENCE_MSEC / 10, "still not: %s", what);
        poll(NULL, 0, 10);
}

void world_configure(const char *config) {
        char next[sizeof directory + 16];
        snprintf(next, sizeof next, "%s/config.next", directory);
        FILE *file = fopen(next, "we");
        cr_assert(file && fputs(config, file) >= 0 && fclose(file) == 0);
        cr_assert_eq(rename(next, world_path("config")), 0);
}

_Noreturn static void daemon_run(void) {
        char program[PATH_MAX];
        int log = open(world_path("log"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        snprintf(program, sizeof program, "%s/supervisor/stintd", getenv("STINT_BUILD"));
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
        setsid();
        prctl(PR_SET_PDEATHSIG, SIGTERM); /* a test that crashes leaves nothing behind */
        execl(program, "stintd", "--user", "--foreground", "--config", world_path("config"), NULL);
        _exit(127);
}

void world_start(void) {
        world_start_with(usual);
}

void world_start_with(const char *config) {
        cr_assert_not_null(getenv("STINT_BUILD"), "STINT_BUILD names the build directory");
        cr_assert_not_null(mkdtemp(directory));
        world_configure(config);
        setenv("STINT_STATE_DIR", world_path("state"), 1);
        setenv("STINT_RUN_DIR", world_path("run"), 1);
        setenv("XDG_CONFIG_HOME", world_path("xdg"), 1);
        setenv("HOME", directory, 1);
        setenv("STINT_AUTOSTART", "0", 1);
        unsetenv("STINT_ENDPOINT");
        daemon_pid = fork();
        if (daemon_pid == 0)
                daemon_run();
        stint_free(world_client());
}

void world_stop(void) {
        char command[sizeof directory + 32];
        if (paused_pid)
                world_resume();
        if (daemon_pid > 0) {
                kill(daemon_pid, SIGTERM);
                waitpid(daemon_pid, NULL, 0);
        }
        snprintf(command, sizeof command, "rm -rf %s", directory);
        if (!strstr(directory, "XXXXXX"))
                cr_assert_eq(system(command), 0);
}

StintClient *world_client(void) {
        StintClient *c;
        unsigned steps = 0;
        for (;;) {
                c = stint_new(&(StintOptions){STINT_OPTIONS, .instance = STINT_INSTANCE_OWN});
                int r = stint_connect(c);
                if (r == 0)
                        return c;
                cr_assert_eq(r, -STINT_UNAVAILABLE, "%s", stint_error(c));
                cr_assert_eq(waitpid(daemon_pid, NULL, WNOHANG), 0, "stintd has ended");
                stint_free(c);
                step(&steps, "the instance answers");
        }
}

/* The pid of the dispatcher, 0 while there is none. */
static pid_t dispatcher(void) {
        char path[64], name[64];
        snprintf(path, sizeof path, "/proc/%d/task/%d/children", daemon_pid, daemon_pid);
        FILE *children = fopen(path, "r");
        int pid, found = 0;
        while (children && !found && fscanf(children, "%d", &pid) == 1) {
                snprintf(path, sizeof path, "/proc/%d/comm", pid);
                FILE *comm = fopen(path, "r");
                if (comm && fgets(name, sizeof name, comm) &&
                    strncmp(name, "stint-dispatche", 15) == 0)
                        found = pid;
                if (comm)
                        fclose(comm);
        }
        if (children)
                fclose(children);
        return found;
}

static pid_t dispatcher_wait(void) {
        pid_t pid;
        unsigned steps = 0;
        while ((pid = dispatcher()) == 0)
                step(&steps, "there is a dispatcher");
        return pid;
}

void world_kill_dispatcher(void) {
        kill(dispatcher_wait(), SIGKILL);
        paused_pid = 0;
}

/* The dispatcher notices that its parent is gone, and may answer until then. */
void world_kill(void) {
        struct pollfd ended = {.fd = (int)syscall(SYS_pidfd_open, dispatcher_wait(), 0),
                               .events = POLLIN};
        cr_assert_geq(ended.fd, 0);
        kill(daemon_pid, SIGKILL);
        waitpid(daemon_pid, NULL, 0);
        daemon_pid = 0;
        cr_assert_eq(poll(&ended, 1, PATIENCE_MSEC), 1, "the dispatcher goes on");
        close(ended.fd);
}

void world_pause(void) {
        paused_pid = dispatcher_wait();
        kill(paused_pid, SIGSTOP);
}

void world_resume(void) {
        kill(paused_pid, SIGCONT);
        paused_pid = 0;
}

/* ---- tasks ---- */

StintFuture *world_submit(StintClient *c, const StintTask *task, unsigned flags) {
        StintFuture *f = NULL;
        expect_ok(c, stint_submit(c, task, 1, flags, &f));
        return f;
}

StintFuture *world_command(StintClient *c, const char *script) {
        const char *argv[] = {"sh", "-c", script, NULL};
        return world_submit(c, &(StintTask){STINT_TASK, .argv = argv}, STINT_COLLECT);
}

uint64_t world_task(StintClient *c, const StintTask *task) {
        StintFuture *f = world_submit(c, task, 0);
        expect_ok(c, stint_future_wait_acknowledged(f, PATIENCE_MSEC));
        uint64_t id = stint_future_id(f);
        stint_future_free(f);
        return id;
}

uint64_t world_script(StintClient *c, const char *script) {
        const char *argv[] = {"/bin/sh", "-c", script, NULL};
        return world_task(c, &(StintTask){STINT_TASK, .argv = argv});
}

uint64_t world_messages(StintClient *c, const char *queue, size_t n) {
        StintTask *tasks = calloc(n, sizeof *tasks);
        StintFuture **futures = calloc(n, sizeof *futures);
        cr_assert(tasks && futures);
        for (size_t i = 0; i < n; i++)
                tasks[i] =
                        (StintTask){STINT_TASK, .queue = queue, .payload = "x", .payload_size = 1};
        expect_ok(c, stint_submit(c, tasks, n, 0, futures));
        expect_ok(c, stint_wait_all(c, futures, n, PATIENCE_MSEC));
        uint64_t first = stint_future_id(futures[0]);
        for (size_t i = 0; i < n; i++)
                stint_future_free(futures[i]);
        free(futures);
        free(tasks);
        return first;
}

static int on_end(void *userdata, const StintEnd *end) {
        *(StintEnd *)userdata = *end;
        return 0;
}

StintEnd world_end(StintClient *c, uint64_t id) {
        StintEnd end = {0};
        StintRange range = {id, 1};
        expect_ok(c, stint_wait_ranges(c, &range, 1, PATIENCE_MSEC, on_end, &end));
        cr_assert_eq(end.id, id);
        return end;
}

/* ---- gates ---- */

/* Held open for both directions, so a task that comes neither blocks nor reads an end. */
void gate_make(Gate *g) {
        static unsigned number;
        snprintf(g->path, sizeof g->path, "%s/gate%u", directory, ++number);
        snprintf(g->script, sizeof g->script, ": >%s.in; read line <%s", g->path, g->path);
        g->argv[0] = "/bin/sh";
        g->argv[1] = "-c";
        g->argv[2] = g->script;
        g->argv[3] = NULL;
        cr_assert_eq(mkfifo(g->path, 0600), 0);
        g->fd = open(g->path, O_RDWR | O_CLOEXEC);
        cr_assert_geq(g->fd, 0);
}

void gate_entered(const Gate *g) {
        char in[sizeof g->path + 4];
        unsigned steps = 0;
        snprintf(in, sizeof in, "%s.in", g->path);
        while (access(in, F_OK) < 0)
                step(&steps, "a task is at its gate");
}

void gate_open(const Gate *g) {
        cr_assert_eq(write(g->fd, "\n\n\n\n", 4), 4);
}
