/* How far a map has come, on one line of a terminal that is drawn over and over, at most four times
 * a second. Whoever writes to the same terminal hides it first; soon after it is drawn again. */
#pragma once

#include "common/time.h"

#include <stdbool.h>
#include <stdint.h>

#define MAP_PROGRESS_USEC        (250 * USEC_PER_MSEC) /* between two drawings, */
#define MAP_PROGRESS_HIDDEN_USEC (50 * USEC_PER_MSEC)  /* or when it was hidden meanwhile */

typedef struct MapProgress {
        int fd; /* -1: nothing is ever drawn */
        bool drawn, hidden;
        usec_t drawn_usec, began_usec;
        uint64_t drawn_done;
        double per_sec; /* an average that forgets */
} MapProgress;

typedef struct MapCounts {
        uint64_t done, failed;
        uint64_t total; /* UINT64_MAX: not known yet */
} MapCounts;

/* fd: where to; -1 or no terminal: nowhere. */
void map_progress_init(MapProgress *p, int fd, usec_t now);

/* When the next drawing is due; USEC_INFINITY: never. */
usec_t map_progress_due(const MapProgress *p);

/* Draws if it is due. counts NULL: there is no room now, later. */
void map_progress_draw(MapProgress *p, const MapCounts *counts, usec_t now);
void map_progress_hide(MapProgress *p);

/* The line without anything of a terminal in buf, which is returned. */
const char *map_progress_text(const MapCounts *counts, double per_sec, char *buf, size_t size);
