/* See world.h. */
#include "tests/unit/supervisor/world.h"

#include "common/time.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEADLINE_MSEC 40000

/* Evaluates a condition until it holds. */
#define WAIT_FOR(condition, what)                                                                  \
        do {                                                                                       \
                usec_t deadline_ = time_now_monotonic() + DEADLINE_MSEC * USEC_PER_MSEC;           \
                while (!(condition)) {                                                             \
                        cr_assert(time_now_monotonic() < deadline_, "waited in vain for %s",       \
                                  what);                                                           \
                        poll(NULL, 0, 2);                                                          \
                }                                                                                  \
        } while (0)

static int bind_unix(const char *path, int type) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
        int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
        cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0, "bind %s: %d", path,
                     errno);
        return fd;
}

void world_configure(World *w, const char *text) {
        FILE *f = fopen(w->config, "we");
        cr_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

void world_use_helper(World *w, const char *name, const char *program) {
        char path[PATH_MAX], temporary[PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", w->libexec, name);
        snprintf(temporary, sizeof temporary, "%s/.new", w->libexec);
        cr_assert_eq(symlink(program, temporary), 0);
        cr_assert_eq(rename(temporary, path), 0);
}

World world_new(void) {
        World w = {.link = -1, .instance = INSTANCE_USER};
        char path[PATH_MAX];
        snprintf(w.dir, sizeof w.dir, "/tmp/stint-supervisor-XXXXXX");
        cr_assert(mkdtemp(w.dir));
        snprintf(w.state, sizeof w.state, "%s/state", w.dir);
        snprintf(w.run, sizeof w.run, "%s/run", w.dir);
        snprintf(w.libexec, sizeof w.libexec, "%s/libexec", w.dir);
        snprintf(w.config, sizeof w.config, "%s/stintd.conf", w.dir);
        snprintf(w.log, sizeof w.log, "%s/log", w.dir);
        cr_assert(mkdir(w.state, 0700) == 0 && mkdir(w.run, 0700) == 0 &&
                  mkdir(w.libexec, 0700) == 0);
        world_use_helper(&w, "stint-dispatcher", getenv("STUB_DISPATCHER"));
        world_use_helper(&w, "stint-worker", getenv("STUB_WORKER"));
        world_configure(&w, WORLD_POOLS);
        snprintf(path, sizeof path, "%s/test.sock", w.run);
        w.listener = bind_unix(path, SOCK_SEQPACKET);
        cr_assert_eq(listen(w.listener, 8), 0);
        snprintf(path, sizeof path, "%s/notify", w.dir);
        w.notify = bind_unix(path, SOCK_DGRAM);
        return w;
}

/* A child that stintd finds when it starts; its pid is in RUN/stranger. */
static void leave_stranger(const World *w) {
        char path[PATH_MAX];
        pid_t pid = fork();
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                for (;;)
                        pause();
        }
        snprintf(path, sizeof path, "%s/stranger", w->run);
        FILE *f = fopen(path, "we");
        if (!f || fprintf(f, "%d", pid) < 0 || fclose(f) != 0)
                _exit(121);
}

pid_t stranger(const World *w) {
        char text[32];
        read_file(w->run, "stranger", text, sizeof text);
        return atoi(text);
}

static void exec_stintd(const World *w, char *const arguments[], int listen_fd) {
        char path[PATH_MAX], *argv[16] = {"stintd", "--foreground"}, pid[16];
        int n = 2, log = open(w->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nothing */
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
        setenv("STINT_STATE_DIR", w->state, 1);
        setenv("STINT_RUN_DIR", w->run, 1);
        setenv("STINT_LIBEXECDIR", w->libexec, 1);
        snprintf(path, sizeof path, "%s/notify", w->dir);
        setenv("NOTIFY_SOCKET", path, 1);
        if (w->watchdog_usec)
                setenv("WATCHDOG_USEC", w->watchdog_usec, 1);
        if (w->has_stranger)
                leave_stranger(w);
        if (listen_fd >= 0) {
                snprintf(pid, sizeof pid, "%d", getpid());
                setenv("LISTEN_PID", pid, 1);
                setenv("LISTEN_FDS", "1", 1);
                if (listen_fd == 3)
                        fcntl(3, F_SETFD, 0);
                else
                        dup2(listen_fd, 3);
        }
        close_range(listen_fd >= 0 ? 4 : 3, ~0u, CLOSE_RANGE_CLOEXEC);
        if (w->instance == INSTANCE_USER)
                argv[n++] = "--user";
        for (; arguments && *arguments; arguments++)
                argv[n++] = *arguments;
        execv(getenv("STINTD"), argv);
        _exit(120);
}

void world_start_with(World *w, char *const arguments[], int listen_fd) {
        w->stintd = fork();
        if (w->stintd == 0)
                exec_stintd(w, arguments, listen_fd);
        cr_assert_gt(w->stintd, 0);
}

void world_start(World *w) {
        world_start_with(w, (char *[]){"--config", w->config, NULL}, -1);
}

World world_started(void) {
        World w = world_new();
        world_start(&w);
        dispatcher_take_over(&w);
        return w;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        return remove(path);
}

void world_done(World *w) {
        if (w->stintd > 0) {
                kill(w->stintd, SIGKILL);
                waitpid(w->stintd, NULL, 0);
        }
        close(w->link);
        close(w->listener);
        close(w->notify);
        nftw(w->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Whoever does not read is waited for by sd_notify: so it is read whenever we wait. */
static void notifications_read(World *w) {
        char text[1024];
        ssize_t n;
        while ((n = recv(w->notify, text, sizeof text, MSG_DONTWAIT)) > 0) {
                if (w->notified_size + (size_t)n + 2 > sizeof w->notified)
                        w->notified_size = w->notified_seen = 0;
                memcpy(w->notified + w->notified_size, text, (size_t)n);
                w->notified_size += (size_t)n;
                w->notified[w->notified_size++] = '\n';
                w->notified[w->notified_size] = '\0';
        }
}

/* Looks from where the last one that was found ended. */
static bool notified(World *w, const char *part) {
        notifications_read(w);
        const char *found = strstr(w->notified + w->notified_seen, part);
        if (found)
                w->notified_seen = (size_t)(found - w->notified) + strlen(part);
        return found != NULL;
}

static bool has_exited(World *w, int *ret_status) {
        notifications_read(w);
        pid_t pid = waitpid(w->stintd, ret_status, WNOHANG);
        cr_assert_geq(pid, 0);
        return pid > 0;
}

int world_wait_exit(World *w) {
        int status;
        WAIT_FOR(has_exited(w, &status), "the end of stintd");
        w->stintd = 0;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void world_stop(World *w) {
        kill(w->stintd, SIGTERM);
        dispatcher_expect(w, SUPERVISE_STOP);
        DISPATCHER_SAY(w, .type = SUPERVISE_STOPPED);
        DISPATCHER_SAY(w, .type = STUB_EXIT);
        cr_assert_eq(world_wait_exit(w), 0);
}

void world_kill_dispatcher(World *w) {
        cr_assert_eq(kill(w->dispatcher, SIGKILL), 0);
        close(w->link);
        w->link = -1;
}

static bool is_readable(World *w, int fd) {
        struct pollfd p = {fd, POLLIN, 0};
        notifications_read(w);
        return poll(&p, 1, 2) == 1;
}

void dispatcher_accept(World *w) {
        WAIT_FOR(is_readable(w, w->listener), "a dispatcher");
        if (w->link >= 0)
                close(w->link);
        w->link = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC);
        cr_assert_geq(w->link, 0);
        SuperviseMessage hello = dispatcher_expect(w, STUB_HELLO);
        w->dispatcher = hello.pid;
        memcpy(w->hello, hello.text, sizeof w->hello);
        memcpy(w->numbers, hello.pool, sizeof w->numbers);
}

SuperviseMessage dispatcher_expect(World *w, uint32_t type) {
        SuperviseMessage m = {0};
        WAIT_FOR(is_readable(w, w->link), "a message");
        cr_assert_eq(recv(w->link, &m, sizeof m, 0), sizeof m, "dispatcher ended, expected type %u",
                     type);
        cr_assert_eq(m.type, type, "expected type %u, got %u (worker %lu)", type, m.type, m.serial);
        return m;
}

unsigned dispatcher_roster(World *w, SuperviseMessage entries[], unsigned max) {
        for (unsigned n = 0;; n++) {
                SuperviseMessage m;
                WAIT_FOR(is_readable(w, w->link), "a roster");
                cr_assert_eq(recv(w->link, &m, sizeof m, 0), sizeof m,
                             "dispatcher ended in the roster");
                cr_assert(m.type == SUPERVISE_ROSTER || m.type == SUPERVISE_ROSTER_END, "type %u",
                          m.type);
                if (n < max)
                        entries[n] = m;
                if (m.type == SUPERVISE_ROSTER_END)
                        return n;
        }
}

void dispatcher_say(World *w, SuperviseMessage message) {
        cr_assert_eq(send(w->link, &message, sizeof message, MSG_NOSIGNAL), sizeof message);
}

void dispatcher_serve(World *w) {
        DISPATCHER_SAY(w, .type = SUPERVISE_READY);
        usec_t until = time_now_monotonic() + 20 * USEC_PER_MSEC;
        WAIT_FOR(time_now_monotonic() >= until, "time to pass");
}

void dispatcher_take_over(World *w) {
        dispatcher_accept(w);
        dispatcher_roster(w, NULL, 0);
        dispatcher_serve(w);
}

SuperviseMessage dispatcher_spawn(World *w, const char *pool) {
        SuperviseMessage m = {.version = SUPERVISE_VERSION, .type = SUPERVISE_SPAWN};
        char name[64], text[256];
        snprintf(m.pool, sizeof m.pool, "%s", pool);
        dispatcher_say(w, m);
        m = dispatcher_expect(w, SUPERVISE_SPAWNED);
        snprintf(name, sizeof name, "worker.%lu", m.serial);
        if (strcmp(pool, "quick") != 0)
                read_file(w->run, name, text, sizeof text);
        return m;
}

void expect_notified(World *w, const char *part) {
        WAIT_FOR(notified(w, part), part);
}

bool logged(const World *w, const char *part) {
        static char text[1 << 20];
        FILE *f = fopen(w->log, "re");
        size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
        if (f)
                fclose(f);
        text[n] = '\0';
        return strstr(text, part) != NULL;
}

void expect_logged(World *w, const char *part) {
        WAIT_FOR(logged(w, part), part);
}

bool is_gone(pid_t pid) {
        return kill(pid, 0) < 0 && errno == ESRCH;
}

void expect_gone(pid_t pid) {
        WAIT_FOR(is_gone(pid), "a process to end");
}

void expect_alive_for(pid_t pid, uint64_t usec) {
        usec_t until = time_now_monotonic() + usec;
        WAIT_FOR(is_gone(pid) || time_now_monotonic() >= until, "time to pass");
        cr_assert(!is_gone(pid), "process %d ended", pid);
}

void read_file(const char *directory, const char *name, char *buf, size_t size) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", directory, name);
        WAIT_FOR(access(path, R_OK) == 0, path);
        FILE *f = fopen(path, "re");
        cr_assert(f);
        buf[fread(buf, 1, size - 1, f)] = '\0';
        fclose(f);
}

unsigned fd_count(pid_t pid) {
        char path[64];
        unsigned n = 0;
        snprintf(path, sizeof path, "/proc/%d/fd", pid);
        DIR *dir = opendir(path);
        cr_assert(dir);
        while (readdir(dir))
                n++;
        closedir(dir);
        return n;
}

void expect_at_most_fds(pid_t pid, unsigned n) {
        WAIT_FOR(fd_count(pid) <= n, "descriptors to be closed");
}
