/* What selectors stand for: the ids of tasks that there are, asked of the dispatcher page by page
 * and merged, each once. */
#pragma once

#include "client/cli/selector.h"
#include "client/session.h"
#include "common/table.h"

typedef struct Selection {
        Table ids; /* id -> itself as a pointer that is not NULL */
} Selection;

/* Which of the tasks that a selector names are meant. */
#define STATES_ALL 0u
#define STATES_UNENDED                                                                             \
        (1u << TASK_BLOCKED | 1u << TASK_DELAYED | 1u << TASK_HELD | 1u << TASK_READY |            \
         1u << TASK_RUNNING)

/* Adds what the selectors stand for, of those the ones in a state of the mask; but ids, ranges and
 * `last` name tasks whatever their state. Single ids are taken as they are: who uses them hears
 * whether they exist. A selector that nothing matches is an error
 * (65) unless it is `all`. 0, or -code. */
int selection_add(Session *s, const SelectorList *selectors, uint64_t states, Selection *ret,
                  Error *error);
void selection_done(Selection *s);

/* Copies ids from *after + 1 on, at most max; returns how many. *after is the last one of them. */
size_t selection_next(const Selection *s, uint64_t *after, uint64_t *ret, size_t max);

/* What commands need to know of a task before they read it. */
typedef struct TaskBrief {
        uint64_t id;
        TaskKind kind;
        TaskState state;
        uint64_t attempt; /* the last one, 0: none yet */
} TaskBrief;
/* 0, or -code: no such task (65). */
int task_brief(Session *s, uint64_t id, TaskBrief *ret, Error *error);

/* The operands of a command as a selection; `last` if there are none. 0, or -code. */
int selection_or_last(Session *s, char *const *words, size_t n, Selection *ret, Error *error);
