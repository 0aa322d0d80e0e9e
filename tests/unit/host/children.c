/* Who is told of which death, what is killed and what is left alone. */
#include "host/children.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(children, .timeout = 60);

typedef struct Family {
        Loop loop;
        Children children;
        int deaths, status;
        size_t left_at_death; /* children_count, asked when a death is told */
        void *dead;
} Family;

static void on_tended(void *userdata) {
        Family *f = userdata;
        if (f->deaths > 0 && children_count(&f->children) == 0)
                loop_end(&f->loop, 0);
}

static void on_died(void *userdata, void *child, int status, const struct rusage *usage) {
        Family *f = userdata;
        f->deaths++;
        f->status = status;
        f->dead = child;
        f->left_at_death = children_count(&f->children);
}

static void family_open(Family *f) {
        Error e = {0};
        *f = (Family){0};
        cr_assert_eq(loop_init(&f->loop, NULL, 0, f, &e), 0);
        cr_assert_eq(children_init(&f->children, &f->loop, on_tended, f, &e), 0, "%s", e.text);
}

static pid_t family_spawn(Family *f, const char *script) {
        const char *argv[] = {"sh", "-c", script, NULL};
        int binary = open("/bin/sh", O_RDONLY | O_CLOEXEC);
        pid_t pid = children_spawn(&f->children, binary, argv, NULL, 0, on_died, f);
        close(binary);
        return pid;
}

static void family_close(Family *f) {
        children_done(&f->children);
        loop_done(&f->loop);
}

Test(children, death_is_told_with_its_status) {
        Family f;
        Error e = {0};
        char text[64];
        family_open(&f);
        cr_assert_gt(family_spawn(&f, "exit 3"), 0);
        cr_assert_eq(children_count(&f.children), 1);
        cr_assert_eq(loop_run(&f.loop, &e), 0);
        cr_assert_eq(f.deaths, 1);
        cr_assert_eq(f.dead, &f);
        cr_assert_str_eq(child_status_text(f.status, text, sizeof text), "exit code 3");
        family_close(&f);
}

Test(children, signal_reaches_those_that_live) {
        Family f;
        Error e = {0};
        char text[64];
        family_open(&f);
        family_spawn(&f, "while :; do sleep 60; done");
        children_signal(&f.children, SIGKILL);
        cr_assert_eq(loop_run(&f.loop, &e), 0);
        cr_assert_str_eq(child_status_text(f.status, text, sizeof text), "signal 9 (KILL)");
        family_close(&f);
}

Test(children, what_a_dead_one_left_is_killed_before_the_round_is_over) {
        Family f;
        Error e = {0};
        family_open(&f);
        family_spawn(&f, "setsid sleep 1000 & setsid sleep 1000 & exit 0");
        cr_assert_eq(loop_run(&f.loop, &e), 0);
        cr_assert_gt(f.left_at_death, 0, "remnants count before they are looked for");
        cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
        cr_assert_eq(errno, ECHILD);
        family_close(&f);
}

Test(children, one_that_was_there_before_is_left_alone) {
        Family f;
        Error e = {0};
        pid_t before = fork();
        if (before == 0)
                for (;;)
                        pause();
        family_open(&f);
        family_spawn(&f, "setsid sleep 1000 & exit 0");
        cr_assert_eq(loop_run(&f.loop, &e), 0);
        cr_assert_eq(f.deaths, 1, "its death is no news");
        cr_assert_eq(waitpid(before, NULL, WNOHANG), 0, "it lives");
        kill(before, SIGKILL);
        cr_assert_eq(waitpid(before, NULL, 0), before);
        family_close(&f);
}

Test(children, that_cannot_be_executed_are_nobodys) {
        Family f;
        const char *argv[] = {"none", NULL};
        int binary = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
        family_open(&f);
        cr_assert_lt(children_spawn(&f.children, binary, argv, NULL, 0, on_died, &f), 0);
        cr_assert_eq(children_count(&f.children), 0);
        close(binary);
        family_close(&f);
}
