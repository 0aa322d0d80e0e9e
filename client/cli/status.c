/* `stint status`, also `stint` alone: the dispatcher, its queues and pools, and what it counted. */
#include "client/cli/columns.h"
#include "client/cli/json.h"
#include "client/cli/pager.h"
#include "client/cli/wrap.h"
#include "common/text.h"
#include "common/time.h"

#include <inttypes.h>
#include <string.h>

#define TEXT_SIZE   4096
#define LABEL_WIDTH 12

/* ---- JSON ---- */

static json_t *queue_json(const StintQueueStatus *q) {
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
        return o;
}

static json_t *pool_json(const StintPoolStatus *p) {
        json_t *o = json_object();
        json_set_text(o, "name", p->name);
        json_set_text(o, "handler", p->handler);
        json_object_set_new(o, "queues", json_texts(p->queues));
        json_set_number(o, "workers", p->workers);
        json_set_number(o, "wanted", p->wanted);
        json_set_number(o, "busy", p->busy);
        json_set_number(o, "slots", p->slots);
        json_set_text(o, "last_exit", p->last_exit);
        return o;
}

static json_t *rate_json(const StintRate *r) {
        return json_pack("{sf sf}", "per_sec_10s", r->per_sec_10s, "per_sec_1m", r->per_sec_1m);
}

static void print_json(const StintStatus *s, const char *socket) {
        json_t *o = json_object(), *queues = json_array(), *pools = json_array();
        json_t *counters = json_object(), *rates = json_object();
        json_set_text(o, "version", s->version);
        json_set_text(o, "instance", s->instance);
        json_object_set_new(o, "endpoint", json_sprintf("ipc://%s", socket));
        json_set_number(o, "pid", s->pid);
        json_set_number(o, "epoch", s->epoch);
        json_set_time(o, "started_usec", s->started_usec);
        json_set_time(o, "now_usec", s->now_usec);
        json_set_text(o, "store", s->store);
        json_set_text(o, "state_dir", s->state_dir);
        json_set_text(o, "health", s->health);
        for (const StintQueueStatus *const *q = s->queues; *q; q++)
                json_array_append_new(queues, queue_json(*q));
        for (const StintPoolStatus *const *p = s->pools; *p; p++)
                json_array_append_new(pools, pool_json(*p));
        for (const StintCounter *const *c = s->counters; *c; c++)
                json_set_number(counters, (*c)->name, (*c)->value);
        for (const StintRate *const *r = s->rates; *r; r++)
                json_object_set_new(rates, (*r)->name, rate_json(*r));
        json_object_set_new(o, "queues", queues);
        json_object_set_new(o, "pools", pools);
        json_object_set_new(o, "counters", counters);
        json_object_set_new(o, "rates", rates);
        json_print_object("status", o);
}

/* ---- for people ---- */

static const char *escaped(const char *text) {
        static char buf[TEXT_SIZE];
        return text_escape(text, strlen(text), buf, sizeof buf);
}

/* "3.2/s", for fewer than one a second "12/min". */
static const char *rate_text(double per_sec, char *buf, size_t size) {
        if (per_sec <= 0.0005)
                snprintf(buf, size, "0/s");
        else if (per_sec < 1)
                snprintf(buf, size, "%.*f/min", per_sec * 60 < 10 ? 1 : 0, per_sec * 60);
        else
                snprintf(buf, size, "%.*f/s", per_sec < 10 ? 1 : 0, per_sec);
        return buf;
}

/* What follows is wrapped below itself. */
static Wrap label(const char *name) {
        return (Wrap){.indent = LABEL_WIDTH,
                      .width = wrap_width(SIZE_MAX),
                      .column = (size_t)printf("%-*s", LABEL_WIDTH, name)};
}

static void print_line(const char *name, const char *text) {
        Wrap w = label(name);
        wrap_text(&w, escaped(text));
        wrap_end(&w);
}

static void print_rates(const StintStatus *s) {
        if (!*s->rates)
                return;
        Wrap w = label("rates");
        for (const StintRate *const *r = s->rates; *r; r++) {
                char now[32], minute[32], text[256];
                snprintf(text, sizeof text, "%s %s (%s)%s", escaped((*r)->name),
                         rate_text((*r)->per_sec_10s, now, sizeof now),
                         rate_text((*r)->per_sec_1m, minute, sizeof minute), r[1] ? "," : "");
                wrap_word(&w, text);
        }
        wrap_end(&w);
}

static void print_head(const StintStatus *s, const char *socket) {
        char up[64], text[256];
        uint64_t usec = s->now_usec > s->started_usec ? s->now_usec - s->started_usec : 0;
        snprintf(text, sizeof text, "stint %s, %s instance, pid %" PRIu64 ", up %s", s->version,
                 s->instance, s->pid,
                 duration_format_brief(usec - usec % USEC_PER_SEC, up, sizeof up));
        print_line("dispatcher", text);
        print_line("socket", socket);
        print_line("store", s->store);
        print_line("health", s->health);
        print_rates(s);
}

static void print_queues(const StintStatus *s, const GeneralOptions *general) {
        static const Column columns[] = {
                {"QUEUE", COLUMN_CUT},           {"READY", COLUMN_NUMBER},
                {"RUNNING", COLUMN_NUMBER},      {"DELAYED", COLUMN_NUMBER, 50},
                {"HELD", COLUMN_NUMBER, 70},     {"BLOCKED", COLUMN_NUMBER, 70},
                {"OLDEST", COLUMN_NUMBER},       {"SUCCEEDED", COLUMN_NUMBER, 60},
                {"FAILED", COLUMN_NUMBER},       {"CANCELLED", COLUMN_NUMBER, 100},
                {"EXPIRED", COLUMN_NUMBER, 100},
        };
        _cleanup_(columns_freep) Columns *c = columns_new(columns, ARRAY_SIZE(columns), general);
        for (const StintQueueStatus *const *at = s->queues; *at; at++) {
                const StintQueueStatus *q = *at;
                columns_row(c);
                columns_text(c, q->name);
                columns_number(c, q->ready);
                columns_number(c, q->running);
                columns_number(c, q->delayed);
                columns_number(c, q->held);
                columns_number(c, q->blocked);
                columns_duration(c, q->oldest_usec, s->now_usec);
                columns_number(c, q->succeeded);
                columns_number(c, q->failed);
                columns_number(c, q->cancelled);
                columns_number(c, q->expired);
        }
        printf("\n");
        columns_print(c);
}

static void print_pools(const StintStatus *s, const GeneralOptions *general) {
        static const Column columns[] = {
                {"POOL", COLUMN_CUT},           {"HANDLER", COLUMN_TEXT, 50},
                {"WORKERS", COLUMN_TEXT},       {"BUSY", COLUMN_NUMBER},
                {"SLOTS", COLUMN_NUMBER},       {"QUEUES", COLUMN_CUT, 60},
                {"LAST EXIT", COLUMN_WIDE, 60},
        };
        _cleanup_(columns_freep) Columns *c = columns_new(columns, ARRAY_SIZE(columns), general);
        for (const StintPoolStatus *const *at = s->pools; *at; at++) {
                const StintPoolStatus *p = *at;
                char workers[48], queues[TEXT_SIZE] = "";
                snprintf(workers, sizeof workers, "%" PRIu64 " of %" PRIu64, p->workers, p->wanted);
                size_t used = 0;
                for (const char *const *q = p->queues; *q && used < sizeof queues; q++)
                        used += (size_t)snprintf(queues + used, sizeof queues - used, "%s%s",
                                                 used ? "," : "", *q);
                columns_row(c);
                columns_text(c, p->name);
                columns_text(c, p->handler);
                columns_text(c, workers);
                columns_number(c, p->busy);
                columns_number(c, p->slots);
                columns_text(c, queues);
                columns_text(c, p->last_exit);
        }
        printf("\n");
        columns_print(c);
}

static void print_counters(const StintStatus *s) {
        Wrap w = {.indent = 2, .width = wrap_width(SIZE_MAX)};
        printf("\ncounted since this dispatcher started:\n");
        for (const StintCounter *const *c = s->counters; *c; c++) {
                char text[128];
                snprintf(text, sizeof text, "%s %" PRIu64 "%s", escaped((*c)->name), (*c)->value,
                         c[1] ? "," : "");
                wrap_word(&w, text);
        }
        wrap_end(&w);
}

static int status_run(Invocation *x, Error *error) {
        _cleanup_(stint_freep) StintClient *client = NULL;
        StintStatus *status;
        int r = refuse_operands(x, error);
        if (r == 0)
                r = invocation_connect(x, 0, error, &client);
        if (r < 0)
                return r;
        r = stint_status(client, &status);
        if (r < 0)
                return client_error(client, r, error);
        const char *socket = stint_peer(client)->socket;
        if (x->general.json) {
                print_json(status, socket);
        } else {
                pager_start(x);
                print_head(status, socket);
                print_queues(status, &x->general);
                print_pools(status, &x->general);
                print_counters(status);
                pager_finish();
        }
        stint_status_free(status);
        return 0;
}

const Command command_status = {
        .name = "status",
        .summary = "the dispatcher, its queues, pools, rates and counters",
        .synopsis = "[OPTION…]",
        .description = "OLDEST is how long the oldest task that waits has been in the queue; rates "
                       "are averages of the last seconds and, in parentheses, of the last minute.",
        .examples = {"stint status", "stint status --json"},
        .run = status_run,
};
