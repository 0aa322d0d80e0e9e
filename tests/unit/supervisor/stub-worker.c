/* A worker that does as its pool is called; see stub.h. */
#include "tests/unit/supervisor/stub.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* All or nothing: a test waits for the file to appear. */
static void put_file(const char *run, const char *name, const char *text) {
        char path[PATH_MAX], temporary[PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", run, name);
        snprintf(temporary, sizeof temporary, "%s/.%s.%d", run, name, getpid());
        FILE *f = fopen(temporary, "w");
        if (!f || fputs(text, f) < 0 || fclose(f) != 0 || rename(temporary, path) < 0)
                _exit(9);
}

static void leave_orphan(const char *run) {
        char pid[16];
        if (fork() > 0)
                return;
        setsid();
        if (fork() > 0)
                _exit(0);
        setsid();
        close(SUPERVISE_FD_ALIVE);
        snprintf(pid, sizeof pid, "%d", getpid());
        put_file(run, "orphan", pid);
        for (;;)
                pause();
}

int main(int argc, char **argv) {
        const char *pool = stub_option(argv, "--pool"), *run = stub_option(argv, "--run");
        char text[256], name[64], byte;
        stub_describe(text, sizeof text);
        snprintf(name, sizeof name, "worker.%s", stub_option(argv, "--serial"));
        if (strcmp(pool, "quick") == 0)
                _exit(7);
        if (strcmp(pool, "obey") != 0)
                signal(SIGTERM, SIG_IGN);
        if (strcmp(pool, "orphan") == 0)
                leave_orphan(run);
        put_file(run, name, text);
        while (read(SUPERVISE_FD_CHANNEL, &byte, 1) < 0)
                ;
        while (strcmp(pool, "stubborn") == 0)
                pause();
        return 0;
}
