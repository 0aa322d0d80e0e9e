/* What a map's tasks wrote, to stdout and stderr: gathered to few writes, in the order in which it
 * was given even if both are the same file, each line behind a tag if one is set.
 *
 * A write that has to wait for its reader watches another descriptor meanwhile, so that signals
 * read from there work however slow the reader is. */
#pragma once

#include "client/cli/bytes.h"
#include "common/macro.h"

#include <stdbool.h>

typedef struct MapWriter MapWriter;

typedef struct MapWriterOptions {
        WriteWatch watch; /* a write that is given up is the last one */
        /* Bytes are about to be written to a terminal: it must be clean. */
        void (*before)(void *userdata);
        void *userdata;
} MapWriterOptions;

MapWriter *map_writer_new(const MapWriterOptions *options); /* NULL: out of memory */
MapWriter *map_writer_free(MapWriter *w); /* flushes nothing; accepts NULL, returns NULL */
DEFINE_CLEANUP(MapWriter *, map_writer_free)

/* Begins a stream of a task for fd 1 or 2. tag: NULL for none, copied. */
void map_writer_begin(MapWriter *w, int fd, const char *tag, size_t tag_size);
/* Errors are kept in map_writer_error, and everything later is dropped. */
void map_writer_add(MapWriter *w, const void *data, size_t size);
/* Ends it: with a tag, or complete_line, a last line without newline gets one. */
typedef enum MapWriterEnd { MAP_WRITER_AS_IT_IS, MAP_WRITER_COMPLETE_LINE } MapWriterEnd;
void map_writer_end(MapWriter *w, MapWriterEnd end);

void map_writer_flush(MapWriter *w);

/* errno of stdout, 0: all is well. Errors of stderr are dropped: there is nobody to tell. */
int map_writer_error(const MapWriter *w);
/* Has the last write to that descriptor ended within a line? */
bool map_writer_is_within_line(const MapWriter *w, int fd);
