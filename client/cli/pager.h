/* Long output on a terminal is shown by a pager, as git does: $STINT_PAGER, else $PAGER, else
 * `less -FRX`, which leaves at once when all of it fits. An empty variable or `cat` means none. */
#pragma once

#include "client/cli/command.h"

/* From here on stdout, and stderr if it is a terminal too, go to the pager; nothing happens where
 * none is wanted: no terminal, --json, --no-pager. Called once there is something to show, so that
 * Ctrl-C stops the waiting before it. */
void pager_start(const Invocation *x);

/* Waits until the person has read all; stdout and stderr are the terminal again. Nothing if there
 * is no pager. What the pager did not want to read is no error. */
void pager_finish(void);

/* Columns of the terminal that stdout, perhaps through a pager, ends at; 0: none. */
size_t terminal_columns(void);

/* stdout is a terminal, perhaps behind a pager. */
bool terminal_is_output(void);
