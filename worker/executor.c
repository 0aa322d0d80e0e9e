/* See executor.h. */
#include "worker/executor.h"

#include "common/log.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <utlist.h>

#define STARTED_MAX 64 /* collected for one STARTED */

/* While more runs wait here, ends are collected for so long: a message for each would wake two
 * processes a command. Who waits for one end waits that much longer at most, and only then. */
#define ENDS_COLLECT_USEC (8 * USEC_PER_MSEC)

struct Executor {
        sd_event *event;
        sd_event_source *settle;
        const WorkerIdentity *identity;
        const Handler *handler;
        void *handler_state;
        Link *link;
        Ledger *ledger;
        Run *started; /* list */
        bool draining;

        WireStartedItem announced[STARTED_MAX];
        size_t announced_count;
        uint64_t sent;    /* cursor of ledger_next_ended: ends up to here have been sent */
        usec_t sent_usec; /* when ends were last sent */
};

static void fail(Executor *e, const char *what, int error) {
        log_error("%s: %s; the worker leaves, its runs are given out again", what,
                  strerror(-error));
        executor_kill_all(e);
        (void)sd_event_exit(e->event, EXIT_FAILURE);
}

/* ---- runs ---- */

static void log_run(const Run *run, const char *what) {
        const WorkerIdentity *identity = run->executor->identity;
        char task[32], id[32], worker[32];
        if (identity->log_level < LOG_DEBUG)
                return;
        (void)snprintf(task, sizeof task, "TASK=%" PRIu64, run->task_id);
        (void)snprintf(id, sizeof id, "RUN=%016" PRIx64, run->run_id);
        (void)snprintf(worker, sizeof worker, "WORKER=%" PRIu64, identity->serial);
        log_write(LOG_DEBUG, (const char *const[]){task, id, worker, NULL}, "%s", what);
}

static void run_free(Run *run) {
        blob_slice_drop(&run->environment);
        blob_slice_drop(&run->payload);
        blob_slice_drop(&run->end.out);
        blob_slice_drop(&run->end.err);
        blob_slice_drop(&run->end.result);
        free(run->end_detail);
        free(run);
}

static void on_dropped(void *owner, LedgerRunState state, void *userdata) {
        run_free(owner);
}

static Run *run_new(Executor *e, const WireRunItem *item, BlobSlice environment,
                    BlobSlice payload) {
        Run *run = calloc(1, sizeof *run);
        if (!run)
                return NULL;
        run->executor = e;
        run->run_id = item->run_id;
        run->task_id = item->task_id;
        run->attempt = (uint32_t)item->attempt;
        run->kind = (TaskKind)item->kind;
        memcpy(run->queue, item->queue.data, item->queue.size); /* the schema bounds it */
        run->timeout_usec = item->timeout_usec;
        run->grace_usec = item->grace_usec;
        run->environment = blob_slice_ref(environment);
        run->payload = blob_slice_ref(payload);
        run->end.item.run_id = item->run_id;
        run->end.item.task_id = item->task_id;
        return run;
}

void run_set_result(Run *run, TaskState state, EndReason reason, int64_t code) {
        run->end.item.state = state;
        run->end.item.reason = reason;
        run->end.item.code = code;
}

void run_add_detail(Run *run, const char *format, ...) {
        char text[WIRE_TEXT_MAX + 1];
        const char *before = run->end_detail ? run->end_detail : "";
        int n = snprintf(text, sizeof text, "%s%s", before, *before ? "; " : "");
        if (n >= 0 && (size_t)n < sizeof text) {
                va_list arguments;
                va_start(arguments, format);
                (void)vsnprintf(text + n, sizeof text - (size_t)n, format, arguments);
                va_end(arguments);
        }
        char *copy = strdup(text);
        if (!copy)
                return; /* the result itself is what counts */
        free(run->end_detail);
        run->end_detail = copy;
}

void run_announce(Run *run, usec_t started_usec, pid_t pid) {
        Executor *e = run->executor;
        if (e->announced_count == STARTED_MAX)
                return; /* only news: its END tells the same */
        e->announced[e->announced_count++] = (WireStartedItem){
                .run_id = run->run_id, .started_usec = started_usec, .pid = (uint64_t)pid};
}

static int send_started(Executor *e) {
        if (e->announced_count == 0)
                return 0;
        size_t n = e->announced_count;
        e->announced_count = 0;
        return link_send_started(e->link, e->announced, n);
}

/* At once, so that an END cannot come before it; rare enough for a message of its own. */
void run_tell_progress(Run *run, unsigned percent, WireText text) {
        Executor *e = run->executor;
        WireProgressItem item = {.run_id = run->run_id, .percent = percent, .text = text};
        int r = send_started(e);
        if (r == 0)
                r = link_send_progress(e->link, &item);
        if (r < 0)
                fail(e, "cannot tell the dispatcher of progress", r);
}

void run_end(Run *run) {
        Executor *e = run->executor;
        log_run(run, "run ended");
        if (run->entry->state == LEDGER_STARTED)
                DL_DELETE(e->started, run);
        blob_slice_drop(&run->environment);
        blob_slice_drop(&run->payload);
        run->end.item.detail = wire_text(run->end_detail);
        (void)ledger_ended(e->ledger, run->entry); /* may free run */
}

/* Ends a run that never started. */
static void run_end_unstarted(Run *run, StopWhy why) {
        run->end.item.started_usec = time_now_realtime();
        if (why == STOP_CANCEL)
                run_set_result(run, TASK_CANCELLED, REASON_CANCELLED, 0);
        else
                run_set_result(run, TASK_READY, REASON_INTERRUPTED, 0);
        run_end(run);
}

/* The dispatcher shows a run that it has pushed as running, and says so to whoever signals it: such
 * a signal is not lost because another run was before it. Again and again the entry is looked up:
 * each may end the run. */
static void run_signal_late(Executor *e, uint64_t run_id, uint64_t signals) {
        for (int signal = 1; signals; signal++, signals >>= 1) {
                const LedgerEntry *entry = ledger_get(e->ledger, run_id);
                if (!entry || entry->state != LEDGER_STARTED || !e->handler->signal)
                        return;
                if (signals & 1)
                        e->handler->signal(e->handler_state, entry->owner, signal);
        }
}

static void run_start(Executor *e, Run *run) {
        uint64_t run_id = run->run_id, signals = run->signals;
        log_run(run, "run started");
        ledger_started(e->ledger, run->entry);
        DL_APPEND(e->started, run);
        if (run->kind == e->handler->kind) {
                e->handler->start(e->handler_state, run);
                run_signal_late(e, run_id, signals);
                return;
        }
        run->end.item.started_usec = time_now_realtime();
        run_set_result(run, TASK_FAILED, REASON_HANDLER, 0);
        run_add_detail(run, "pool %s has the handler %s, which takes no %s tasks",
                       e->identity->pool, e->handler->name,
                       run->kind == TASK_KIND_COMMAND ? "command" : "message");
        run_end(run);
}

/* ---- what the dispatcher says ---- */

static void stop_all_foreign(Executor *e) {
        Run *run, *next;
        DL_FOREACH_SAFE(e->started, run, next) {
                if (e->handler->stop)
                        e->handler->stop(e->handler_state, run, STOP_FOREIGN, SIGKILL);
        }
}

static void on_sync(void *userdata, const WireSync *sync) {
        Executor *e = userdata;
        WireHello hello;
        switch (ledger_on_sync(e->ledger, sync)) {
        case LEDGER_SYNC_STALE:
                return;
        case LEDGER_SYNC_FOREIGN:
                log_warning("the dispatcher has another store: what runs here is nobody's and is "
                            "killed");
                stop_all_foreign(e);
                return;
        case LEDGER_SYNC_ANSWER:
                break;
        }
        log_debug("SYNC %" PRIu64 ".%" PRIu64 ": %zu running, %zu unacked", sync->epoch, sync->n,
                  ledger_count(e->ledger, LEDGER_STARTED), ledger_count(e->ledger, LEDGER_ENDED));
        e->sent = 0;
        if (!ledger_hello(e->ledger, &hello))
                return;
        int r = link_send_hello(e->link, &hello);
        if (r < 0)
                fail(e, "cannot answer SYNC", r);
}

static void on_run(void *userdata, uint64_t epoch, uint64_t n, const WireRunItem *item,
                   BlobSlice environment, BlobSlice payload) {
        Executor *e = userdata;
        Run *run = run_new(e, item, environment, payload);
        int r = run ? ledger_add(e->ledger, epoch, n, run->run_id, run->task_id, run) : -ENOMEM;
        if (r < 0) {
                if (run)
                        run_free(run);
                log_debug("run %016" PRIx64 " is not taken: %s", item->run_id, strerror(-r));
                return;
        }
        run->entry = ledger_get(e->ledger, run->run_id);
}

static void on_ack(void *userdata, uint64_t run_id) {
        Executor *e = userdata;
        ledger_ack(e->ledger, run_id);
}

static void on_stop(void *userdata, const WireStop *stop) {
        Executor *e = userdata;
        LedgerEntry *entry = ledger_get(e->ledger, stop->run_id);
        if (!entry || entry->state == LEDGER_ENDED)
                return; /* its END is under way */
        if (entry->state == LEDGER_QUEUED)
                run_end_unstarted(entry->owner, (StopWhy)stop->why);
        else if (e->handler->stop)
                e->handler->stop(e->handler_state, entry->owner, (StopWhy)stop->why,
                                 stop->signal > 0 && stop->signal < (uint64_t)_NSIG
                                         ? (int)stop->signal
                                         : SIGTERM);
}

static void on_spill(void *userdata, uint64_t run_id) {
        Executor *e = userdata;
        LedgerEntry *entry = ledger_get(e->ledger, run_id);
        if (!entry || entry->state == LEDGER_ENDED)
                return;
        Run *run = entry->owner;
        run->spill = true;
        if (entry->state == LEDGER_STARTED && e->handler->spill)
                e->handler->spill(e->handler_state, run);
}

static void on_signal(void *userdata, const WireSignalRun *signal) {
        Executor *e = userdata;
        LedgerEntry *entry = ledger_get(e->ledger, signal->run_id);
        if (!entry || entry->state == LEDGER_ENDED || signal->signal == 0 ||
            signal->signal >= (uint64_t)_NSIG)
                return;
        Run *run = entry->owner;
        if (entry->state == LEDGER_QUEUED)
                run->signals |= UINT64_C(1) << (signal->signal - 1);
        else if (e->handler->signal)
                e->handler->signal(e->handler_state, run, (int)signal->signal);
}

static const LinkHandlers link_handlers = {
        .on_sync = on_sync,
        .on_run = on_run,
        .on_ack = on_ack,
        .on_stop = on_stop,
        .on_spill = on_spill,
        .on_signal = on_signal,
};

/* ---- settling ---- */

static void start_queued(Executor *e) {
        LedgerEntry *entry;
        while ((entry = ledger_next_queued(e->ledger))) {
                if (e->draining)
                        run_end_unstarted(entry->owner, STOP_INTERRUPT);
                else if (ledger_count(e->ledger, LEDGER_STARTED) < e->handler->slots)
                        run_start(e, entry->owner);
                else
                        return;
        }
}

static int send_ends(Executor *e) {
        LedgerEntry *entry;
        usec_t now = time_now_monotonic();
        if (ledger_count(e->ledger, LEDGER_QUEUED) > 0 && now < e->sent_usec + ENDS_COLLECT_USEC)
                return 0;
        e->sent_usec = now;
        while ((entry = ledger_next_ended(e->ledger, &e->sent))) {
                const Run *run = entry->owner;
                int r = link_add_end(e->link, &run->end);
                if (r < 0)
                        return r;
        }
        return link_flush_ends(e->link);
}

static int on_settle(sd_event_source *source, void *userdata) {
        Executor *e = userdata;
        int r = send_ends(e); /* before anything is started, which takes longer */
        start_queued(e);
        if (r == 0)
                r = send_started(e);
        if (r == 0)
                r = send_ends(e); /* of what ended at once */
        if (r < 0)
                fail(e, "cannot send to the dispatcher", r);
        else if (e->draining && ledger_count(e->ledger, LEDGER_STARTED) == 0 &&
                 ledger_count(e->ledger, LEDGER_ENDED) == 0)
                (void)sd_event_exit(e->event, EXIT_SUCCESS);
        return 0;
}

void executor_drain(Executor *e) {
        e->draining = true;
}

void executor_kill_all(Executor *e) {
        if (e->handler->kill_all)
                e->handler->kill_all(e->handler_state);
}

/* ---- life ---- */

int executor_new(sd_event *event, const WorkerIdentity *identity, const Handler *handler,
                 int listen_fd, Executor **ret) {
        _cleanup_(executor_freep) Executor *e = calloc(1, sizeof *e);
        if (!e)
                return -ENOMEM;
        e->event = event;
        e->identity = identity;
        e->handler = handler;
        int r = ledger_new(identity->serial, on_dropped, e, &e->ledger);
        if (r == 0 && handler->open)
                r = handler->open(event, identity, &e->handler_state);
        if (r == 0)
                r = link_new(event, identity->serial, identity->run_dir, listen_fd, &link_handlers,
                             e, &e->link);
        if (r == 0)
                r = sd_event_add_post(event, &e->settle, on_settle, e);
        if (r >= 0)
                r = sd_event_source_set_priority(e->settle, PRIORITY_SETTLE);
        if (r < 0)
                return r;
        *ret = take_ptr(e);
        return 0;
}

Executor *executor_free(Executor *e) {
        if (!e)
                return NULL;
        sd_event_source_disable_unref(e->settle);
        if (e->handler->close)
                e->handler_state = e->handler->close(e->handler_state);
        link_free(e->link);
        ledger_free(e->ledger);
        free(e);
        return NULL;
}
