/* Everything about a task as JSON: what `stint show --json` prints. */
#pragma once

#include "client/cli/json.h"

#include <stint/task.h>

json_t *details_json(const StintDetails *d);
