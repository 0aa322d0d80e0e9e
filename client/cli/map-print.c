/* Outputs, each when its turn comes: from memory, asked for again, or read in pieces. */
#include "client/cli/map.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* Asked for at once when their turn comes. */
#define RECALL_MAX 256u

static StintStream stream_kind(const Map *m, int stream) {
        return stream ? STINT_STDERR : m->settings.words ? STINT_STDOUT : STINT_RESULT;
}

static int stream_fd(int stream) {
        return stream ? STDERR_FILENO : STDOUT_FILENO;
}

void map_lose(Map *m, uint64_t id) {
        m->lost++;
        m->lost_id = id;
}

/* ---- keeping ---- */

/* What the task's future holds of a stream; 0, or -ENOMEM. */
static void take_stream(MapTask *t, int i, const StintOutput *o) {
        MapStream *s = &t->streams[i];
        s->dropped = o->dropped;
        s->large = !o->complete;
        if (s->large || !o->size)
                return;
        s->data = malloc(o->size);
        s->large = !s->data; /* out of memory: a reader needs less */
        if (s->data) {
                memcpy(s->data, o->data, o->size);
                s->size = o->size;
                t->kept_bytes += o->size;
        }
}

/* Copies the output, so that the future with all that its answer brought can go. */
static void take_output(MapTask *t) {
        t->kept_bytes = sizeof *t + t->input_size;
        for (int i = 0; i < MAP_STREAMS; i++) {
                const StintOutput *o = stint_future_output(t->future, stream_kind(t->map, i));
                if (o)
                        take_stream(t, i, o);
        }
        t->map->kept_bytes += t->kept_bytes;
}

static size_t output_bytes(const MapTask *t) {
        size_t bytes = sizeof *t + t->input_size;
        for (int i = 0; i < MAP_STREAMS; i++) {
                const StintOutput *o = stint_future_output(t->future, stream_kind(t->map, i));
                bytes += o && o->complete ? o->size : 0;
        }
        return bytes;
}

/* The task ran to an end that has an output, and there is none: it was purged. */
static bool is_lost(const MapTask *t, const StintEnd *end) {
        return !stint_future_output(t->future, stream_kind(t->map, 0)) &&
               (end->state == STINT_SUCCEEDED || end->reason == STINT_REASON_EXIT);
}

void map_keep(MapTask *t, const StintEnd *end) {
        Map *m = t->map;
        t->id = end->id;
        if (m->settings.order == MAP_UNORDERED && !t->recalled &&
            map_order_push(&m->order, t, &t->number) < 0) {
                map_fail(m, EXIT_SOFTWARE, "out of memory");
                map_task_free(t);
                return;
        }
        bool first = t->number == m->order.first;
        bool tagged = m->settings.tag == MAP_TAGGED;
        if (!m->mute && !first && m->kept_bytes + output_bytes(t) > MAP_KEPT_BYTES &&
            map_order_defer(&m->order, t->number, t->id, tagged ? t->input : NULL, t->input_size) ==
                    0) {
                map_task_free(t);
                return;
        }
        if (!m->mute && is_lost(t, end))
                map_lose(m, t->id);
        if (!m->mute)
                take_output(t);
        t->future = stint_future_free(t->future);
        t->over = true;
}

/* ---- asking again ---- */

static int recall_one(Map *m, uint64_t number) {
        _cleanup_(freep) char *input = NULL;
        size_t size;
        uint64_t id;
        int r = map_order_deferred(&m->order, number, &id, &input, &size);
        if (r < 0)
                return map_fail(m, EXIT_IO, "cannot read the temporary file of inputs: %s",
                                strerror(-r));
        MapTask *t = map_task_new(m, input, size);
        if (!t)
                return map_fail(m, EXIT_SOFTWARE, "out of memory");
        t->number = number;
        t->id = id;
        t->recalled = true;
        t->future = stint_future_of(m->client, id, STINT_COLLECT);
        if (!t->future) {
                map_task_free(t);
                return map_fail(m, EXIT_SOFTWARE, "out of memory");
        }
        map_order_set(&m->order, number, t);
        map_task_await(t);
        return 0;
}

/* The first in order and those that follow it. */
static void recall(Map *m) {
        uint64_t end = MIN_OF(m->order.next, m->order.first + RECALL_MAX);
        for (uint64_t i = m->order.first; i < end && !map_order_task(&m->order, i); i++)
                if (recall_one(m, i) < 0) {
                        m->mute = true;
                        return;
                }
}

/* ---- printing ---- */

static void begin(Map *m, const MapTask *t, int stream) {
        const char *tag = m->settings.tag == MAP_TAGGED ? t->input : NULL;
        map_writer_begin(m->writer, stream_fd(stream), tag, t->input_size);
}

static void end(Map *m, int stream) {
        bool result = stream_kind(m, stream) == STINT_RESULT;
        map_writer_end(m->writer, result ? MAP_WRITER_COMPLETE_LINE : MAP_WRITER_AS_IT_IS);
}

static void warn_dropped(Map *m, const MapTask *t) {
        for (int i = 0; i < MAP_STREAMS; i++)
                if (t->streams[i].dropped)
                        map_say(m,
                                "stint: %" PRIu64 " bytes of %s of task %" PRIu64
                                " were beyond its output limit and are not kept; see "
                                "--output-limit\n",
                                t->streams[i].dropped, i ? "stderr" : "stdout", t->id);
}

static int on_chunk(StintReader *reader, const StintChunk *chunk, void *userdata) {
        Map *m = userdata;
        MapTask *t = map_order_task(&m->order, m->order.first);
        if (chunk->size && !m->mute) {
                map_writer_add(m->writer, chunk->data, chunk->size);
                return 0;
        }
        t->streams[m->reading].dropped = chunk->dropped;
        if (chunk->error == STINT_NOT_FOUND)
                map_lose(m, t->id);
        else if (chunk->error)
                map_fail(m, chunk->error, "%s", stint_error(m->client));
        end(m, m->reading++);
        m->reader = stint_reader_free(reader);
        map_print(m);
        return 0;
}

/* False: a reader is under way and goes on. */
static bool print_task(Map *m, MapTask *t) {
        for (; m->reading < MAP_STREAMS; m->reading++) {
                MapStream *s = &t->streams[m->reading];
                if (m->mute || (!s->size && !s->large))
                        continue;
                begin(m, t, m->reading);
                if (s->large) {
                        m->reader = stint_reader_new(m->client, t->id, 0,
                                                     stream_kind(m, m->reading), 0, 0, on_chunk, m);
                        if (m->reader)
                                return false;
                        map_fail(m, EXIT_SOFTWARE, "out of memory");
                }
                map_writer_add(m->writer, s->data, s->size);
                end(m, m->reading);
        }
        m->reading = 0;
        return true;
}

void map_print(Map *m) {
        while (!m->reader && !map_order_is_empty(&m->order)) {
                MapTask *t = map_order_task(&m->order, m->order.first);
                if (!t && !m->mute) {
                        recall(m);
                        return;
                }
                if (t && (!t->over || !print_task(m, t)))
                        return;
                map_order_pop(&m->order);
                if (t && !m->mute)
                        warn_dropped(m, t);
                if (t)
                        map_task_free(t);
        }
}
