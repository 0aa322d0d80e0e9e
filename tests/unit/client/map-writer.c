/* What a map writes: bytes unchanged, tags at lines, order between the two streams, readers that
 * leave or never come. */
#include "client/cli/map-writer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static MapWriter *w;
static int woken_fd;
static int hidden;

static bool on_woken(void *userdata) {
        return true;
}

static void on_before(void *userdata) {
        hidden++;
}

static void begin(void) {
        MapWriterOptions options;
        woken_fd = eventfd(0, EFD_CLOEXEC);
        signal(SIGPIPE, SIG_IGN);
        options = (MapWriterOptions){.watch = {woken_fd, on_woken, NULL}, .before = on_before};
        w = map_writer_new(&options);
}

static void clear(void) {
        w = map_writer_free(w);
        close(woken_fd);
}

TestSuite(map_writer, .fini = clear);

/* Stdout and stderr become one file or pipe; what was is lost, so messages of a failure are, too.
 * Returns the other end. */
static int capture(void) {
        int fds[2];
        cr_assert_eq(pipe(fds), 0);
        dup2(fds[1], STDOUT_FILENO);
        dup2(fds[1], STDERR_FILENO);
        close(fds[1]);
        begin();
        return fds[0];
}

static void add(int fd, const char *tag, const char *text, MapWriterEnd end) {
        map_writer_begin(w, fd, tag, tag ? strlen(tag) : 0);
        map_writer_add(w, text, strlen(text));
        map_writer_end(w, end);
}

static const char *captured(int fd) {
        static char text[4096];
        map_writer_flush(w);
        ssize_t n = read(fd, text, sizeof text - 1);
        text[n < 0 ? 0 : n] = '\0';
        return text;
}

Test(map_writer, both_streams_come_in_the_order_in_which_they_were_given) {
        int fd = capture();
        add(1, NULL, "one\n", MAP_WRITER_AS_IT_IS);
        add(2, NULL, "two\n", MAP_WRITER_AS_IT_IS);
        add(1, NULL, "three", MAP_WRITER_AS_IT_IS);
        add(1, NULL, "four\n", MAP_WRITER_AS_IT_IS);
        cr_assert_str_eq(captured(fd), "one\ntwo\nthreefour\n");
        cr_assert_eq(hidden, 0, "a pipe shows no progress");
}

Test(map_writer, a_terminal_is_cleaned_before_it_is_written_to) {
        char text[64];
        int ours, theirs;
        cr_assert_eq(openpty(&ours, &theirs, NULL, NULL, NULL), 0);
        dup2(theirs, STDOUT_FILENO);
        close(theirs);
        begin();
        add(1, NULL, "one\n", MAP_WRITER_AS_IT_IS);
        cr_assert_eq(hidden, 0);
        map_writer_flush(w);
        cr_assert_eq(hidden, 1);
        cr_assert_eq(read(ours, text, sizeof text), 5, "one, CR, LF");
        close(ours);
}

Test(map_writer, a_tag_stands_before_each_line_and_lines_are_completed) {
        int fd = capture();
        add(1, "a b", "one\n\ntwo", MAP_WRITER_AS_IT_IS);
        add(1, "c", "", MAP_WRITER_AS_IT_IS);
        add(2, "", "x\n", MAP_WRITER_AS_IT_IS);
        map_writer_begin(w, 1, "d", 1);
        map_writer_add(w, "in ", 3);
        map_writer_add(w, "parts\nlast", 10);
        map_writer_end(w, MAP_WRITER_AS_IT_IS);
        cr_assert_str_eq(captured(fd), "a b\tone\na b\t\na b\ttwo\n\tx\nd\tin parts\nd\tlast\n");
}

Test(map_writer, a_last_line_is_completed_where_that_is_asked_for) {
        int fd = capture();
        add(1, NULL, "a", MAP_WRITER_COMPLETE_LINE);
        add(1, NULL, "b\n", MAP_WRITER_COMPLETE_LINE);
        add(1, NULL, "", MAP_WRITER_COMPLETE_LINE);
        add(1, NULL, "c", MAP_WRITER_AS_IT_IS);
        cr_assert(map_writer_is_within_line(w, 1));
        cr_assert_not(map_writer_is_within_line(w, 2));
        cr_assert_str_eq(captured(fd), "a\nb\nc");
}

Test(map_writer, a_reader_that_leaves_is_an_error_and_nothing_more_is_written) {
        int fd = capture();
        close(fd);
        add(1, NULL, "x", MAP_WRITER_AS_IT_IS);
        map_writer_flush(w);
        cr_assert_eq(map_writer_error(w), EPIPE);
        add(1, NULL, "y", MAP_WRITER_AS_IT_IS);
        map_writer_flush(w);
}

Test(map_writer, a_wait_for_a_reader_can_be_given_up, .timeout = 60) {
        int fd = capture();
        size_t size = (size_t)1 << 20;
        char *much = calloc(1, size);
        cr_assert_eq(eventfd_write(woken_fd, 1), 0);
        map_writer_begin(w, 1, NULL, 0);
        map_writer_add(w, much, size);
        map_writer_flush(w);
        cr_assert_eq(map_writer_error(w), 0);
        free(much);
        close(fd);
}

Test(map_writer, much_goes_to_a_file_whole) {
        char path[] = "/tmp/stint-map-writer-XXXXXX", byte[2];
        int fd = mkstemp(path);
        size_t size = (size_t)1 << 20, total = 0;
        char *much = malloc(size);
        memset(much, 'x', size);
        dup2(fd, STDOUT_FILENO);
        unlink(path);
        begin();
        for (size_t n = 1; n < size; n = 3 * n + 1) {
                map_writer_begin(w, 1, NULL, 0);
                map_writer_add(w, much, n);
                map_writer_end(w, MAP_WRITER_COMPLETE_LINE);
                total += n + 1;
        }
        map_writer_flush(w);
        cr_assert_eq(lseek(fd, 0, SEEK_END), (off_t)total);
        cr_assert_eq(pread(fd, byte, 2, 0), 2);
        cr_assert_eq(memcmp(byte, "x\n", 2), 0);
        free(much);
        close(fd);
}
