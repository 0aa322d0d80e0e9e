/* What selectors stand for: the ids of tasks that there are, asked of the dispatcher page by page
 * and merged, each once. */
#pragma once

#include "client/cli/options.h"
#include "client/cli/selector.h"
#include "common/table.h"

/* First in the args of every command that takes selectors. */
typedef struct SelectorOptions {
        int all_users;
} SelectorOptions;

extern const OptionGroup selector_options; /* --all-users */

typedef struct Selection {
        Table ids;      /* id -> itself as a pointer that is not NULL */
        uint64_t young; /* tasks that were left out because of ended_before_usec */
} Selection;

/* Which of the tasks that selectors name are meant. */
typedef struct SelectionFilter {
        uint64_t states;            /* mask of 1 << StintState; STATES_ALL */
        uint64_t ended_before_usec; /* 0: whenever; else only tasks that ended before */
        enum { RETRIED_TOO, RETRIED_LEFT_OUT } retried;
        const char *what; /* for messages: "task that has not ended"; NULL: "task" */
} SelectionFilter;

/* Adds what the selectors stand for, of those the ones that pass the filter (NULL: all); but ids,
 * ranges and `last` name tasks whatever their state. Single ids are taken as they are: who uses
 * them hears whether they exist. A selector that nothing matches is an error (65) unless it is
 * `all`. 0, or -code. */
int selection_add(StintClient *client, const SelectorList *selectors, const SelectorOptions *how,
                  const SelectionFilter *filter, Selection *ret, Error *error);
void selection_done(Selection *s);

/* Copies ids from *after + 1 on, at most max; returns how many. *after is the last one of them. */
size_t selection_next(const Selection *s, uint64_t *after, uint64_t *ret, size_t max);

/* All of them, in order, in memory of the caller. NULL with error set. */
uint64_t *selection_ids(const Selection *s, Error *error);

/* The operands of a command as a selection; `last` if there are none. 0, or -code. */
int selection_or_last(StintClient *client, char *const *words, size_t n, const SelectorOptions *how,
                      Selection *ret, Error *error);

/* The operands of a command that changes things, which must name something: parses them before
 * anybody is asked. 0, or -code. */
int selection_named(const char *command, char *const *words, size_t n, SelectorList *ret,
                    Error *error);

/* What commands need to know of a task before they read it. */
typedef struct TaskBrief {
        uint64_t id;
        StintKind kind;
        StintState state;
        unsigned attempt; /* the last one, 0: none yet */
} TaskBrief;
/* 0, or -code: no such task (65). */
int task_brief(StintClient *client, uint64_t id, TaskBrief *ret, Error *error);

/* Its output is asked for: an error that says how to wait (75). */
int task_not_yet(const TaskBrief *task, Error *error);
/* 0 if there was an attempt, else why there is no output: not yet (75), or never (65). */
int task_has_output(const TaskBrief *task, Error *error);
