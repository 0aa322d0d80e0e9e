/* An input on its way: submitted, refused for now and submitted again, over, counted. */
#include "client/cli/map.h"

#include "common/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define UNFINISHED_BYTES ((size_t)8 << 20) /* of inputs whose tasks have not ended */
#define AGAIN_USEC       (200 * USEC_PER_MSEC)

MapTask *map_task_new(Map *m, const char *input, size_t size) {
        MapTask *t = calloc(1, sizeof *t + size + 1);
        if (!t)
                return NULL;
        t->map = m;
        t->input_size = size;
        if (size)
                memcpy(t->input, input, size);
        return t;
}

void map_task_free(MapTask *t) {
        stint_future_free(t->future);
        for (size_t i = 0; i < MAP_STREAMS; i++)
                free(t->streams[i].data);
        t->map->kept_bytes -= t->kept_bytes;
        free(t);
}

/* ---- the unfinished ones ---- */

static void unfinished_add(Map *m, MapTask *t) {
        t->before = NULL;
        t->behind = m->unfinished;
        if (m->unfinished)
                m->unfinished->before = t;
        m->unfinished = t;
        m->unfinished_count++;
        m->unfinished_bytes += t->input_size;
}

static void unfinished_remove(Map *m, MapTask *t) {
        if (t->before)
                t->before->behind = t->behind;
        else
                m->unfinished = t->behind;
        if (t->behind)
                t->behind->before = t->before;
        t->before = t->behind = NULL;
        m->unfinished_count--;
        m->unfinished_bytes -= t->input_size;
}

static bool has_room(const Map *m) {
        return m->unfinished_count < MIN_OF(m->window, m->ceiling) &&
               (m->unfinished_bytes < UNFINISHED_BYTES || !m->unfinished_count);
}

/* It will never be a task. */
static void drop(MapTask *t) {
        if (t->map->settings.order == MAP_UNORDERED)
                map_task_free(t);
        else
                t->over = true; /* its turn passes without a word */
}

static void drop_again(Map *m) {
        for (MapTask *t = m->again, *behind; t; t = behind) {
                behind = t->behind;
                drop(t);
        }
        m->again = NULL;
        m->again_tail = &m->again;
}

int map_fail(Map *m, int code, const char *format, ...) {
        char text[ERROR_TEXT_MAX];
        va_list ap;
        va_start(ap, format);
        vsnprintf(text, sizeof text, format, ap);
        va_end(ap);
        if (!m->error->code)
                error_set(m->error, abs(code), "%s", text);
        if (m->stop == MAP_GOES_ON)
                m->stop = MAP_STOPPED;
        drop_again(m);
        return -abs(code);
}

void map_cancel(Map *m) {
        m->stop = MAP_CANCELLED;
        drop_again(m);
        for (MapTask *t = m->unfinished, *behind; t; t = behind) {
                behind = t->behind;
                int r = stint_future_cancel(t->future);
                if (r < 0)
                        map_fail(m, r, "%s", stint_error(m->client));
        }
}

/* ---- over ---- */

static void count_end(MapTask *t, const StintEnd *end) {
        Map *m = t->map;
        m->done++;
        m->ceiling = MIN_OF(m->ceiling + 1, (size_t)MAP_JOBS_MAX);
        m->again_usec = 0; /* it made room */
        if (end->state == STINT_SUCCEEDED) {
                m->succeeded++;
        } else if (end->state == STINT_CANCELLED && m->stop == MAP_CANCELLED) {
                m->cancelled++;
        } else {
                map_note_failure(m, t, end);
                m->failed++;
                if (m->settings.halt == MAP_UNTIL_FAILURE && m->stop == MAP_GOES_ON)
                        map_cancel(m);
        }
}

/* The queue is full: later, and fewer at once. Many that are submitted together are refused
 * together, so it matters that they become fewer until they fit; each end then allows one more. */
static void try_again(MapTask *t) {
        Map *m = t->map;
        if (m->stop != MAP_GOES_ON) {
                drop(t);
                return;
        }
        if (!m->told_full)
                map_say(m, "stint: waiting for room: %s\n", stint_future_error(t->future));
        m->told_full = true;
        t->future = stint_future_free(t->future);
        *m->again_tail = t;
        m->again_tail = &t->behind;
        m->ceiling = MAX_OF(m->unfinished_count / 2, (size_t)1);
        m->again_usec = time_now_monotonic() + AGAIN_USEC;
}

static void refused(MapTask *t, int code) {
        Map *m = t->map;
        if (t->recalled) {
                map_lose(m, t->id);
                t->over = true;
        } else if (code == -STINT_TRY_AGAIN) {
                try_again(t);
                return;
        } else {
                map_fail(m, code, "%s", stint_future_error(t->future));
        }
        t->future = stint_future_free(t->future);
        if (!t->recalled)
                drop(t);
}

static void on_over(StintFuture *f, void *userdata) {
        MapTask *t = userdata;
        Map *m = t->map;
        int status = stint_future_status(f);
        if (!t->recalled)
                unfinished_remove(m, t);
        if (status < 0) {
                refused(t, status);
        } else {
                const StintEnd *end = stint_future_end(f);
                if (!t->recalled)
                        count_end(t, end);
                map_keep(t, end);
        }
        map_print(m);
}

void map_task_await(MapTask *t) {
        stint_future_then(t->future, on_over, t);
}

/* ---- inputs become tasks ---- */

static void submit(MapTask *t) {
        Map *m = t->map;
        StintTask task = *m->settings.task;
        size_t count;
        if (m->settings.words) {
                task.argv = map_words_fill(m->settings.words, t->input, t->input_size, &count);
        } else {
                task.payload = t->input;
                task.payload_size = t->input_size;
        }
        int r = m->settings.words && !task.argv
                        ? map_fail(m, EXIT_SOFTWARE, "out of memory")
                        : stint_submit(m->client, &task, 1, STINT_COLLECT, &t->future);
        if (r < 0) {
                map_fail(m, r, "%s", stint_error(m->client));
                drop(t);
                return;
        }
        unfinished_add(m, t);
        map_task_await(t);
}

static MapTask *next_input(Map *m) {
        const char *input;
        size_t size;
        MapInputState state = map_input_next(m->input, &input, &size);
        m->inputs_ended = state == MAP_INPUT_END;
        if (state != MAP_INPUT_TAKEN)
                return NULL;
        if (m->settings.words && memchr(input, '\0', size)) {
                map_fail(m, EXIT_DATA,
                         "input %" PRIu64 " holds a NUL byte, which no argument can: are the "
                         "inputs separated by NUL bytes (--null)?",
                         m->taken + 1);
                return NULL;
        }
        MapTask *t = map_task_new(m, input, size);
        if (!t ||
            (m->settings.order == MAP_IN_ORDER && map_order_push(&m->order, t, &t->number) < 0)) {
                free(t);
                map_fail(m, EXIT_SOFTWARE, "out of memory");
                return NULL;
        }
        m->taken++;
        return t;
}

static MapTask *next_again(Map *m, usec_t now) {
        MapTask *t = now < m->again_usec ? NULL : m->again;
        if (t) {
                m->again = t->behind;
                t->behind = NULL;
                if (!m->again)
                        m->again_tail = &m->again;
        }
        return t;
}

usec_t map_again_due(const Map *m) {
        return m->again && has_room(m) ? m->again_usec : USEC_INFINITY;
}

void map_fill(Map *m, usec_t now) {
        while (m->stop == MAP_GOES_ON && has_room(m)) {
                MapTask *t = m->again ? next_again(m, now) : next_input(m);
                if (!t)
                        break;
                submit(t);
        }
}
