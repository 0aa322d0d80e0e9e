/* See pager.h. */
#include "client/cli/pager.h"

#include "common/text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGER_DEFAULT "less"

static struct {
        pid_t pid;                      /* 0: none */
        int terminal_out, terminal_err; /* err -1: stderr is not redirected */
        size_t columns;
} pager;

/* What to have /bin/sh execute; NULL: nothing. */
static const char *pager_command(void) {
        static const char *const variables[] = {"STINT_PAGER", "PAGER"};
        for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
                const char *command = getenv(variables[i]);
                if (command)
                        return command[0] && strcmp(command, "cat") != 0 ? command : NULL;
        }
        return PAGER_DEFAULT;
}

_Noreturn static void become_pager(const char *command, int input) {
        dup2(input, STDIN_FILENO);
        close_range(3, ~0U, 0);
        setenv("LESS", "FRX", 0);
        setenv("LV", "-c", 0);
        if (strcmp(command, PAGER_DEFAULT) == 0) {
                execlp(PAGER_DEFAULT, PAGER_DEFAULT, (char *)NULL);
                execlp("cat", "cat", (char *)NULL); /* there is no less: just show it */
        }
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(EXIT_NOT_FOUND);
}

static size_t ask_columns(int fd) {
        struct winsize size;
        uint64_t columns;
        const char *variable = getenv("COLUMNS");
        if (variable && u64_parse(variable, &columns) == 0 && columns > 0 && columns < 10000)
                return (size_t)columns;
        return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

void pager_start(const Invocation *x) {
        const char *command = pager_command();
        int ends[2];
        if (pager.pid || x->general.json || x->general.no_pager || !command ||
            !isatty(STDOUT_FILENO) || fflush(stdout) || pipe2(ends, O_CLOEXEC) < 0)
                return;
        pager.columns = ask_columns(STDOUT_FILENO);
        pager.pid = fork();
        if (pager.pid == 0)
                become_pager(command, ends[0]);
        close(ends[0]);
        if (pager.pid < 0) {
                close(ends[1]);
                pager.pid = 0;
                return;
        }
        signal(SIGINT,
               SIG_IGN); /* Ctrl-C is for the pager; when it leaves, we notice by the pipe */
        signal(SIGPIPE, SIG_IGN);
        pager.terminal_out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        pager.terminal_err = isatty(STDERR_FILENO) ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3) : -1;
        dup2(ends[1], STDOUT_FILENO);
        if (pager.terminal_err >= 0)
                dup2(ends[1], STDERR_FILENO);
        close(ends[1]);
}

void pager_finish(void) {
        if (!pager.pid)
                return;
        fflush(stdout);
        clearerr(stdout);
        dup2(pager.terminal_out, STDOUT_FILENO);
        close(pager.terminal_out);
        if (pager.terminal_err >= 0) {
                dup2(pager.terminal_err, STDERR_FILENO);
                close(pager.terminal_err);
        }
        while (waitpid(pager.pid, NULL, 0) < 0 && errno == EINTR)
                ;
        pager.pid = 0;
}

bool terminal_is_output(void) {
        return pager.pid || isatty(STDOUT_FILENO);
}

size_t terminal_columns(void) {
        if (pager.pid)
                return pager.columns;
        return isatty(STDOUT_FILENO) ? ask_columns(STDOUT_FILENO) : 0;
}
