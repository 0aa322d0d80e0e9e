/* A map that is under way, shared by its parts:
 *
 *      map.c          options, the command
 *      map-loop.c     until all is done: descriptors, signals, the window, the end
 *      map-task.c     an input becomes a task, ends, is counted
 *      map-print.c    outputs, each when its turn comes
 *      map-report.c   what went wrong, at the end
 *
 *      map-input ─▶ fill ─▶ unfinished ─▶ over ─▶ kept in memory ─▶ map-print ─▶ map-writer
 *                    ▲           │                or deferred ──────▶ (recalled)
 *                    └── again ◀─┘ refused for now: the queue is full
 *
 * The window bounds the tasks that have not ended. What has ended and waits for its turn is kept up
 * to MAP_KEPT_BYTES; beyond that the output stays in the dispatcher and is asked for again when the
 * turn has come. So one slow task holds up the outputs of the others, not the others. */
#pragma once

#include "client/cli/map-input.h"
#include "client/cli/map-order.h"
#include "client/cli/map-progress.h"
#include "client/cli/map-words.h"
#include "client/cli/map-writer.h"

#include <stint/stint.h>

#define MAP_JOBS_MAX     65536u
#define MAP_KEPT_BYTES   ((size_t)4 << 20)
#define MAP_STREAMS      2 /* stdout, or the result of a message, and stderr */
#define MAP_FAILURES_MAX 10

typedef enum MapOrderOption { MAP_IN_ORDER, MAP_UNORDERED } MapOrderOption;
typedef enum MapTagOption { MAP_PLAIN, MAP_TAGGED } MapTagOption;
typedef enum MapHaltOption { MAP_TO_THE_END, MAP_UNTIL_FAILURE } MapHaltOption;
typedef enum MapProgressOption { MAP_PROGRESS, MAP_NO_PROGRESS } MapProgressOption;

typedef struct MapSettings {
        MapOrderOption order;
        MapTagOption tag;
        MapHaltOption halt;
        MapProgressOption progress;
        uint64_t jobs;         /* that run at once; 0: as many as there are workers */
        const StintTask *task; /* what all tasks have in common; argv and payload are not set */
        MapWords *words;       /* NULL: messages, each input is the payload */
} MapSettings;

typedef struct Map Map;

/* One stream of an output that is in memory. */
typedef struct MapStream {
        void *data;
        size_t size;
        uint64_t dropped; /* beyond the output limit */
        bool large;       /* not in memory: a reader has to read it */
} MapStream;

/* An input that is not yet printed. In `unfinished` until its end is known. */
struct MapTask {
        Map *map;
        MapTask *before, *behind; /* in unfinished, or behind in again */
        StintFuture *future;      /* NULL: over */
        uint64_t number;          /* in the order of printing */
        uint64_t id;
        bool recalled; /* its end was counted before */
        bool over;     /* its output is in streams, or it has none */
        MapStream streams[MAP_STREAMS];
        size_t kept_bytes;
        size_t input_size;
        char input[];
};

typedef struct MapFailure {
        StintEnd end;
        char input[64]; /* its beginning, escaped */
} MapFailure;

/* Why no further input becomes a task. */
typedef enum MapStop { MAP_GOES_ON, MAP_STOPPED, MAP_CANCELLED } MapStop;

struct Map {
        MapSettings settings;
        StintClient *client;
        MapInput *input;
        MapWriter *writer;
        MapProgress progress;
        Error *error; /* why the map itself failed; the first reason stays */

        /* Tasks. */
        MapTask *unfinished;
        size_t unfinished_count, unfinished_bytes;
        size_t window;  /* at most so many unfinished ones, */
        size_t ceiling; /* and at most so many, since the queue was full */
        MapTask *again, **again_tail;
        usec_t again_usec; /* not before then */
        bool told_full;
        bool inputs_ended;
        MapStop stop;
        uint64_t taken, done, succeeded, failed, cancelled;

        /* The window, as it adapts. */
        size_t slots; /* of the workers */
        uint64_t pace_done;
        usec_t pace_usec, slots_usec;

        /* Printing. */
        MapOrder order;
        size_t kept_bytes;
        StintReader *reader; /* of the first in order */
        int reading;         /* stream of the first in order that is written next */
        bool mute;           /* nobody reads stdout, or we were told to leave */
        uint64_t lost, lost_id;

        /* Signals. */
        int signals_fd;
        int signal;     /* the first one that asked for the end */
        int leave_with; /* exit code of leaving without waiting; 0: stay */

        MapFailure failures[MAP_FAILURES_MAX];
};

/* ---- map-loop.c ---- */

/* Runs it. The exit code, or -code with error set. */
int map_run(Map *m);

/* ---- map-task.c ---- */

/* The map itself fails: no further input becomes a task. The first error counts. Returns -code. */
int map_fail(Map *m, int code, const char *format, ...) _printf_(3, 4);

MapTask *map_task_new(Map *m, const char *input, size_t size); /* NULL: out of memory */
void map_task_free(MapTask *t);
/* Has it handled when its future is over. */
void map_task_await(MapTask *t);

/* Makes tasks of inputs while there are some and there is room. */
void map_fill(Map *m, usec_t now);
/* When there is something to submit again; USEC_INFINITY: not before an end makes room. */
usec_t map_again_due(const Map *m);
/* Cancels what has not ended. */
void map_cancel(Map *m);

/* ---- map-print.c ---- */

/* A task is over: takes its output from the future, or defers that. */
void map_keep(MapTask *t, const StintEnd *end);
/* Prints what has its turn. */
void map_print(Map *m);
/* The output of a task is gone: it was purged before its turn. */
void map_lose(Map *m, uint64_t id);

/* ---- map-report.c ---- */

/* A line on stderr, between what the tasks wrote. */
void map_say(Map *m, const char *format, ...) _printf_(2, 3);
void map_note_failure(Map *m, const MapTask *t, const StintEnd *end);
/* What went wrong, and the exit code, or -code with error set. */
int map_report(Map *m);
