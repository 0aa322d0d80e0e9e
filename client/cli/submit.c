/* `stint submit`: queue a command, print its id once it is durable. */
#include "client/cli/command-options.h"
#include "client/cli/dry-run.h"
#include "client/cli/submission.h"

static int submit_run(Invocation *x, Error *error) {
        CommandOptions *o = x->args;
        _cleanup_(stint_freep) StintClient *client = NULL;
        _cleanup_(command_task_done) CommandTask command = {0};
        uint64_t id;
        int r = task_options_check(&o->task, error);
        if (r == 0)
                r = command_task_new(o, x->operands, x->operand_count, &command, error);
        if (r == 0 && o->task.dry_run)
                return dry_run_print(x, &o->task, &command.task);
        if (r == 0)
                r = invocation_connect(x, STINT_START_OWN, error, &client);
        if (r == 0)
                r = submit_check_directory(client, command.task.cwd, error);
        if (r == 0)
                r = submit_task(client, &command.task, &id, error);
        return r < 0 ? r : submit_print(x, id, error);
}

const Command command_submit = {
        .name = "submit",
        .summary = "queue a command and print its id",
        .synopsis = "[OPTION…] CMD [ARG…]",
        .description =
                "CMD is executed exactly as given, here and with your umask; a shell reads it "
                "only\n"
                "with --shell. The id is printed once the task is safely on disk. Your own "
                "instance\n"
                "is started if it does not run; it gives tasks your environment. The instance of\n"
                "the system gives them PATH and LANG only, unless --env says otherwise.",
        .groups = {&queue_options, &task_options, &command_options},
        .examples = {"stint submit --timeout 1h --retries 3 make -j4",
                     "stint submit --at 'tomorrow 06:00' --name backup ./backup.sh",
                     "stint submit --queue mail --shell 'sort list | uniq -c >counts'"},
        .operands = OPERANDS_END_OPTIONS,
        .args_size = sizeof(CommandOptions),
        .run = submit_run,
};
