/* From a task's payload to a process that executes it, or to the reason why it could not start. See
 * handler-command.h. */
#include "worker/handler-command.h"

#include "common/command-spec.h"
#include "worker/environment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int command_open_null(void) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

static void close_fdp(int *fd) {
        if (*fd >= 0)
                (void)close(*fd);
}

/* ---- stdin ---- */

/* The bytes in a sealed memory file: read at the task's pace, no pipe to feed. */
static int open_stdin_bytes(WireText bytes) {
        _cleanup_(close_fdp) int fd = memfd_create("stdin", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;
        for (size_t done = 0; done < bytes.size;) {
                ssize_t n = write(fd, bytes.data + done, bytes.size - done);
                if (n < 0 && errno != EINTR)
                        return -errno;
                done += n > 0 ? (size_t)n : 0;
        }
        int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
        if (lseek(fd, 0, SEEK_SET) < 0 || fcntl(fd, F_ADD_SEALS, seals) < 0)
                return -errno;
        return take_fd(&fd);
}

/* Opened without blocking: a named pipe that nobody writes to reads as empty instead of holding the
 * worker. */
static int open_stdin_file(const char *path) {
        _cleanup_(close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        if (fcntl(fd, F_SETFL, 0) < 0)
                return -errno;
        return take_fd(&fd);
}

/* A descriptor or negative errno. /dev/null is shared, so each has a descriptor of its own to
 * close. */
static int open_stdin(const CommandHandler *h, const CommandSpec *spec) {
        if (spec->stdin_kind == COMMAND_STDIN_BYTES && spec->stdin_bytes.size > 0)
                return open_stdin_bytes(spec->stdin_bytes);
        if (spec->stdin_kind == COMMAND_STDIN_FILE)
                return open_stdin_file(spec->stdin_file);
        return h->null_fd;
}

/* ---- why it could not start ---- */

_printf_(3, 4) static bool refuse(Run *run, int error, const char *format, ...) {
        char what[WIRE_TEXT_MAX];
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(what, sizeof what, format, arguments);
        va_end(arguments);
        run_set_result(run, TASK_FAILED, REASON_COULD_NOT_START, -error);
        run_add_detail(run, "%s: %s", what, strerror(-error));
        return false;
}

static bool refuse_step(Run *run, const CommandSpec *spec, const char *cwd, SpawnStep step,
                        int error) {
        switch (step) {
        case SPAWN_NICE:
                return refuse(run, error, "cannot make the command nicer by %d", (int)spec->nice);
        case SPAWN_CWD:
                return refuse(run, error, "cannot change to %s", cwd);
        case SPAWN_EXEC:
                return refuse(run, error, "cannot execute %s", spec->argv[0]);
        case SPAWN_PROCESS:
        case SPAWN_SET_UP:
                break;
        }
        return refuse(run, error, "cannot make a process for the command");
}

/* ---- starting ---- */

static bool launch(CommandHandler *h, Run *run, const CommandSpec *spec,
                   const Environment *environment) {
        Command *c = &h->current;
        _cleanup_(close_fdp) int own_in = -1, out = -1, err = -1;
        int in = open_stdin(h, spec);
        if (in < 0 && spec->stdin_kind == COMMAND_STDIN_FILE)
                return refuse(run, in, "cannot open stdin file %s", spec->stdin_file);
        if (in < 0)
                return refuse(run, in, "cannot prepare stdin");
        if (in != h->null_fd)
                own_in = in;
        int r = capture_open(&c->captures[0], h->identity->state_dir, run->run_id, STREAM_STDOUT,
                             spec->output_limit, &out);
        if (r == 0)
                r = capture_open(&c->captures[1], h->identity->state_dir, run->run_id,
                                 STREAM_STDERR, spec->output_limit, &err);
        if (r < 0)
                return refuse(run, r, "cannot make pipes for the output");
        const SpawnCommand command = {
                .argv = spec->argv,
                .environment = environment->vector,
                .path = environment_get(environment, "PATH"),
                .cwd = spec->cwd ? spec->cwd : "/",
                .umask = spec->umask,
                .nice = (int)spec->nice,
                .fds = {in, out, err, h->progress.writer},
        };
        SpawnStep failed;
        c->pid = spawn_command(h->spawner, &command, &failed);
        return c->pid > 0 || refuse_step(run, spec, command.cwd, failed, (int)c->pid);
}

bool command_launch(CommandHandler *h, Run *run) {
        _cleanup_(command_spec_freep) CommandSpec *spec = NULL;
        _cleanup_(environment_done) Environment environment = {0};
        int r = command_spec_decode(blob_slice_data(run->payload), run->payload.size, &spec);
        if (r < 0)
                return refuse(run, r, "the task's description of the command is not valid");
        r = environment_build(run, spec, h->identity, &environment);
        if (r < 0)
                return refuse(run, r, "cannot prepare the environment");
        return launch(h, run, spec, &environment);
}
