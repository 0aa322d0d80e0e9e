/* SUBMIT: checks every task of the message, turns it into records and gives them to the core, all
 * or nothing. */
#include "common/text.h"
#include "dispatcher/requests/request.h"

#include <string.h>

#define PRIORITY_LIMIT 100

/* The parts that a message's records are cut from. */
typedef struct Source {
        Blob *payload; /* the payload frame: environment, then payloads */
        size_t offset; /* of the next payload in it */
        BlobSlice environment;
        char *texts; /* names, summaries, groups and labels of all tasks, copied out of the header
                        frame */
        Blob *texts_blob;
        size_t texts_size;
} Source;

static void source_done(Source *s) {
        blob_slice_drop(&s->environment);
        blob_unref(s->payload);
        blob_unref(s->texts_blob);
}

/* Bytes of names, summaries, groups and labels (with a NUL behind each label). */
static size_t texts_needed(const WireSubmit *submit) {
        size_t size = 0;
        for (size_t i = 0; i < submit->tasks.count; i++) {
                const WireTask *t = &submit->tasks.items[i];
                size += t->name.size + t->summary.size + t->group.size;
                for (size_t l = 0; l < t->labels.count; l++)
                        size += t->labels.items[l].size + 1;
        }
        return size;
}

/* Copies text behind what is already in the texts and returns the slice. */
static BlobSlice source_text(Source *s, WireText text) {
        size_t at = s->texts_size;
        if (!text.size)
                return (BlobSlice){0};
        memcpy(s->texts + at, text.data, text.size);
        s->texts_size += text.size;
        return blob_slice(s->texts_blob, at, text.size);
}

static BlobSlice source_labels(Source *s, const WireTask *t) {
        size_t at = s->texts_size;
        if (!t->labels.count)
                return (BlobSlice){0};
        for (size_t i = 0; i < t->labels.count; i++) {
                memcpy(s->texts + s->texts_size, t->labels.items[i].data, t->labels.items[i].size);
                s->texts_size += t->labels.items[i].size;
                s->texts[s->texts_size++] = '\0';
        }
        return blob_slice(s->texts_blob, at, s->texts_size - at);
}

static bool label_is_valid(WireText label) {
        for (size_t i = 0; i < label.size; i++)
                if ((unsigned char)label.data[i] < ' ' || label.data[i] == 0x7f)
                        return false;
        return label.size && label.data[0] != '=' && memchr(label.data, '=', label.size);
}

/* What is wrong with a task, NULL if nothing. */
static const char *task_objection(const WireTask *t) {
        if (t->kind != TASK_KIND_COMMAND && t->kind != TASK_KIND_MESSAGE)
                return "kind must be command or message";
        if (t->queue.size && !name_is_valid_n(t->queue.data, t->queue.size))
                return "a queue's name is 1 to 64 characters of [A-Za-z0-9_.-]";
        if (t->group.size && !name_is_valid_n(t->group.data, t->group.size))
                return "a group's name is 1 to 64 characters of [A-Za-z0-9_.-]";
        if (t->retry_of > INT64_MAX)
                return "no task has the id that it repeats";
        if (t->priority < -PRIORITY_LIMIT || t->priority > PRIORITY_LIMIT)
                return "priority must be between -100 and 100";
        if (t->retries > UINT16_MAX)
                return "at most 65535 retries";
        if (t->retries && (t->flags & WIRE_TASK_AT_MOST_ONCE))
                return "at-most-once cannot be combined with retries";
        if (t->backoff_min_usec / USEC_PER_MSEC > UINT32_MAX ||
            t->backoff_max_usec / USEC_PER_MSEC > UINT32_MAX ||
            t->grace_usec / USEC_PER_MSEC > UINT32_MAX)
                return "backoff and grace may be at most 49 days";
        if (t->backoff_max_usec && t->backoff_min_usec > t->backoff_max_usec)
                return "the shortest backoff must not be longer than the longest one";
        if (t->timeout_usec > DURATION_MAX || t->delay_usec > DURATION_MAX)
                return "timeout and delay may be at most 100 years";
        if (t->payload_size > WIRE_PAYLOAD_MAX)
                return "payload is larger than 8 MiB";
        for (size_t i = 0; i < t->labels.count; i++)
                if (!label_is_valid(t->labels.items[i]))
                        return "a label has the form KEY=VALUE, without control characters";
        return NULL;
}

static uint32_t msec_or(uint64_t usec, uint32_t otherwise) {
        return usec ? (uint32_t)((usec + USEC_PER_MSEC - 1) / USEC_PER_MSEC) : otherwise;
}

static void record_fill(TaskRecord *r, const WireTask *t, Source *s) {
        uint32_t backoff_min = msec_or(t->backoff_min_usec, CORE_BACKOFF_MIN_MSEC);
        *r = (TaskRecord){
                .policy =
                        {
                                .timeout_usec = t->timeout_usec,
                                .grace_msec = msec_or(t->grace_usec, CORE_GRACE_MSEC),
                                .backoff_min_msec = backoff_min,
                                .backoff_max_msec =
                                        MAX_OF(backoff_min,
                                               msec_or(t->backoff_max_usec, CORE_BACKOFF_MAX_MSEC)),
                                .retries = (uint16_t)t->retries,
                                .priority = (int8_t)t->priority,
                                .kind = (uint8_t)t->kind,
                                .at_most_once = t->flags & WIRE_TASK_AT_MOST_ONCE,
                        },
                .name = source_text(s, t->name),
                .summary = source_text(s, t->summary),
                .labels = source_labels(s, t),
                .group = source_text(s, t->group),
                .retry_of = t->retry_of,
                .environment = blob_slice_ref(s->environment),
                .payload = t->payload_size
                                   ? blob_slice(s->payload, s->offset, (size_t)t->payload_size)
                                   : (BlobSlice){0},
        };
        s->offset += (size_t)t->payload_size;
        WireText queue = t->queue.size ? t->queue : wire_text("default");
        memcpy(r->queue, queue.data, queue.size);
}

/* Checks all tasks and that the sizes add up to the payload frame; false: answered. */
static bool submit_valid(RequestContext *x, const ClientMessage *m, const WireSubmit *submit) {
        uint64_t size = submit->environment_size, frame = m->payload ? m->payload->size : 0;
        if (!submit->tasks.count || submit->environment_size > WIRE_ENVIRONMENT_MAX) {
                client_link_error(x->clients, &m->origin, EXIT_DATA, "submit refused: %s",
                                  submit->tasks.count ? "the environment is larger than 2 MiB"
                                                      : "it holds no task");
                return false;
        }
        for (size_t i = 0; i < submit->tasks.count; i++) {
                const char *objection = task_objection(&submit->tasks.items[i]);
                if (objection) {
                        client_link_error(x->clients, &m->origin, EXIT_DATA, "submit refused: %s",
                                          objection);
                        return false;
                }
                size += submit->tasks.items[i].payload_size;
        }
        if (size != frame)
                client_link_error(
                        x->clients, &m->origin, EXIT_DATA,
                        "submit refused: its payloads are %llu bytes, its header says %llu",
                        (unsigned long long)frame, (unsigned long long)size);
        return size == frame;
}

/* Takes the payload frame and room for the texts; false: no memory. */
static bool source_init(Source *s, const ClientMessage *m, const WireSubmit *submit) {
        size_t texts = texts_needed(submit);
        *s = (Source){.offset = (size_t)submit->environment_size};
        if (m->payload && m->payload->size && !(s->payload = zframe_take(m->payload)))
                return false;
        if (texts) {
                s->texts = malloc(texts);
                s->texts_blob = s->texts ? blob_new_take(s->texts, texts) : NULL;
                if (!s->texts_blob) {
                        free(s->texts);
                        return false;
                }
        }
        if (submit->environment_size)
                s->environment = blob_slice(s->payload, 0, (size_t)submit->environment_size);
        return true;
}

void request_submit(RequestContext *x, ClientMessage *m) {
        const WireSubmit *submit = m->body;
        CoreRequest request;
        _cleanup_(source_done) Source source = {0};
        if (!request_identify(x, m, submit->client, submit->seq, submit->held, &request) ||
            !submit_valid(x, m, submit))
                return;
        size_t n = submit->tasks.count;
        _cleanup_(freep) TaskRecord *tasks = calloc(n, sizeof *tasks);
        _cleanup_(freep) uint64_t *delays = calloc(n, sizeof *delays);
        if (!tasks || !delays || !source_init(&source, m, submit)) {
                client_link_error(x->clients, &m->origin, EXIT_TRY_AGAIN,
                                  "submit refused: out of memory; try again later");
                return;
        }
        for (size_t i = 0; i < n; i++) {
                record_fill(&tasks[i], &submit->tasks.items[i], &source);
                delays[i] = submit->tasks.items[i].delay_usec;
        }
        core_submit(x->core, &request, tasks, delays, n,
                    submit->flags & WIRE_SUBMIT_WAIT ? CORE_SUBMIT_AND_WAIT : CORE_SUBMIT_ONLY);
}
