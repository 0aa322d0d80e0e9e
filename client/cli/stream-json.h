/* Streams of tasks as JSON. */
#pragma once

#include "client/cli/command.h"
#include "client/cli/json.h"
#include "client/cli/stream.h"

/* A whole stream as object[key], with object[key_dropped]. 0, or -code. */
int stream_into_json(Stream *s, StintClient *client, const char *key, json_t *object, Error *error);

/* For Stream.take: every chunk as an object of its own, one a line. */
int stream_take_json(Stream *s, const StintChunk *chunk);
