/* The callers' side of store.h: opening by url, the queues in both directions, and the eventfd.
 *
 *      caller ── writes, reads ──▶ thread ── completions + eventfd ──▶ caller
 *
 * The eventfd is readable exactly while completions wait: it is written when the first one is put
 * into an empty queue and read when the last one is taken, both under the lock, so that a burst
 * costs one wakeup. */
#include "dispatcher/store/done.h"
#include "dispatcher/store/store-internal.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static const BackendType *const backend_types[] = {&backend_sqlite, &backend_memory};

/* Memory for the queues themselves. There is no caller to tell when it lacks, and what was
 * acknowledged is on disk: the process ends and recovers. */
static void *store_alloc(size_t size) {
        void *p = calloc(1, size);
        if (!p) {
                fputs("stint: the store has no memory left\n", stderr);
                abort();
        }
        return p;
}

int backend_fail(Backend *b, const char *format, ...) {
        if (!backend_has_failed(b)) {
                va_list args;
                va_start(args, format);
                vsnprintf(b->failed, sizeof b->failed, format, args);
                va_end(args);
        }
        return -EIO;
}

/* ---- opening and closing ---- */

static int open_backend(const StoreOptions *options, Error *error, Backend **ret) {
        for (size_t i = 0; i < ARRAY_SIZE(backend_types); i++) {
                const char *scheme = backend_types[i]->scheme;
                size_t length = strlen(scheme);
                if (strncmp(options->url, scheme, length) == 0)
                        return backend_types[i]->open(options, options->url + length, error, ret);
        }
        return error_set(error, EXIT_CONFIG,
                         "cannot open the store: no backend for \"%s\"; set store.url to "
                         "sqlite:/PATH or memory:",
                         options->url);
}

static int init_queues(Store *s) {
        s->writes_end = &s->writes;
        s->reads_end = &s->reads;
        s->completions_end = &s->completions;
        pthread_mutex_init(&s->lock, NULL);
        pthread_condattr_t monotonic;
        pthread_condattr_init(&monotonic);
        pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
        pthread_cond_init(&s->wake, &monotonic);
        pthread_condattr_destroy(&monotonic);
        s->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        return s->event_fd < 0 ? -errno : 0;
}

/* The disk may be so full that not even an epoch can be written: for that there is the ballast. */
static bool make_room(const char *url) {
        static const char scheme[] = "sqlite:";
        _cleanup_(freep) char *directory =
                strncmp(url, scheme, strlen(scheme)) == 0 ? strdup(url + strlen(scheme)) : NULL;
        char *slash = directory ? strrchr(directory, '/') : NULL;
        if (!slash || slash == directory)
                return false;
        *slash = '\0';
        return space_make_room(directory);
}

int store_open(const StoreOptions *options, Error *error, Store **ret) {
        _cleanup_(store_closep) Store *s = store_alloc(sizeof *s);
        int r = init_queues(s);
        if (r < 0)
                return error_set(error, EXIT_IO, "cannot open the store: %s; raise LimitNOFILE",
                                 strerror(-r));
        s->url = strdup(options->url);
        s->state_dir = strdup(options->state_dir);
        if (!s->url || !s->state_dir)
                return error_set(error, EXIT_IO, "cannot open the store: no memory");
        s->retention = (Retention){options->retention_age_usec, options->retention_tasks,
                                   options->retention_bytes};
        bool made_room = false;
        r = open_backend(options, error, &s->backend);
        if (r < 0 && make_room(options->url)) {
                made_room = true;
                r = open_backend(options, error, &s->backend);
        }
        if (r < 0)
                return r;
        space_init(&s->space, s->backend->directory);
        if (made_room)
                space_exhausted(&s->space);
        *ret = take_ptr(s);
        return 0;
}

static void stop_thread(Store *s) {
        if (!s->thread_started)
                return;
        pthread_mutex_lock(&s->lock);
        s->stopping = true;
        pthread_cond_signal(&s->wake);
        pthread_mutex_unlock(&s->lock);
        pthread_join(s->thread, NULL);
}

Store *store_close(Store *s) {
        if (!s)
                return NULL;
        stop_thread(s);
        batch_free_all(s->writes);
        for (ReadRequest *r; (r = s->reads);) {
                s->reads = r->next;
                read_request_free(r);
        }
        for (StoreDone done; store_next(s, &done);)
                store_done_free(&done);
        if (s->backend)
                s->backend->type->close(s->backend);
        if (s->event_fd >= 0)
                close(s->event_fd);
        pthread_cond_destroy(&s->wake);
        pthread_mutex_destroy(&s->lock);
        free(s->url);
        free(s->state_dir);
        free(s);
        return NULL;
}

int store_recover(Store *s, int (*on_task)(void *userdata, const RecoveredTask *task),
                  int (*on_client)(void *userdata, const ClientRecord *client), void *userdata,
                  Error *error) {
        ASSERT(!s->thread_started && !s->recovered);
        s->recovered = true;
        RecoverySink sink = {on_task, on_client, userdata};
        return s->backend->type->recover(s->backend, &sink, error);
}

int store_start(Store *s) {
        ASSERT(!s->thread_started);
        if (!s->recovered) {
                int r = store_recover(s, NULL, NULL, NULL, NULL);
                if (r < 0)
                        return r;
        }
        /* Signals are the main thread's business. */
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        int r = pthread_create(&s->thread, NULL, store_thread, s);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        s->thread_started = r == 0;
        return -r;
}

/* ---- requests ---- */

static size_t op_bytes(const StoreOp *op) {
        switch (op->kind) {
        case STORE_PUT_TASK:
                return (size_t)op->task.environment.size + op->task.payload.size;
        case STORE_PUT_END:
        case STORE_PUT_ATTEMPT:
                return (size_t)op->run.out.size + op->run.err.size + op->run.result.size;
        case STORE_PUT_CLIENT:
                return op->client.answers.size;
        default:
                return 0;
        }
}

void batch_free_all(Batch *first) {
        for (Batch *next; first; first = next) {
                next = first->next;
                for (size_t i = 0; i < first->n; i++)
                        store_op_done(&first->ops[i]);
                free(first->ops);
                free(first);
        }
}

void store_write(Store *s, uint64_t ticket, StoreOp *ops, size_t n) {
        Batch *b = store_alloc(sizeof *b);
        *b = (Batch){.ticket = ticket, .ops = ops, .n = n};
        for (size_t i = 0; i < n; i++)
                b->bytes += op_bytes(&ops[i]);
        pthread_mutex_lock(&s->lock);
        *s->writes_end = b;
        s->writes_end = &b->next;
        s->pending_ops += n;
        if (!s->gathering || s->pending_ops >= STORE_GATHER_OPS)
                pthread_cond_signal(&s->wake);
        pthread_mutex_unlock(&s->lock);
}

void read_request_free(ReadRequest *r) {
        free(r->read.ids);
        free(r->read.filter.queue);
        free(r->read.filter.name);
        free(r->read.filter.label);
        free(r->read.filter.group);
        free(r);
}

void store_read(Store *s, StoreRead *read) {
        ReadRequest *r = store_alloc(sizeof *r);
        r->read = *read;
        *read = (StoreRead){0};
        pthread_mutex_lock(&s->lock);
        *s->reads_end = r;
        s->reads_end = &r->next;
        pthread_cond_signal(&s->wake);
        pthread_mutex_unlock(&s->lock);
}

void store_set_retention(Store *s, usec_t age_usec, uint64_t tasks, uint64_t bytes) {
        pthread_mutex_lock(&s->lock);
        s->retention = (Retention){age_usec, tasks, bytes};
        s->retention_changed = true;
        pthread_cond_signal(&s->wake);
        pthread_mutex_unlock(&s->lock);
}

/* ---- completions ---- */

void store_complete(Store *s, const StoreDone *done) {
        Completion *c = store_alloc(sizeof *c);
        c->done = *done;
        pthread_mutex_lock(&s->lock);
        bool was_empty = !s->completions;
        *s->completions_end = c;
        s->completions_end = &c->next;
        if (was_empty)
                eventfd_write(s->event_fd, 1);
        pthread_mutex_unlock(&s->lock);
}

bool store_next(Store *s, StoreDone *ret) {
        pthread_mutex_lock(&s->lock);
        Completion *c = s->completions;
        if (c) {
                s->completions = c->next;
                if (!s->completions) {
                        eventfd_t count;
                        s->completions_end = &s->completions;
                        eventfd_read(s->event_fd, &count);
                }
        }
        pthread_mutex_unlock(&s->lock);
        if (!c)
                return false;
        *ret = c->done;
        free(c);
        return true;
}

/* ---- what is fixed since store_open ---- */

uint32_t store_epoch(const Store *s) {
        return s->backend->epoch;
}

const uint8_t *store_id(const Store *s) {
        return s->backend->id;
}

uint64_t store_next_task_id(const Store *s) {
        return s->backend->next_task_id;
}

int store_fd(const Store *s) {
        return s->event_fd;
}

const char *store_note(const Store *s) {
        return s->backend->note;
}

const char *store_url(const Store *s) {
        return s->url;
}
