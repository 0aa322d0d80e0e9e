/* The state of the core: every object and every index. Private to dispatcher/core.
 *
 * Memory. What a request needs is allocated before it changes anything, and the request is refused
 * when that fails. What cannot be refused (an end, a task that goes back to its queue) asserts: the
 * process ends and a new dispatcher recovers from the store, which by then has everything that was
 * promised. */
#pragma once

#include "common/table.h"
#include "dispatcher/core/journal.h"
#include "dispatcher/core/slab.h"
#include "dispatcher/core/wait.h"
#include "dispatcher/core/worker.h"

#define MUST(r) ASSERT((r) >= 0) /* memory, where there is no way back */

#define CORE_SIGNAL_TERM  15
#define CORE_SIGNAL_MAX   64
#define CORE_DEATHS_MAX   3u /* workers that may die over one task */
#define CORE_PRIORITY_MAX 100

struct Core {
        const CorePorts *ports;
        void *userdata;
        uint32_t epoch;
        uint32_t run_counter;
        uint8_t store_id[WIRE_UUID];
        uint32_t owner_uid, clients_max;
        uint64_t seed;
        CoreTime now;

        Table tasks;         /* id -> Task */
        Table runs;          /* run id -> Run */
        Table workers;       /* serial -> Worker */
        Table failed_ids;    /* first -> end of ranges that were given out and never stored */
        Table waits_by_task; /* id -> WaitLink */
        Table waits_by_number;
        Slab task_slab, run_slab, ending_slab, link_slab;
        uint64_t next_task_id;
        uint64_t first_own_id; /* tasks below were recovered */

        Queue **queues; /* in order of the configuration, then those that left it */
        size_t queue_count;
        Queue *queues_by_name;
        Pool **pools;
        size_t pool_count;
        bool sweep; /* a queue or pool that left the configuration may be empty */

        Heap delayed; /* all DELAYED tasks */
        Heap worker_timers, idle_clients;

        Client *clients; /* hash by id */
        Client *dirty_clients, *runnable_clients;
        Wait *waits; /* hash by origin */
        Wait *flush;
        size_t wait_links;
        uint64_t wait_counter;

        Journal journal, retry;
        uint64_t ticket;         /* last one given out */
        uint64_t ticket_done;    /* last one reported */
        uint64_t turn;           /* ticket of this turn, if it writes anything: ticket + 1 */
        bool wrote;              /* it does */
        usec_t retry_usec;       /* when ends are written again */
        usec_t start_after_usec; /* a start record could not be written: none before this */

        Run *orphans;             /* recovered runs whose worker is not known yet */
        uint64_t *parked_cancels; /* tasks whose cancel waits for the take-over */
        size_t parked_cancel_count, parked_cancel_capacity;
        uint32_t awaited; /* workers that have yet to answer */
        bool roster_ended, taken_over;
        bool stop_starting, stop_running;
        char *refuse_why;

        CoreCounters counters;
};

/* end.c: how an execution ends. */
void end_cancelled(Core *c, Task *t);            /* waiting or STARTING: gone at once */
void end_lost(Core *c, Run *r, const char *why); /* its worker is dead; frees r */
void end_requeue(Core *c, Task *t); /* RUNNING or STARTING, no run any more: ready, or cancelled */

/* submit.c, cancel.c, purge.c: what client_run_deferred calls. Owns what request brought. */
void submit_do(Core *c, Client *client, const CoreRequest *request, TaskRecord *tasks,
               const uint64_t *delay_usec, size_t n, CoreSubmitWait wait);
void submit_committed(Core *c, const Answer *a);
void submit_undone(Core *c, const Answer *a);
bool submit_id_failed(const Core *c, uint64_t id); /* given out here, and never stored */
void cancel_do(Core *c, Client *client, const CoreRequest *request, const uint64_t *ids, size_t n,
               const uint64_t *unknown, size_t unknown_count, int signal);
void purge_do(Core *c, Client *client, const CoreRequest *request, const uint64_t *ids,
              const uint8_t *found, size_t n);
bool cancel_must_wait(const Core *c, const uint64_t *ids, size_t n);
void cancel_committed(Core *c, const Outcome *o);
void cancel_write_again(Core *c, const Outcome *o);
void cancel_stop_run(Core *c, Run *r); /* tells its worker, if the cancel is durable */

/* sync.c */
void sync_worker_gone(Core *c,
                      Worker *w); /* answered or dead: the take-over waits for it no more */

/* takeover.c */
void takeover_try_complete(Core *c);
void takeover_park_cancel(Core *c, uint64_t task_id);

/* config.c */
void config_sweep(Core *c); /* frees what left the configuration and is empty */

/* schedule.c */
void schedule(Core *c);
