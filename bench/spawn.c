/* The physical limit beside command tasks: as many bare posix_spawn + waitpid loops as there are
 * workers, each in a process of its own, with nothing around them. Prints one JSON object.
 *
 * Usage: spawn [-n SPAWNS] [-w LOOPS] [COMMAND ARG…]     default: 4000 spawns over 2 loops of
 * /bin/true */
#include "common/macro.h"
#include "common/text.h"
#include "common/time.h"

#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int spawn_loop(uint64_t count, char *const *command) {
        for (uint64_t i = 0; i < count; i++) {
                pid_t pid;
                int status;
                if (posix_spawn(&pid, command[0], NULL, NULL, command, environ) != 0 ||
                    waitpid(pid, &status, 0) != pid)
                        return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}

/* Runs the loops and waits for all; false if one failed. */
static bool loops_run(uint64_t spawns, uint64_t loops, char *const *command) {
        bool good = true;
        for (uint64_t l = 0; l < loops; l++) {
                pid_t pid = fork();
                if (pid == 0)
                        _exit(spawn_loop(spawns / loops + (l < spawns % loops), command));
                good = good && pid > 0;
        }
        for (int status; wait(&status) > 0;)
                good = good && WIFEXITED(status) && WEXITSTATUS(status) == 0;
        return good;
}

int main(int argc, char **argv) {
        uint64_t spawns = 4000, loops = 2;
        static char bin_true[] = "/bin/true";
        static char *const nothing[] = {bin_true, NULL};
        bool good = true;
        for (int c; (c = getopt(argc, argv, "+n:w:")) >= 0;)
                good = good && ((c == 'n' && u64_parse(optarg, &spawns) == 0) ||
                                (c == 'w' && u64_parse(optarg, &loops) == 0));
        if (!good || !spawns || !loops) {
                fprintf(stderr, "usage: spawn [-n SPAWNS] [-w LOOPS] [COMMAND ARG...]\n");
                return 64;
        }
        usec_t start = time_now_monotonic();
        if (!loops_run(spawns, loops, optind < argc ? argv + optind : nothing)) {
                fprintf(stderr, "spawn: a command could not be started, or failed\n");
                return 1;
        }
        double seconds = (double)(time_now_monotonic() - start) / 1e6;
        printf("{\"bench\": \"spawn\", \"spawns\": %llu, \"loops\": %llu, \"seconds\": %.3f, "
               "\"spawns_per_sec\": %.0f}\n",
               (unsigned long long)spawns, (unsigned long long)loops, seconds,
               (double)spawns / seconds);
        return 0;
}
