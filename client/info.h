/* Rows of the wire as tasks that a program sees: texts get their NULs, lists their ends. */
#pragma once

#include "client/arena.h"

#include <stint/stint.h>

/* Bytes that info_fill takes from an arena for the texts and labels of a row, at most. */
size_t info_need(const WireRow *row);
void info_fill(const WireRow *row, Arena *a, StintInfo *ret);
