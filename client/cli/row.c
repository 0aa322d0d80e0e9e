/* See row.h. */
#include "client/cli/row.h"

#include "client/cli/ending.h"
#include "common/text.h"
#include "common/time.h"

#include <string.h>

void json_set_time(json_t *object, const char *key, uint64_t usec) {
        json_object_set_new(object, key, usec ? json_integer((json_int_t)usec) : json_null());
}

static json_t *labels_json(const WireTexts *labels) {
        json_t *object = json_object();
        for (size_t i = 0; i < labels->count; i++) {
                char key[WIRE_LABEL_MAX + 1];
                const WireText *l = &labels->items[i];
                const char *equals = memchr(l->data, '=', l->size);
                size_t n = equals ? (size_t)(equals - l->data) : l->size;
                if (!utf8_is_valid(l->data, n))
                        continue;
                snprintf(key, sizeof key, "%.*s", (int)n, l->data);
                json_set_bytes(object, key, equals ? equals + 1 : "", equals ? l->size - n - 1 : 0);
        }
        return object;
}

json_t *row_json(const WireRow *row) {
        const char *state = task_state_name((TaskState)row->state);
        json_t *o = json_object();
        json_set_number(o, "id", row->id);
        json_set_text(o, "queue", row->queue);
        json_object_set_new(o, "kind",
                            json_string(row->kind == TASK_KIND_MESSAGE ? "message" : "command"));
        json_object_set_new(o, "state", json_string(state ? state : "unknown"));
        if (row->reason) {
                const char *reason = end_reason_name((EndReason)row->reason);
                json_object_set_new(o, "reason", json_string(reason ? reason : "unknown"));
                json_object_set_new(o, "code", json_integer(row->code));
        }
        json_object_set_new(o, "priority", json_integer(row->priority));
        json_set_number(o, "attempt", row->attempt);
        json_set_number(o, "uid", row->uid);
        json_object_set_new(o, "at_most_once", json_boolean(row->flags & WIRE_TASK_AT_MOST_ONCE));
        json_set_time(o, "submitted_usec", row->submitted_usec);
        json_set_time(o, "due_usec", row->due_usec);
        json_set_time(o, "started_usec", row->started_usec);
        json_set_time(o, "ended_usec", row->ended_usec);
        json_set_text(o, "name", row->name);
        json_object_set_new(o, "labels", labels_json(&row->labels));
        json_set_text(o, "summary", row->summary);
        json_set_number(o, "worker", row->worker);
        json_set_number(o, "run", row->run_id);
        return o;
}

Columns *row_columns(const GeneralOptions *general) {
        static const Column columns[] = {
                {"ID", COLUMN_NUMBER},  {"STATE", COLUMN_TEXT},   {"QUEUE", COLUMN_TEXT},
                {"AGE", COLUMN_NUMBER}, {"TIME", COLUMN_NUMBER},  {"END", COLUMN_TEXT},
                {"NAME", COLUMN_TEXT},  {"COMMAND", COLUMN_WIDE},
        };
        return columns_new(columns, ARRAY_SIZE(columns), general);
}

static void add_duration(Columns *c, uint64_t from_usec, uint64_t to_usec) {
        char text[64] = "";
        if (from_usec)
                duration_format_brief(to_usec > from_usec ? to_usec - from_usec : 0, text,
                                      sizeof text);
        columns_text(c, wire_text(text));
}

void row_add(Columns *c, const WireRow *row, uint64_t now_usec) {
        char text[128];
        columns_row(c);
        columns_number(c, row->id);
        columns_state(c, (TaskState)row->state);
        columns_text(c, row->queue);
        add_duration(c, row->submitted_usec, now_usec);
        add_duration(c, row->started_usec, row->ended_usec ? row->ended_usec : now_usec);
        bool plain = row->state == TASK_SUCCEEDED || !row->ended_usec;
        columns_text(c, wire_text(plain ? ""
                                        : ending_text((EndReason)row->reason, row->code, text,
                                                      sizeof text)));
        columns_text(c, row->name);
        columns_text(c, row->summary);
}
