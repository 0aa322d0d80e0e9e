/* Commands that change tasks: what they are asked to change, and what came of it. */
#pragma once

#include "client/cli/command.h"
#include "client/cli/json.h"
#include "client/cli/selection.h"

/* Connects and looks up what the operands from `first` on name; naming nothing is refused. */
int outcome_select(const Invocation *x, size_t first, const SelectionFilter *filter,
                   StintClient **ret_client, Selection *ret, Error *error);

/* 0, or the error for tasks that belong to others (77) or do not exist (65). */
int outcome_error(const StintOutcome *o, Error *error);

/* {noun: {done: …, other: …, "unknown": …, "denied": …}}, to which a command may add. */
json_t *outcome_json(const StintOutcome *o, const char *done, const char *other);
