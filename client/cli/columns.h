/* Tables for people: columns that fit the terminal, untrusted text escaped, colour only where it is
 * wanted. */
#pragma once

#include "client/cli/command.h"

typedef struct Columns Columns;

typedef enum ColumnKind {
        COLUMN_TEXT,
        COLUMN_NUMBER, /* right-aligned */
        COLUMN_CUT,    /* text, cut where the terminal is too narrow for all columns */
        COLUMN_WIDE,   /* the same, and it takes what the others leave */
} ColumnKind;

typedef struct Column {
        const char *title;
        ColumnKind kind;
        unsigned from_width; /* left out on a terminal with fewer columns than this; 0: never */
} Column;

#define COLUMNS_MAX 16

Columns *columns_new(const Column *columns, size_t n, const GeneralOptions *general);
Columns *columns_free(Columns *c); /* accepts NULL, returns NULL */
DEFINE_CLEANUP(Columns *, columns_free)

void columns_row(Columns *c);
/* Cells of the last row, from left to right. */
void columns_text(Columns *c, const char *text); /* as it is: escaped here */
void columns_number(Columns *c, uint64_t number);
void columns_duration(Columns *c, uint64_t from_usec, uint64_t to_usec); /* "" if from is 0 */
void columns_state(Columns *c, StintState state);                        /* in its colour */

void columns_print(Columns *c); /* nothing if it has no row */

/* On a terminal, unless NO_COLOR or --color say otherwise. */
bool color_is_wanted(const GeneralOptions *general);
/* The SGR sequence of a state, "" for plain; color_end ends it. */
const char *color_of_state(StintState state);
#define COLOR_END "\033[m"
