/* `stint status`, also `stint` alone: the dispatcher, its queues and pools, and what it counted. */
#include "client/cli/columns.h"
#include "client/cli/json.h"
#include "client/cli/row.h"
#include "common/text.h"
#include "common/time.h"

#include <inttypes.h>

/* ---- JSON ---- */

static json_t *queues_json(const WireStatusData *d) {
        json_t *array = json_array();
        for (size_t i = 0; i < d->queues.count; i++) {
                const WireQueueStatus *q = &d->queues.items[i];
                json_t *o = json_object();
                json_set_text(o, "name", q->name);
                json_set_number(o, "ready", q->ready);
                json_set_number(o, "delayed", q->delayed);
                json_set_number(o, "running", q->running);
                json_set_number(o, "held", q->held);
                json_set_number(o, "blocked", q->blocked);
                json_set_number(o, "max_waiting", q->max_waiting);
                json_set_time(o, "oldest_usec", q->oldest_usec);
                json_set_number(o, "succeeded", q->succeeded);
                json_set_number(o, "failed", q->failed);
                json_set_number(o, "cancelled", q->cancelled);
                json_set_number(o, "expired", q->expired);
                json_array_append_new(array, o);
        }
        return array;
}

static json_t *pools_json(const WireStatusData *d) {
        json_t *array = json_array();
        for (size_t i = 0; i < d->pools.count; i++) {
                const WirePoolStatus *p = &d->pools.items[i];
                json_t *o = json_object(), *queues = json_array();
                for (size_t q = 0; q < p->queues.count; q++)
                        json_array_append_new(queues, json_stringn(p->queues.items[q].data,
                                                                   p->queues.items[q].size));
                json_set_text(o, "name", p->name);
                json_set_text(o, "handler", p->handler);
                json_object_set_new(o, "queues", queues);
                json_set_number(o, "workers", p->workers);
                json_set_number(o, "wanted", p->wanted);
                json_set_number(o, "busy", p->busy);
                json_set_number(o, "slots", p->slots);
                json_set_text(o, "last_exit", p->last_exit);
                json_array_append_new(array, o);
        }
        return array;
}

static void print_json(const WireStatusData *d, const char *endpoint) {
        json_t *o = json_object(), *counters = json_object();
        json_set_text(o, "version", d->version);
        json_set_text(o, "instance", d->instance);
        json_object_set_new(o, "endpoint", json_string(endpoint));
        json_set_number(o, "pid", d->pid);
        json_set_number(o, "epoch", d->epoch);
        json_set_number(o, "started_usec", d->started_usec);
        json_set_number(o, "now_usec", d->now_usec);
        json_set_text(o, "store", d->store);
        json_set_text(o, "state_dir", d->state_dir);
        json_set_text(o, "health", d->health.size ? d->health : wire_text("good"));
        json_object_set_new(o, "queues", queues_json(d));
        json_object_set_new(o, "pools", pools_json(d));
        for (size_t i = 0; i < d->counters.count; i++) {
                char name[WIRE_NAME_MAX + 1];
                const WireCounter *c = &d->counters.items[i];
                snprintf(name, sizeof name, "%.*s", (int)c->name.size, c->name.data);
                json_set_number(counters, name, c->value);
        }
        json_object_set_new(o, "counters", counters);
        json_print_object("status", o);
}

/* ---- for people ---- */

static const char *escaped(WireText text) {
        static char buf[4 * WIRE_TEXT_MAX + 1];
        return text_escape(text.data, text.size, buf, sizeof buf);
}

static void print_head(const WireStatusData *d, const char *path) {
        char up[64];
        uint64_t usec = d->now_usec > d->started_usec ? d->now_usec - d->started_usec : 0;
        printf("dispatcher  stint %s", escaped(d->version));
        printf(", %s instance, pid %" PRIu64 ", up %s\n", escaped(d->instance), d->pid,
               duration_format_brief(usec - usec % USEC_PER_SEC, up, sizeof up));
        printf("socket      %s\n", path);
        printf("store       %s\n", escaped(d->store));
        printf("health      %s\n", d->health.size ? escaped(d->health) : "good");
}

static void print_queues(const WireStatusData *d, const GeneralOptions *general) {
        static const Column columns[] = {
                {"QUEUE", COLUMN_TEXT},       {"READY", COLUMN_NUMBER},
                {"DELAYED", COLUMN_NUMBER},   {"HELD", COLUMN_NUMBER},
                {"BLOCKED", COLUMN_NUMBER},   {"RUNNING", COLUMN_NUMBER},
                {"SUCCEEDED", COLUMN_NUMBER}, {"FAILED", COLUMN_NUMBER},
                {"CANCELLED", COLUMN_NUMBER}, {"EXPIRED", COLUMN_NUMBER},
                {"OLDEST", COLUMN_NUMBER},
        };
        _cleanup_(columns_freep) Columns *c = columns_new(columns, ARRAY_SIZE(columns), general);
        for (size_t i = 0; i < d->queues.count; i++) {
                const WireQueueStatus *q = &d->queues.items[i];
                const uint64_t numbers[] = {q->ready,   q->delayed,   q->held,
                                            q->blocked, q->running,   q->succeeded,
                                            q->failed,  q->cancelled, q->expired};
                char oldest[64] = "";
                if (q->oldest_usec && d->now_usec > q->oldest_usec)
                        duration_format_brief(d->now_usec - q->oldest_usec, oldest, sizeof oldest);
                columns_row(c);
                columns_text(c, q->name);
                for (size_t n = 0; n < ARRAY_SIZE(numbers); n++)
                        columns_number(c, numbers[n]);
                columns_text(c, wire_text(oldest));
        }
        printf("\n");
        columns_print(c);
}

static void print_pools(const WireStatusData *d, const GeneralOptions *general) {
        static const Column columns[] = {
                {"POOL", COLUMN_TEXT},   {"HANDLER", COLUMN_TEXT}, {"WORKERS", COLUMN_TEXT},
                {"BUSY", COLUMN_NUMBER}, {"SLOTS", COLUMN_NUMBER}, {"LAST EXIT", COLUMN_WIDE},
        };
        _cleanup_(columns_freep) Columns *c = columns_new(columns, ARRAY_SIZE(columns), general);
        for (size_t i = 0; i < d->pools.count; i++) {
                const WirePoolStatus *p = &d->pools.items[i];
                char workers[48];
                snprintf(workers, sizeof workers, "%" PRIu64 " of %" PRIu64, p->workers, p->wanted);
                columns_row(c);
                columns_text(c, p->name);
                columns_text(c, p->handler);
                columns_text(c, wire_text(workers));
                columns_number(c, p->busy);
                columns_number(c, p->slots);
                columns_text(c, p->last_exit);
        }
        printf("\n");
        columns_print(c);
}

static void print_counters(const WireStatusData *d) {
        printf("\ncounted since this dispatcher started:");
        for (size_t i = 0; i < d->counters.count; i++)
                printf("%s %s %" PRIu64, i ? "," : "", escaped(d->counters.items[i].name),
                       d->counters.items[i].value);
        printf("\n");
}

static int status_run(Invocation *x, Error *error) {
        _cleanup_(session_closep) Session *s = NULL;
        SessionAnswer answer;
        int r = refuse_operands(x, error);
        if (r == 0)
                r = invocation_open(x, SESSION_CONNECT_ONLY, error, &s);
        if (r == 0)
                r = session_call(s, WIRE_TYPE_STATUS, &(WireStatus){0}, (BlobSlice){0},
                                 WIRE_TYPE_STATUS_DATA, &answer, error);
        if (r < 0)
                return r;
        const WireStatusData *d = answer.body;
        if (x->general.json) {
                print_json(d, session_instance(s)->endpoint);
                return 0;
        }
        print_head(d, session_instance(s)->path);
        print_queues(d, &x->general);
        print_pools(d, &x->general);
        print_counters(d);
        return 0;
}

const Command command_status = {
        .name = "status",
        .summary = "the dispatcher, its queues, pools and counters",
        .synopsis = "[OPTION…]",
        .examples = {"stint status", "stint status --json"},
        .run = status_run,
};
