/* `stint map`: one task per input, in place of xargs and GNU parallel. See map.h for how it works.
 */
#include "client/cli/map.h"

#include "client/cli/command-options.h"
#include "client/cli/command.h"
#include "client/cli/submission.h"
#include "common/text.h"

#include <poll.h>
#include <string.h>

#define INPUTS_FOLLOW ":::"

typedef struct MapOptions {
        CommandOptions command; /* first: the options of tasks fill it */
        MapSettings settings;
        const char *file; /* NULL: stdin, or what follows `:::` */
        const char *call; /* NULL: a command */
        enum { MAP_LINES, MAP_NULS } records;
} MapOptions;

/* ---- options ---- */

static const char *set_null(void *target, const char *value) {
        ((MapOptions *)target)->records = MAP_NULS;
        return NULL;
}

static const char *set_arg_file(void *target, const char *value) {
        ((MapOptions *)target)->file = value;
        return value[0] ? NULL : "names no file: write a path, or - for stdin";
}

static const char *set_jobs(void *target, const char *value) {
        uint64_t *jobs = &((MapOptions *)target)->settings.jobs;
        return u64_parse(value, jobs) < 0 || !*jobs || *jobs > MAP_JOBS_MAX
                       ? "is no number of tasks: write 1 to 65536"
                       : NULL;
}

static const char *set_call(void *target, const char *value) {
        ((MapOptions *)target)->call = value;
        return name_is_valid(value)
                       ? NULL
                       : "is no name of a queue: write 1 to 64 characters of A-Z a-z 0-9 _ . -";
}

static const char *set_keep_order(void *target, const char *value) {
        ((MapOptions *)target)->settings.order = MAP_IN_ORDER;
        return NULL;
}

static const char *set_unordered(void *target, const char *value) {
        ((MapOptions *)target)->settings.order = MAP_UNORDERED;
        return NULL;
}

static const char *set_tag(void *target, const char *value) {
        ((MapOptions *)target)->settings.tag = MAP_TAGGED;
        return NULL;
}

static const char *set_fail_fast(void *target, const char *value) {
        ((MapOptions *)target)->settings.halt = MAP_UNTIL_FAILURE;
        return NULL;
}

static const char *set_no_progress(void *target, const char *value) {
        ((MapOptions *)target)->settings.progress = MAP_NO_PROGRESS;
        return NULL;
}

static const Option input_rows[] = {
        {"null", '0', NULL, "inputs end with NUL bytes, not with newlines", set_null},
        {"arg-file", 'a', "FILE|-", "read the inputs from FILE (default: stdin)", set_arg_file},
        {"call", 0, "QUEUE", "no CMD: each input is a message to QUEUE", set_call},
};
static const OptionGroup input_options = {"Inputs", input_rows, ARRAY_SIZE(input_rows)};

static const Option map_rows[] = {
        {"jobs", 'j', "N", "at most N run at once (default: as many as there are workers)",
         set_jobs},
        {"keep-order", 'k', NULL, "outputs in the order of inputs (default)", set_keep_order},
        {"unordered", 0, NULL, "outputs as tasks end", set_unordered},
        {"tag", 0, NULL, "each line of output behind the input and a TAB", set_tag},
        {"fail-fast", 0, NULL, "at the first failure cancel the rest", set_fail_fast},
        {"no-progress", 0, NULL, "no line about the progress on a terminal", set_no_progress},
};
static const OptionGroup map_options = {"Map", map_rows, ARRAY_SIZE(map_rows)};

/* ---- operands ---- */

/* What the words on the command line say. */
typedef struct MapOperands {
        char **words; /* of the command */
        size_t word_count;
        MapInputOptions input;
} MapOperands;

static int split_operands(const Invocation *x, const MapOptions *o, MapOperands *ret,
                          Error *error) {
        size_t at = 0;
        *ret = (MapOperands){
                .words = x->operands,
                .input = {.file = o->file, .separator = o->records == MAP_NULS ? '\0' : '\n'}};
        while (at < x->operand_count && strcmp(x->operands[at], INPUTS_FOLLOW) != 0)
                at++;
        ret->word_count = at;
        if (at == x->operand_count)
                return 0;
        x->operands[at++] = NULL; /* the command's words end here */
        ret->input.operands = x->operands + at;
        ret->input.operand_count = x->operand_count - at;
        for (; at < x->operand_count; at++)
                if (strcmp(x->operands[at], INPUTS_FOLLOW) == 0)
                        return error_set(error, EXIT_USAGE,
                                         "::: stands twice: give one list of inputs, or quote it "
                                         "in a file with --arg-file");
        return o->file ? error_set(error, EXIT_USAGE,
                                   "inputs are given twice, with --arg-file and behind :::")
                       : 0;
}

static int check_usage(const Invocation *x, const MapOptions *o, const MapOperands *operands,
                       Error *error) {
        const CommandOptions *c = &o->command;
        bool reads_stdin = !operands->input.operands && (!o->file || strcmp(o->file, "-") == 0);
        if (x->general.json)
                return error_set(error, EXIT_USAGE,
                                 "map prints what its tasks print, not JSON: give them a --group "
                                 "and look at them with `stint list --json group:NAME`");
        if (c->stdin_from && strcmp(c->stdin_from, "-") == 0 && reads_stdin)
                return error_set(error, EXIT_USAGE,
                                 "stdin cannot be both the inputs and what tasks read: use "
                                 "--arg-file or :::");
        if (!o->call)
                return 0;
        if (operands->word_count)
                return error_set(error, EXIT_USAGE,
                                 "--call takes no command, but `%s` is given: inputs go behind :::",
                                 operands->words[0]);
        if (c->task.task.queue)
                return error_set(error, EXIT_USAGE,
                                 "--call names the queue already: leave out --queue");
        return 0;
}

/* ---- --dry-run ---- */

static int print_words(const char *const *words, size_t count, Error *error) {
        size_t size = 16;
        for (size_t i = 0; i < count; i++)
                size += 4 * strlen(words[i]) + 3; /* a quote within quotes takes four bytes */
        _cleanup_(freep) char *line = malloc(size);
        if (!line)
                return error_set(error, EXIT_SOFTWARE, "out of memory");
        printf("%s\n", text_shell_quote((char *const *)(uintptr_t)words, count, line, size));
        return 0;
}

static int print_task(const MapOptions *o, MapWords *words, const char *input, size_t size,
                      Error *error) {
        const char *call[] = {"stint", "call", o->call, input};
        if (!words)
                return print_words(call, ARRAY_SIZE(call), error);
        size_t count;
        const char *const *argv = map_words_fill(words, input, size, &count);
        return argv ? print_words(argv, count, error)
                    : error_set(error, EXIT_SOFTWARE, "out of memory");
}

static int dry_run(const MapOptions *o, MapInput *in, MapWords *words, Error *error) {
        const char *input;
        size_t size;
        int r = 0;
        while (r == 0) {
                MapInputState state = map_input_next(in, &input, &size);
                if (state == MAP_INPUT_END)
                        return 0;
                if (state == MAP_INPUT_TAKEN)
                        r = print_task(o, words, input, size, error);
                else if (poll(&(struct pollfd){.fd = map_input_fd(in), .events = POLLIN}, 1, -1) >
                         0)
                        r = map_input_read(in, error);
        }
        return r;
}

/* ---- the command ---- */

static int map_tasks(const Invocation *x, const MapSettings *settings, MapInput *in, Error *error) {
        _cleanup_(stint_freep) StintClient *client = NULL;
        int r = invocation_connect(x, STINT_START_OWN, error, &client);
        if (r == 0 && settings->words)
                r = submit_check_directory(client, settings->task->cwd, error);
        if (r < 0)
                return r;
        Map m = {.settings = *settings, .client = client, .input = in, .error = error};
        return map_run(&m);
}

static int map_inputs(const Invocation *x, MapOptions *o, const MapOperands *operands,
                      Error *error) {
        _cleanup_(command_task_done) CommandTask command = {0};
        _cleanup_(map_input_freep) MapInput *in = NULL;
        _cleanup_(map_words_freep) MapWords *words = NULL;
        MapSettings *settings = &o->settings;
        int r = 0;
        settings->task = &o->command.task.task;
        if (o->call) {
                o->command.task.task.queue = o->call;
        } else {
                bool shell = o->command.execution == COMMAND_BY_SHELL;
                r = command_task_new(&o->command, operands->words, operands->word_count, &command,
                                     error);
                if (r < 0)
                        return r;
                settings->task = &command.task;
                words = map_words_new(operands->words, operands->word_count,
                                      shell ? MAP_WORDS_BY_SHELL : MAP_WORDS_EXACT);
                if (!words)
                        return error_set(error, EXIT_SOFTWARE, "out of memory");
                settings->words = words;
        }
        r = map_input_new(&operands->input, error, &in);
        if (r < 0)
                return r;
        return o->command.task.dry_run ? dry_run(o, in, words, error)
                                       : map_tasks(x, settings, in, error);
}

static int map_command(Invocation *x, Error *error) {
        MapOptions *o = x->args;
        MapOperands operands;
        int r = split_operands(x, o, &operands, error);
        if (r == 0)
                r = check_usage(x, o, &operands, error);
        if (r == 0)
                r = task_options_check(&o->command.task, error);
        if (r == 0)
                r = map_inputs(x, o, &operands, error);
        return r < 0 && r != -EXIT_USAGE ? -EXIT_STINT_FAILED : r;
}

const Command command_map = {
        .name = "map",
        .summary = "one task per input, outputs in order",
        .synopsis = "[OPTION…] CMD [ARG…] [::: INPUT…]",
        .description =
                "Inputs are the lines of stdin, or what --null, --arg-file or ::: say; an empty "
                "line\n"
                "is an empty input. {} in CMD or an ARG is replaced by the input; without it the\n"
                "input is the last ARG. With --shell too an input is always one word, and is "
                "never\n"
                "executed. Each output is printed whole, that of the last attempt if a task is\n"
                "retried. Exits with 0 if all tasks succeeded, 1 if some failed, 125 if stint "
                "itself\n"
                "fails. Ctrl-C cancels what has not ended, a second one leaves at once.",
        .groups = {&input_options, &map_options, &queue_options, &task_options, &command_options},
        .examples = {"find . -name '*.wav' -print0 | stint map -0 --retries 2 oggenc {}",
                     "stint map -j 4 --tag ping -c1 ::: host1 host2 host3",
                     "stint map --shell 'gzip -dc {} | wc -l' ::: logs/*.gz"},
        .operands = OPERANDS_END_OPTIONS,
        .args_size = sizeof(MapOptions),
        .run = map_command,
};
