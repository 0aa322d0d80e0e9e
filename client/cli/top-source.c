/* See top-source.h. */
#include "client/cli/top-source.h"

#include "client/cli/selector.h"
#include "client/cli/top-pages.h"
#include "common/text.h"
#include "common/time.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define FIRST_USEC  (10 * USEC_PER_SEC)
#define LOOK_USEC   USEC_PER_SEC       /* the longest that a look may take, then it is "away" */
#define CHANGE_USEC (3 * USEC_PER_SEC) /* the same of a change */
#define TASKS_MAX   500                /* rows of tasks that are asked for */
#define LOGS_SIZE   (128u << 10)       /* the end of an output that is shown */

/* Which tasks are in which table. */
static const uint64_t states_of[TOP_TABLES] = {
        [TOP_RUNNING] = 1u << STINT_RUNNING,
        [TOP_WAITING] = STATES_UNENDED & ~(1u << STINT_RUNNING),
        [TOP_ENDED] = STATES_ENDED,
};

struct TopSource {
        StintOptions options;
        StintClient *client; /* NULL: not connected */
        bool stale;
        int timer;              /* ends a wait */
        int on_all, on_signals; /* epoll of timer, signals and keys; without keys */
        uint64_t refreshed_usec;
        char *logs; /* LOGS_SIZE */
};

/* ---- opening ---- */

static int interrupt_open(const int *fds, size_t n) {
        int epoll = epoll_create1(EPOLL_CLOEXEC);
        for (size_t i = 0; epoll >= 0 && i < n; i++) {
                struct epoll_event e = {.events = EPOLLIN};
                if (epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &e) < 0) {
                        close(epoll);
                        return -1;
                }
        }
        return epoll;
}

/* From now on calls of the library end when one of the descriptors is readable, or after usec. */
static void limit(TopSource *s, int interrupt, usec_t usec) {
        struct itimerspec at = {.it_value = {.tv_sec = (time_t)(usec / USEC_PER_SEC),
                                             .tv_nsec = (long)(usec % USEC_PER_SEC) * 1000}};
        timerfd_settime(s->timer, 0, &at, NULL);
        if (s->client)
                stint_set_interrupt(s->client, interrupt);
}

/* Was it the time that ended a wait? */
static bool time_is_over(const TopSource *s) {
        uint64_t n;
        return read(s->timer, &n, sizeof n) == (ssize_t)sizeof n;
}

static void on_event(StintWatch *watch, const StintEvent *e, void *userdata) {
        ((TopSource *)userdata)->stale = true;
}

/* 0, or -code with error set; then it is not connected. */
static int connect_client(TopSource *s, usec_t patience_usec, Error *error) {
        s->client = stint_new(&s->options);
        if (!s->client)
                return error_set(error, EXIT_SOFTWARE, "out of memory");
        limit(s, s->on_all, patience_usec);
        int r = stint_connect(s->client);
        if (r == 0 && !stint_watch_new(s->client, NULL, 0, on_event, s))
                r = -EXIT_NO_DISPATCHER;
        if (r == 0)
                return 0;
        if (r == -STINT_TIMED_OUT)
                error_set(error, EXIT_NO_DISPATCHER,
                          "the dispatcher does not answer: try again when it does");
        else
                client_error(s->client, r, error);
        s->client = stint_free(s->client);
        return r;
}

int top_source_open(const GeneralOptions *general, int signals, int keys, Error *error,
                    TopSource **ret) {
        _cleanup_(top_source_freep) TopSource *s = calloc(1, sizeof *s);
        if (!s || !(s->logs = malloc(LOGS_SIZE)))
                return error_set(error, EXIT_SOFTWARE, "out of memory");
        s->options = (StintOptions){STINT_OPTIONS, .endpoint = general->endpoint,
                                    .instance = general->choice};
        s->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        s->on_all = interrupt_open((int[]){s->timer, signals, keys}, 3);
        s->on_signals = interrupt_open((int[]){s->timer, signals}, 2);
        if (s->timer < 0 || s->on_all < 0 || s->on_signals < 0)
                return error_set(error, EXIT_SOFTWARE, "cannot wait for keys: %s", strerror(errno));
        int r = connect_client(s, FIRST_USEC, error);
        if (r < 0)
                return -error->code;
        *ret = take_ptr(s);
        return 0;
}

TopSource *top_source_free(TopSource *s) {
        if (!s)
                return NULL;
        stint_free(s->client);
        const int fds[] = {s->timer, s->on_all, s->on_signals};
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
                if (fds[i] > 0)
                        close(fds[i]);
        free(s->logs);
        free(s);
        return NULL;
}

int top_source_fd(const TopSource *s) {
        return s->client ? stint_fd(s->client) : -1;
}

bool top_source_is_stale(const TopSource *s) {
        return s->stale;
}

/* What cannot be mended by waiting: the next refresh connects anew. */
static void give_up(TopSource *s) {
        s->client = stint_free(s->client);
}

void top_source_dispatch(TopSource *s) {
        if (!s->client)
                return;
        limit(s, s->on_all, LOOK_USEC);
        int r = stint_dispatch(s->client, 0);
        if (r < 0 && r != -STINT_TIMED_OUT)
                give_up(s);
}

/* ---- looking ---- */

static void escape(const char *text, char *buf, size_t size) {
        text_escape(text, strlen(text), buf, size);
}

static void take_queues(TopModel *m, const StintStatus *status, uint64_t dt_usec) {
        TopTable *t = &m->tables[TOP_QUEUES];
        top_table_begin(t);
        for (const StintQueueStatus *const *i = status->queues; *i; i++) {
                const StintQueueStatus *q = *i;
                char key[TOP_KEY_MAX];
                escape(q->name, key, sizeof key);
                TopRow *row = top_table_add(t, key);
                if (!row)
                        break;
                row->queue = (TopQueue){
                        .ready = q->ready,
                        .delayed = q->delayed,
                        .running = q->running,
                        .held = q->held,
                        .blocked = q->blocked,
                        .oldest_usec = q->oldest_usec,
                        .succeeded = q->succeeded,
                        .failed = q->failed,
                        .cancelled = q->cancelled,
                        .expired = q->expired,
                };
                const TopRow *old = top_table_old(t, key);
                if (old)
                        row->queue.ends_per_sec =
                                top_rate(old->queue.ends_per_sec, top_queue_ends(&old->queue),
                                         top_queue_ends(&row->queue), dt_usec);
        }
        top_table_arrange(t, m->now_usec);
}

static void take_pools(TopModel *m, const StintStatus *status) {
        TopTable *t = &m->tables[TOP_POOLS];
        top_table_begin(t);
        for (const StintPoolStatus *const *i = status->pools; *i; i++) {
                const StintPoolStatus *p = *i;
                char key[TOP_KEY_MAX];
                escape(p->name, key, sizeof key);
                TopRow *row = top_table_add(t, key);
                if (!row)
                        break;
                row->pool = (TopPool){.workers = p->workers,
                                      .wanted = p->wanted,
                                      .busy = p->busy,
                                      .slots = p->slots};
                escape(p->handler, row->pool.handler, sizeof row->pool.handler);
                escape(p->last_exit, row->text, sizeof row->text);
        }
        top_table_arrange(t, m->now_usec);
}

static void take_head(TopModel *m, const StintStatus *status) {
        TopHead *h = &m->head;
        escape(status->version, h->version, sizeof h->version);
        escape(status->instance, h->instance, sizeof h->instance);
        escape(status->health, h->health, sizeof h->health);
        h->started_usec = status->started_usec;
        for (const StintRate *const *r = status->rates; *r; r++) {
                if (strcmp((*r)->name, "submitted") == 0)
                        h->submitted_per_sec = (*r)->per_sec_10s;
                else if (strcmp((*r)->name, "started") == 0)
                        h->started_per_sec = (*r)->per_sec_10s;
                else if (strcmp((*r)->name, "ended") == 0)
                        h->ended_per_sec = (*r)->per_sec_10s;
        }
}

/* A row of a task: its name, if it has one, and its command. */
static int on_info(void *userdata, const StintInfo *info) {
        TopTable *t = userdata;
        char key[TOP_KEY_MAX];
        snprintf(key, sizeof key, "%" PRIu64, info->id);
        TopRow *row = top_table_add(t, key);
        if (!row)
                return 1;
        row->task = (TopTask){
                .id = info->id,
                .submitted_usec = info->submitted_usec,
                .due_usec = info->due_usec,
                .started_usec = info->started_usec,
                .ended_usec = info->ended_usec,
                .state = info->state,
                .reason = info->reason,
                .code = info->code,
                .priority = info->priority,
                .progress = info->progress,
                .attempt = info->attempt,
        };
        escape(info->queue, row->task.queue, sizeof row->task.queue);
        escape(info->progress_text, row->task.progress_text, sizeof row->task.progress_text);
        escape(info->name, row->text, sizeof row->text / 2);
        size_t n = strlen(row->text);
        if (n && info->summary[0])
                n += (size_t)snprintf(row->text + n, sizeof row->text - n, ": ");
        escape(info->summary, row->text + n, sizeof row->text - n);
        return 0;
}

static int take_tasks(TopSource *s, TopModel *m) {
        TopTable *t = &m->tables[m->tasks];
        StintQuery query = {STINT_QUERY, .states = states_of[m->tasks], .limit = TASKS_MAX,
                            .queue = m->queue[0] ? m->queue : NULL};
        uint64_t before = 0;
        top_table_begin(t);
        int r = stint_list(s->client, &query, on_info, t, &before);
        if (r < 0) { /* what was there before is better than some of it */
                top_table_undo(t);
                top_table_arrange(t, m->now_usec);
                return r;
        }
        t->is_part = before != 0;
        top_table_arrange(t, m->now_usec);
        return 0;
}

static int look(TopSource *s, TopModel *m) {
        StintStatus *status = NULL;
        int r = stint_status(s->client, &status);
        if (r < 0)
                return r;
        take_queues(m, status, m->now_usec - MIN_OF(s->refreshed_usec, m->now_usec));
        take_pools(m, status);
        take_head(m, status);
        s->refreshed_usec = m->now_usec;
        stint_status_free(status);
        r = take_tasks(s, m);
        if (r >= 0 && m->mode == TOP_MODE_PAGE && m->page.kind == TOP_PAGE_LOGS)
                r = top_page_logs(&m->page, s->client, s->logs, LOGS_SIZE);
        return r;
}

static TopRefresh away(TopModel *m, const char *why) {
        escape(why, m->away_why, sizeof m->away_why);
        if (!m->away_since_usec)
                m->away_since_usec = m->now_usec;
        return TOP_REFRESH_AWAY;
}

TopRefresh top_source_refresh(TopSource *s, TopModel *m) {
        Error error;
        int r = s->client ? 0 : connect_client(s, LOOK_USEC, &error);
        if (r < 0)
                return r == -STINT_TIMED_OUT && !time_is_over(s) ? TOP_REFRESH_INTERRUPTED
                                                                 : away(m, error.text);
        s->stale = false;
        limit(s, s->on_all, LOOK_USEC);
        r = look(s, m);
        if (r == -STINT_TIMED_OUT) {
                s->stale = true;
                return time_is_over(s) ? away(m, "the dispatcher is busy or away")
                                       : TOP_REFRESH_INTERRUPTED;
        }
        if (r < 0) {
                away(m, stint_error(s->client));
                give_up(s);
                return TOP_REFRESH_AWAY;
        }
        m->away_since_usec = 0;
        return TOP_REFRESH_DONE;
}

/* ---- doing ---- */

static bool is_connected(const TopSource *s, TopModel *m) {
        if (!s->client)
                top_model_say(m, TOP_MESSAGE_BAD, "there is no dispatcher now: try again later");
        return s->client;
}

/* Why something failed; false: it did not. */
static bool said_failure(TopSource *s, TopModel *m, int r) {
        if (r >= 0)
                return false;
        top_model_say(m, TOP_MESSAGE_BAD, "%s",
                      r == -STINT_TIMED_OUT ? "the dispatcher does not answer: look again later"
                                            : stint_error(s->client));
        return true;
}

void top_source_cancel(TopSource *s, TopModel *m, uint64_t id) {
        StintOutcome outcome = {0};
        if (!is_connected(s, m))
                return;
        limit(s, s->on_signals, CHANGE_USEC);
        if (said_failure(s, m, stint_cancel(s->client, &id, 1, 0, &outcome)))
                return;
        if (outcome.denied_count)
                top_model_say(m, TOP_MESSAGE_BAD, "task %" PRIu64 " belongs to another user", id);
        else if (outcome.unknown_count || outcome.other)
                top_model_say(m, TOP_MESSAGE_BAD, "task %" PRIu64 " has ended before", id);
        else
                top_model_say(m, TOP_MESSAGE_GOOD, "task %" PRIu64 " is being cancelled", id);
}

void top_source_retry(TopSource *s, TopModel *m, uint64_t id) {
        uint64_t new_id;
        if (!is_connected(s, m))
                return;
        limit(s, s->on_signals, CHANGE_USEC);
        if (!said_failure(s, m, stint_retry(s->client, id, 0, &new_id)))
                top_model_say(m, TOP_MESSAGE_GOOD, "task %" PRIu64 " runs again as %" PRIu64, id,
                              new_id);
}

void top_source_details(TopSource *s, TopModel *m, uint64_t id) {
        StintDetails *details = NULL;
        if (!is_connected(s, m))
                return;
        limit(s, s->on_signals, LOOK_USEC);
        if (said_failure(s, m, stint_show(s->client, id, &details)))
                return;
        top_page_details(&m->page, details, m->now_usec);
        m->mode = TOP_MODE_PAGE;
        stint_details_free(details);
}

void top_source_logs(TopSource *s, TopModel *m, uint64_t id) {
        if (!is_connected(s, m))
                return;
        limit(s, s->on_signals, LOOK_USEC);
        m->page.id = id;
        m->page.at_end = true;
        if (!said_failure(s, m, top_page_logs(&m->page, s->client, s->logs, LOGS_SIZE)))
                m->mode = TOP_MODE_PAGE;
}
