/* The command line of a daemon: getopt_long(3) with long options alone and errors that help. */
#pragma once

#include "common/error.h"

#include <getopt.h>

#define OPTIONS_END (-1)

/* The next option as getopt_long gives it (its value in optarg), OPTIONS_END, or -EXIT_USAGE with
 * error set: unknown ones get the nearest known one, operands are refused. program: for hints. */
int options_next(int argc, char **argv, const struct option options[], const char *program,
                 Error *error);
