/* The tables of commands and options as JSON. The build makes man pages of it, so that they say
 * what the parser does; `--help --json` prints it; tests compare it with the help. */
#pragma once

#include "client/cli/command.h"
#include "client/cli/json.h"

json_t *describe_command(const Command *c);
json_t *describe_all(void);
