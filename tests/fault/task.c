/* A task that leaves marks: which runs began, which came to their end, and whether two runs of one
 * task ever lived at the same time. The last is told by a lock on a file per task, which the kernel
 * gives back at the moment at which the run's last process is dead.
 *
 * Usage: task DIRECTORY [MSEC [CHILD]]     MSEC: how long it takes. CHILD: a grandchild in sessions
 * of its own shares the lock and lives for ever.
 * Appends to DIRECTORY/marks: `start|end|overlap TASK RUN ATTEMPT PID`, one write(2) a line. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

static int marks;

static void mark(const char *what) {
        char line[256];
        int n = snprintf(line, sizeof line, "%s %s %s %s %d\n", what, getenv("STINT_TASK"),
                         getenv("STINT_RUN"), getenv("STINT_ATTEMPT"), (int)getpid());
        if (write(marks, line, (size_t)n) != n)
                _exit(99);
}

/* Twice a session of its own, its parent gone, nothing of the task's left but the lock. */
static void grandchild(void) {
        if (fork() != 0)
                return;
        setsid();
        if (fork() != 0)
                _exit(0);
        setsid();
        for (int fd = 0; fd < 3; fd++)
                close(fd);
        mark("grandchild");
        for (;;)
                pause();
}

int main(int argc, char **argv) {
        char path[4096];
        if (argc < 2)
                return 98;
        snprintf(path, sizeof path, "%s/marks", argv[1]);
        marks = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
        snprintf(path, sizeof path, "%s/lock-%s", argv[1], getenv("STINT_TASK"));
        int lock = open(path, O_WRONLY | O_CREAT, 0600);
        if (marks < 0 || lock < 0)
                return 97;
        mark(flock(lock, LOCK_EX | LOCK_NB) < 0 ? "overlap" : "start");
        if (argc > 3)
                grandchild();
        if (argc > 2)
                poll(NULL, 0, atoi(argv[2])); /* its work is to take time */
        mark("end");
        return 0;
}
