/* Room on the disk that the store writes to: says when submits are to be refused, and keeps a
 * ballast file that is given back when the disk is full, so that ends of running tasks can still be
 * written. Used by the store's thread only. */
#pragma once

#include "common/error.h"
#include "common/time.h"

#include <limits.h>
#include <stdbool.h>

#define SPACE_RESERVE_MIN   ((uint64_t)64 << 20)
#define SPACE_BALLAST_BYTES ((uint64_t)8 << 20)
#define SPACE_CHECK_USEC    USEC_PER_SEC
#define SPACE_CHECK_BYTES   ((uint64_t)8 << 20) /* written since the last look: look again */

typedef struct Space {
        char directory[PATH_MAX]; /* "": nothing is watched */
        char ballast[PATH_MAX];
        bool low;
        bool exhausted; /* a write failed; until the ballast is back */
        usec_t checked_usec;
        uint64_t written_bytes;
} Space;

/* What must stay free on a filesystem of total bytes, and whether that is undercut. Pure. */
uint64_t space_reserve(uint64_t total_bytes);
bool space_is_low(uint64_t free_bytes, uint64_t total_bytes);

/* directory NULL: a space that is never low. */
void space_init(Space *p, const char *directory);

/* So many bytes were written: the next look may come sooner. */
void space_note_written(Space *p, uint64_t bytes);

/* Looks when it is time, now on the monotonic clock. True when p->low has changed; text
 * (ERROR_TEXT_MAX) then says why submits are refused, "" when they may go on. */
bool space_check(Space *p, usec_t now, char *text);

/* Before there is a store: gives the ballast in directory back if the disk is full and there is
 * one. True: opening may be tried again, and the new Space is exhausted. */
bool space_make_room(const char *directory);

/* The disk is full: gives the ballast back, and is low until it is there again. The next
 * space_check looks at once. */
void space_exhausted(Space *p);

/* How long until space_check wants to look although nothing is written: USEC_INFINITY unless low.
 */
usec_t space_delay(const Space *p, usec_t now);
