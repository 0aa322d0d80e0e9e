/* See instance.h. */
#include "client/instance.h"

#include "common/time.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_PATIENCE_USEC (15 * USEC_PER_SEC)
#define START_STEP_MSEC     5
#define SERVICE_ACCOUNT     "stint" /* of the system's instance */

static int instance_set_endpoint(Instance *i, const char *url, const char *origin, Error *error) {
        static const char scheme[] = "ipc://";
        const size_t path_max = sizeof((struct sockaddr_un *)NULL)->sun_path - 1;
        if (strncmp(url, scheme, strlen(scheme)) != 0 || url[strlen(scheme)] != '/')
                return error_set(error, EXIT_USAGE,
                                 "endpoint %s (%s): not of the form ipc:///PATH; name the control "
                                 "socket of a dispatcher",
                                 url, origin);
        if (strlen(url) - strlen(scheme) > path_max)
                return error_set(error, EXIT_USAGE,
                                 "endpoint %s (%s): longer than the %zu bytes that a socket's path "
                                 "may have",
                                 url, origin, path_max);
        snprintf(i->endpoint, sizeof i->endpoint, "%s", url);
        snprintf(i->path, sizeof i->path, "%s", url + strlen(scheme));
        return 0;
}

/* The socket that the daemon wrote down, else the default one. */
static int instance_from_paths(Instance *i, InstanceKind kind, Error *error) {
        char url[PATH_MAX + 16];
        int r = paths_find(kind, &i->paths, error);
        if (r < 0)
                return r;
        if (paths_read_endpoint(&i->paths, url, sizeof url) < 0)
                snprintf(url, sizeof url, "ipc://%s", i->paths.control);
        return instance_set_endpoint(i, url, "of the instance", error);
}

int instance_find(const char *endpoint, InstanceChoice choice, Instance *ret, Error *error) {
        const char *variable = getenv("STINT_ENDPOINT");
        *ret = (Instance){.owner_uid = (uid_t)-1};
        if (endpoint)
                return instance_set_endpoint(ret, endpoint, "--endpoint", error);
        if (choice == INSTANCE_CHOOSE && variable && variable[0])
                return instance_set_endpoint(ret, variable, "STINT_ENDPOINT", error);
        if (choice == INSTANCE_CHOOSE)
                choice = geteuid() == 0 ? INSTANCE_OF_SYSTEM : INSTANCE_OWN;
        return instance_from_paths(ret, choice == INSTANCE_OWN ? INSTANCE_USER : INSTANCE_SYSTEM,
                                   error);
}

/* May the one who listens have our tasks? */
static bool owner_is_right(const Instance *i) {
        if (i->owner_uid == 0 || i->owner_uid == geteuid() || !i->paths.kind)
                return true;
        if (i->paths.kind != INSTANCE_SYSTEM)
                return false;
        struct passwd account, *found = NULL;
        char texts[4096];
        getpwnam_r(SERVICE_ACCOUNT, &account, texts, sizeof texts, &found); /* of any thread */
        return found && account.pw_uid == i->owner_uid;
}

static InstanceState state_from_errno(int error) {
        switch (error) {
        case ENOENT:
                return INSTANCE_ABSENT;
        case ECONNREFUSED:
                return INSTANCE_REFUSED;
        case EACCES:
        case EPERM:
                return INSTANCE_FORBIDDEN;
        case EAGAIN:
                return INSTANCE_BUSY;
        default:
                return INSTANCE_UNUSABLE;
        }
}

static InstanceState probe_path(Instance *i) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        struct ucred peer;
        socklen_t size = sizeof peer;
        snprintf(address.sun_path, sizeof address.sun_path, "%.*s",
                 (int)sizeof address.sun_path - 1, i->path);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return INSTANCE_UNUSABLE;
        int r = connect(fd, (const struct sockaddr *)&address, sizeof address);
        if (r == 0)
                r = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
        int saved = errno;
        close(fd);
        errno = saved;
        if (r < 0)
                return state_from_errno(saved);
        i->owner_uid = peer.uid;
        return owner_is_right(i) ? INSTANCE_REACHABLE : INSTANCE_FOREIGN;
}

/* What the daemon wrote down holds until another one writes: a service manager that listens at the
 * default path has not started one yet. */
InstanceState instance_probe(Instance *i) {
        InstanceState state = probe_path(i);
        bool nobody = state == INSTANCE_ABSENT || state == INSTANCE_REFUSED;
        if (!nobody || i->paths.kind != INSTANCE_USER || strcmp(i->path, i->paths.control) == 0)
                return state;
        Instance other = *i;
        char url[PATH_MAX + 16];
        snprintf(url, sizeof url, "ipc://%s", i->paths.control);
        if (instance_set_endpoint(&other, url, "by default", NULL) < 0 ||
            probe_path(&other) != INSTANCE_REACHABLE)
                return state;
        *i = other;
        return INSTANCE_REACHABLE;
}

bool instance_may_be_started(const Instance *i) {
        const char *autostart = getenv("STINT_AUTOSTART");
        return i->paths.kind == INSTANCE_USER && !(autostart && strcmp(autostart, "0") == 0);
}

static const char *how_to_start(const Instance *i) {
        switch (i->paths.kind) {
        case INSTANCE_SYSTEM:
                return "start it with `systemctl start stintd`, or use your own with --user";
        case INSTANCE_USER:
                return instance_may_be_started(i)
                               ? "`stint submit` and `stint run` start it, or start `stintd --user`"
                               : "start it with `stintd --user`, since STINT_AUTOSTART=0 is set";
        default:
                return "start it, or name another --endpoint";
        }
}

int instance_error(const Instance *i, InstanceState state, Error *error) {
        switch (state) {
        case INSTANCE_ABSENT:
                return error_set(error, EXIT_NO_DISPATCHER, "no dispatcher is running at %s: %s",
                                 i->path, how_to_start(i));
        case INSTANCE_REFUSED:
                return error_set(
                        error, EXIT_NO_DISPATCHER,
                        "nobody listens on %s: the dispatcher died and left its socket; %s",
                        i->path, how_to_start(i));
        case INSTANCE_FORBIDDEN:
                return error_set(error, EXIT_NO_PERMISSION,
                                 "no permission to use %s: the instance belongs to another user; "
                                 "join its group, or use your own with --user",
                                 i->path);
        case INSTANCE_BUSY:
                return error_set(error, EXIT_NO_DISPATCHER,
                                 "the dispatcher at %s does not accept connections now: it is "
                                 "overloaded or stopped; try again",
                                 i->path);
        case INSTANCE_FOREIGN:
                return error_set(error, EXIT_NO_PERMISSION,
                                 "uid %u listens on %s, not you: it is not safe to send tasks "
                                 "there; remove the socket, or name it with --endpoint to trust it",
                                 i->owner_uid, i->path);
        default:
                return error_set(error, EXIT_NO_DISPATCHER, "cannot connect to %s: %s", i->path,
                                 strerror(errno));
        }
}

/* ---- starting one's own ---- */

/* Becomes stintd. What it complains about before it runs goes to complaints. */
_Noreturn static void become_daemon(const char *program, int complaints) {
        int null = open("/dev/null", O_RDWR);
        setsid();
        if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(complaints, 2) < 0 ||
            chdir("/") < 0)
                _exit(EXIT_SOFTWARE);
        close_range(3, ~0U, 0);
        signal(SIGINT, SIG_DFL);
        execl(program, "stintd", "--user", (char *)NULL);
        _exit(EXIT_NOT_FOUND);
}

/* The last line that the daemon complained with, into error. */
static int start_error(int complaints, int status, const char *program, Error *error) {
        char text[ERROR_TEXT_MAX / 2];
        ssize_t size = pread(complaints, text, sizeof text - 1, 0);
        text[size > 0 ? size : 0] = '\0';
        for (char *end = text + strlen(text); end > text && end[-1] == '\n';)
                *--end = '\0';
        static const char *const known[] = {"stintd: ", "cannot start: "}; /* we say so ourselves */
        const char *line = text;
        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (strncmp(line, known[i], strlen(known[i])) == 0)
                        line += strlen(known[i]);
        if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NOT_FOUND)
                line = "it cannot be executed";
        return error_set(error, EXIT_NO_DISPATCHER, "cannot start your own instance (%s): %s",
                         program,
                         line[0] ? line : "it ended at once; see the log in its state directory");
}

static int wait_reachable(Instance *i, pid_t pid, int complaints, const char *program,
                          Error *error) {
        usec_t deadline = time_now_monotonic() + START_PATIENCE_USEC;
        bool ended = false;
        int status = 0;
        for (;;) {
                int r = instance_from_paths(i, INSTANCE_USER, error);
                if (r < 0)
                        return r;
                if (instance_probe(i) == INSTANCE_REACHABLE)
                        return 0;
                if (ended) /* not because another client's stintd was faster */
                        return start_error(complaints, status, program, error);
                ended = waitpid(pid, &status, WNOHANG) == pid &&
                        !(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_TRY_AGAIN);
                if (time_now_monotonic() > deadline)
                        return error_set(error, EXIT_NO_DISPATCHER,
                                         "your own instance does not answer on %s: see %s/log",
                                         i->path, i->paths.state);
                poll(NULL, 0, START_STEP_MSEC);
        }
}

int instance_start(Instance *i, Error *error) {
        char program[PATH_MAX];
        if (paths_find_helper("stintd", program, sizeof program) < 0)
                return error_set(error, EXIT_NO_DISPATCHER,
                                 "cannot start your own instance: stintd is not installed (%s)",
                                 program);
        int complaints = memfd_create("stintd-stderr", MFD_CLOEXEC);
        if (complaints < 0)
                return error_set(error, EXIT_NO_DISPATCHER, "cannot start your own instance: %s",
                                 strerror(errno));
        pid_t pid = fork();
        if (pid == 0)
                become_daemon(program, complaints);
        int r = pid < 0 ? error_set(error, EXIT_NO_DISPATCHER, "cannot start your own instance: %s",
                                    strerror(errno))
                        : wait_reachable(i, pid, complaints, program, error);
        close(complaints);
        return r;
}
