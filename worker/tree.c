/* See tree.h. */
#include "worker/tree.h"

#include "common/macro.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define RETRY_MSEC 1

typedef struct Process {
        pid_t pid, parent;
} Process;

typedef struct Tree {
        Process *items; /* parents before their children */
        size_t count, alloc;
} Tree;

static int tree_add(Tree *t, pid_t pid, pid_t parent) {
        if (t->count == t->alloc) {
                size_t alloc = MAX_OF((size_t)32, 2 * t->alloc);
                Process *grown = reallocarray(t->items, alloc, sizeof *grown);
                if (!grown)
                        return -ENOMEM;
                t->items = grown;
                t->alloc = alloc;
        }
        t->items[t->count++] = (Process){pid, parent};
        return 0;
}

/* The children of one thread, separated by blanks. */
static int add_children_of_thread(Tree *t, pid_t pid, const char *tid) {
        char path[NAME_MAX + 64];
        (void)snprintf(path, sizeof path, "/proc/%d/task/%s/children", pid, tid);
        FILE *file = fopen(path, "re");
        if (!file)
                return errno == ENOMEM ? -ENOMEM : 0; /* it is gone: its children became ours */
        int r = 0;
        for (int child; r == 0 && fscanf(file, "%d", &child) == 1;)
                r = tree_add(t, child, pid);
        (void)fclose(file);
        return r;
}

static int add_children(Tree *t, pid_t pid) {
        char path[64];
        (void)snprintf(path, sizeof path, "/proc/%d/task", pid);
        DIR *threads = opendir(path);
        if (!threads)
                return errno == ENOMEM ? -ENOMEM : 0;
        int r = 0;
        for (struct dirent *d; r == 0 && (d = readdir(threads));)
                if (d->d_name[0] != '.')
                        r = add_children_of_thread(t, pid, d->d_name);
        (void)closedir(threads);
        return r;
}

static int tree_walk(Tree *t) {
        int r = add_children(t, getpid());
        for (size_t i = 0; r == 0 && i < t->count; i++)
                r = add_children(t, t->items[i].pid);
        return r;
}

/* Is pid alive, and a child of parent or (its parent has died) of ours? Else its number may have
 * gone to a stranger. */
static bool is_living_child(pid_t pid, pid_t parent) {
        char path[64], line[512];
        (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
        FILE *file = fopen(path, "re");
        if (!file)
                return false;
        size_t n = fread(line, 1, sizeof line - 1, file);
        (void)fclose(file);
        line[n] = '\0';
        const char *rest = strrchr(line, ')'); /* its name may hold anything */
        char state = 0;
        int actual = 0;
        return rest && sscanf(rest + 1, " %c %d", &state, &actual) == 2 && state != 'Z' &&
               state != 'X' && (actual == parent || actual == getpid());
}

/* The check comes after the process is pinned by its pidfd. */
static bool process_signal(Process p, int signal) {
        int fd = pidfd_open(p.pid, 0);
        if (fd < 0)
                return false;
        bool living = is_living_child(p.pid, p.parent);
        if (living)
                (void)pidfd_send_signal(fd, signal, NULL, 0);
        (void)close(fd);
        return living;
}

int tree_signal(int signal) {
        Tree t = {0};
        int r = tree_walk(&t), found = 0;
        for (size_t i = 0; i < t.count; i++) /* what was found before memory ran out, too */
                found += process_signal(t.items[i], signal);
        free(t.items);
        return r < 0 ? r : found;
}

void tree_kill_and_reap(void) {
        for (;;) {
                (void)tree_signal(SIGKILL);
                pid_t pid;
                do
                        pid = waitpid(-1, NULL, WNOHANG);
                while (pid > 0 || (pid < 0 && errno == EINTR));
                if (pid < 0)
                        return; /* ECHILD */
                (void)poll(NULL, 0, RETRY_MSEC);
        }
}
