/* The store's thread: one round takes what is pending, commits it in groups, answers some reads,
 * looks at the disk, and does a step of upkeep.
 *
 *      take ─▶ commit groups ─▶ answer reads ─▶ space ─▶ maintain ─▶ wait, or take
 *
 * Every read is answered after every write that was handed over before it: a round takes both lists
 * at once and commits first. A group is bounded, so that one transaction neither grows without end
 * nor delays its acknowledgement. Reads are bounded in time a round, so that commits do not wait
 * behind a burst of lists.
 *
 * A sync costs more than the few rows of a small commit. Where somebody else's write came while the
 * last commit was under way, more will come: then the thread gathers for a moment before it commits
 * (as commit_siblings and commit_delay of PostgreSQL do). One client that waits for each of its
 * commits never meets that; a few that do would, and nothing would come while they wait: where
 * gathering has brought little, it is left for a while.
 *
 * Upkeep runs when nothing has come for IDLE_USEC, and under load as far
 * as the backend says it must. */
#include "dispatcher/store/store-internal.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define GROUP_OPS_MAX   4096u
#define GROUP_BYTES_MAX ((size_t)16 << 20)
#define READS_USEC      (5 * USEC_PER_MSEC)
#define IDLE_USEC       (5 * USEC_PER_MSEC)
#define GATHER_USEC     (5 * USEC_PER_MSEC)
#define GATHER_OPS_MIN  4u                    /* fewer are not worth it, */
#define GATHER_AGAIN    (250 * USEC_PER_MSEC) /* so it is not tried again before then */

typedef struct Work {
        Batch *writes;
        ReadRequest *reads, **reads_end; /* left over from earlier rounds first */
        Retention retention;
        usec_t delay_usec;   /* wait at most this long for more */
        usec_t gather_until; /* a small group is not committed before; 0: at once */
        usec_t gather_from;  /* no gathering before that */
} Work;

/* ---- taking ---- */

static bool nothing_pending(const Store *s, const Work *w) {
        return !s->writes && !s->reads && !w->reads && !s->stopping && !s->retention_changed;
}

/* 0: woken; else the time has come. With the lock held. */
static int wait_until(Store *s, usec_t until) {
        struct timespec ts = {.tv_sec = (time_t)(until / USEC_PER_SEC),
                              .tv_nsec = (long)(until % USEC_PER_SEC) * 1000};
        return until == USEC_INFINITY ? pthread_cond_wait(&s->wake, &s->lock)
                                      : pthread_cond_timedwait(&s->wake, &s->lock, &ts);
}

static void wait_for_work(Store *s, const Work *w) {
        if (w->delay_usec == 0)
                return;
        usec_t until = usec_add(time_now_monotonic(), w->delay_usec);
        int r = 0;
        while (r == 0 && nothing_pending(s, w))
                r = wait_until(s, until);
}

/* Only writes are pending, and few: waits for more, until the moment is over. */
static void gather(Store *s, Work *w) {
        int r = 0;
        if (!w->gather_until || !s->writes)
                return;
        s->gathering = true;
        while (r == 0 && s->writes && s->pending_ops < STORE_GATHER_OPS && !s->reads && !w->reads &&
               !s->stopping && time_now_monotonic() < w->gather_until)
                r = wait_until(s, w->gather_until);
        s->gathering = false;
        if (s->pending_ops < GATHER_OPS_MIN && time_now_monotonic() >= w->gather_until)
                w->gather_from = w->gather_until + GATHER_AGAIN;
}

/* False: the store is closing and nothing is left to do. */
static bool take_work(Store *s, Work *w) {
        pthread_mutex_lock(&s->lock);
        wait_for_work(s, w);
        gather(s, w);
        w->writes = take_ptr(s->writes);
        s->writes_end = &s->writes;
        s->pending_ops = 0;
        *w->reads_end = s->reads;
        if (s->reads)
                w->reads_end = s->reads_end;
        s->reads = NULL;
        s->reads_end = &s->reads;
        w->retention = s->retention;
        s->retention_changed = false;
        bool stopping = s->stopping;
        pthread_mutex_unlock(&s->lock);
        return !stopping || w->writes || w->reads;
}

/* ---- writing ---- */

/* Cuts the next group off *list and gives its last batch. */
static Batch *cut_group(Batch **list, Batch **ret_last) {
        Batch *first = *list, *last = first;
        size_t ops = first->n, bytes = first->bytes;
        while (last->next && ops + last->next->n <= GROUP_OPS_MAX &&
               bytes + last->next->bytes <= GROUP_BYTES_MAX) {
                last = last->next;
                ops += last->n;
                bytes += last->bytes;
        }
        *list = take_ptr(last->next);
        *ret_last = last;
        return first;
}

static void tell_failure(Store *s) {
        StoreDone done = {.kind = STORE_DONE_FATAL, .error = -EIO};
        memcpy(done.text, s->backend->failed, sizeof done.text);
        store_complete(s, &done);
}

static void commit_group(Store *s, Batch *first, const Batch *last) {
        int r = s->backend->type->commit(s->backend, first);
        if (backend_has_failed(s->backend)) {
                tell_failure(s);
                return;
        }
        if (r == -ENOSPC)
                space_exhausted(&s->space);
        StoreDone done = {.kind = STORE_DONE_WRITTEN,
                          .error = r,
                          .first_ticket = first->ticket,
                          .last_ticket = last->ticket};
        store_complete(s, &done);
}

static void commit_all(Store *s, Work *w) {
        while (w->writes) {
                Batch *last, *first = cut_group(&w->writes, &last);
                if (!backend_has_failed(s->backend))
                        commit_group(s, first, last);
                for (const Batch *b = first; b; b = b->next)
                        space_note_written(&s->space, b->bytes);
                batch_free_all(first);
        }
}

/* After a commit: has anything come while it was under way? */
static void look_for_siblings(Store *s, Work *w) {
        usec_t now = time_now_monotonic();
        pthread_mutex_lock(&s->lock);
        w->gather_until = s->writes && now >= w->gather_from ? now + GATHER_USEC : 0;
        pthread_mutex_unlock(&s->lock);
}

/* ---- reading ---- */

static void answer(Store *s, const StoreRead *read) {
        StoreDone done = {.kind = STORE_DONE_READ, .error = -EIO};
        bool failed_before = backend_has_failed(s->backend);
        if (!failed_before)
                done.error = s->backend->type->read(s->backend, read, &done);
        done.read_kind = read->kind;
        done.cookie = read->cookie;
        store_complete(s, &done);
        if (!failed_before && backend_has_failed(s->backend))
                tell_failure(s);
}

static void answer_some(Store *s, Work *w) {
        usec_t until = time_now_monotonic() + READS_USEC;
        while (w->reads) {
                ReadRequest *r = w->reads;
                w->reads = r->next;
                if (!w->reads)
                        w->reads_end = &w->reads;
                answer(s, &r->read);
                read_request_free(r);
                if (time_now_monotonic() >= until)
                        break;
        }
}

/* ---- upkeep ---- */

static void look_at_space(Store *s) {
        StoreDone done = {.kind = STORE_DONE_SPACE};
        if (space_check(&s->space, time_now_monotonic(), done.text))
                store_complete(s, &done);
}

static usec_t maintain(Store *s, const Work *w, StoreLoad load) {
        if (backend_has_failed(s->backend))
                return USEC_INFINITY;
        usec_t delay = s->backend->type->maintain(s->backend, &w->retention, load);
        if (backend_has_failed(s->backend))
                tell_failure(s);
        /* After a burst, wait until it is over before anything is done that can wait. */
        if (load == STORE_BUSY)
                delay = MIN_OF(delay, IDLE_USEC);
        return MIN_OF(delay, space_delay(&s->space, time_now_monotonic()));
}

void *store_thread(void *argument) {
        Store *s = argument;
        Work w = {.reads_end = &w.reads};
        look_at_space(s);
        while (take_work(s, &w)) {
                StoreLoad load = w.writes || w.reads ? STORE_BUSY : STORE_IDLE;
                bool wrote = w.writes != NULL;
                commit_all(s, &w);
                if (wrote)
                        look_for_siblings(s, &w);
                answer_some(s, &w);
                look_at_space(s);
                w.delay_usec = maintain(s, &w, load);
        }
        return NULL;
}
