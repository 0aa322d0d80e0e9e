/* Turns, time and the store's completions. */
#include "dispatcher/dispatcher.h"

#include "common/log.h"
#include "common/zsource.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Batches at the store before requests and results have to wait in their sockets, and below which
 * they may go on. */
#define CONGESTED_AT   256
#define CONGESTED_DONE 64

static void rates_count(Dispatcher *d) {
        CoreCounters c;
        core_counters(d->core, &c);
        const uint64_t counts[RATE_COUNT] = {
                [RATE_SUBMITTED] = c.submitted,
                [RATE_STARTED] = c.started,
                [RATE_ENDED] = c.succeeded + c.failed + c.cancelled,
        };
        rates_update(&d->rates, d->requests.now.monotonic_usec, counts);
}

void turn_begin(Dispatcher *d) {
        if (d->in_turn)
                return;
        d->in_turn = true;
        d->requests.now = (CoreTime){time_now_monotonic(), time_now_realtime()};
        core_begin_turn(d->core, d->requests.now);
        if (rates_are_due(&d->rates, d->requests.now.monotonic_usec))
                rates_count(d);
}

/* Requests are held back first; results only with them, so that what ends can still be taken while
 * submits wait. */
static void congestion_check(Dispatcher *d) {
        bool congested = d->congested ? d->tickets_pending > CONGESTED_DONE
                                      : d->tickets_pending >= CONGESTED_AT;
        if (congested == d->congested || d->handing_over)
                return;
        d->congested = congested;
        client_link_set_reading(d->clients, !congested);
        worker_link_set_reading(d->workers, !congested);
}

static void timer_set(Dispatcher *d) {
        usec_t deadline = core_next_deadline(d->core);
        if (deadline == d->timer_usec)
                return;
        d->timer_usec = deadline;
        if (deadline == USEC_INFINITY) {
                sd_event_source_set_enabled(d->timer, SD_EVENT_OFF);
                return;
        }
        sd_event_source_set_time(d->timer, deadline);
        sd_event_source_set_enabled(d->timer, SD_EVENT_ONESHOT);
}

static void turn_finish(Dispatcher *d) {
        turn_begin(d);
        follow_flush(d->follow);
        uint64_t ticket = core_finish_turn(d->core);
        ASSERT((ticket != 0) == (d->op_count != 0));
        if (ticket) {
                store_write(d->store, ticket, d->ops, d->op_count);
                d->ops = NULL;
                d->op_count = d->op_alloc = 0;
                d->tickets_pending++;
        }
        push_flush(d->push);
        worker_link_end_turn(d->workers);
        congestion_check(d);
        timer_set(d);
        d->in_turn = false;
}

static int on_post(sd_event_source *source, void *userdata) {
        Dispatcher *d = userdata;
        turn_finish(d);
        dispatcher_report_status(d);
        dispatcher_check_stopped(d);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Dispatcher *d = userdata;
        d->timer_usec = 0; /* has fired: must be set anew */
        turn_begin(d);
        return 0;
}

static void on_store_space(Dispatcher *d, const StoreDone *done) {
        snprintf(d->health, sizeof d->health, "%s", done->text);
        if (d->health[0])
                log_warning("submits are refused: %s", d->health);
        else
                log_notice("submits are accepted again");
        core_refuse_submits(d->core, d->health[0] ? d->health : NULL);
}

static void on_store_done(Dispatcher *d, StoreDone *done) {
        switch (done->kind) {
        case STORE_DONE_WRITTEN:
                d->tickets_pending -= done->last_ticket - done->first_ticket + 1;
                if (done->error)
                        log_warning("the store could not write: %s", strerror(-done->error));
                core_committed(d->core, done->first_ticket, done->last_ticket, done->error);
                break;
        case STORE_DONE_READ:
                reads_answer(d->reads, done);
                break;
        case STORE_DONE_SPACE:
                on_store_space(d, done);
                break;
        case STORE_DONE_FATAL:
                log_error("%s; leaving, the next dispatcher recovers", done->text);
                _exit(EXIT_IO);
        }
}

static int on_store(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Dispatcher *d = userdata;
        uint64_t count;
        StoreDone done;
        if (read(fd, &count, sizeof count) < 0 && errno != EAGAIN && errno != EINTR)
                return -errno;
        turn_begin(d);
        while (store_next(d->store, &done)) {
                on_store_done(d, &done);
                store_done_free(&done);
        }
        return 0;
}

int dispatcher_add_sources(Dispatcher *d) {
        int r = sd_event_add_post(d->event, &d->post, on_post, d);
        if (r >= 0)
                r = sd_event_source_set_priority(d->post, PRIORITY_POST);
        if (r >= 0)
                r = sd_event_add_io(d->event, &d->store_io, store_fd(d->store), EPOLLIN, on_store,
                                    d);
        if (r >= 0)
                r = sd_event_source_set_priority(d->store_io, PRIORITY_STORE);
        /* An accuracy of 1 ms: retries and delays are told in more than that. */
        if (r >= 0)
                r = sd_event_add_time(d->event, &d->timer, CLOCK_MONOTONIC, USEC_INFINITY,
                                      USEC_PER_MSEC, on_timer, d);
        return r < 0 ? r : 0;
}
