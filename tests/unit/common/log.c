/* The log: its lines, its levels, its file shared by many processes, and the journal, for which
 * sd_journal_sendv is defined here in front of the library's, as are rename and flock for
 * rotations. */
#include "common/log.h"

#include "tests/unit/common/directory.h"

#include <criterion/redirect.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <regex.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define FILE_BYTES (8 * 1024 * 1024)

/* What log.c renames passes here first, so that a test can stop a process in the middle of a
 * rotation. */
static void (*before_rename)(void);

int rename(const char *from, const char *to) {
        if (before_rename)
                before_rename();
        return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

/* The same for its locks. */
static void (*before_lock)(void);

int flock(int fd, int operation) {
        if (before_lock)
                before_lock();
        return (int)syscall(SYS_flock, fd, operation);
}

static char journal[1024]; /* the items of the last message, a line each */

int sd_journal_sendv(const struct iovec *iov, int n);
int sd_journal_sendv(const struct iovec *iov, int n) {
        journal[0] = '\0';
        for (int i = 0; i < n; i++) {
                strncat(journal, iov[i].iov_base, iov[i].iov_len);
                strcat(journal, "\n");
        }
        return 0;
}

static void expect_match(const char *text, const char *pattern) {
        regex_t re;
        cr_assert_eq(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
        cr_assert_eq(regexec(&re, text, 0, NULL, 0), 0, "%s does not match %s", text, pattern);
        regfree(&re);
}

/* Everything in a file; the caller frees it. NULL: there is no such file. */
static char *file_text(const char *path) {
        FILE *f = fopen(path, "r");
        char *text = NULL;
        size_t size = 0;
        if (!f)
                return NULL;
        if (getdelim(&text, &size, '\0', f) < 0)
                text[0] = '\0';
        fclose(f);
        return text;
}

static void expect_file(const char *path, const char *pattern) {
        char *text = file_text(path);
        cr_assert_not_null(text, "%s", path);
        expect_match(text, pattern);
        free(text);
}

/* ---- lines ---- */

Test(log, line_has_time_program_pid_level_message_and_fields) {
        Directory d = directory_new();
        cr_assert_eq(log_open("stintd", LOG_TARGET_FILE, d.path), 0);
        log_write(LOG_INFO, (const char *[]){"TASK=42", "QUEUE=mail", NULL}, "task %s", "starts");
        char pattern[256];
        snprintf(pattern, sizeof(pattern),
                 "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}[+-][0-9]{2}:[0-"
                 "9]{2} "
                 "stintd\\[%d\\] info: task starts task=42 queue=mail\n$",
                 getpid());
        expect_file(below(&d, "stintd.log"), pattern);
        directory_done(&d);
}

Test(log, nothing_untrusted_breaks_a_line_or_poses_as_a_field) {
        Directory d = directory_new();
        log_open("stintd", LOG_TARGET_FILE, d.path);
        const char *fields[] = {
                "NAME=a b", "X=1 task=7", "Y=say \"hi\"", "Z=\033[2J\n", "E=", "N", NULL};
        log_write(LOG_INFO, fields, "bad\nnews\033[31m");
        expect_file(below(&d, "stintd.log"),
                    "info: bad\\\\nnews\\\\x1b\\[31m name=\"a b\" x=\"1 task=7\" "
                    "y=\"say \\\\\"hi\\\\\"\" z=\\\\x1b\\[2J\\\\n e=\"\" n=\"\"\n$");
        directory_done(&d);
}

Test(log, a_huge_message_is_cut_and_its_line_still_ends) {
        Directory d = directory_new();
        static char huge[100000];
        memset(huge, '\001', sizeof(huge) - 1);
        log_open("stintd", LOG_TARGET_FILE, d.path);
        const char *fields[] = {huge, huge, huge, huge, huge, NULL};
        log_write(LOG_INFO, fields, "%s", huge);
        char *text = file_text(below(&d, "stintd.log"));
        size_t n = strlen(text);
        cr_assert_lt(n, 16384);
        cr_assert_eq(strchr(text, '\n'), text + n - 1);
        free(text);
        directory_done(&d);
}

Test(log, levels_have_names_and_are_filtered) {
        Directory d = directory_new();
        log_open("stintd", LOG_TARGET_FILE, d.path);
        log_debug("unheard");
        log_info("heard");
        log_set_level(LOG_ERR);
        log_warning("unheard");
        log_error("heard");
        log_set_level(LOG_DEBUG);
        log_debug("heard");
        char *text = file_text(below(&d, "stintd.log"));
        cr_assert_null(strstr(text, "unheard"));
        expect_match(text, "info: heard\n.*error: heard\n.*debug: heard\n$");
        free(text);
        directory_done(&d);
}

Test(log, errno_is_kept) {
        Directory d = directory_new();
        log_open("stintd", LOG_TARGET_FILE, below(&d, "missing"));
        errno = ENOSPC;
        log_debug("filtered");
        cr_assert_eq(errno, ENOSPC);
        directory_done(&d);
}

/* ---- where it goes ---- */

Test(log, before_it_is_opened_lines_go_to_stderr, .init = cr_redirect_stderr) {
        log_error("early");
        char line[256];
        cr_assert_not_null(fgets(line, sizeof(line), cr_get_redirected_stderr()));
        expect_match(line, "^[^ ]+ stint\\[[0-9]+\\] error: early\n$");
}

Test(log, foreground_goes_to_stderr_even_with_a_directory, .init = cr_redirect_stderr) {
        Directory d = directory_new();
        log_open("stintd", LOG_TARGET_STDERR, d.path);
        log_info("seen");
        cr_assert_neq(access(below(&d, "stintd.log"), F_OK), 0);
        char line[256];
        cr_assert_not_null(fgets(line, sizeof(line), cr_get_redirected_stderr()));
        expect_match(line, "info: seen\n$");
        directory_done(&d);
}

Test(log, automatic_without_terminal_and_journal_goes_to_the_file, .init = cr_redirect_stderr) {
        Directory d = directory_new();
        unsetenv("JOURNAL_STREAM");
        cr_assert_eq(log_open("stintd", LOG_TARGET_AUTO, d.path), 0);
        log_info("kept");
        expect_file(below(&d, "stintd.log"), "info: kept\n$");
        directory_done(&d);
}

Test(log, children_of_a_foreground_daemon_are_told_by_the_environment, .init = cr_redirect_stderr) {
        Directory d = directory_new();
        unsetenv("JOURNAL_STREAM");
        setenv("STINT_LOG", "stderr", 1);
        log_open("stint-worker", LOG_TARGET_AUTO, d.path);
        log_info("seen");
        cr_assert_neq(access(below(&d, "stintd.log"), F_OK), 0);
        char line[256];
        cr_assert_not_null(fgets(line, sizeof(line), cr_get_redirected_stderr()));
        expect_match(line, "info: seen\n$");
        setenv("STINT_LOG", "elsewhere", 1);
        log_open("stint-worker", LOG_TARGET_AUTO, d.path);
        log_info("kept");
        expect_file(below(&d, "stintd.log"), "info: kept\n$");
        directory_done(&d);
}

Test(log, a_file_that_cannot_be_opened_is_reported_and_stderr_is_used, .init = cr_redirect_stderr) {
        Directory d = directory_new();
        cr_assert_eq(log_open("stintd", LOG_TARGET_FILE, below(&d, "missing")), -ENOENT);
        log_info("still seen");
        char line[256];
        cr_assert_not_null(fgets(line, sizeof(line), cr_get_redirected_stderr()));
        expect_match(line, "info: still seen\n$");
        directory_done(&d);
}

Test(log, a_link_in_place_of_the_file_is_not_followed, .init = cr_redirect_stderr) {
        Directory d = directory_new();
        cr_assert_eq(symlink("elsewhere", below(&d, "stintd.log")), 0);
        cr_assert_eq(log_open("stintd", LOG_TARGET_FILE, d.path), -ELOOP);
        cr_assert_neq(access(below(&d, "elsewhere"), F_OK), 0);
        directory_done(&d);
}

static void open_journal(void) {
        struct stat st;
        char stream[64];
        cr_assert_eq(fstat(STDERR_FILENO, &st), 0);
        snprintf(stream, sizeof(stream), "%lu:%lu", st.st_dev, st.st_ino);
        setenv("JOURNAL_STREAM", stream, 1);
        log_open("stintd", LOG_TARGET_AUTO, NULL);
}

Test(log, journal_gets_fields_with_a_prefix_and_the_message_as_it_is) {
        open_journal();
        log_write(LOG_WARNING, (const char *[]){"TASK=42", "QUEUE=mail", NULL}, "two\nlines");
        cr_assert_str_eq(journal, "MESSAGE=two\nlines\nPRIORITY=4\nSYSLOG_IDENTIFIER=stintd\n"
                                  "STINT_TASK=42\nSTINT_QUEUE=mail\n");
}

Test(log, journal_of_another_stderr_is_not_ours, .init = cr_redirect_stderr) {
        setenv("JOURNAL_STREAM", "1:2", 1);
        log_open("stintd", LOG_TARGET_AUTO, NULL);
        log_error("not there");
        cr_assert_str_empty(journal);
        setenv("JOURNAL_STREAM", "garbage", 1);
        log_open("stintd", LOG_TARGET_AUTO, NULL);
        log_error("not there");
        cr_assert_str_empty(journal);
}

/* ---- the file ---- */

Test(log, file_is_private) {
        Directory d = directory_new();
        struct stat st;
        umask(0);
        log_open("stintd", LOG_TARGET_FILE, d.path);
        cr_assert_eq(stat(below(&d, "stintd.log"), &st), 0);
        cr_assert_eq(st.st_mode & 07777, 0600);
        directory_done(&d);
}

Test(log, a_file_that_was_moved_away_is_opened_anew) {
        Directory d = directory_new();
        log_open("stintd", LOG_TARGET_FILE, d.path);
        log_info("first");
        cr_assert_eq(rename(below(&d, "stintd.log"), below(&d, "moved")), 0);
        log_info("second");
        expect_file(below(&d, "moved"), "first\n$");
        expect_file(below(&d, "stintd.log"), "^[^\n]*second\n$");
        directory_done(&d);
}

Test(log, lost_lines_are_counted_and_reported) {
        Directory d = directory_new();
        cr_assert_eq(mkdir(below(&d, "log"), 0700), 0);
        log_open("stintd", LOG_TARGET_FILE, below(&d, "log"));
        cr_assert_eq(rename(below(&d, "log"), below(&d, "away")), 0);
        log_info("lost");
        log_info("lost");
        cr_assert_eq(mkdir(below(&d, "log"), 0700), 0);
        log_info("kept");
        log_info("again");
        expect_file(below(&d, "log/stintd.log"),
                    "^[^\n]*kept\n[^\n]*warning: 2 lines of this log were lost\n[^\n]*again\n$");
        directory_done(&d);
}

static void fill_file(const char *path) {
        int fd = open(path, O_WRONLY | O_CREAT, 0600);
        cr_assert_eq(ftruncate(fd, FILE_BYTES - 10), 0);
        close(fd);
}

Test(log, a_full_file_becomes_the_old_one) {
        Directory d = directory_new();
        struct stat st;
        fill_file(below(&d, "stintd.log"));
        log_open("stintd", LOG_TARGET_FILE, d.path);
        log_info("new");
        cr_assert_eq(stat(below(&d, "stintd.log.1"), &st), 0);
        cr_assert_eq(st.st_size, FILE_BYTES - 10);
        expect_file(below(&d, "stintd.log"), "^[^\n]*new\n$");
        directory_done(&d);
}

Test(log, another_process_that_holds_the_lock_is_not_waited_for) {
        Directory d = directory_new();
        struct stat st;
        fill_file(below(&d, "stintd.log"));
        int holder = open(below(&d, "stintd.log"), O_RDONLY);
        cr_assert_eq(flock(holder, LOCK_EX), 0);
        log_open("stintd", LOG_TARGET_FILE, d.path);
        log_info("does not hang");
        cr_assert_eq(stat(below(&d, "stintd.log"), &st), 0);
        cr_assert_gt(st.st_size, FILE_BYTES);
        close(holder);
        log_info("rotates now");
        expect_file(below(&d, "stintd.log"), "^[^\n]*rotates now\n$");
        directory_done(&d);
}

static Directory rotated;

static void rotate_as_another_would(void) {
        before_lock = NULL;
        cr_assert_eq(rename(below(&rotated, "stintd.log"), below(&rotated, "stintd.log.1")), 0);
        close(open(below(&rotated, "stintd.log"), O_WRONLY | O_CREAT, 0600));
}

Test(log, a_file_that_was_rotated_before_the_lock_is_not_rotated_again) {
        struct stat st;
        rotated = directory_new();
        fill_file(below(&rotated, "stintd.log"));
        log_open("stintd", LOG_TARGET_FILE, rotated.path);
        before_lock = rotate_as_another_would;
        log_info("in the new file");
        cr_assert_null(before_lock, "nobody locked");
        cr_assert_eq(stat(below(&rotated, "stintd.log.1"), &st), 0);
        cr_assert_eq(st.st_size, FILE_BYTES - 10);
        expect_file(below(&rotated, "stintd.log"), "^[^\n]*in the new file\n$");
        directory_done(&rotated);
}

static int rotating[2], go_on[2]; /* pipes: the child has the lock; it may rename now */

static void tell_and_wait(void) {
        char c = 0;
        cr_assert_eq(write(rotating[1], &c, 1), 1);
        cr_assert_eq(read(go_on[0], &c, 1), 1);
}

static void must_not_rename(void) {
        cr_assert_fail("two processes rotate at once");
}

Test(log, a_process_that_shares_the_descriptor_does_not_share_the_lock) {
        Directory d = directory_new();
        struct stat st;
        char c = 0;
        int status;
        fill_file(below(&d, "stintd.log"));
        log_open("stintd", LOG_TARGET_FILE, d.path);
        cr_assert(pipe(rotating) == 0 && pipe(go_on) == 0);
        pid_t pid = fork();
        if (pid == 0) {
                before_rename = tell_and_wait;
                log_info("from the child");
                _exit(0);
        }
        cr_assert_eq(read(rotating[0], &c, 1), 1);
        before_rename = must_not_rename;
        log_info("in the old file");
        cr_assert_eq(write(go_on[1], &c, 1), 1);
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        log_info("from the parent");
        cr_assert_eq(stat(below(&d, "stintd.log.1"), &st), 0);
        cr_assert_gt(st.st_size, FILE_BYTES);
        expect_file(below(&d, "stintd.log"), "^[^\n]*from the child\n[^\n]*from the parent\n$");
        directory_done(&d);
}

#define WRITERS 4
#define LINES   9000 /* of a kilobyte: 36 MiB from all writers */

static void write_lines(unsigned writer) {
        char padding[960];
        memset(padding, 'x', sizeof(padding));
        for (unsigned i = 0; i < LINES; i++)
                log_info("%.*s writer %u line %u.", (int)sizeof(padding), padding, writer, i);
}

/* Each line is whole, and the lines of each writer follow one another without a gap. */
static void check_lines(const char *path, unsigned next[WRITERS], bool seen[WRITERS]) {
        FILE *f = fopen(path, "r");
        struct stat st;
        char line[2048];
        cr_assert_not_null(f, "%s", path);
        cr_assert_eq(fstat(fileno(f), &st), 0);
        cr_assert_leq(st.st_size, FILE_BYTES + 64 * 1024, "%s", path);
        while (fgets(line, sizeof(line), f)) {
                unsigned writer, number;
                char end = 0;
                const char *tail = strstr(line, " writer ");
                if (!tail || sscanf(tail, " writer %u line %u%c", &writer, &number, &end) != 3 ||
                    end != '.' || writer >= WRITERS || strncmp(line, "20", 2) != 0)
                        cr_assert_fail("torn line: %.200s", line);
                if (seen[writer] && number != next[writer])
                        cr_assert_fail("writer %u: line %u after %u", writer, number,
                                       next[writer] - 1);
                seen[writer] = true;
                next[writer] = number + 1;
        }
        fclose(f);
}

Test(log, processes_that_share_the_file_rotate_it_and_lose_nothing_within_it) {
        Directory d = directory_new();
        pid_t pids[WRITERS];
        unsigned next[WRITERS] = {0};
        bool seen[WRITERS] = {false};
        log_open("stintd", LOG_TARGET_FILE, d.path);
        for (unsigned i = 0; i < WRITERS; i++)
                if ((pids[i] = fork()) == 0) {
                        /* half of them share the parent's descriptor, half have their own */
                        if (i % 2 == 0)
                                log_open("stintd", LOG_TARGET_FILE, d.path);
                        write_lines(i);
                        _exit(0);
                }
        for (unsigned i = 0; i < WRITERS; i++) {
                int status;
                cr_assert_eq(waitpid(pids[i], &status, 0), pids[i]);
                cr_assert_eq(status, 0);
        }
        check_lines(below(&d, "stintd.log.1"), next, seen);
        check_lines(below(&d, "stintd.log"), next, seen);
        bool last_line_is_there = false;
        for (unsigned i = 0; i < WRITERS; i++) {
                cr_assert(!seen[i] || next[i] == LINES, "writer %u ends with %u", i, next[i]);
                last_line_is_there |= seen[i];
        }
        cr_assert(last_line_is_there);
        directory_done(&d);
}

static void *write_from_thread(void *arg) {
        write_lines(*(unsigned *)arg);
        return NULL;
}

Test(log, threads_share_the_file_too) {
        Directory d = directory_new();
        pthread_t threads[WRITERS];
        unsigned numbers[WRITERS], next[WRITERS] = {0};
        bool seen[WRITERS] = {false};
        log_open("stintd", LOG_TARGET_FILE, d.path);
        for (unsigned i = 0; i < WRITERS; i++) {
                numbers[i] = i;
                cr_assert_eq(pthread_create(&threads[i], NULL, write_from_thread, &numbers[i]), 0);
        }
        for (unsigned i = 0; i < WRITERS; i++)
                pthread_join(threads[i], NULL);
        check_lines(below(&d, "stintd.log.1"), next, seen);
        check_lines(below(&d, "stintd.log"), next, seen);
        directory_done(&d);
}
