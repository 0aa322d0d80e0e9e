/* Inputs of a map: records whole and in order however they arrive, how many there are, and that a
 * stream is not read further ahead than promised. */
#include "client/cli/map-input.h"

#include "tests/unit/common/random.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static MapInput *in;
static Error error;
static char path[64];

static void begin(void) {
        strcpy(path, "/tmp/stint-map-input-XXXXXX");
        close(mkstemp(path));
}

static void clear(void) {
        in = map_input_free(in);
        unlink(path);
}

TestSuite(map_input, .init = begin, .fini = clear);

static void open_file(const char *data, size_t size, char separator) {
        FILE *f = fopen(path, "w");
        fwrite(data, 1, size, f);
        fclose(f);
        MapInputOptions options = {.file = path, .separator = separator};
        cr_assert_eq(map_input_new(&options, &error, &in), 0, "%s", error.text);
}

/* The next record, read as far as needed; NULL at the end. */
static const char *next(size_t *ret_size) {
        const char *record;
        for (;;)
                switch (map_input_next(in, &record, ret_size)) {
                case MAP_INPUT_TAKEN:
                        if (record[*ret_size])
                                cr_assert_fail("no NUL behind a record");
                        return record;
                case MAP_INPUT_END:
                        return NULL;
                case MAP_INPUT_LATER:
                        if (map_input_fd(in) < 0 || map_input_read(in, &error) < 0)
                                cr_assert_fail("cannot read on: %s", error.text);
                }
}

static void expect(const char *record) {
        size_t size;
        const char *got = next(&size);
        if (!record) {
                cr_assert_null(got);
                return;
        }
        cr_assert_not_null(got);
        cr_assert_str_eq(got, record);
}

Test(map_input, lines_with_and_without_a_last_newline) {
        open_file("a\nb c\n", 6, '\n');
        expect("a");
        expect("b c");
        expect(NULL);
        clear();
        open_file("a\nb", 3, '\n');
        expect("a");
        expect("b");
        expect(NULL);
        expect(NULL);
}

Test(map_input, empty_lines_are_inputs_and_nothing_is_none) {
        open_file("\n\nx\n\n", 5, '\n');
        expect("");
        expect("");
        expect("x");
        expect("");
        expect(NULL);
        clear();
        open_file("", 0, '\n');
        expect(NULL);
}

Test(map_input, nul_bytes_separate_names_with_newlines) {
        open_file("a\nb\0\0c", 6, '\0');
        expect("a\nb");
        expect("");
        expect("c");
        expect(NULL);
}

Test(map_input, operands_are_inputs) {
        char *words[] = {(char *)"x", (char *)"", (char *)"y z"};
        MapInputOptions options = {.operands = words, .operand_count = 3, .separator = '\n'};
        uint64_t total;
        cr_assert_eq(map_input_new(&options, &error, &in), 0);
        cr_assert(map_input_total(in, &total));
        cr_assert_eq(total, 3);
        cr_assert_eq(map_input_fd(in), -1);
        expect("x");
        expect("");
        expect("y z");
        expect(NULL);
}

Test(map_input, a_file_that_is_not_there_is_named) {
        MapInputOptions options = {.file = "/nowhere/at/all", .separator = '\n'};
        cr_assert_eq(map_input_new(&options, &error, &in), -EXIT_IO);
        cr_assert(strstr(error.text, "/nowhere/at/all"));
}

Test(map_input, the_total_is_known_at_the_end_of_the_stream) {
        uint64_t total;
        open_file("a\nb\nc", 5, '\n');
        cr_assert_not(map_input_total(in, &total));
        cr_assert_eq(map_input_read(in, &error), 0);
        cr_assert_not(map_input_total(in, &total));
        cr_assert_eq(map_input_read(in, &error), 0);
        cr_assert(map_input_total(in, &total));
        cr_assert_eq(total, 3);
        cr_assert_eq(map_input_fd(in), -1);
        expect("a");
        cr_assert(map_input_total(in, &total));
        cr_assert_eq(total, 3);
}

Test(map_input, a_stream_is_read_a_bounded_way_ahead) {
        size_t size = (size_t)4 << 20, reads = 0;
        char *lines = malloc(size);
        memset(lines, 'x', size);
        for (size_t i = 63; i < size; i += 64)
                lines[i] = '\n';
        open_file(lines, size, '\n');
        for (; map_input_fd(in) >= 0; reads++)
                cr_assert_eq(map_input_read(in, &error), 0);
        cr_assert_geq(reads, 16);
        cr_assert_lt(reads, 32);
        for (size_t i = 0; i < size / 64; i++) {
                size_t n;
                if (!next(&n) || n != 63)
                        cr_assert_fail("line %zu", i);
        }
        expect(NULL);
        free(lines);
}

Test(map_input, an_input_has_an_end) {
        size_t size = MAP_INPUT_MAX + (1u << 20), n;
        char *line = malloc(size);
        const char *record;
        memset(line, 'x', size);
        open_file(line, size, '\n');
        int r = 0;
        while (r == 0 && map_input_next(in, &record, &n) == MAP_INPUT_LATER)
                r = map_input_read(in, &error);
        cr_assert_eq(r, -EXIT_DATA);
        cr_assert(strstr(error.text, "8 MiB"));
        free(line);
}

/* The property: whatever is written comes back, whatever the reads are. */
Test(map_input, records_come_back_however_they_arrive) {
        Random random = random_start();
        int fds[2];
        for (int round = 0; round < 50; round++) {
                cr_assert_eq(pipe(fds), 0);
                cr_assert_eq(dup2(fds[0], STDIN_FILENO), STDIN_FILENO);
                close(fds[0]);
                MapInputOptions options = {.separator = '\n'};
                cr_assert_eq(map_input_new(&options, &error, &in), 0);
                char text[8192];
                size_t size = random_below(&random, sizeof text - 1), taken = 0;
                for (size_t i = 0; i < size; i++)
                        text[i] = random_below(&random, 5) ? 'a' : '\n';
                for (size_t written = 0; written < size;) {
                        size_t part = 1 + random_below(&random, size - written);
                        CHECK(&random, write(fds[1], text + written, part) == (ssize_t)part);
                        written += part;
                        CHECK(&random, map_input_read(in, &error) == 0);
                        const char *record;
                        size_t n;
                        while (map_input_next(in, &record, &n) == MAP_INPUT_TAKEN) {
                                CHECK(&random, memcmp(text + taken, record, n) == 0);
                                taken += n;
                                CHECK(&random, text[taken++] == '\n');
                        }
                }
                close(fds[1]);
                size_t n;
                const char *last = next(&n);
                taken += last ? n : 0;
                CHECK(&random, taken == size);
                expect(NULL);
                in = map_input_free(in);
        }
}
