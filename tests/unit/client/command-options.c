/* From the words of a command line to what the worker executes. */
#include "client/cli/command-options.h"

#include "common/wire-schema.h" /* bounds */

#include <criterion/criterion.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static CommandOptions options;
static CommandTask task;
static Error error;

static void clear(void) {
        command_task_done(&task);
        memset(&options, 0, sizeof options);
}

TestSuite(command_task, .init = clear, .fini = clear);

static int make(char **words, size_t n) {
        command_task_done(&task);
        return command_task_new(&options, words, n, &task, &error);
}

Test(command_task, argv_is_exact) {
        char *words[] = {"printf", "%s\n", "a b", "", "$HOME", NULL};
        cr_assert_eq(make(words, 5), 0);
        for (size_t i = 0; i < 5; i++)
                cr_assert_str_eq(task.task.argv[i], words[i]);
        cr_assert_null(task.task.argv[5]);
}

Test(command_task, directory_and_umask_are_ours_unless_said) {
        char here[4096], *words[] = {"true", NULL};
        cr_assert_not_null(getcwd(here, sizeof here));
        mode_t before = umask(027);
        cr_assert_eq(make(words, 1), 0);
        cr_assert_str_eq(task.task.cwd, here);
        cr_assert_eq(task.task.umask, 027);
        cr_assert_eq(umask(before), 027, "asking for it does not change it");
        options.cwd = "below";
        options.task.task.umask = 0;
        options.task.task.flags |= STINT_UMASK;
        cr_assert_eq(make(words, 1), 0);
        cr_assert_str_eq(task.task.cwd + strlen(here), "/below");
        cr_assert_eq(task.task.umask, 0);
}

Test(command_task, stdin_file_is_found_from_anywhere) {
        char here[4096], *words[] = {"cat", NULL};
        cr_assert_not_null(getcwd(here, sizeof here));
        options.stdin_from = "input";
        cr_assert_eq(make(words, 1), 0);
        cr_assert_str_eq(task.task.stdin_file + strlen(here), "/input");
}

static void stdin_holds(size_t size) {
        FILE *f = tmpfile();
        cr_assert_not_null(f);
        cr_assert_eq(ftruncate(fileno(f), (off_t)size), 0);
        cr_assert_eq(dup2(fileno(f), STDIN_FILENO), STDIN_FILENO);
        fclose(f);
        options.stdin_from = "-";
}

Test(command_task, stdin_is_sent_up_to_a_mebibyte) {
        char *words[] = {"cat", NULL};
        stdin_holds(WIRE_STDIN_MAX);
        cr_assert_eq(make(words, 1), 0);
        cr_assert_eq(task.task.stdin_size, WIRE_STDIN_MAX);
        stdin_holds(WIRE_STDIN_MAX + 1);
        cr_assert_eq(make(words, 1), -EXIT_DATA);
        cr_assert_not_null(strstr(error.text, "--stdin FILE"), "%s", error.text);
}

Test(command_task, nothing_to_execute_is_refused) {
        char *words[] = {"", NULL};
        cr_assert_eq(make(words, 0), -EXIT_USAGE);
        cr_assert_eq(make(words, 1), -EXIT_USAGE);
}

Test(command_task, a_line_in_one_word_names_the_shell) {
        char *words[] = {"ls -l | wc", NULL};
        cr_assert_eq(make(words, 1), -EXIT_USAGE);
        cr_assert_not_null(strstr(error.text, "--shell"), "%s", error.text);
}

Test(command_task, shell_gets_the_words_joined) {
        char *words[] = {"ls", "*.c", "|", "wc -l", NULL};
        options.execution = COMMAND_BY_SHELL;
        cr_assert_eq(make(words, 4), 0);
        cr_assert_str_eq(task.task.argv[0], "/bin/sh");
        cr_assert_str_eq(task.task.argv[1], "-c");
        cr_assert_str_eq(task.task.argv[2], "ls *.c | wc -l");
        cr_assert_null(task.task.argv[3]);
}

/* ---- a command with blanks in its name ---- */

Test(command_word, blanks_are_fine_in_the_name_of_a_file) {
        char directory[] = "/tmp/stint-test-XXXXXX", path[64];
        cr_assert_not_null(mkdtemp(directory));
        snprintf(path, sizeof path, "%s/my tool", directory);
        fclose(fopen(path, "w"));
        cr_assert_eq(command_word(path, "/", NULL), COMMAND_WORD_PLAIN);
        cr_assert_eq(command_word("./my tool", directory, NULL), COMMAND_WORD_PLAIN);
        cr_assert_eq(command_word("my tool", "/", directory), COMMAND_WORD_PLAIN);
        cr_assert_eq(command_word("my tool", "/", "/nowhere:"), COMMAND_WORD_FOR_SHELL);
        cr_assert_eq(command_word("./my tool", "/", directory), COMMAND_WORD_FOR_SHELL);
        unlink(path);
        cr_assert_eq(command_word(path, "/", NULL), COMMAND_WORD_FOR_SHELL);
        rmdir(directory);
}

Test(command_word, others_are_not_looked_up) {
        cr_assert_eq(command_word("surely-not-there", "/", NULL), COMMAND_WORD_PLAIN);
}
