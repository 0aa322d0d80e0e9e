/* Helper programs, opened together and executed from their descriptors: what runs stays of one
 * package even while another is being installed. New ones can be opened on trial: the old ones stay
 * open until it is known which to keep. */
#pragma once

#include "common/error.h"

#include <stdbool.h>

#define BINARIES_MAX 4

typedef struct BinarySet {
        int fds[BINARIES_MAX]; /* in the order of the names; only count are open */
        size_t count;
        uint64_t number; /* of the opening, from 1, never used twice; 0: nothing is open */
} BinarySet;

typedef struct Binaries {
        const char *const *names; /* set by the owner, the first count of them */
        size_t count;
        BinarySet now, before; /* to execute; the old ones during a trial, else none */
        uint64_t openings;
} Binaries;

/* Opens the helpers (common/paths.h says where they are): the first, or a trial. All or none; not
 * during a trial. 0 or negative exit code. */
int binaries_open(Binaries *b, Error *error);
bool binaries_on_trial(const Binaries *b);
void binaries_keep(Binaries *b); /* the trial was good, or there was none: only the new ones stay */
void binaries_revert(Binaries *b); /* the trial failed: the old ones are in force again */
void binaries_close(Binaries *b);  /* accepts one that is zeroed but for names and count */
