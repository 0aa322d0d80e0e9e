/* See row.h. */
#include "client/cli/row.h"

#include "client/cli/ending.h"
#include "common/text.h"

#include <string.h>

#define LABEL_SIZE 128

json_t *labels_json(const char *const *labels) {
        json_t *object = json_object();
        for (; labels && *labels; labels++) {
                char key[LABEL_SIZE];
                size_t n = strcspn(*labels, "=");
                if (n >= sizeof key || !utf8_is_valid(*labels, n))
                        continue;
                snprintf(key, sizeof key, "%.*s", (int)n, *labels);
                json_set_text(object, key, (*labels)[n] ? *labels + n + 1 : "");
        }
        return object;
}

static void set_progress(json_t *o, const StintInfo *info) {
        if (info->progress < 0)
                return;
        json_set_number(o, "progress", (uint64_t)info->progress);
        json_set_text(o, "progress_text", info->progress_text);
}

/* 0 becomes null: there is none. */
static void set_id(json_t *o, const char *key, uint64_t id) {
        json_object_set_new(o, key, id ? json_integer((json_int_t)id) : json_null());
}

json_t *row_json(const StintInfo *info) {
        const char *state = stint_state_name(info->state);
        json_t *o = json_object();
        json_set_number(o, "id", info->id);
        json_set_text(o, "queue", info->queue);
        json_object_set_new(o, "kind",
                            json_string(info->kind == STINT_MESSAGE ? "message" : "command"));
        json_object_set_new(o, "state", json_string(state ? state : "unknown"));
        if (info->reason) {
                const char *reason = stint_reason_name(info->reason);
                json_object_set_new(o, "reason", json_string(reason ? reason : "unknown"));
                json_object_set_new(o, "code", json_integer(info->code));
        }
        json_object_set_new(o, "priority", json_integer(info->priority));
        json_set_number(o, "attempt", info->attempt);
        json_set_number(o, "uid", info->uid);
        json_object_set_new(o, "at_most_once", json_boolean(info->flags & STINT_AT_MOST_ONCE));
        json_set_time(o, "submitted_usec", info->submitted_usec);
        json_set_time(o, "due_usec", info->due_usec);
        json_set_time(o, "started_usec", info->started_usec);
        json_set_time(o, "ended_usec", info->ended_usec);
        json_set_text(o, "name", info->name);
        json_set_text(o, "group", info->group);
        json_object_set_new(o, "labels", labels_json(info->labels));
        json_set_text(o, "summary", info->summary);
        json_set_number(o, "worker", info->worker);
        json_set_number(o, "run", info->run_id);
        set_id(o, "retry_of", info->retry_of);
        set_id(o, "retried_as", info->retried_as);
        set_progress(o, info);
        return o;
}

Columns *row_columns(const GeneralOptions *general) {
        static const Column columns[] = {
                {"ID", COLUMN_NUMBER},      {"STATE", COLUMN_TEXT},   {"QUEUE", COLUMN_CUT, 60},
                {"AGE", COLUMN_NUMBER, 50}, {"TIME", COLUMN_NUMBER},  {"END", COLUMN_CUT, 70},
                {"NAME", COLUMN_CUT, 70},   {"COMMAND", COLUMN_WIDE},
        };
        return columns_new(columns, ARRAY_SIZE(columns), general);
}

/* How a task went, as briefly as a table has it; of one that runs, how far it is. */
static const char *end_text(const StintInfo *info, char *buf, size_t size) {
        if (info->state == STINT_RUNNING && info->progress >= 0)
                snprintf(buf, size, "%d%%%s%s", info->progress, info->progress_text[0] ? " " : "",
                         info->progress_text);
        else if (info->state == STINT_SUCCEEDED || !info->ended_usec)
                return "";
        else
                ending_text(info->reason, info->code, buf, size);
        return buf;
}

void row_add(Columns *c, const StintInfo *info, uint64_t now_usec) {
        char text[256];
        columns_row(c);
        columns_number(c, info->id);
        columns_state(c, info->state);
        columns_text(c, info->queue);
        columns_duration(c, info->submitted_usec, now_usec);
        columns_duration(c, info->started_usec, info->ended_usec ? info->ended_usec : now_usec);
        columns_text(c, end_text(info, text, sizeof text));
        columns_text(c, info->name);
        columns_text(c, info->summary);
}
