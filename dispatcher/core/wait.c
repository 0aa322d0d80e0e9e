/* See wait.h. */
#include "dispatcher/core/state.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

/* ---- objects ---- */

static CoreOrigin wait_key(const CoreOrigin *origin) {
        CoreOrigin key;
        memset(&key, 0, sizeof(key)); /* padding is hashed, too */
        key.request_id = origin->request_id;
        key.route_size = (uint8_t)MIN_OF((size_t)origin->route_size, sizeof(key.route));
        memcpy(key.route, origin->route, key.route_size);
        return key;
}

static Wait *wait_new(Core *c, const CoreOrigin *origin) {
        core_forget_wait(c, origin); /* sent again over the same connection: begin anew */
        Wait *w = calloc(1, sizeof(*w));
        if (!w)
                return NULL;
        w->number = ++c->wait_counter;
        w->looking_up = true; /* until it is known what is held */
        CoreOrigin key = wait_key(origin);
        memcpy(&w->origin, &key, sizeof(key));
        if (table_put(&c->waits_by_number, w->number, w) < 0) {
                free(w);
                return NULL;
        }
        HASH_ADD(hh, c->waits, origin, sizeof(w->origin), w);
        if (!w->hh.tbl) {
                table_remove(&c->waits_by_number, w->number);
                free(w);
                return NULL;
        }
        return w;
}

static void link_free(Core *c, WaitLink *l) {
        DL_DELETE(l->wait->links, l);
        l->wait->link_count--;
        c->wait_links--;
        slab_free(&c->link_slab, l);
}

/* Takes l out of the list of its task, whose head is in a table. */
static void link_leave_task(Core *c, WaitLink *l) {
        WaitLink *head = table_get(&c->waits_by_task, l->task_id), *before = head;
        DL_DELETE2(head, l, prev_task, next_task);
        if (!head) {
                Task *t = table_get(&c->tasks, l->task_id);
                t->flags &= (uint8_t)~TASK_WAITED;
                table_remove(&c->waits_by_task, l->task_id);
        } else if (head != before) {
                MUST(table_put(&c->waits_by_task, l->task_id, head));
        }
}

static void wait_free(Core *c, Wait *w) {
        while (w->links) {
                WaitLink *l = w->links;
                link_leave_task(c, l);
                link_free(c, l);
        }
        if (w->flushing)
                DL_DELETE2(c->flush, w, prev_flush, next_flush);
        HASH_DEL(c->waits, w);
        table_remove(&c->waits_by_number, w->number);
        table_done(&w->reported);
        free(w->ends);
        free(w->unknown);
        free(w);
}

void wait_free_all(Core *c) {
        while (c->waits)
                wait_free(c, c->waits);
}

void core_forget_wait(Core *c, const CoreOrigin *origin) {
        CoreOrigin key = wait_key(origin);
        Wait *w;
        HASH_FIND(hh, c->waits, &key, sizeof(key), w);
        if (w)
                wait_free(c, w);
}

/* ---- what is to be told ---- */

static void wait_mark_flush(Core *c, Wait *w) {
        if (w->flushing)
                return;
        w->flushing = true;
        DL_APPEND2(c->flush, w, prev_flush, next_flush);
}

static void wait_tell_end(Core *c, Wait *w, const WireEndedTask *end) {
        if (w->end_count == w->end_capacity) {
                size_t capacity = w->end_capacity ? 2 * w->end_capacity : 1;
                WireEndedTask *ends = reallocarray(w->ends, capacity, sizeof(*ends));
                MUST(ends ? 0 : -1);
                w->ends = ends;
                w->end_capacity = capacity;
        }
        w->ends[w->end_count++] = *end;
        wait_mark_flush(c, w);
}

static void wait_tell_unknown(Core *c, Wait *w, uint64_t id) {
        if (w->unknown_count == w->unknown_capacity) {
                size_t capacity = w->unknown_capacity ? 2 * w->unknown_capacity : 4;
                uint64_t *unknown = reallocarray(w->unknown, capacity, sizeof(*unknown));
                MUST(unknown ? 0 : -1);
                w->unknown = unknown;
                w->unknown_capacity = capacity;
        }
        w->unknown[w->unknown_count++] = id;
        wait_mark_flush(c, w);
}

static void wait_reply(Core *c, const Wait *w, size_t *end, size_t *unknown, bool done) {
        size_t ends = MIN_OF(w->end_count - *end, (size_t)WIRE_TASKS_MAX);
        size_t unknowns = MIN_OF(w->unknown_count - *unknown, (size_t)WIRE_TASKS_MAX);
        WireEnded body = {
                .ends = {ends ? w->ends + *end : NULL, ends},
                .unknown = {unknowns ? w->unknown + *unknown : NULL, unknowns},
        };
        *end += ends;
        *unknown += unknowns;
        body.more = !done || *end < w->end_count || *unknown < w->unknown_count;
        c->ports->reply(c->userdata, &w->origin, WIRE_TYPE_ENDED, &body);
}

void wait_flush(Core *c) {
        for (Wait *w; (w = c->flush);) {
                bool done = w->link_count == 0 && !w->looking_up;
                size_t end = 0, unknown = 0;
                if (done || w->end_count || w->unknown_count)
                        do
                                wait_reply(c, w, &end, &unknown, done);
                        while (end < w->end_count || unknown < w->unknown_count);
                w->end_count = w->unknown_count = 0;
                DL_DELETE2(c->flush, w, prev_flush, next_flush);
                w->flushing = false;
                if (done)
                        wait_free(c, w);
        }
}

/* ---- ends ---- */

static void wait_note_reported(Wait *w, uint64_t id) {
        if (w->looking_up)
                MUST(table_put(&w->reported, id, w));
}

static WaitLink *links_take(Core *c, Task *t) {
        if (!(t->flags & TASK_WAITED))
                return NULL;
        t->flags &= (uint8_t)~TASK_WAITED;
        return table_remove(&c->waits_by_task, t->id);
}

void wait_task_ended(Core *c, Task *t, const WireEndedTask *end) {
        for (WaitLink *l = links_take(c, t), *next; l; l = next) {
                next = l->next_task;
                wait_tell_end(c, l->wait, end);
                wait_note_reported(l->wait, t->id);
                link_free(c, l);
        }
}

void wait_task_vanished(Core *c, Task *t) {
        for (WaitLink *l = links_take(c, t), *next; l; l = next) {
                next = l->next_task;
                wait_tell_unknown(c, l->wait, t->id);
                wait_note_reported(l->wait, t->id);
                link_free(c, l);
        }
}

/* ---- registering ---- */

static bool wait_is_linked(const Core *c, const Wait *w, uint64_t id) {
        for (const WaitLink *l = table_get(&c->waits_by_task, id); l; l = l->next_task)
                if (l->wait == w)
                        return true;
        return false;
}

/* Not yet told, and not to be told by the core either. */
static bool wait_is_news(const Core *c, Wait *w, uint64_t id) {
        if (table_get(&w->reported, id) || wait_is_linked(c, w, id))
                return false;
        wait_note_reported(w, id);
        return true;
}

static int wait_link(Core *c, Wait *w, Task *t) {
        WaitLink *head = table_get(&c->waits_by_task, t->id);
        if (head && head->wait == w)
                return 0; /* named twice; the newest link is the first */
        if (c->wait_links >= CORE_WAITS_MAX)
                return -EUSERS;
        WaitLink *l = slab_alloc(&c->link_slab);
        if (!l)
                return -ENOMEM;
        l->wait = w;
        l->task_id = t->id;
        DL_PREPEND2(head, l, prev_task, next_task);
        if (table_put(&c->waits_by_task, t->id, head) < 0) {
                DL_DELETE2(head, l, prev_task, next_task);
                slab_free(&c->link_slab, l);
                return -ENOMEM;
        }
        t->flags |= TASK_WAITED;
        DL_APPEND(w->links, l);
        w->link_count++;
        c->wait_links++;
        return 0;
}

/* Links what is held of the range. Ids that were not given out yet are unknown, even if they will
 * be before the shell has looked. Gives how many are neither. */
static int wait_range(Core *c, Wait *w, uint64_t first, uint64_t count, uint64_t *ret_missing) {
        uint64_t end = first + count < first ? UINT64_MAX : first + count;
        uint64_t known_end = MIN_OF(end, c->next_task_id), held = 0, id = first;
        for (Task *t; (t = table_first_from(&c->tasks, &id)) && id < known_end; id++) {
                int r = wait_link(c, w, t);
                if (r < 0)
                        return r;
                held++;
        }
        if (first < known_end)
                *ret_missing += known_end - first - held;
        for (id = MAX_OF(first, known_end); id < end; id++)
                if (wait_is_news(c, w, id))
                        wait_tell_unknown(c, w, id);
        return 0;
}

static void wait_looked_up(Core *c, Wait *w) {
        w->looking_up = false;
        table_done(&w->reported);
        if (w->link_count == 0)
                wait_mark_flush(c, w);
}

static void wait_refuse(Core *c, const CoreOrigin *origin, int error) {
        core_forget_wait(c, origin);
        if (error == -EUSERS)
                core_reply_error(c, origin, EXIT_TRY_AGAIN,
                                 "too many tasks are waited for; try again later");
        else
                core_reply_error(c, origin, EXIT_TRY_AGAIN, "out of memory; try again later");
}

uint64_t core_wait(Core *c, const CoreOrigin *origin, uint32_t uid, const WireRange *ranges,
                   size_t n) {
        uint64_t missing = 0, total = 0;
        int r = 0;
        (void)uid; /* who may submit may look */
        for (size_t i = 0; i < n && total <= CORE_WAITS_MAX; i++)
                total = usec_add(total, ranges[i].count);
        if (total > CORE_WAITS_MAX) {
                core_reply_error(c, origin, EXIT_DATA, "a request waits for at most %u tasks",
                                 CORE_WAITS_MAX);
                return 0;
        }
        Wait *w = wait_new(c, origin);
        for (size_t i = 0; w && i < n && r == 0; i++)
                r = wait_range(c, w, ranges[i].first, ranges[i].count, &missing);
        if (!w || r < 0) {
                wait_refuse(c, origin, w ? r : -ENOMEM);
                return 0;
        }
        if (missing > 0)
                return w->number;
        wait_looked_up(c, w);
        return 0;
}

void wait_for_submitted(Core *c, const CoreOrigin *origin, uint64_t first, uint64_t count) {
        uint64_t missing = 0;
        Wait *w = wait_new(c, origin);
        int r = w ? wait_range(c, w, first, count, &missing) : -ENOMEM;
        if (r < 0) {
                wait_refuse(c, origin, r);
                return;
        }
        if (missing == 0)
                wait_looked_up(c, w);
        else
                c->ports->find_ends(c->userdata, w->number, first, count);
}

/* ---- what the shell found ---- */

void core_wait_found(Core *c, uint64_t wait, const WireEndedTask *ends, size_t n,
                     const uint64_t *unknown, size_t unknown_count, CoreWaitFound found) {
        Wait *w = table_get(&c->waits_by_number, wait);
        if (!w || !w->looking_up)
                return;
        for (size_t i = 0; i < n; i++)
                if (wait_is_news(c, w, ends[i].id))
                        wait_tell_end(c, w, &ends[i]);
        for (size_t i = 0; i < unknown_count; i++)
                if (wait_is_news(c, w, unknown[i]))
                        wait_tell_unknown(c, w, unknown[i]);
        if (found != CORE_WAIT_FOUND_ALL)
                return;
        wait_looked_up(c, w);
}
