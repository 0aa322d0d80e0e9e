/* Forgetting in `sqlite:`: ended tasks go, with attempts, output files and environments that nobody
 * uses any more, when they are too old, too many or too big together. One step is one transaction
 * of bounded size.
 *
 * No index serves this; the order of ids does. By number and bytes the lowest ids go first. By age
 * a pass runs over the ends in order of ids and stops at the first task that was submitted within
 * the age, since all behind it ended within it, too; what it saw says when the next pass is worth
 * while. What was there at the start is counted in the background by a pass of its own.
 *
 * Files are removed before the commit: a crash between the two leaves a row whose output is gone,
 * never a file that nobody knows. */
#include "dispatcher/store/output-files.h"
#include "dispatcher/store/sqlite-internal.h"

#include <errno.h>
#include <string.h>

#define COUNT_ROWS_IDLE  5000u
#define COUNT_ROWS_BUSY  1000u
#define COUNT_USEC       (20 * USEC_PER_MSEC) /* under load one step of counting in so long */
#define FORGET_MIN       256u
#define FORGET_MAX       2048u
#define FORGET_USEC      USEC_PER_SEC /* a few beyond the limit may wait so long for more */
#define AGE_ROWS         2000u
#define AGE_INTERVAL_MAX (60 * USEC_PER_SEC)

static bool is_counted(const Summary *m, uint64_t id) {
        return id < m->cursor || id > m->end;
}

int retention_note_task(Sqlite *s, const TaskRecord *t) {
        return digest_add(&s->digest, t->id,
                          &(FilterRow){.uid = t->uid,
                                       .submitted_usec = t->submitted_usec,
                                       .queue = t->queue,
                                       .queue_size = strlen(t->queue),
                                       .name = blob_slice_data(t->name),
                                       .name_size = t->name.size,
                                       .labels = blob_slice_data(t->labels),
                                       .labels_size = t->labels.size,
                                       .group = blob_slice_data(t->group),
                                       .group_size = t->group.size});
}

void retention_note_end(Sqlite *s, uint64_t id, uint8_t state, uint64_t bytes) {
        if (!is_counted(&s->summary, id))
                return;
        digest_end(&s->digest, id, state);
        s->summary.ended_count++;
        s->summary.ended_bytes += bytes;
        s->summary.ended_since_step++;
}

void retention_note_purged(Sqlite *s, uint64_t id, uint64_t bytes, uint64_t environment) {
        Summary *m = &s->summary;
        if (!is_counted(m, id))
                return;
        digest_forget(&s->digest, id);
        m->ended_count -= MIN_OF(m->ended_count, (uint64_t)1);
        m->ended_bytes -= MIN_OF(m->ended_bytes, bytes);
        if (environment && environment_drop_reference(s, environment))
                (void)table_put(&s->environments.unused, environment, s);
}

/* ---- counting what was there at the start ---- */

static bool counting(const Summary *m) {
        return m->cursor <= m->end;
}

bool retention_is_counted(const Sqlite *s) {
        return !counting(&s->summary);
}

static int list_unused_environments(Sqlite *s) {
        int r;
        while ((r = sqlite_next_row(s, ST_LIST_ENVIRONMENTS)) > 0) {
                uint64_t id = column_u64(s->statements[ST_LIST_ENVIRONMENTS], 0);
                if (!table_get(&s->environments.references, id) &&
                    table_put(&s->environments.unused, id, s) < 0)
                        r = -ENOMEM;
                if (r < 0)
                        break;
        }
        sqlite_reset(s, ST_LIST_ENVIRONMENTS);
        return r;
}

static int count_row(Sqlite *s, sqlite3_stmt *st) {
        enum { ENVIRONMENT = SCAN_COLUMN_COUNT, BYTES };
        uint64_t id = column_u64(st, 0), environment = column_u64(st, ENVIRONMENT);
        FilterRow row;
        column_filter_row(st, &row);
        int r = digest_add(&s->digest, id, &row);
        if (r == 0 && environment)
                r = environment_add_references(s, environment, 1);
        if (r < 0)
                return r;
        s->summary.cursor = id + 1;
        if (row.end_state) {
                s->summary.ended_count++;
                for (int i = BYTES; i < BYTES + 3; i++)
                        s->summary.ended_bytes += column_u64(st, i);
        }
        return 0;
}

static int count_step(Sqlite *s, unsigned rows) {
        sqlite3_stmt *st = s->statements[ST_SUMMARIZE];
        unsigned n = 0;
        int r;
        bind_u64(st, 1, s->summary.cursor);
        bind_u64(st, 2, s->summary.end);
        bind_u64(st, 3, rows);
        while ((r = sqlite_next_row(s, ST_SUMMARIZE)) > 0) {
                n++;
                r = count_row(s, st);
                if (r < 0)
                        break;
        }
        sqlite_reset(s, ST_SUMMARIZE);
        if (r < 0 || n == rows)
                return r;
        s->summary.cursor = s->summary.end + 1;
        return list_unused_environments(s);
}

/* ---- forgetting ---- */

/* What one step is about to change in the accounts, once it is committed. */
typedef struct Step {
        uint64_t ids[FORGET_MAX], environments[FORGET_MAX];
        unsigned id_count, environment_count, forgotten;
        uint64_t bytes;
} Step;

/* Deletes runs of a task and the files that they name; gives how many. */
static int forget_runs(Sqlite *s, Statement which, uint64_t task, uint64_t *bytes) {
        sqlite3_stmt *st = s->statements[which];
        bind_u64(st, 1, task);
        int r, n = 0;
        while ((r = sqlite_next_row(s, which)) > 0) {
                output_files_remove(s->state_dir, column_u64(st, 0),
                                    (uint8_t)sqlite3_column_int(st, 1),
                                    (uint8_t)sqlite3_column_int(st, 2));
                *bytes += column_u64(st, 3);
                n++;
        }
        return r < 0 ? r : n;
}

int retention_forget(Sqlite *s, uint64_t id, uint64_t *bytes, uint64_t *ret_environment) {
        sqlite3_stmt *st = s->statements[ST_FORGET_TASK];
        int r = forget_runs(s, ST_FORGET_END, id, bytes);
        if (r <= 0)
                return r;
        r = forget_runs(s, ST_FORGET_ATTEMPTS, id, bytes);
        *ret_environment = 0;
        bind_u64(st, 1, id);
        while (r >= 0 && (r = sqlite_next_row(s, ST_FORGET_TASK)) > 0) {
                *ret_environment = column_u64(st, 0);
                *bytes += column_u64(st, 1);
        }
        return r < 0 ? r : 1;
}

static int forget_task(Sqlite *s, uint64_t id, Step *step) {
        uint64_t environment = 0;
        int r = retention_forget(s, id, &step->bytes, &environment);
        if (environment)
                step->environments[step->environment_count++] = environment;
        step->forgotten++;
        return MIN_OF(r, 0);
}

/* Whether the limits are exceeded even without the so many tasks and bytes that are about to go. */
static bool is_beyond(const Summary *m, const Retention *keep, uint64_t tasks, uint64_t bytes) {
        return (m->ended_count > tasks && m->ended_count - tasks > keep->tasks) ||
               (m->ended_bytes > bytes && m->ended_bytes - bytes > keep->bytes);
}

static int remove_unused_environments(Sqlite *s) {
        uint64_t id = 0;
        int r = 0;
        for (; r == 0 && table_first_from(&s->environments.unused, &id); id++)
                r = environment_remove(s, id);
        return r;
}

static void settle(Sqlite *s, const Step *step) {
        Summary *m = &s->summary;
        table_done(&s->environments.unused);
        for (unsigned i = 0; i < step->environment_count; i++)
                if (environment_drop_reference(s, step->environments[i]))
                        (void)table_put(&s->environments.unused, step->environments[i], s);
        for (unsigned i = 0; i < step->forgotten; i++)
                digest_forget(&s->digest, step->ids[i]);
        m->ended_count -= MIN_OF(m->ended_count, (uint64_t)step->forgotten);
        m->ended_bytes -= MIN_OF(m->ended_bytes, step->bytes);
}

/* Forgets the tasks of step->ids: all of them, or while the limits are exceeded (keep). */
static int forget(Sqlite *s, const Retention *keep, Step *step) {
        int r = sqlite_begin(s);
        if (r == 0)
                r = remove_unused_environments(s);
        for (unsigned i = 0; r == 0 && i < step->id_count; i++) {
                if (keep && !is_beyond(&s->summary, keep, step->forgotten, step->bytes))
                        break;
                r = forget_task(s, step->ids[i], step);
        }
        if (r == 0)
                r = sqlite_commit_transaction(s);
        if (r < 0) {
                sqlite_rollback(s);
                environment_clear_cache(s);
                return r;
        }
        settle(s, step);
        return 0;
}

static int forget_oldest(Sqlite *s, const Retention *keep, unsigned most) {
        Step step = {0};
        sqlite3_stmt *st = s->statements[ST_OLDEST_ENDS];
        bind_u64(st, 1, most);
        int r;
        while ((r = sqlite_next_row(s, ST_OLDEST_ENDS)) > 0)
                step.ids[step.id_count++] = column_u64(st, 0);
        s->summary.ended_since_step = 0;
        s->summary.stepped_usec = time_now_monotonic();
        if (r == 0 && step.id_count == 0)
                s->summary.ended_count = s->summary.ended_bytes = 0;
        return r < 0 || step.id_count == 0 ? r : forget(s, keep, &step);
}

/* ---- by age ---- */

/* Looks at the row where the pass is. False: the pass ends here. */
static bool age_row(Summary *m, sqlite3_stmt *st, usec_t now, Step *step) {
        usec_t due = usec_add(column_u64(st, 1), m->age_limit);
        usec_t submitted_due = usec_add(column_u64(st, 2), m->age_limit);
        if (due <= now)
                step->ids[step->id_count++] = column_u64(st, 0);
        else
                m->age_due_usec = MIN_OF(m->age_due_usec, due);
        m->age_cursor = column_u64(st, 0) + 1;
        m->age_due_usec =
                submitted_due > now ? MIN_OF(m->age_due_usec, submitted_due) : m->age_due_usec;
        return submitted_due <= now;
}

static int age_step(Sqlite *s, usec_t now) {
        Summary *m = &s->summary;
        sqlite3_stmt *st = s->statements[ST_ENDS_BY_AGE];
        Step step = {0};
        unsigned rows = 0;
        bool more = true;
        int r = 0;
        bind_u64(st, 1, m->age_cursor);
        bind_u64(st, 2, AGE_ROWS);
        while (more && (r = sqlite_next_row(s, ST_ENDS_BY_AGE)) > 0) {
                rows++;
                more = age_row(m, st, now, &step);
        }
        sqlite_reset(s, ST_ENDS_BY_AGE);
        if (r >= 0 && step.id_count > 0)
                r = forget(s, NULL, &step);
        if (r < 0 || !more || rows < AGE_ROWS) {
                usec_t interval = MIN_OF(m->age_limit / 16 + 1, AGE_INTERVAL_MAX);
                m->age_next_usec = MAX_OF(m->age_due_usec, usec_add(now, interval));
        }
        return r < 0 ? r : 0;
}

/* In a pass, or time to begin one. A changed limit begins anew. */
static bool age_is_due(Summary *m, const Retention *keep, usec_t now) {
        if (m->age_limit != keep->age_usec) {
                m->age_limit = keep->age_usec;
                m->age_next_usec = now;
        }
        if (m->age_limit == USEC_INFINITY || m->age_next_usec > now)
                return false;
        if (m->age_next_usec != 0) {
                m->age_next_usec = 0;
                m->age_cursor = 0;
                m->age_due_usec = usec_add(now, m->age_limit);
        }
        return true;
}

/* ---- one step ---- */

/* Under load just enough to keep pace: twice what has ended since the last step. */
static usec_t keep_limits(Sqlite *s, const Retention *keep) {
        Summary *m = &s->summary;
        usec_t now = time_now_monotonic();
        if (!is_beyond(m, keep, 0, 0))
                return USEC_INFINITY;
        bool far = m->ended_count > keep->tasks + FORGET_MIN || m->ended_since_step >= FORGET_MIN ||
                   m->stepped_usec == 0;
        usec_t due = m->stepped_usec + FORGET_USEC;
        if (!far && now < due)
                return due - now;
        uint64_t most = MAX_OF((uint64_t)FORGET_MIN, 2 * m->ended_since_step);
        int r = forget_oldest(s, keep, (unsigned)MIN_OF(most, (uint64_t)FORGET_MAX));
        return r < 0 ? FORGET_USEC : 0;
}

usec_t sqlite_maintain(Backend *b, const Retention *keep, StoreLoad load) {
        Sqlite *s = sqlite_of(b);
        Summary *m = &s->summary;
        if (counting(m)) {
                usec_t now = time_now_monotonic();
                if (load == STORE_BUSY && now < m->stepped_usec + COUNT_USEC)
                        return 0;
                m->stepped_usec = now;
                int r = count_step(s, load == STORE_BUSY ? COUNT_ROWS_BUSY : COUNT_ROWS_IDLE);
                return r < 0 ? FORGET_USEC : 0;
        }
        usec_t delay = keep_limits(s, keep);
        if (load == STORE_BUSY || delay == 0)
                return delay;
        if (s->environments.unused.count > 0)
                return forget(s, NULL, &(Step){0}) < 0 ? FORGET_USEC : 0;
        usec_t now = time_now_realtime();
        if (age_is_due(m, keep, now)) {
                int r = age_step(s, now);
                return r < 0 ? FORGET_USEC : 0;
        }
        if (m->age_limit == USEC_INFINITY || (m->ended_count == 0 && m->age_next_usec > now))
                return delay;
        return MIN_OF(delay, m->age_next_usec - now);
}
