/* The parser of options, on a table made for it. */
#include "client/cli/options.h"

#include <criterion/criterion.h>
#include <string.h>

typedef struct Values {
        const char *queue, *name;
        int verbose;
} Values;

static const char *set_queue(void *target, const char *value) {
        ((Values *)target)->queue = value;
        return strcmp(value, "bad") == 0 ? "is bad: use another" : NULL;
}

static const char *set_name(void *target, const char *value) {
        ((Values *)target)->name = value;
        return NULL;
}

static const char *set_verbose(void *target, const char *value) {
        ((Values *)target)->verbose++;
        return NULL;
}

static const Option first_rows[] = {{"queue", 'q', "NAME", "", set_queue},
                                    {"verbose", 'v', NULL, "", set_verbose}};
static const Option second_rows[] = {{"name", 'n', "NAME", "", set_name}};
static const OptionGroup first = {"First", first_rows, ARRAY_SIZE(first_rows)};
static const OptionGroup second = {"Second", second_rows, ARRAY_SIZE(second_rows)};

#define WORDS_MAX 16

typedef struct Parse {
        Values values;
        char words[WORDS_MAX][64], *argv[WORDS_MAX + 1];
        Error error;
        int operands; /* or -code */
} Parse;

/* Parses the blank-separated words of line, "" between blanks being an empty one. */
static Parse *parse(OperandRule rule, const char *line) {
        static Parse p;
        OptionTarget targets[] = {{&first, &p.values}, {&second, &p.values}};
        int argc = 1;
        memset(&p, 0, sizeof p);
        p.argv[0] = strcpy(p.words[0], "test");
        for (const char *at = line; *at; argc++) {
                size_t size = strcspn(at, " ");
                cr_assert_lt(argc, WORDS_MAX);
                p.argv[argc] = p.words[argc];
                memcpy(p.words[argc], at, size);
                at += size + (at[size] == ' ');
        }
        p.operands = options_parse(targets, ARRAY_SIZE(targets), rule, argc, p.argv, "stint test",
                                   &p.error);
        return &p;
}

static void expect_operands(const Parse *p, int n, const char *a, const char *b, const char *c) {
        const char *expected[] = {a, b, c};
        cr_assert_eq(p->operands, n, "%d, %s", p->operands, p->error.text);
        for (int i = 0; i < n; i++)
                cr_assert_str_eq(p->argv[i + 1], expected[i]);
}

static void expect_refused(const char *line, const char *text) {
        Parse *p = parse(OPERANDS_ANYWHERE, line);
        cr_assert_eq(p->operands, -EXIT_USAGE, "%s", line);
        cr_assert_str_eq(p->error.text, text);
}

Test(options, may_stand_anywhere) {
        Parse *p = parse(OPERANDS_ANYWHERE, "a -q mail b --name=n c -v");
        expect_operands(p, 3, "a", "b", "c");
        cr_assert_str_eq(p->values.queue, "mail");
        cr_assert_str_eq(p->values.name, "n");
        cr_assert_eq(p->values.verbose, 1);
}

Test(options, end_at_a_command) {
        Parse *p = parse(OPERANDS_END_OPTIONS, "-v ls -v --queue");
        expect_operands(p, 3, "ls", "-v", "--queue");
        cr_assert_eq(p->values.verbose, 1);
}

Test(options, two_dashes_end_them) {
        expect_operands(parse(OPERANDS_ANYWHERE, "a -- -v --"), 3, "a", "-v", "--");
        expect_operands(parse(OPERANDS_END_OPTIONS, "-- -v"), 1, "-v", NULL, NULL);
}

Test(options, one_dash_is_an_operand) {
        expect_operands(parse(OPERANDS_ANYWHERE, "- -v"), 1, "-", NULL, NULL);
}

Test(options, letters_join_and_take_the_rest_as_a_value) {
        Parse *p = parse(OPERANDS_ANYWHERE, "-vvqmail -n x");
        cr_assert_eq(p->operands, 0);
        cr_assert_eq(p->values.verbose, 2);
        cr_assert_str_eq(p->values.queue, "mail");
        cr_assert_str_eq(p->values.name, "x");
}

Test(options, values_may_begin_with_a_dash_or_be_empty) {
        Parse *p = parse(OPERANDS_ANYWHERE, "--name -5 --queue=");
        cr_assert_eq(p->operands, 0);
        cr_assert_str_eq(p->values.name, "-5");
        cr_assert_str_eq(p->values.queue, "");
}

Test(options, misspelt_ones_suggest_the_nearest) {
        expect_refused("--qeue x", "unknown option --qeue: did you mean --queue?");
        expect_refused("--nmae=x", "unknown option --nmae: did you mean --name?");
        expect_refused("--wholly-other", "unknown option --wholly-other: see `stint test --help`");
        expect_refused("-x", "unknown option -x: see `stint test --help`");
}

Test(options, are_not_abbreviated) {
        expect_refused("--verb", "unknown option --verb: see `stint test --help`");
}

Test(options, values_are_asked_for_and_refused) {
        expect_refused("--queue", "--queue needs a value: write --queue NAME");
        expect_refused("-vq", "--queue needs a value: write --queue NAME");
        expect_refused("--verbose=1", "--verbose takes no value: leave out `1`");
        expect_refused("-q bad", "--queue bad is bad: use another");
}
