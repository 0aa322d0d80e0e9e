/* See map-writer.h. */
#include "client/cli/map-writer.h"

#include "client/cli/bytes.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_BYTES ((size_t)1 << 16)
#define FDS          3 /* 1 and 2 are used */

struct MapWriter {
        MapWriterOptions options;
        bool is_file[FDS]; /* regular: a write never waits for a reader */
        bool is_terminal[FDS];
        bool within_line[FDS]; /* of what was written or gathered */
        int errors[FDS];
        bool given_up;

        int fd; /* of the stream that is open, and of what is gathered */
        char *tag;
        size_t tag_size, tag_alloc;
        bool tagged, line_open, wrote; /* of the stream */
        size_t size;                   /* gathered */
        char data[BUFFER_BYTES];
};

MapWriter *map_writer_new(const MapWriterOptions *options) {
        MapWriter *w = calloc(1, sizeof *w);
        if (!w)
                return NULL;
        w->options = *options;
        for (int fd = STDOUT_FILENO; fd < FDS; fd++) {
                struct stat st;
                w->is_file[fd] = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
                w->is_terminal[fd] = isatty(fd);
        }
        return w;
}

MapWriter *map_writer_free(MapWriter *w) {
        if (w)
                free(w->tag);
        free(w);
        return NULL;
}

static void write_out(MapWriter *w, const char *data, size_t size) {
        if (!size || w->given_up || w->errors[w->fd])
                return;
        if (w->is_terminal[w->fd])
                w->options.before(w->options.userdata);
        int r = w->is_file[w->fd] ? write_all(w->fd, data, size)
                                  : write_watching(w->fd, data, size, &w->options.watch);
        if (r == -ECANCELED)
                w->given_up = true;
        else if (r < 0)
                w->errors[w->fd] = -r;
}

void map_writer_flush(MapWriter *w) {
        write_out(w, w->data, w->size);
        w->size = 0;
}

/* Bytes as they are. */
static void gather(MapWriter *w, const char *data, size_t size) {
        if (!size)
                return;
        w->within_line[w->fd] = data[size - 1] != '\n';
        w->wrote = true;
        if (size > BUFFER_BYTES - w->size)
                map_writer_flush(w);
        if (size > BUFFER_BYTES) {
                write_out(w, data, size);
                return;
        }
        memcpy(w->data + w->size, data, size);
        w->size += size;
}

void map_writer_begin(MapWriter *w, int fd, const char *tag, size_t tag_size) {
        if (fd != w->fd)
                map_writer_flush(w);
        w->fd = fd;
        w->tagged = tag != NULL;
        w->line_open = w->wrote = false;
        if (tag && tag_size > w->tag_alloc) {
                char *more = realloc(w->tag, tag_size);
                if (!more)
                        tag_size = w->tag_alloc; /* cut rather than lost */
                w->tag = more ? more : w->tag;
                w->tag_alloc = tag_size;
        }
        if (tag && tag_size)
                memcpy(w->tag, tag, tag_size);
        w->tag_size = tag_size;
}

static void add_tagged(MapWriter *w, const char *data, size_t size) {
        while (size) {
                if (!w->line_open) {
                        gather(w, w->tag, w->tag_size);
                        gather(w, "\t", 1);
                }
                const char *newline = memchr(data, '\n', size);
                size_t line = newline ? (size_t)(newline - data) + 1 : size;
                gather(w, data, line);
                w->line_open = !newline;
                data += line;
                size -= line;
        }
}

void map_writer_add(MapWriter *w, const void *data, size_t size) {
        if (w->given_up || w->errors[w->fd])
                return;
        if (w->tagged)
                add_tagged(w, data, size);
        else
                gather(w, data, size);
}

void map_writer_end(MapWriter *w, MapWriterEnd end) {
        if (w->wrote && w->within_line[w->fd] && (w->tagged || end == MAP_WRITER_COMPLETE_LINE))
                gather(w, "\n", 1);
}

int map_writer_error(const MapWriter *w) {
        return w->errors[STDOUT_FILENO];
}

bool map_writer_is_within_line(const MapWriter *w, int fd) {
        return w->within_line[fd];
}
