/* Where `stint top` gets what it shows: a dispatcher, which may go away and come back. Nothing in
 * here waits longer than a second or two, and what the user does ends every wait: the library is
 * interrupted by the signals and the keyboard. */
#pragma once

#include "client/cli/command.h"
#include "client/cli/top-model.h"

typedef struct TopSource TopSource;

/* Connects. signals, keys: what ends a wait when it becomes readable; changes to tasks are not
 * given up for keys. 0, or -code with error set. */
int top_source_open(const GeneralOptions *general, int signals, int keys, Error *error,
                    TopSource **ret);
TopSource *top_source_free(TopSource *s); /* accepts NULL, returns NULL */
DEFINE_CLEANUP(TopSource *, top_source_free)

/* Readable: top_source_dispatch has something to do. -1: not connected. */
int top_source_fd(const TopSource *s);
void top_source_dispatch(TopSource *s);
/* Has anything happened since the last refresh? */
bool top_source_is_stale(const TopSource *s);

typedef enum TopRefresh { TOP_REFRESH_DONE, TOP_REFRESH_INTERRUPTED, TOP_REFRESH_AWAY } TopRefresh;
/* Asks for everything that the model shows now; connects again if it must. Away is also told in
 * the model. */
TopRefresh top_source_refresh(TopSource *s, TopModel *m);

/* What came of it is said in the model. */
void top_source_cancel(TopSource *s, TopModel *m, uint64_t id);
void top_source_retry(TopSource *s, TopModel *m, uint64_t id);
/* Fill the page and show it. */
void top_source_details(TopSource *s, TopModel *m, uint64_t id);
void top_source_logs(TopSource *s, TopModel *m, uint64_t id);
