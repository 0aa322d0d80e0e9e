/* See real.h. */
#include "tests/unit/client/real.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEPS_MAX 6000 /* of 10 ms: patience for a condition */

static char directory[] = "/tmp/stint-real-XXXXXX";
static pid_t daemon_pid;

const char *real_directory(void) {
        return directory;
}

/* Between two looks at a condition. */
static void step(unsigned *steps, const char *what) {
        cr_assert_lt(++*steps, STEPS_MAX, "still not: %s", what);
        poll(NULL, 0, 10);
}

static void path_set(const char *variable, const char *name) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", directory, name);
        setenv(variable, path, 1);
}

void real_configure(const char *config) {
        char path[128], next[136];
        snprintf(path, sizeof path, "%s/stintd.conf", directory);
        snprintf(next, sizeof next, "%s.next", path);
        FILE *f = fopen(next, "we");
        cr_assert(f && fputs(config, f) >= 0 && fclose(f) == 0);
        cr_assert_eq(rename(next, path), 0);
}

_Noreturn static void become_daemon(const char *build, const char *config) {
        char program[512], path[128], log[128];
        snprintf(program, sizeof program, "%s/supervisor/stintd", build);
        snprintf(path, sizeof path, "%s/stintd.conf", directory);
        snprintf(log, sizeof log, "%s/log", directory);
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
        setsid();
        prctl(PR_SET_PDEATHSIG, SIGTERM); /* a test that crashes leaves nothing behind */
        execl(program, "stintd", "--user", "--foreground", config ? "--config" : NULL, path,
              (char *)NULL);
        _exit(127);
}

void real_start(const char *config) {
        const char *build = getenv("STINT_BUILD");
        unsigned steps = 0;
        cr_assert_not_null(build, "STINT_BUILD names the build directory");
        cr_assert_not_null(mkdtemp(directory));
        path_set("STINT_STATE_DIR", "state");
        path_set("STINT_RUN_DIR", "run");
        path_set("XDG_CONFIG_HOME", "xdg");
        setenv("STINT_AUTOSTART", "0", 1);
        unsetenv("STINT_ENDPOINT");
        if (config)
                real_configure(config);
        daemon_pid = fork();
        if (daemon_pid == 0)
                become_daemon(build, config);
        for (;;) {
                StintClient *c =
                        stint_new(&(StintOptions){STINT_OPTIONS, .instance = STINT_INSTANCE_OWN});
                int r = stint_connect(c);
                stint_free(c);
                if (r == 0)
                        return;
                cr_assert_eq(waitpid(daemon_pid, NULL, WNOHANG), 0, "stintd ended");
                step(&steps, "the instance answers");
        }
}

void real_stop(void) {
        char command[128];
        if (daemon_pid > 0) {
                kill(daemon_pid, SIGTERM);
                waitpid(daemon_pid, NULL, 0);
                snprintf(command, sizeof command, "rm -rf %s", directory);
                cr_assert_eq(system(command), 0);
        }
}

StintClient *real_client(void) {
        StintClient *c = stint_new(&(StintOptions){STINT_OPTIONS, .instance = STINT_INSTANCE_OWN});
        cr_assert_eq(stint_connect(c), 0, "%s", stint_error(c));
        return c;
}

void real_kill_dispatcher(const StintClient *client) {
        cr_assert_eq(kill((pid_t)stint_peer(client)->pid, SIGKILL), 0);
}

/* ---- tasks ---- */

uint64_t real_submit_task(StintClient *client, const StintTask *task) {
        StintFuture *f;
        cr_assert_eq(stint_submit(client, task, 1, 0, &f), 0, "%s", stint_error(client));
        cr_assert_eq(stint_future_wait_acknowledged(f, -1), 0, "%s", stint_future_error(f));
        uint64_t id = stint_future_id(f);
        stint_future_free(f);
        return id;
}

uint64_t real_submit(StintClient *client, const char *script) {
        const char *argv[] = {"/bin/sh", "-c", script, NULL};
        return real_submit_task(client, &(StintTask){STINT_TASK, .argv = argv});
}

static int on_end(void *userdata, const StintEnd *end) {
        *(StintEnd *)userdata = *end;
        return 0;
}

StintEnd real_end(StintClient *client, uint64_t id) {
        StintEnd end = {0};
        StintRange range = {id, 1};
        cr_assert_eq(stint_wait_ranges(client, &range, 1, 60000, on_end, &end), 0, "%s",
                     stint_error(client));
        cr_assert_eq(end.id, id);
        return end;
}

uint64_t real_submit_messages(StintClient *client, const char *queue, size_t n) {
        StintTask *tasks = calloc(n, sizeof *tasks);
        StintFuture **futures = calloc(n, sizeof *futures);
        cr_assert(tasks && futures);
        for (size_t i = 0; i < n; i++)
                tasks[i] =
                        (StintTask){STINT_TASK, .queue = queue, .payload = "x", .payload_size = 1};
        cr_assert_eq(stint_submit(client, tasks, n, 0, futures), 0, "%s", stint_error(client));
        cr_assert_eq(stint_wait_all(client, futures, n, 60000), 0, "%s", stint_error(client));
        uint64_t first = stint_future_id(futures[0]);
        for (size_t i = 0; i < n; i++)
                stint_future_free(futures[i]);
        free(futures);
        free(tasks);
        return first;
}

/* ---- gates ---- */

void gate_make(Gate *g) {
        static unsigned number;
        snprintf(g->path, sizeof g->path, "%s/gate%u", directory, ++number);
        snprintf(g->script, sizeof g->script, "read line <%s", g->path);
        cr_assert_eq(mkfifo(g->path, 0600), 0);
}

/* The writing end opens when somebody reads. */
void gate_entered(Gate *g) {
        unsigned steps = 0;
        while ((g->fd = open(g->path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)) < 0)
                step(&steps, "a task reads its gate");
}

void gate_open(const Gate *g) {
        cr_assert_eq(write(g->fd, "\n", 1), 1);
        close(g->fd);
}
