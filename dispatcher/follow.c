/* See follow.h. Every change of every task comes by here, so what is followed is found by its task.
 * The requests and runs of one task are few (people and pipelines that read it): lists are walked.
 */
#include "dispatcher/follow.h"

#include "common/output.h"
#include "common/table.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <utlist.h>

typedef struct Subject Subject;

/* A run whose files are watched. */
typedef struct Watch {
        Follow *follow;
        Subject *subject;
        run_id_t run_id;
        uint64_t changes; /* a number that no other state of any watch has */
        size_t parked;
        bool over; /* its task has changed: it goes when nobody is parked on it any more */
        sd_event_source *source;
        struct Watch *prev, *next;
} Watch;

typedef struct Parked {
        FollowRequest request;
        Subject *subject;
        Watch *watch; /* NULL: waits for the task only */
        bool due;
        struct Parked *prev, *next;
} Parked;

/* A task that somebody follows; freed with the last of both lists. */
struct Subject {
        uint64_t task_id;
        Watch *watches;
        Parked *parked;
        bool due; /* somebody here is, and it is in the list */
        Subject *prev, *next;
};

struct Follow {
        sd_event *event;
        char state_dir[PATH_MAX];
        int64_t priority;
        FollowRetry retry;
        void *userdata;
        Table subjects; /* task id -> Subject */
        Table watches;  /* run id -> Watch */
        Subject *due;
        size_t due_count;
        uint64_t last_change;
};

static Subject *subject_get(Follow *f, uint64_t task_id) {
        Subject *s = table_get(&f->subjects, task_id);
        if (s)
                return s;
        s = calloc(1, sizeof *s);
        if (!s || table_put(&f->subjects, task_id, s) < 0) {
                free(s);
                return NULL;
        }
        s->task_id = task_id;
        return s;
}

static void subject_not_due(Follow *f, Subject *s) {
        if (!s->due)
                return;
        DL_DELETE(f->due, s);
        s->due = false;
        f->due_count--;
}

static void subject_drop_unused(Follow *f, Subject *s) {
        if (!s || s->watches || s->parked)
                return;
        subject_not_due(f, s);
        table_remove(&f->subjects, s->task_id);
        free(s);
}

/* Its subject stays, perhaps unused. */
static void watch_drop(Watch *w) {
        DL_DELETE(w->subject->watches, w);
        table_remove(&w->follow->watches, w->run_id);
        sd_event_source_disable_unref(w->source);
        free(w);
}

/* p is in no list any more. */
static void parked_free(Parked *p) {
        if (p->watch && --p->watch->parked == 0 && p->watch->over)
                watch_drop(p->watch);
        free(p);
}

static void parked_set_due(Follow *f, Parked *p) {
        Subject *s = p->subject;
        p->due = true;
        if (s->due)
                return;
        s->due = true;
        DL_APPEND(f->due, s);
        f->due_count++;
}

int follow_new(sd_event *event, const char *state_dir, int64_t priority, FollowRetry retry,
               void *userdata, Follow **ret) {
        Follow *f = calloc(1, sizeof *f);
        if (!f)
                return -ENOMEM;
        f->event = event;
        f->priority = priority;
        f->retry = retry;
        f->userdata = userdata;
        snprintf(f->state_dir, sizeof f->state_dir, "%s", state_dir);
        *ret = f;
        return 0;
}

Follow *follow_free(Follow *f) {
        if (!f)
                return NULL;
        uint64_t task_id = 0;
        for (Subject *s; (s = table_first_from(&f->subjects, &task_id)); task_id++) {
                Parked *p, *next;
                DL_FOREACH_SAFE(s->parked, p, next) {
                        free(p);
                }
                while (s->watches)
                        watch_drop(s->watches);
                free(s);
        }
        table_done(&f->subjects);
        table_done(&f->watches);
        free(f);
        return NULL;
}

/* Marks whoever is parked on w. */
static void watch_changed(Watch *w) {
        Parked *p;
        w->changes = ++w->follow->last_change;
        DL_FOREACH (w->subject->parked, p) {
                if (p->watch == w)
                        parked_set_due(w->follow, p);
        }
}

static int on_inotify(sd_event_source *source, const struct inotify_event *event, void *userdata) {
        Watch *w = userdata;
        char path[PATH_MAX];
        bool ours = event->mask & IN_Q_OVERFLOW; /* then anything may have changed */
        for (StreamKind s = STREAM_STDOUT; s <= STREAM_STDERR && !ours; s++) {
                if (output_path(w->follow->state_dir, w->run_id, s, path, sizeof path) < 0 ||
                    !event->len)
                        continue;
                const char *name = strrchr(path, '/');
                if (name && strcmp(name + 1, event->name) == 0)
                        ours = true;
        }
        if (ours)
                watch_changed(w);
        return 0;
}

/* Watches the directory of its files. */
static int watch_begin(Watch *w) {
        char directory[PATH_MAX];
        Follow *f = w->follow;
        int r = output_directory(f->state_dir, w->run_id, directory, sizeof directory);
        if (r < 0)
                return r;
        if (mkdir(directory, 0700) < 0 && errno != EEXIST)
                return -errno;
        r = sd_event_add_inotify(f->event, &w->source, directory, IN_CREATE | IN_MODIFY, on_inotify,
                                 w);
        if (r >= 0)
                r = sd_event_source_set_priority(w->source, f->priority);
        return r >= 0 ? table_put(&f->watches, w->run_id, w) : r;
}

static int watch_new(Follow *f, uint64_t task_id, run_id_t run_id, Watch **ret) {
        Subject *s = subject_get(f, task_id);
        Watch *w = s ? calloc(1, sizeof *w) : NULL;
        int r = -ENOMEM;
        if (w) {
                *w = (Watch){
                        .follow = f, .subject = s, .run_id = run_id, .changes = ++f->last_change};
                r = watch_begin(w);
        }
        if (r >= 0) {
                DL_APPEND(s->watches, w);
                *ret = w;
                return 0;
        }
        if (w)
                sd_event_source_disable_unref(w->source);
        free(w);
        subject_drop_unused(f, s);
        return r;
}

int follow_watch(Follow *f, uint64_t task_id, run_id_t run_id, uint64_t *ret_changes,
                 bool *ret_new) {
        Watch *w = table_get(&f->watches, run_id);
        int r = 0;
        *ret_new = !w;
        if (!w)
                r = watch_new(f, task_id, run_id, &w);
        if (r == 0)
                *ret_changes = w->changes;
        return r;
}

int follow_park(Follow *f, const FollowRequest *request, run_id_t run_id, uint64_t changes) {
        Parked *p = calloc(1, sizeof *p);
        Subject *s = p ? subject_get(f, request->output.id) : NULL;
        if (!s) {
                free(p);
                return -ENOMEM;
        }
        p->request = *request;
        p->subject = s;
        p->watch = run_id ? table_get(&f->watches, run_id) : NULL;
        if (p->watch)
                p->watch->parked++;
        DL_APPEND(s->parked, p);
        if (run_id && (!p->watch || p->watch->changes != changes))
                parked_set_due(f, p);
        return 0;
}

void follow_task_changed(Follow *f, uint64_t task_id) {
        Subject *s = f->subjects.count ? table_get(&f->subjects, task_id) : NULL;
        Parked *p;
        Watch *w, *next;
        if (!s)
                return;
        DL_FOREACH (s->parked, p) {
                parked_set_due(f, p);
        }
        DL_FOREACH_SAFE(s->watches, w, next) {
                w->over = true;
                if (!w->parked)
                        watch_drop(w);
        }
        subject_drop_unused(f, s);
}

static bool origin_equal(const CoreOrigin *a, const CoreOrigin *b) {
        return a->request_id == b->request_id && a->route_size == b->route_size &&
               memcmp(a->route, b->route, a->route_size) == 0;
}

/* Rare: a client that gives up. */
void follow_forget(Follow *f, const CoreOrigin *origin) {
        uint64_t task_id = 0;
        for (Subject *s; (s = table_first_from(&f->subjects, &task_id)); task_id++) {
                Parked *p, *next;
                DL_FOREACH_SAFE(s->parked, p, next) {
                        if (!origin_equal(&p->request.origin, origin))
                                continue;
                        DL_DELETE(s->parked, p);
                        parked_free(p);
                }
                subject_drop_unused(f, s);
        }
}

/* Tries again whoever is due of s, which may be gone afterwards, and new again. */
static void subject_flush(Follow *f, Subject *s) {
        Parked *p, *next, *due = NULL;
        uint64_t task_id = s->task_id;
        subject_not_due(f, s);
        DL_FOREACH_SAFE(s->parked, p, next) {
                if (!p->due)
                        continue;
                DL_DELETE(s->parked, p);
                DL_APPEND(due, p);
        }
        DL_FOREACH_SAFE(due, p, next) {
                f->retry(f->userdata, &p->request);
                parked_free(p);
        }
        subject_drop_unused(f, table_get(&f->subjects, task_id));
}

/* Those that are due now; what a retry makes due is for the next turn. */
void follow_flush(Follow *f) {
        for (size_t n = f->due_count; n > 0 && f->due; n--)
                subject_flush(f, f->due);
}
