/* The options that say when and how often a task runs and how it is found again: the same for every
 * command that makes tasks. */
#pragma once

#include "client/cli/options.h"

#include <stdbool.h>
#include <stint/task.h>

#define TASK_LABELS_MAX 16

/* First in the args of such a command. */
typedef struct TaskOptions {
        StintTask task; /* what the options say; what to do is filled in by the command */
        const char *labels[TASK_LABELS_MAX + 1];
        size_t label_count;
        uint64_t at_usec; /* of --at; task.delay_usec is made of it */
        bool dry_run, has_delay;
} TaskOptions;

extern const OptionGroup task_options;
extern const OptionGroup queue_options; /* --queue, where the queue is no operand */

/* Completes o->task and checks what no single option can tell. 0, or -code. */
int task_options_check(TaskOptions *o, Error *error);
