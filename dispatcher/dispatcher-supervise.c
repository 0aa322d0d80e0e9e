/* What the supervisor says, and what it is told: the roster and deaths of workers, reload, stop,
 * handover, status. */
#include "dispatcher/dispatcher.h"

#include "common/end-text.h"
#include "common/log.h"
#include "dispatcher/core-config.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *describe_exit(int status, char *buf, size_t size) {
        return WIFSIGNALED(status) ? end_text(NULL, REASON_SIGNAL, WTERMSIG(status), buf, size)
                                   : end_text(NULL, REASON_EXIT, WEXITSTATUS(status), buf, size);
}

static CoreWorkerFit worker_fit(const Dispatcher *d, const SuperviseMessage *m) {
        bool current = m->binary == d->options.binary && m->generation == d->options.generation;
        return current ? CORE_WORKER_CURRENT : CORE_WORKER_STALE;
}

static void worker_add(Dispatcher *d, const SuperviseMessage *m, bool connect) {
        int r = connect ? worker_link_add(d->workers, m->serial) : 0;
        if (r == 0)
                r = core_worker_up(d->core, m->serial, m->pool, worker_fit(d, m));
        if (r < 0)
                log_error("cannot take worker %" PRIu64 " in: %s", m->serial, strerror(-r));
}

static void on_roster(Dispatcher *d, const SuperviseMessage *m, int fd) {
        if (m->state == SUPERVISE_WORKER_EXITED)
                supervise_send_exit_seen(d->supervisor,
                                         m->serial); /* whatever it held is in nobody's hands */
        else
                worker_add(d, m, m->state == SUPERVISE_WORKER_ALIVE);
}

static void on_roster_end(Dispatcher *d, const SuperviseMessage *m, int fd) {
        core_roster_end(d->core);
        d->roster_ended = true;
        supervise_send(d->supervisor, SUPERVISE_READY);
        log_info("ready: epoch %u, store %s", store_epoch(d->store), store_url(d->store));
}

static void on_spawned(Dispatcher *d, const SuperviseMessage *m, int fd) {
        worker_add(d, m, true);
}

static void on_spawn_failed(Dispatcher *d, const SuperviseMessage *m, int fd) {
        log_error("cannot start a worker of pool %s: %s", m->pool, strerror(m->error));
        core_spawn_failed(d->core, m->pool, strerror(m->error));
}

/* The supervisor has logged it. */
static void on_exited(Dispatcher *d, const SuperviseMessage *m, int fd) {
        char why[64];
        worker_link_drain(d->workers); /* ends that it published count before its death does */
        core_worker_exited(d->core, m->serial, describe_exit(m->status, why, sizeof why));
        worker_link_remove(d->workers, m->serial);
        supervise_send_exit_seen(d->supervisor, m->serial);
}

/* The supervisor has made sure that it needs no restart. Error text when it is refused. */
static int config_accept(Dispatcher *d, Config *config, uint64_t generation, char *text,
                         size_t size) {
        if (core_apply_config(d->core, config, d->config) < 0) {
                snprintf(text, size, "out of memory");
                return ENOMEM;
        }
        log_set_level(config->log_level);
        store_set_retention(d->store, config->retention.age_usec, config->retention.tasks,
                            config->retention.bytes);
        config_free(d->config);
        d->config = config;
        d->options.generation = generation;
        d->requests.config = config;
        d->requests.generation = generation;
        return 0;
}

static void on_reload(Dispatcher *d, const SuperviseMessage *m, int fd) {
        ConfigFindings findings = {0};
        Config *config = NULL;
        char text[SUPERVISE_TEXT_MAX] = "";
        int error = config_load_fd(fd, &findings, &config);
        if (error < 0) {
                snprintf(text, sizeof text, "%s",
                         findings.count ? findings.lines[0] : strerror(-error));
                error = -error;
        } else {
                error = config_accept(d, config, m->generation, text, sizeof text);
                if (error)
                        config_free(config);
        }
        config_findings_done(&findings);
        supervise_send_reloaded(d->supervisor, m->generation, error, text);
}

/* How long until everything has ended: pause, and then what runs has its grace. */
static void tell_stop_takes(Dispatcher *d, usec_t pause) {
        usec_t grace = core_longest_grace_msec(d->core) * USEC_PER_MSEC;
        supervise_send_stop_takes(d->supervisor, usec_add(pause, grace));
}

static int on_stop_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        Dispatcher *d = userdata;
        turn_begin(d);
        core_stop_running(d->core);
        return 0;
}

static void on_stop(Dispatcher *d, const SuperviseMessage *m, int fd) {
        if (d->stopping)
                return;
        d->stopping = true;
        core_stop_starting(d->core);
        if (sd_event_add_time_relative(d->event, &d->stop_timer, CLOCK_MONOTONIC,
                                       d->config->stop_timeout_usec, 0, on_stop_timeout, d) < 0)
                core_stop_running(d->core);
        tell_stop_takes(d, d->config->stop_timeout_usec);
}

/* A new dispatcher takes over: nothing more comes in, what is pending is written and said. */
static void on_handover(Dispatcher *d, const SuperviseMessage *m, int fd) {
        d->handing_over = true;
        client_link_set_reading(d->clients, false);
        worker_link_set_reading(d->workers, false);
}

static const struct {
        SuperviseType type;
        void (*handler)(Dispatcher *d, const SuperviseMessage *m, int fd);
} handlers[] = {
        {SUPERVISE_ROSTER, on_roster},   {SUPERVISE_ROSTER_END, on_roster_end},
        {SUPERVISE_SPAWNED, on_spawned}, {SUPERVISE_SPAWN_FAILED, on_spawn_failed},
        {SUPERVISE_EXITED, on_exited},   {SUPERVISE_RELOAD, on_reload},
        {SUPERVISE_STOP, on_stop},       {SUPERVISE_HANDOVER, on_handover},
};

void on_supervisor(void *userdata, const SuperviseMessage *m, int fd) {
        Dispatcher *d = userdata;
        turn_begin(d);
        for (size_t i = 0; i < ARRAY_SIZE(handlers); i++)
                if (handlers[i].type == m->type)
                        handlers[i].handler(d, m, fd);
        if (fd >= 0)
                close(fd);
}

void dispatcher_check_stopped(Dispatcher *d) {
        bool flushed = d->tickets_pending == 0 && d->op_count == 0;
        if (d->interrupting) {
                d->interrupting = false;
                tell_stop_takes(d, 0);
        }
        if (d->handing_over && flushed) {
                worker_link_flush(d->workers);
                sd_event_exit(d->event, EXIT_SUCCESS);
        }
        if (!d->stopping || !flushed || !core_is_quiet(d->core) || reads_pending(d->reads))
                return;
        worker_link_flush(d->workers); /* a worker leaves only with nothing unacked */
        supervise_send(d->supervisor, SUPERVISE_STOPPED);
        sd_event_exit(d->event, EXIT_SUCCESS);
}

/* "12 running, 340 waiting, 8/8 workers", at most once a second and only when it changed. The
 * ping's timer sees to it that a last change is told, too. */
void dispatcher_report_status(Dispatcher *d) {
        usec_t now = d->requests.now.monotonic_usec;
        char text[SUPERVISE_TEXT_MAX];
        uint64_t running = 0, waiting = 0, workers = 0, wanted = 0;
        CoreQueueView q;
        CorePoolView p;
        if (!d->roster_ended || now < d->status_usec + USEC_PER_SEC)
                return;
        d->status_usec = now;
        for (size_t i = 0; core_queue_view(d->core, i, &q); i++) {
                running += q.running;
                waiting += q.ready + q.delayed + q.held + q.blocked;
        }
        for (size_t i = 0; core_pool_view(d->core, i, &p); i++) {
                workers += p.workers;
                wanted += p.wanted;
        }
        snprintf(text, sizeof text,
                 "%" PRIu64 " running, %" PRIu64 " waiting, %" PRIu64 "/%" PRIu64
                 " workers%s%.300s",
                 running, waiting, workers, wanted, d->health[0] ? "; " : "", d->health);
        if (strcmp(text, d->status) == 0)
                return;
        snprintf(d->status, sizeof d->status, "%s", text);
        supervise_send_status(d->supervisor, text);
}
