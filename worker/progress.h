/* What a command tells about how far it is: lines such as `42% resizing` on the descriptor that
 * STINT_PROGRESS_FD names. One pipe serves all runs of a slot, one after the other, so that a task
 * costs no more than a dup2 and the read that finds the pipe empty at its end: whoever could write
 * for a run is dead by then (docs/decisions, "leftover processes"), so nothing is taken for the
 * next one's.
 *
 * A line is `N%` or `N.N%`, 0 to 100, with an optional text after a blank. Anything else is
 * ignored. The latest one counts. */
#pragma once

#include "common/wire.h"

#include <stdbool.h>

typedef struct ProgressReport {
        bool told;
        unsigned percent; /* 0 … 100, rounded down */
        size_t text_size;
        char text[WIRE_PROGRESS_MAX]; /* cut at a whole UTF-8 character */
} ProgressReport;

typedef struct Progress {
        int reader, writer; /* reader: non-blocking; writer: becomes the command's */
        bool used;          /* by the run that is on */
        size_t line_size;
        char line[WIRE_PROGRESS_MAX + 32]; /* the beginning of the line that comes in; the rest of a
                                              longer one is not kept */
        ProgressReport latest;             /* of the run that is on */
} Progress;

#define PROGRESS_NONE ((Progress){.reader = -1, .writer = -1})

int progress_open(Progress *p); /* 0 or negative errno; then p is PROGRESS_NONE */
void progress_done(Progress *p);

/* Reads what is there, bounded: one turn's worth. true: p->latest has changed. */
bool progress_read(Progress *p);

/* Between two runs: empties the pipe and forgets. */
void progress_reset(Progress *p);
