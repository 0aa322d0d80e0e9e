/* Lists of tasks: page after page of LIST, each copied as a whole before its first task is handed
 * out, so that a handler may do anything with the client, also what waits. One block of memory
 * serves all pages. */
#include "client/client.h"
#include "client/info.h"

#include <inttypes.h>

/* A query under way. */
typedef struct Pages {
        StintClient *client;
        StintQuery query; /* a copy: its caller may know fewer fields than we do */
        WireSelector selector;
        uint64_t before, left;
        bool over;
        Arena arena;
} Pages;

static void pages_done(Pages *p) {
        arena_done(&p->arena);
}

/* A caller of a later version may have set fields that we cannot honour. */
static bool query_copy(const StintQuery *from, StintQuery *ret) {
        const char *bytes = (const char *)from;
        *ret = (StintQuery){STINT_QUERY};
        if (!from)
                return true;
        for (size_t i = sizeof *ret; i < from->size; i++)
                if (bytes[i])
                        return false;
        memcpy(ret, from, MIN_OF(from->size, sizeof *ret));
        return from->size >= sizeof from->size;
}

static const char *selector_fill(const StintSelector *s, WireSelector *ret) {
        bool text = s->kind >= STINT_IN_QUEUE;
        if (s->kind < STINT_IDS || s->kind > STINT_GROUPED)
                return "its selector is of no known kind";
        if (text && (!s->text || !s->text[0] || strlen(s->text) > WIRE_TEXT_MAX))
                return "its selector has no text, or one of more than 512 bytes";
        if (s->kind == STINT_IDS && (!s->first || !s->count || s->first + s->count < s->first))
                return "a range of ids begins at 1 and is not empty";
        if (s->kind == STINT_IN_STATE && !stint_state_name(s->state))
                return "there is no such state";
        *ret = (WireSelector){.kind = (uint64_t)s->kind,
                              .first = s->first,
                              .count = s->count,
                              .state = (uint64_t)s->state,
                              .text = wire_text(text ? s->text : NULL)};
        return NULL;
}

static int pages_init(Pages *p, StintClient *c, const StintQuery *query) {
        const char *objection = NULL;
        *p = (Pages){.client = c};
        if (!query_copy(query, &p->query))
                objection = "its struct is of no known size";
        else if (p->query.queue && strlen(p->query.queue) > WIRE_NAME_MAX)
                objection = "the name of a queue has at most 64 bytes";
        else if (p->query.selector)
                objection = selector_fill(p->query.selector, &p->selector);
        if (objection)
                return client_fail(c, STINT_INVALID, "cannot list tasks: %s", objection);
        p->before = p->query.before;
        p->left = p->query.limit ? p->query.limit : UINT64_MAX;
        if (p->selector.kind == SELECTOR_LAST)
                p->left = 1;
        return 0;
}

static WireList pages_request(const Pages *p, uint64_t flags) {
        if (p->query.all_users)
                flags |= WIRE_LIST_ALL_USERS;
        return (WireList){
                .selectors = {&p->selector, p->selector.kind ? 1 : 0},
                .states = p->query.states,
                .queue = wire_text(p->query.queue),
                .since_usec = p->query.since_usec,
                .before = p->before,
                .limit = MIN_OF(p->left, (uint64_t)WIRE_TASKS_MAX),
                .flags = flags,
        };
}

/* An id that the answer calls unknown may exist and only not pass the filters of the query. */
static int pages_unknown(Pages *p, uint64_t id) {
        SessionAnswer answer;
        WireSelector only = {.kind = SELECTOR_IDS, .first = id, .count = 1};
        WireList list = {.selectors = {&only, 1}, .limit = 1, .flags = WIRE_LIST_IDS};
        int r = client_call(p->client, WIRE_TYPE_LIST, &list, (BlobSlice){0}, WIRE_TYPE_IDS,
                            &answer);
        if (r < 0)
                return r;
        if (((const WireIds *)answer.body)->ids.count)
                return 0;
        return client_fail(p->client, STINT_NOT_FOUND,
                           "there is no task %" PRIu64 ": see `stint list`", id);
}

/* Goes on behind a page of n tasks. */
static void pages_advance(Pages *p, size_t n, uint64_t before) {
        p->left -= MIN_OF(p->left, (uint64_t)n);
        p->before = before;
        p->over = !before || !p->left;
}

/* Asks for a page of tasks: *ret lives in the arena. */
static int pages_rows(Pages *p, const StintInfo **ret, size_t *ret_count) {
        SessionAnswer answer;
        WireList list = pages_request(p, 0);
        size_t need = 0;
        int r = client_call(p->client, WIRE_TYPE_LIST, &list, (BlobSlice){0}, WIRE_TYPE_ROWS,
                            &answer);
        if (r < 0)
                return r;
        const WireRows *page = answer.body;
        size_t n = page->rows.count;
        for (size_t i = 0; i < n; i++)
                need += info_need(&page->rows.items[i]);
        if (arena_reset(&p->arena, need + arena_need(n * sizeof **ret)) < 0)
                return client_fail(p->client, STINT_FAILED, "out of memory");
        StintInfo *infos = arena_take(&p->arena, n * sizeof *infos);
        for (size_t i = 0; i < n; i++)
                info_fill(&page->rows.items[i], &p->arena, &infos[i]);
        *ret = infos;
        *ret_count = n;
        pages_advance(p, n, page->before);
        return page->unknown.count ? pages_unknown(p, page->unknown.items[0]) : 0;
}

static int pages_ids(Pages *p, const uint64_t **ret, size_t *ret_count) {
        SessionAnswer answer;
        WireList list = pages_request(p, WIRE_LIST_IDS);
        int r = client_call(p->client, WIRE_TYPE_LIST, &list, (BlobSlice){0}, WIRE_TYPE_IDS,
                            &answer);
        if (r < 0)
                return r;
        const WireIds *page = answer.body;
        size_t size = page->ids.count * sizeof **ret;
        if (arena_reset(&p->arena, arena_need(size)) < 0)
                return client_fail(p->client, STINT_FAILED, "out of memory");
        uint64_t *ids = arena_take(&p->arena, size);
        if (size)
                memcpy(ids, page->ids.items, size);
        *ret = ids;
        *ret_count = page->ids.count;
        pages_advance(p, page->ids.count, page->before);
        return page->unknown.count ? pages_unknown(p, page->unknown.items[0]) : 0;
}

int stint_list(StintClient *client, const StintQuery *query, StintInfoHandler handler,
               void *userdata, uint64_t *ret_before) {
        _cleanup_(pages_done) Pages p;
        int r = pages_init(&p, client, query);
        while (r == 0 && !p.over) {
                const StintInfo *infos = NULL;
                size_t n = 0;
                r = pages_rows(&p, &infos, &n);
                for (size_t i = 0; i < n && r == 0; i++) {
                        r = handler(userdata, &infos[i]);
                        if (r)
                                p.before = infos[i].id;
                }
        }
        if (ret_before && r >= 0)
                *ret_before = p.before;
        return r;
}

int stint_list_ids(StintClient *client, const StintQuery *query, StintIdsHandler handler,
                   void *userdata) {
        _cleanup_(pages_done) Pages p;
        int r = pages_init(&p, client, query);
        while (r == 0 && !p.over) {
                const uint64_t *ids = NULL;
                size_t n = 0;
                r = pages_ids(&p, &ids, &n);
                if (r == 0 && n)
                        r = handler(userdata, ids, n);
        }
        return r;
}
