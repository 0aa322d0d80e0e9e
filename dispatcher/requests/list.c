/* LIST: rows or ids, newest first, by one selector and filters. What the state of an unended task
 * is, the core knows; so where only such are wanted, it names the candidates and the store looks at
 * nothing else. Otherwise the store walks its rows. Both go in bounded steps. One answer is one
 * page: the client goes on from `before`. */
#include "dispatcher/requests/request.h"
#include "dispatcher/store/filter.h"

#include <errno.h>
#include <string.h>

#define LIST_BYTES_MAX (WIRE_HEADER_MAX / 2)
#define LIST_STEPS_MAX 256  /* store reads for one answer */
#define LIST_WALK_MAX  4096 /* tasks of the core that one step looks at */
#define STATES_UNENDED                                                                             \
        (1u << TASK_BLOCKED | 1u << TASK_DELAYED | 1u << TASK_HELD | 1u << TASK_READY |            \
         1u << TASK_RUNNING)
#define STATES_ENDED                                                                               \
        (1u << TASK_SUCCEEDED | 1u << TASK_FAILED | 1u << TASK_CANCELLED | 1u << TASK_EXPIRED)

typedef struct List {
        RequestContext *x;
        CoreOrigin origin;
        uint32_t states, limit, flags, steps;
        uint64_t named;     /* one id was asked for by itself: unknown if there is no row */
        StoreFilter filter; /* its texts are in here, copied for each read */
        uint64_t walked_to; /* the core's tasks from here on have been looked at; 0: all */
        char queue[WIRE_NAME_MAX + 1], name[WIRE_TEXT_MAX + 1], label[WIRE_TEXT_MAX + 1];
        char group[WIRE_NAME_MAX + 1];
} List;

static void text_copy(char *buf, size_t size, WireText t) {
        snprintf(buf, size, "%.*s", (int)t.size, t.data);
}

/* Applies the selector; NULL, or what is wrong with it. */
static const char *list_select(List *l, const WireSelector *s, uint32_t uid) {
        uint32_t state = s->state <= TASK_STATE_MAX ? 1u << s->state : 0;
        switch ((SelectorKind)s->kind) {
        case SELECTOR_IDS:
                if (!s->first || !s->count || s->first + s->count < s->first)
                        return "a range of ids begins at 1 and is not empty";
                l->filter.first_id = s->first;
                l->filter.last_id = s->first + s->count - 1;
                l->named = s->count == 1 ? s->first : 0;
                return NULL;
        case SELECTOR_LAST:
        case SELECTOR_ALL:
                if (s->kind == SELECTOR_LAST)
                        l->limit = 1;
                if (!(l->flags & WIRE_LIST_ALL_USERS)) {
                        l->filter.any_uid = false;
                        l->filter.uid = uid;
                }
                return NULL;
        case SELECTOR_STATE:
                l->states &= state;
                return state ? NULL : "there is no such state";
        case SELECTOR_QUEUE:
                text_copy(l->queue, sizeof l->queue, s->text);
                return NULL;
        case SELECTOR_NAME:
                text_copy(l->name, sizeof l->name, s->text);
                return NULL;
        case SELECTOR_LABEL:
                text_copy(l->label, sizeof l->label, s->text);
                return NULL;
        case SELECTOR_GROUP:
                text_copy(l->group, sizeof l->group, s->text);
                return NULL;
        }
        return "unknown kind of selector: this dispatcher is older than the client";
}

static char *text_or_null(const char *text) {
        return text[0] ? strdup(text) : NULL;
}

static void on_rows(void *context, StoreDone *done);

static bool wants_only_unended(const List *l) {
        return !(l->states & STATES_ENDED);
}

static bool is_candidate(const List *l, const CoreTaskView *v) {
        return l->states & 1u << v->state && (l->filter.any_uid || l->filter.uid == v->uid) &&
               (!l->queue[0] || strcmp(l->queue, v->queue) == 0);
}

/* The next ids that the core holds and that may match; NULL: no memory. */
static uint64_t *list_walk(List *l, size_t *ret_count) {
        CoreTaskView view;
        uint64_t id = filter_top(&l->filter), *ids = calloc(l->limit, sizeof *ids);
        if (!ids)
                return NULL;
        *ret_count = 0;
        l->walked_to = 0;
        for (unsigned looked = 0; core_task_previous(l->x->core, &id); looked++, id--) {
                if (id < l->filter.first_id)
                        break;
                if (looked == LIST_WALK_MAX || *ret_count == l->limit) {
                        l->walked_to = id + 1;
                        break;
                }
                if (core_task_view(l->x->core, id, &view) == 0 && is_candidate(l, &view))
                        ids[(*ret_count)++] = id;
        }
        return ids;
}

/* Takes l. */
static void list_ask(List *l) {
        StoreRead read = {.kind = STORE_READ_ROWS, .filter = l->filter};
        if (wants_only_unended(l) && !(read.ids = list_walk(l, &read.id_count))) {
                request_read_failed(l->x, &l->origin, -ENOMEM);
                free(l);
                return;
        }
        read.filter.queue = text_or_null(l->queue);
        read.filter.name = text_or_null(l->name);
        read.filter.label = text_or_null(l->label);
        read.filter.group = text_or_null(l->group);
        l->steps++;
        if (reads_ask(l->x->reads, &read, on_rows, l) == 0)
                return;
        request_read_failed(l->x, &l->origin, -ENOMEM);
        free(read.ids);
        free(read.filter.queue);
        free(read.filter.name);
        free(read.filter.label);
        free(read.filter.group);
        free(l);
}

static size_t row_size(const WireRow *row) {
        size_t size = 200 + row->name.size + row->summary.size + row->queue.size + row->group.size +
                      row->progress_text.size;
        for (size_t i = 0; i < row->labels.count; i++)
                size += row->labels.items[i].size + 4;
        return size;
}

/* Rows that match, from one page of the store. */
typedef struct Page {
        WireRow *rows;
        WireText (*labels)[WIRE_LABELS_MAX];
        size_t count, bytes;
        uint64_t before; /* where to go on; 0: the end */
        bool stale; /* a task ended while its row was being read: the page must be read again */
} Page;

static void page_fill(const List *l, const StoreDone *done, Page *p) {
        p->before = wants_only_unended(l) ? l->walked_to : done->before;
        for (size_t i = 0; i < done->task_count; i++) {
                WireRow *row = &p->rows[p->count];
                if (!request_row(l->x, &done->tasks[i], row, p->labels[p->count])) {
                        p->stale = true;
                        return;
                }
                if (!(l->states & 1u << row->state))
                        continue;
                p->bytes += row_size(row);
                p->count++;
                if (p->count == l->limit || p->bytes > LIST_BYTES_MAX) {
                        p->before = row->id;
                        return;
                }
        }
}

static void list_answer(const List *l, const Page *p) {
        uint64_t ids[WIRE_TASKS_MAX];
        WireNumbers unknown = {.items = &l->named,
                               .count = l->named && !p->count && !p->before ? 1 : 0};
        if (!(l->flags & WIRE_LIST_IDS)) {
                WireRows body = {
                        .rows = {p->rows, p->count}, .before = p->before, .unknown = unknown};
                client_link_reply(l->x->clients, &l->origin, WIRE_TYPE_ROWS, &body, (BlobSlice){0});
                return;
        }
        for (size_t i = 0; i < p->count; i++)
                ids[i] = p->rows[i].id;
        WireIds body = {.ids = {ids, p->count}, .before = p->before, .unknown = unknown};
        client_link_reply(l->x->clients, &l->origin, WIRE_TYPE_IDS, &body, (BlobSlice){0});
}

static void on_rows(void *context, StoreDone *done) {
        List *l = context;
        Page page = {.rows = calloc(done->task_count + 1, sizeof *page.rows),
                     .labels = calloc(done->task_count + 1, sizeof *page.labels)};
        bool again = false;
        if (done->error || !page.rows || !page.labels) {
                request_read_failed(l->x, &l->origin, done->error ? done->error : -ENOMEM);
        } else {
                page_fill(l, done, &page);
                again = page.stale || (!page.count && page.before && l->steps < LIST_STEPS_MAX);
                if (!again)
                        list_answer(l, &page);
                else if (!page.stale)
                        l->filter.before = page.before;
        }
        free(page.rows);
        free(page.labels);
        if (again)
                list_ask(l);
        else
                free(l);
}

void request_list(RequestContext *x, ClientMessage *m) {
        const WireList *list = m->body;
        List *l = calloc(1, sizeof *l);
        const char *objection = NULL;
        if (!l) {
                request_read_failed(x, &m->origin, -ENOMEM);
                return;
        }
        *l = (List){
                .x = x,
                .origin = m->origin,
                .states = list->states ? (uint32_t)list->states : STATES_UNENDED | STATES_ENDED,
                .limit = list->limit && list->limit < WIRE_TASKS_MAX ? (uint32_t)list->limit
                                                                     : WIRE_TASKS_MAX,
                .flags = (uint32_t)list->flags,
                .filter = {.uid = m->uid,
                           .any_uid = request_sees_all(x, m->uid),
                           .before = list->before,
                           .since_usec = list->since_usec},
        };
        text_copy(l->queue, sizeof l->queue, list->queue);
        if (list->selectors.count)
                objection = list_select(l, &list->selectors.items[0], m->uid);
        if (objection) {
                client_link_error(x->clients, &m->origin, EXIT_DATA, "list refused: %s", objection);
                free(l);
                return;
        }
        l->filter.end_states = l->states & STATES_ENDED;
        l->filter.unended = l->states & STATES_UNENDED;
        l->filter.limit = l->limit;
        l->filter.ids_only = l->flags & WIRE_LIST_IDS;
        list_ask(l);
}
