/* A configuration in the making: the Config, and what to remember until it is whole. */
#pragma once

#include "config/parse.h"
#include "config/schema.h"

typedef struct Draft {
        Config *config;
        enum { QUEUES_BUILT_IN, QUEUES_GIVEN } queues;
        enum { POOLS_BUILT_IN, POOLS_GIVEN } pools;
        Report *report;
} Draft;

/* A draft that holds the table's fallbacks, no queue and no pool. 0 or -ENOMEM (also in report). */
int draft_init(Draft *d, Report *report);
void draft_done(Draft *d);

/* Lays a file's tree over the draft: scalars replace, queues and pools are added. Findings go to
 * the report; only lack of memory is returned. The tree's places must outlive the draft. */
int draft_apply(Draft *d, const Node *root);

/* Adds what is built in where no file has queues or pools. 0 or -ENOMEM. */
int draft_complete(Draft *d);

/* What only the whole can show: names that lead nowhere, queues that nobody serves. */
void draft_check(Draft *d);

/* What only this machine can show: a group that it does not know. */
void draft_check_machine(Draft *d);
