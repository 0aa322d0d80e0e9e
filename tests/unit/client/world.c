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

static const char config[] = "daemon: { stop_timeout = \"0s\"; };\n"
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
static int gate_fd = -1;

const char *world_path(const char *name) {
        static char path[sizeof directory + NAME_MAX];
        snprintf(path, sizeof path, "%s/%s", directory, name);
        return path;
}

static void make(const char *name, const char *text) {
        FILE *file = fopen(world_path(name), "w");
        cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

_Noreturn static void daemon_run(void) {
        char program[PATH_MAX];
        int log = open(world_path("log"), O_WRONLY | O_CREAT | O_APPEND, 0600);
        snprintf(program, sizeof program, "%s/supervisor/stintd", getenv("STINT_BUILD"));
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
        setsid();
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(program, "stintd", "--user", "--foreground", "--config", world_path("config"), NULL);
        _exit(127);
}

void world_start(void) {
        cr_assert_not_null(getenv("STINT_BUILD"), "STINT_BUILD names the build directory");
        cr_assert_not_null(mkdtemp(directory));
        make("config", config);
        setenv("STINT_STATE_DIR", world_path("state"), 1);
        setenv("STINT_RUN_DIR", world_path("run"), 1);
        setenv("HOME", directory, 1);
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
        if (gate_fd >= 0)
                close(gate_fd);
        snprintf(command, sizeof command, "rm -rf %s", directory);
        if (!strstr(directory, "XXXXXX"))
                cr_assert_eq(system(command), 0);
}

StintClient *world_client(void) {
        StintClient *c = NULL;
        int r = -STINT_UNAVAILABLE;
        for (int i = 0; r == -STINT_UNAVAILABLE && i < PATIENCE_MSEC / 10; i++) {
                stint_free(c);
                c = stint_new(&(StintOptions){STINT_OPTIONS, .instance = STINT_INSTANCE_OWN});
                r = stint_connect(c);
                if (r < 0)
                        poll(NULL, 0, 10);
                cr_assert_eq(waitpid(daemon_pid, NULL, WNOHANG), 0, "stintd has ended");
        }
        cr_assert_eq(r, 0, "%s", stint_error(c));
        return c;
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
        for (int i = 0; (pid = dispatcher()) == 0 && i < PATIENCE_MSEC / 10; i++)
                poll(NULL, 0, 10);
        cr_assert_neq(pid, 0, "there is no dispatcher");
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

const char *const *world_gate(void) {
        static char path[sizeof directory + 8];
        static const char *argv[] = {"head", "-c", "1", path, NULL};
        snprintf(path, sizeof path, "%s/gate", directory);
        if (gate_fd < 0) {
                cr_assert_eq(mkfifo(path, 0600), 0);
                gate_fd = open(path, O_RDWR | O_CLOEXEC); /* keeps what is written */
        }
        return argv;
}

void world_open_gate(void) {
        cr_assert_eq(write(gate_fd, "\n\n\n\n", 4), 4);
}

StintFuture *world_submit(StintClient *c, const StintTask *task, unsigned flags) {
        StintFuture *f = NULL;
        expect_ok(c, stint_submit(c, task, 1, flags, &f));
        return f;
}

StintFuture *world_command(StintClient *c, const char *script) {
        const char *argv[] = {"sh", "-c", script, NULL};
        return world_submit(c, &(StintTask){STINT_TASK, .argv = argv}, STINT_COLLECT);
}
