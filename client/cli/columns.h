/* Tables for people: columns that fit the terminal, untrusted text escaped, colour only where it is
 * wanted. */
#pragma once

#include "client/cli/command.h"

typedef struct Columns Columns;

typedef enum ColumnKind {
        COLUMN_TEXT,
        COLUMN_NUMBER, /* right-aligned */
        COLUMN_WIDE,   /* cut to what the terminal leaves */
} ColumnKind;

typedef struct Column {
        const char *title;
        ColumnKind kind;
} Column;

Columns *columns_new(const Column *columns, size_t n, const GeneralOptions *general);
Columns *columns_free(Columns *c); /* accepts NULL, returns NULL */
DEFINE_CLEANUP(Columns *, columns_free)

void columns_row(Columns *c);
/* Cells of the last row, from left to right. */
void columns_text(Columns *c, WireText text); /* as it is: escaped here */
void columns_number(Columns *c, uint64_t number);
void columns_state(Columns *c, TaskState state); /* in its colour */

void columns_print(Columns *c); /* nothing if it has no row */

bool color_is_wanted(const GeneralOptions *general);
