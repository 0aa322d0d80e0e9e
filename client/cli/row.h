/* A task as lists and `show` print it. */
#pragma once

#include "client/cli/columns.h"
#include "client/cli/json.h"

/* Everything in info, as JSON. */
json_t *row_json(const StintInfo *info);

/* KEY=VALUE, NULL-terminated (NULL: none), as an object. */
json_t *labels_json(const char *const *labels);

/* The table of `stint list`. */
Columns *row_columns(const GeneralOptions *general);
void row_add(Columns *c, const StintInfo *info, uint64_t now_usec);
