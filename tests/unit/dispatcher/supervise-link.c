/* Who asks for a reload: each is answered once, by the reload that came after; and a supervisor
 * that is too old to be asked is told apart. */
#include "dispatcher/supervise-link.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWERS_MAX 2048

typedef struct World {
        sd_event *event;
        int supervisor; /* the test's end */
        SuperviseLink *link;
        unsigned handled; /* packets that reached the handler */
} World;

static struct {
        int who, error;
        uint64_t generation;
        char text[SUPERVISE_REPORT_MAX];
} answers[ANSWERS_MAX];
static size_t answer_count;

static void on_done(void *context, const SuperviseReloaded *result) {
        cr_assert_lt(answer_count, ANSWERS_MAX);
        answers[answer_count].who = *(int *)context;
        answers[answer_count].error = result->error;
        answers[answer_count].generation = result->generation;
        if (result->text)
                strcpy(answers[answer_count].text, result->text);
        answer_count++;
}

static void on_message(void *userdata, const SuperviseMessage *m, int fd) {
        ((World *)userdata)->handled++;
}

static void world_open(World *w) {
        int pair[2];
        *w = (World){0};
        answer_count = 0;
        cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
        w->supervisor = pair[1];
        cr_assert_geq(sd_event_new(&w->event), 0);
        cr_assert_eq(supervise_link_new(w->event, pair[0], 0, on_message, w, &w->link), 0);
}

static void world_close(World *w) {
        supervise_link_free(w->link);
        sd_event_unref(w->event);
        close(w->supervisor);
}

static int ask(World *w, int who) {
        int *context = malloc(sizeof *context);
        *context = who;
        return supervise_ask_reload(w->link, on_done, context);
}

static void say(World *w, SuperviseMessage m) {
        unsigned before = w->handled;
        m.version = SUPERVISE_VERSION;
        cr_assert_eq(send(w->supervisor, &m, sizeof m, 0), sizeof m);
        while (w->handled == before)
                cr_assert_geq(sd_event_run(w->event, UINT64_MAX), 0);
}
#define SAY(w, ...) say(w, (SuperviseMessage){__VA_ARGS__})

/* The number of the RELOAD_ASKED that came; 0: none did. */
static uint64_t asked(World *w) {
        SuperviseMessage m;
        ssize_t n = recv(w->supervisor, &m, sizeof m, MSG_DONTWAIT);
        if (n < 0)
                return 0;
        cr_assert_eq(m.type, SUPERVISE_RELOAD_ASKED);
        return m.serial;
}

static void greet(World *w) {
        SAY(w, .type = SUPERVISE_ROSTER_END, .features = SUPERVISE_FEATURE_RELOAD_ASKED);
}

Test(reload, answers_all_that_asked_before_it_and_nobody_else) {
        World w;
        world_open(&w);
        greet(&w);
        cr_assert_eq(ask(&w, 1), 0);
        cr_assert_eq(ask(&w, 2), 0);
        cr_assert_eq(asked(&w), 1);
        cr_assert_eq(asked(&w), 2);
        SAY(&w, .type = SUPERVISE_RELOAD_DONE, .serial = 0, .generation = 5);
        cr_assert_eq(answer_count, 0, "it began before they asked");
        SAY(&w, .type = SUPERVISE_RELOAD_DONE, .serial = 1, .generation = 6);
        cr_assert_eq(answer_count, 1);
        cr_assert_eq(ask(&w, 3), 0);
        SAY(&w, .type = SUPERVISE_RELOAD_DONE, .serial = 3, .generation = 7);
        cr_assert_eq(answer_count, 3);
        for (int i = 0; i < 3; i++) {
                cr_assert_eq(answers[i].who, i + 1);
                cr_assert_eq(answers[i].generation, i == 0 ? 6 : 7);
                cr_assert_eq(answers[i].error, 0);
                cr_assert_str_eq(answers[i].text, "");
        }
        world_close(&w);
}

Test(reload, a_long_report_is_put_together_and_belongs_to_one) {
        World w;
        world_open(&w);
        greet(&w);
        cr_assert_eq(ask(&w, 1), 0);
        char part[SUPERVISE_TEXT_MAX];
        memset(part, 'x', sizeof part);
        part[sizeof part - 1] = '\0';
        for (int i = 0; i < 40; i++) { /* more than there may be */
                SuperviseMessage m = {.type = SUPERVISE_RELOAD_REPORT};
                memcpy(m.text, part, sizeof part);
                say(&w, m);
        }
        SAY(&w, .type = SUPERVISE_RELOAD_DONE, .serial = 1, .generation = 2, .error = EINVAL);
        cr_assert_eq(strlen(answers[0].text), SUPERVISE_REPORT_MAX - 1);
        cr_assert_eq(answers[0].error, EINVAL);
        cr_assert_eq(ask(&w, 2), 0);
        SAY(&w, .type = SUPERVISE_RELOAD_REPORT, .text = "one\ntw");
        SAY(&w, .type = SUPERVISE_RELOAD_REPORT, .text = "o");
        SAY(&w, .type = SUPERVISE_RELOAD_DONE, .serial = 2, .generation = 2, .error = EINVAL);
        cr_assert_str_eq(answers[1].text, "one\ntwo");
        world_close(&w);
}

Test(reload, of_an_older_supervisor_is_refused) {
        World w;
        world_open(&w);
        cr_assert_eq(ask(&w, 1), 0, "it is not known yet");
        SAY(&w, .type = SUPERVISE_ROSTER_END);
        cr_assert_eq(answer_count, 1);
        cr_assert_eq(answers[0].error, -EOPNOTSUPP);
        cr_assert_eq(ask(&w, 2), -EOPNOTSUPP);
        cr_assert_eq(asked(&w), 0, "it is not sent what it does not know");
        world_close(&w);
}

Test(stop, only_who_wants_to_know_is_told_how_long_it_takes) {
        World w;
        SuperviseMessage m;
        world_open(&w);
        SAY(&w, .type = SUPERVISE_ROSTER_END);
        supervise_send_stop_takes(w.link, 5000);
        cr_assert_lt(recv(w.supervisor, &m, sizeof m, MSG_DONTWAIT), 0);
        SAY(&w, .type = SUPERVISE_ROSTER_END, .features = SUPERVISE_FEATURE_STOP_TAKES);
        supervise_send_stop_takes(w.link, 5000);
        cr_assert_eq(recv(w.supervisor, &m, sizeof m, MSG_DONTWAIT), sizeof m);
        cr_assert_eq(m.type, SUPERVISE_STOP_TAKES);
        cr_assert_eq(m.serial, 5000);
        world_close(&w);
}

Test(reload, that_is_asked_for_early_is_asked_with_the_roster) {
        World w;
        world_open(&w);
        cr_assert_eq(ask(&w, 1), 0);
        cr_assert_eq(ask(&w, 2), 0);
        cr_assert_eq(asked(&w), 0);
        greet(&w);
        cr_assert_eq(asked(&w), 2, "once for all");
        cr_assert_eq(asked(&w), 0);
        SAY(&w, .type = SUPERVISE_RELOAD_DONE, .serial = 2, .generation = 2);
        cr_assert_eq(answer_count, 2);
        world_close(&w);
}

Test(reload, too_many_askers_are_refused_and_who_waits_at_the_end_is_forgotten) {
        World w;
        world_open(&w);
        int n = 0;
        while (ask(&w, n) == 0)
                n++;
        cr_assert_eq(n, 1024);
        cr_assert_eq(ask(&w, n), -ENOBUFS);
        world_close(&w);
        cr_assert_eq(answer_count, 0);
}
