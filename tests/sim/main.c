/* stint-sim: runs seeds in forked chunks, so that an abort inside the core is caught and blamed on
 * its seed, and shows the last steps of the first seed that fails. Prints TAP.
 *
 *      stint-sim [--seeds N] [--seed-from S] [--jobs J] [--mutate NAME]
 *      stint-sim --seed S [--mutate NAME]       one seed, every step printed
 *
 * With --mutate the environment of the core has a deliberate bug, and the test is that some seed
 * notices. */
#include "tests/sim/sim.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SIM_SEEDS_DEFAULT
#define SIM_SEEDS_DEFAULT 10000
#endif
#define CHUNK    100
#define JOBS_MAX 64
#define TAIL     60 /* steps that are shown of a seed that fails */

typedef struct Options {
        uint64_t seeds, seed_from, seed;
        bool single;
        unsigned jobs;
        Mutation mutation;
} Options;

/* Shared with the children; each writes only its own. */
typedef struct Slot {
        uint64_t seed, seeds, steps, tasks, crashes, virtual_sec;
        uint64_t step_hits[STEP_COUNT], crash_hits[STEP_COUNT];
} Slot;

static const char *mutation_name(Mutation m) {
#define SIM_MUTATION_NAME(NAME, text) text,
        static const char *const names[] = {SIM_MUTATIONS(SIM_MUTATION_NAME)};
        return names[m];
}

static void run_seed(const Options *o, uint64_t seed, bool traced, Slot *slot) {
        World *w = world_new(seed, o->mutation, traced);
        world_run(w);
        slot->seeds++;
        slot->steps += w->steps;
        slot->tasks += w->task_count;
        slot->crashes += w->crashes;
        slot->virtual_sec += w->now / USEC_PER_SEC;
        for (size_t i = 0; i < STEP_COUNT; i++) {
                slot->step_hits[i] += w->step_hits[i];
                slot->crash_hits[i] += w->crash_hits[i];
        }
        world_free(w);
}

static pid_t chunk_start(const Options *o, uint64_t first, uint64_t count, Slot *slot) {
        fflush(NULL);
        pid_t pid = fork();
        ASSERT(pid >= 0);
        if (pid > 0)
                return pid;
        if (o->mutation != MUTATION_NONE && !freopen("/dev/null", "w", stderr))
                _exit(4);
        for (uint64_t i = 0; i < count; i++) {
                slot->seed = first + i;
                run_seed(o, first + i, false, slot);
        }
        exit(0); /* not _exit: a leak is looked for here */
}

/* Prints the last lines of f, each as a TAP comment. */
static void print_tail(FILE *f) {
        char lines[TAIL][256];
        size_t n = 0;
        rewind(f);
        while (fgets(lines[n % TAIL], sizeof lines[0], f))
                n++;
        for (size_t i = n > TAIL ? n - TAIL : 0; i < n; i++)
                printf("#   %s", lines[i % TAIL]);
}

/* Runs seed once more, with every step written down, and shows the end of that. */
static void show_failure(const Options *o, uint64_t seed) {
        FILE *f = tmpfile();
        ASSERT(f);
        Slot slot = {0};
        fflush(NULL);
        pid_t pid = fork();
        ASSERT(pid >= 0);
        if (pid == 0) {
                dup2(fileno(f), STDOUT_FILENO);
                dup2(fileno(f), STDERR_FILENO);
                run_seed(o, seed, true, &slot);
                _exit(0);
        }
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
        printf("# seed %" PRIu64 " fails; its last steps (all: stint-sim --seed %" PRIu64
               "%s%s):\n",
               seed, seed, o->mutation ? " --mutate " : "",
               o->mutation ? mutation_name(o->mutation) : "");
        print_tail(f);
        fclose(f);
}

/* Runs all chunks on o->jobs children. Returns whether a seed failed, and which. */
static bool run_all(const Options *o, Slot *slots, uint64_t *ret_seed) {
        pid_t pids[JOBS_MAX] = {0};
        uint64_t next = 0;
        unsigned running = 0;
        bool failed = false;
        for (;;) {
                for (unsigned j = 0; j < o->jobs && !failed && next < o->seeds; j++) {
                        if (pids[j])
                                continue;
                        uint64_t count = MIN_OF(o->seeds - next, (uint64_t)CHUNK);
                        pids[j] = chunk_start(o, o->seed_from + next, count, &slots[j]);
                        next += count;
                        running++;
                }
                if (running == 0)
                        return failed;
                int status;
                pid_t pid = wait(&status);
                for (unsigned j = 0; j < o->jobs; j++) {
                        if (pids[j] != pid)
                                continue;
                        pids[j] = 0;
                        running--;
                        if (status != 0 && (!failed || slots[j].seed < *ret_seed)) {
                                failed = true;
                                *ret_seed = slots[j].seed;
                        }
                }
        }
}

static Slot sum(const Slot *slots, unsigned n) {
        Slot total = {0};
        for (unsigned j = 0; j < n; j++) {
                total.seeds += slots[j].seeds;
                total.steps += slots[j].steps;
                total.tasks += slots[j].tasks;
                total.crashes += slots[j].crashes;
                total.virtual_sec += slots[j].virtual_sec;
                for (size_t i = 0; i < STEP_COUNT; i++) {
                        total.step_hits[i] += slots[j].step_hits[i];
                        total.crash_hits[i] += slots[j].crash_hits[i];
                }
        }
        return total;
}

static int report(const Options *o, const Slot *total, bool failed, uint64_t seed) {
        if (o->mutation != MUTATION_NONE) {
                printf("1..1\n%sok 1 - %s is noticed", failed ? "" : "not ",
                       mutation_name(o->mutation));
                printf(failed ? " by seed %" PRIu64 "\n" : " in %" PRIu64 " seeds\n",
                       failed ? seed : o->seeds);
                return failed ? 0 : 1;
        }
        printf("# %" PRIu64 " seeds, %" PRIu64 " steps, %" PRIu64 " tasks, %" PRIu64
               " deaths of the dispatcher, %" PRIu64 " virtual hours\n",
               total->seeds, total->steps, total->tasks, total->crashes, total->virtual_sec / 3600);
        printf("%sok 1 - every promise is kept in every seed\n",
               failed || !total->seeds ? "not " : "");
        bool enough = o->seeds >= 2000, reached = true; /* the rarest: one seed in a hundred */
        for (unsigned i = 0; i < STEP_COUNT && enough; i++) {
                bool hit = total->crash_hits[i] > 0;
                reached = reached && hit;
                printf("%sok %u - the dispatcher was killed at \"%s\" (%" PRIu64 " times)\n",
                       hit ? "" : "not ", i + 2, step_name((Step)i), total->crash_hits[i]);
        }
        printf("1..%d\n", enough ? STEP_COUNT + 1 : 1);
        return failed || !reached || !total->seeds ? 1 : 0;
}

static bool mutation_parse(const char *name, Mutation *ret) {
        for (int m = MUTATION_NONE; m < MUTATION_COUNT; m++)
                if (strcmp(name, mutation_name((Mutation)m)) == 0) {
                        *ret = (Mutation)m;
                        return true;
                }
        return false;
}

static bool options_parse(int argc, char **argv, Options *o) {
        static const struct option names[] = {
                {"seeds", required_argument, NULL, 'n'},
                {"seed-from", required_argument, NULL, 'f'},
                {"seed", required_argument, NULL, 's'},
                {"jobs", required_argument, NULL, 'j'},
                {"mutate", required_argument, NULL, 'm'},
                {0},
        };
        for (int c; (c = getopt_long(argc, argv, "", names, NULL)) >= 0;) {
                uint64_t number = c == 'm' || c == '?' ? 0 : strtoull(optarg, NULL, 10);
                if (c == 'n')
                        o->seeds = number;
                else if (c == 'f')
                        o->seed_from = number;
                else if (c == 's')
                        o->seed = number, o->single = true;
                else if (c == 'j')
                        o->jobs = (unsigned)number;
                else if (c == '?' || !mutation_parse(optarg, &o->mutation))
                        return false;
        }
        return optind == argc && o->jobs >= 1 && o->jobs <= JOBS_MAX;
}

int main(int argc, char **argv) {
        const char *seeds = getenv("STINT_SIM_SEEDS");
        Options o = {.seeds = seeds ? strtoull(seeds, NULL, 10) : SIM_SEEDS_DEFAULT,
                     .seed_from = 1,
                     .jobs = 2};
        if (!options_parse(argc, argv, &o)) {
                fprintf(stderr,
                        "usage: stint-sim [--seeds N] [--seed-from S] [--jobs J] [--seed S] "
                        "[--mutate NAME]\n");
                return 64;
        }
        Slot *slots = mmap(NULL, JOBS_MAX * sizeof *slots, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        ASSERT(slots != MAP_FAILED);
        if (o.single) {
                run_seed(&o, o.seed, true, slots);
                return 0;
        }
        uint64_t seed = 0;
        bool failed = run_all(&o, slots, &seed);
        Slot total = sum(slots, o.jobs);
        int r = report(&o, &total, failed, seed);
        if (failed && o.mutation == MUTATION_NONE)
                show_failure(&o, seed);
        return r;
}
