/* See stream.h. */
#include "client/cli/stream.h"

#include "client/cli/command.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int stream_write(const Stream *s, const char *data, size_t size) {
        struct stat st;
        if (s->watch.woken_fd < 0 || (fstat(s->fd, &st) == 0 && S_ISREG(st.st_mode)))
                return write_all(s->fd, data, size);
        return write_watching(s->fd, data, size, &s->watch);
}

/* The reader is freed with its client, not in its own handler: what it still holds is small. */
static int on_chunk(StintReader *reader, const StintChunk *chunk, void *userdata) {
        Stream *s = userdata;
        int stop = 0;
        s->dropped = chunk->dropped;
        if (chunk->error) {
                s->code = chunk->error < 0 ? chunk->error : -chunk->error;
                client_error(s->client, s->code, &s->error);
        } else if (s->take) {
                stop = s->take(s, chunk);
        } else if (chunk->size) {
                s->write_error = -stream_write(s, chunk->data, chunk->size);
                stop = s->write_error != 0;
        }
        if (stop || !chunk->size)
                s->over = true;
        return stop;
}

int stream_start(Stream *s, StintClient *client, Error *error) {
        s->client = client;
        s->reader = stint_reader_new(client, s->id, s->attempt, s->which, s->offset, s->flags,
                                     on_chunk, s);
        return s->reader ? 0 : error_set(error, EXIT_SOFTWARE, "out of memory");
}

int stream_outcome(const Stream *s, Error *error) {
        if (s->code)
                return error_set(error, -s->code, "%s", s->error.text);
        if (s->write_error)
                return error_set(error, EXIT_IO, "cannot write the output of task %" PRIu64 ": %s",
                                 s->id, strerror(s->write_error));
        return 0;
}

int stream_finish(Stream *s, Error *error) {
        while (!s->over) {
                int r = stint_dispatch(s->client, -1);
                if (r < 0 && r != -STINT_TIMED_OUT && !s->over)
                        return client_error(s->client, r, error);
        }
        return stream_outcome(s, error);
}

void stream_warn(const Stream *s) {
        if (s->dropped)
                fprintf(stderr,
                        "stint: %" PRIu64 " bytes of %s of task %" PRIu64
                        " were beyond its output limit and are not kept; see --output-limit\n",
                        s->dropped, s->which == STINT_STDERR ? "stderr" : "stdout", s->id);
}

/* ---- into memory ---- */

static int take_memory(Stream *s, const StintChunk *chunk) {
        return chunk->size && fwrite(chunk->data, 1, chunk->size, s->memory) != chunk->size;
}

int stream_read(Stream *s, StintClient *client, char **ret, size_t *ret_size, Error *error) {
        FILE *memory = open_memstream(ret, ret_size);
        if (!memory)
                return error_set(error, EXIT_SOFTWARE, "out of memory");
        s->take = take_memory;
        s->memory = memory;
        int r = stream_start(s, client, error);
        if (r == 0)
                r = stream_finish(s, error);
        if (r == 0 && ferror(memory))
                r = error_set(error, EXIT_SOFTWARE, "out of memory");
        fclose(memory);
        return r;
}
