/* See stream-json.h. */
#include "client/cli/stream-json.h"

int stream_into_json(Stream *s, StintClient *client, const char *key, json_t *object,
                     Error *error) {
        _cleanup_(freep) char *data = NULL;
        size_t size = 0;
        char dropped[32];
        int r = stream_read(s, client, &data, &size, error);
        if (r < 0)
                return r;
        snprintf(dropped, sizeof dropped, "%s_dropped", key);
        json_set_bytes(object, key, data, size);
        json_set_number(object, dropped, s->dropped);
        return 0;
}

int stream_take_json(Stream *s, const StintChunk *chunk) {
        if (!chunk->size)
                return 0;
        json_t *o = json_pack("{sI ss sI sI}", "task", (json_int_t)s->id, "stream",
                              s->which == STINT_STDERR ? "stderr" : "stdout", "attempt",
                              (json_int_t)chunk->attempt, "offset", (json_int_t)chunk->offset);
        json_set_bytes(o, "bytes", chunk->data, chunk->size);
        json_print_object("output", o);
        return fflush(stdout) != 0;
}
