/* See follow.h. Parked requests are few (people and pipelines that read running tasks), so lists
 * are walked. */
#include "dispatcher/follow.h"

#include "common/output.h"
#include "common/table.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <utlist.h>

/* A run whose files are watched. */
typedef struct Watch {
        Follow *follow;
        run_id_t run_id;
        uint64_t task_id;
        uint64_t changes;
        size_t parked;
        sd_event_source *source;
} Watch;

typedef struct Parked {
        FollowRequest request;
        Watch *watch; /* NULL: waits for the task only */
        bool due;
        struct Parked *prev, *next;
} Parked;

struct Follow {
        sd_event *event;
        char state_dir[PATH_MAX];
        int64_t priority;
        FollowRetry retry;
        void *userdata;
        Table watches; /* run id -> Watch */
        Parked *parked;
        bool due;
};

static void watch_drop(Watch *w) {
        table_remove(&w->follow->watches, w->run_id);
        sd_event_source_disable_unref(w->source);
        free(w);
}

static void parked_free(Parked *p) {
        if (p->watch)
                p->watch->parked--;
        free(p);
}

static void parked_drop(Follow *f, Parked *p) {
        DL_DELETE(f->parked, p);
        parked_free(p);
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
        while (f->parked)
                parked_drop(f, f->parked);
        uint64_t run_id = 0;
        for (Watch *w; (w = table_first_from(&f->watches, &run_id));)
                watch_drop(w);
        table_done(&f->watches);
        free(f);
        return NULL;
}

/* Marks whoever is parked on w. */
static void watch_changed(Watch *w) {
        Follow *f = w->follow;
        Parked *p;
        w->changes++;
        DL_FOREACH (f->parked, p) {
                if (p->watch == w)
                        p->due = f->due = true;
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

int follow_watch(Follow *f, uint64_t task_id, run_id_t run_id, uint64_t *ret_changes,
                 bool *ret_new) {
        char directory[PATH_MAX];
        Watch *w = table_get(&f->watches, run_id);
        *ret_new = !w;
        if (w) {
                *ret_changes = w->changes;
                return 0;
        }
        int r = output_directory(f->state_dir, run_id, directory, sizeof directory);
        if (r < 0)
                return r;
        if (mkdir(directory, 0700) < 0 && errno != EEXIST)
                return -errno;
        w = calloc(1, sizeof *w);
        if (!w)
                return -ENOMEM;
        w->follow = f;
        w->task_id = task_id;
        w->run_id = run_id;
        r = sd_event_add_inotify(f->event, &w->source, directory, IN_CREATE | IN_MODIFY, on_inotify,
                                 w);
        if (r >= 0)
                r = sd_event_source_set_priority(w->source, f->priority);
        if (r >= 0)
                r = table_put(&f->watches, run_id, w);
        if (r < 0) {
                sd_event_source_disable_unref(w->source);
                free(w);
                return r;
        }
        *ret_changes = 0;
        return 0;
}

int follow_park(Follow *f, const FollowRequest *request, run_id_t run_id, uint64_t changes) {
        Parked *p = calloc(1, sizeof *p);
        if (!p)
                return -ENOMEM;
        p->request = *request;
        p->watch = run_id ? table_get(&f->watches, run_id) : NULL;
        if (p->watch)
                p->watch->parked++;
        if (run_id && (!p->watch || p->watch->changes != changes))
                p->due = f->due = true;
        DL_APPEND(f->parked, p);
        return 0;
}

void follow_task_changed(Follow *f, uint64_t task_id) {
        Parked *p;
        uint64_t run_id = 0;
        for (Watch *w; (w = table_first_from(&f->watches, &run_id)); run_id++)
                if (w->task_id == task_id && !w->parked)
                        watch_drop(w);
        DL_FOREACH (f->parked, p) {
                if (p->request.output.id == task_id)
                        p->due = f->due = true;
        }
}

static bool origin_equal(const CoreOrigin *a, const CoreOrigin *b) {
        return a->request_id == b->request_id && a->route_size == b->route_size &&
               memcmp(a->route, b->route, a->route_size) == 0;
}

void follow_forget(Follow *f, const CoreOrigin *origin) {
        Parked *p, *next;
        DL_FOREACH_SAFE(f->parked, p, next) {
                if (origin_equal(&p->request.origin, origin))
                        parked_drop(f, p);
        }
}

void follow_flush(Follow *f) {
        Parked *p, *next, *due = NULL;
        if (!f->due)
                return;
        f->due = false;
        DL_FOREACH_SAFE(f->parked, p, next) {
                if (!p->due)
                        continue;
                DL_DELETE(f->parked, p);
                DL_APPEND(due, p);
        }
        DL_FOREACH_SAFE(due, p, next) {
                f->retry(f->userdata, &p->request);
                parked_free(p);
        }
}
