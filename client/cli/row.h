/* A task as lists and `show` print it. */
#pragma once

#include "client/cli/columns.h"
#include "client/cli/json.h"

/* Everything in row, as JSON. */
json_t *row_json(const WireRow *row);

/* The table of `stint list`. */
Columns *row_columns(const GeneralOptions *general);
void row_add(Columns *c, const WireRow *row, uint64_t now_usec);

/* Sets object[key] = usec as a number, or null for 0. */
void json_set_time(json_t *object, const char *key, uint64_t usec);
