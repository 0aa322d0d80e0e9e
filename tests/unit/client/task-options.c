/* The options of a task through their table: what is accepted, what it becomes, what is refused. */
#include "client/cli/task-options.h"

#include "common/time-parse.h"
#include "common/wire-schema.h" /* bounds */

#include <criterion/criterion.h>
#include <string.h>

static TaskOptions options;
static Error error;

#define LABEL_ROW 2 /* of the table */

/* 0, or -code; error tells why. */
static int take(const char *option, const char *value) {
        char words[3][256] = {"test"};
        char *argv[] = {words[0], words[1], words[2], NULL};
        OptionTarget targets[] = {{&queue_options, &options}, {&task_options, &options}};
        snprintf(words[1], sizeof words[1], "%s", option);
        snprintf(words[2], sizeof words[2], "%s", value ? value : "");
        return options_parse(targets, ARRAY_SIZE(targets), OPERANDS_ANYWHERE, value ? 3 : 2, argv,
                             "stint test", &error);
}

static void clear(void) {
        memset(&options, 0, sizeof options);
}

TestSuite(task_options, .init = clear);

static void expect_refused(const char *option, const char *value) {
        cr_assert_eq(take(option, value), -EXIT_USAGE, "%s %s", option, value);
}

Test(task_options, durations_become_microseconds) {
        cr_assert_eq(take("--delay", "10m"), 0);
        cr_assert_eq(take("--timeout", "1h30m"), 0);
        cr_assert_eq(options.task.delay_usec, 10 * USEC_PER_MIN);
        cr_assert_eq(options.task.timeout_usec, 90 * USEC_PER_MIN);
        expect_refused("--delay", "soon");
        expect_refused("--timeout", "0");
        expect_refused("--timeout", "200000d");
}

Test(task_options, no_grace_at_all_is_not_the_default) {
        cr_assert_eq(take("--grace", "0"), 0);
        cr_assert(options.task.flags & STINT_NO_GRACE);
        expect_refused("--grace", "50d");
}

Test(task_options, backoff_is_a_range_or_one_duration) {
        cr_assert_eq(take("--backoff", "2s..5m"), 0);
        cr_assert_eq(options.task.backoff_min_usec, 2 * USEC_PER_SEC);
        cr_assert_eq(options.task.backoff_max_usec, 5 * USEC_PER_MIN);
        cr_assert_eq(take("--backoff", "3s"), 0);
        cr_assert_eq(options.task.backoff_min_usec, 3 * USEC_PER_SEC);
        cr_assert_eq(options.task.backoff_max_usec, 3 * USEC_PER_SEC);
        expect_refused("--backoff", "5m..2s");
        expect_refused("--backoff", "..");
        expect_refused("--backoff", "2s..");
        expect_refused("--backoff", "");
}

Test(task_options, priority_has_bounds) {
        cr_assert_eq(take("--priority", "-100"), 0);
        cr_assert_eq(options.task.priority, -100);
        expect_refused("--priority", "101");
        expect_refused("-p", "high");
}

Test(task_options, labels_are_pairs_and_few) {
        static char labels[TASK_LABELS_MAX][8]; /* options point to them */
        for (int i = 0; i < TASK_LABELS_MAX; i++) {
                snprintf(labels[i], sizeof labels[i], "k%d=v", i);
                cr_assert_null(task_options.options[LABEL_ROW].set(&options, labels[i]));
        }
        expect_refused("--label", "k=v");
        clear();
        expect_refused("--label", "novalue");
        expect_refused("--label", "=v");
        expect_refused("--label", "k=a\nb");
}

Test(task_options, a_label_has_one_value) {
        cr_assert_null(task_options.options[LABEL_ROW].set(&options, "k=1"));
        cr_assert_null(task_options.options[LABEL_ROW].set(&options, "kk=1"));
        cr_assert_not_null(task_options.options[LABEL_ROW].set(&options, "k=2"));
}

Test(task_options, names_are_checked_before_they_travel) {
        char long_name[WIRE_TASK_NAME_MAX + 2];
        memset(long_name, 'n', sizeof long_name);
        long_name[sizeof long_name - 1] = '\0';
        expect_refused("--name", long_name);
        expect_refused("--name", "");
        expect_refused("--queue", "no blanks");
        cr_assert_eq(take("-q", "mail.eu-1_x"), 0);
}

Test(task_options, at_most_once_excludes_retries) {
        cr_assert_eq(take("--at-most-once", NULL), 0);
        cr_assert_eq(task_options_check(&options, &error), 0);
        cr_assert_eq(take("--retries", "1"), 0);
        cr_assert_eq(task_options_check(&options, &error), -EXIT_USAGE);
        expect_refused("--retries", "65536");
}

Test(task_options, a_time_becomes_a_delay) {
        usec_t now = time_now_realtime(), noon;
        cr_assert_eq(time_parse("tomorrow 12:00", now, TIME_NEXT, &noon), 0);
        cr_assert_eq(take("--at", "tomorrow 12:00"), 0);
        cr_assert_eq(options.at_usec, noon);
        cr_assert_leq(options.task.delay_usec, noon - now);
        cr_assert_gt(options.task.delay_usec + USEC_PER_MIN, noon - now);
        cr_assert_eq(task_options_check(&options, &error), 0);
        cr_assert_eq(take("--delay", "1h"), 0);
        cr_assert_eq(task_options_check(&options, &error), -EXIT_USAGE, "both");
        expect_refused("--at", "soon");
        expect_refused("--at", "2001-01-01");
        expect_refused("--at", "9999-01-01");
}

Test(task_options, a_group_has_a_name) {
        cr_assert_eq(take("-g", "nightly.1"), 0);
        expect_refused("--group", "a b");
        expect_refused("--group", "");
}

Test(task_options, the_task_is_complete_after_the_check) {
        cr_assert_eq(task_options_check(&options, &error), 0);
        cr_assert_eq(options.task.size, sizeof(StintTask));
        cr_assert_null(options.task.labels);
        cr_assert_null(task_options.options[LABEL_ROW].set(&options, "k=1"));
        cr_assert_eq(task_options_check(&options, &error), 0);
        cr_assert_str_eq(options.task.labels[0], "k=1");
        cr_assert_null(options.task.labels[1]);
}
