/* The columns of the tables of `stint top`: what a row says in each, how it sorts by it, how wide
 * it is, and on what width of screen it is worth its place. Pure. */
#pragma once

#include "client/cli/top-model.h"

typedef enum TopColumnKind {
        TOP_COLUMN_LEFT,
        TOP_COLUMN_RIGHT,
        TOP_COLUMN_BAR,  /* a bar and then its text */
        TOP_COLUMN_WIDE, /* takes what the others leave */
} TopColumnKind;

#define TOP_BAR_CELLS 8

typedef enum TopTone {
        TOP_TONE_PLAIN,
        TOP_TONE_DIM,
        TOP_TONE_RUNNING,
        TOP_TONE_GOOD,
        TOP_TONE_WARNING,
        TOP_TONE_BAD
} TopTone;

typedef struct TopColumn {
        const char *title;
        TopColumnKind kind;
        unsigned min, max; /* cells */
        unsigned from;     /* shown on screens of at least so many columns */
        /* Its text, in buf or constant; escaped. */
        const char *(*text)(const TopRow *row, uint64_t now_usec, char *buf, size_t size);
        int (*compare)(const TopRow *a, const TopRow *b);
        bool falling;                       /* the greatest first, unless it is reversed */
        TopTone (*tone)(const TopRow *row); /* NULL: plain */
        int (*percent)(const TopRow *row);  /* of a bar; -1: none */
} TopColumn;

const TopColumn *top_columns(TopTableKind kind, size_t *ret_n);
unsigned
top_columns_default(TopTableKind kind); /* the column by which a table is sorted at first */

/* "1234", "123k", "12M": at most five cells. */
const char *top_count_text(uint64_t n, char *buf, size_t size);
