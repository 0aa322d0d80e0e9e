/* The options that say when and how often a task runs and how it is found again: the same for every
 * command that makes tasks. */
#pragma once

#include "client/cli/options.h"
#include "common/wire.h"

/* First in the args of such a command. */
typedef struct TaskOptions {
        WireTask task; /* kind, labels, summary and payload_size are filled in later */
        WireText labels[WIRE_LABELS_MAX];
        size_t label_count;
} TaskOptions;

extern const OptionGroup task_options;
extern const OptionGroup queue_options; /* --queue, where the queue is no operand */

/* What no single option can tell. 0, or -code. */
int task_options_check(const TaskOptions *o, Error *error);
