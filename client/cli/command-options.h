/* The options of a command task, and turning them with its words into what the worker executes. */
#pragma once

#include "client/cli/environment.h"
#include "client/cli/task-options.h"

/* The args of submit and run. */
typedef struct CommandOptions {
        TaskOptions task;
        EnvironmentOptions environment;
        const char *stdin_from; /* NULL: /dev/null; "-": ours; else a file */
        const char *cwd;        /* NULL: ours */
        enum { COMMAND_EXACT, COMMAND_BY_SHELL } execution;
} CommandOptions;

extern const OptionGroup command_options;

/* A command task that is ready to be submitted; words and options must outlive it. */
typedef struct CommandTask {
        StintTask task;
        const char *shell[4];
        char *joined, *cwd, *stdin_file, *stdin_bytes;
} CommandTask;

/* words: count of them, then NULL. Reads stdin, if that is asked for. After task_options_check. 0,
 * or -code. */
int command_task_new(const CommandOptions *o, char **words, size_t count, CommandTask *ret,
                     Error *error);
void command_task_done(CommandTask *t);

/* Is word the name of a command that exists? With blanks in it, it is more likely a line that was
 * meant for a shell. directory: where a relative path begins. */
typedef enum CommandWord { COMMAND_WORD_PLAIN, COMMAND_WORD_FOR_SHELL } CommandWord;
CommandWord command_word(const char *word, const char *directory, const char *path);
