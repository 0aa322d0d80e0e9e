/* The answer to SHOW, taken apart: what the dispatcher knows, and what only client and worker read
 * (command, environment, payload). */
#pragma once

#include "client/cli/json.h"
#include "client/session.h"
#include "common/command-spec.h"

typedef struct Shown {
        const WireShown *wire; /* this and all texts: valid until the next call on the session */
        CommandSpec *command;  /* NULL: a message task, or a command of another version */
        WireText environment;  /* NAME=VALUE, each with its NUL */
        size_t variable_count;
        WireText payload;
} Shown;

/* 0, or -code. */
int shown_ask(Session *s, uint64_t id, Shown *ret, Error *error);
void shown_done(Shown *s);

json_t *shown_json(const Shown *s);
