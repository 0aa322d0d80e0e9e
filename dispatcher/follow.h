/* OUTPUT requests that wait for something to come: bytes in a running run's file, the start of an
 * attempt, the end of the task.
 *
 * A followed run's output directory is watched by inotify before its file is read, so no change is
 * missed between the read and the parking: each watch counts changes, and a request that read under
 * an older count is tried again at once. Retries happen once a turn, in follow_flush, however many
 * reasons there were. */
#pragma once

#include "dispatcher/core/core.h"

#include <systemd/sd-event.h>

typedef struct Follow Follow;

/* One OUTPUT request, by value. */
typedef struct FollowRequest {
        CoreOrigin origin;
        uint32_t uid;
        WireOutput output;
} FollowRequest;

typedef void (*FollowRetry)(void *userdata, const FollowRequest *request);

int follow_new(sd_event *event, const char *state_dir, int64_t priority, FollowRetry retry,
               void *userdata, Follow **ret);
Follow *follow_free(Follow *f); /* accepts NULL, returns NULL */
DEFINE_CLEANUP(Follow *, follow_free)

/* Watches the run's files until its task changes with nobody parked on it; ret_changes is the count
 * to give to follow_park. ret_new: this run was not watched before. 0 or negative errno. */
int follow_watch(Follow *f, uint64_t task_id, run_id_t run_id, uint64_t *ret_changes,
                 bool *ret_new);

/* Parks a copy until the run's files change (run_id not 0; changes from follow_watch) or the task
 * changes. */
int follow_park(Follow *f, const FollowRequest *request, run_id_t run_id, uint64_t changes);

void follow_task_changed(Follow *f, uint64_t task_id); /* cheap when nobody follows it */
void follow_forget(Follow *f, const CoreOrigin *origin);
void follow_flush(Follow *f);
