/* See client.h. */
#include "dispatcher/core/state.h"

#include "dispatcher/core/answers.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <utlist.h>

#define ANSWERS_FIRST 8u

void core_reply_error(Core *c, const CoreOrigin *to, int code, const char *format, ...) {
        char text[WIRE_TEXT_MAX];
        va_list args;
        va_start(args, format);
        int size = vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        if (size < 0)
                text[0] = 0;
        WireError error = {.code = (uint64_t)code, .text = wire_text(text)};
        c->ports->reply(c->userdata, to, WIRE_TYPE_ERROR, &error);
}

int client_compare_idle(const HeapNode *a, const HeapNode *b) {
        const Client *x = CONTAINER_OF(a, const Client, idle_node),
                     *y = CONTAINER_OF(b, const Client, idle_node);
        if (x->idle_usec != y->idle_usec)
                return x->idle_usec < y->idle_usec ? -1 : 1;
        if (x->known_usec != y->known_usec) /* all that were recovered together */
                return x->known_usec < y->known_usec ? -1 : 1;
        return memcmp(&x->id, &y->id, sizeof(x->id));
}

Outcome *outcome_new(size_t n) {
        _cleanup_(outcome_freep) Outcome *o = calloc(1, sizeof(*o));
        if (!o)
                return NULL;
        o->unknown = calloc(n + 1, sizeof(*o->unknown));
        o->denied = calloc(n + 1, sizeof(*o->denied));
        o->left = calloc(n + 1, sizeof(*o->left));
        return o->unknown && o->denied && o->left ? take_ptr(o) : NULL;
}

Outcome *outcome_free(Outcome *o) {
        if (!o)
                return NULL;
        free(o->unknown);
        free(o->denied);
        free(o->left);
        free(o);
        return NULL;
}

/* ---- objects ---- */

static void answer_drop(Answer *a) {
        outcome_free(a->outcome);
        free(a->error);
        origins_done(&a->origins);
}

static Client *client_new(Core *c, const ClientId *id, uint32_t uid, usec_t last_real_usec) {
        Client *client = calloc(1, sizeof(*client));
        if (!client)
                return NULL;
        client->id = *id;
        client->uid = uid;
        heap_node_init(&client->idle_node);
        client->last_usec = c->now.monotonic_usec;
        client->last_real_usec = client->known_usec = last_real_usec;
        client->idle_usec = usec_add(client->last_usec, CORE_CLIENT_IDLE_USEC);
        HASH_ADD(hh, c->clients, id, sizeof(client->id), client);
        if (!client->hh.tbl || heap_push(&c->idle_clients, &client->idle_node) < 0) {
                if (client->hh.tbl)
                        HASH_DEL(c->clients, client);
                free(client);
                return NULL;
        }
        return client;
}

void client_free(Core *c, Client *client) {
        Deferred *d, *next;
        HASH_DEL(c->clients, client);
        heap_remove(&c->idle_clients, &client->idle_node);
        DL_FOREACH_SAFE(client->deferred, d, next)
        deferred_free(d);
        for (size_t i = 0; i < client->answer_count; i++)
                answer_drop(&client->answers[i]);
        free(client->answers);
        free(client);
}

static Client *client_find(const Core *c, const ClientId *id) {
        Client *client;
        HASH_FIND(hh, c->clients, id, sizeof(*id), client);
        return client;
}

int core_recover_client(Core *c, const ClientRecord *record) {
        Client *client = client_new(c, &record->id, record->uid, record->last_usec);
        if (!client)
                return -ENOMEM;
        client->held = record->held;
        client->stored = true;
        /* It has a whole period again, however long ago it was heard: the wall clock may have been
         * set, and to remember too long does no harm. */
        int r = answers_read(client, record->answers);
        /* A row that cannot be read is one of a later version: its client may be answered wrongly
         * only if it sends a request again; the tasks of all others matter more. */
        return r == -EBADMSG ? 0 : r;
}

/* ---- answers, by seq ---- */

static size_t answer_place(const Client *client, uint64_t seq) {
        size_t low = 0, high = client->answer_count;
        if (high > 0 && client->answers[high - 1].seq < seq)
                return high; /* the usual case */
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (client->answers[middle].seq < seq)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

Answer *client_find_answer(Client *client, uint64_t seq) {
        size_t i = answer_place(client, seq);
        return i < client->answer_count && client->answers[i].seq == seq ? &client->answers[i]
                                                                         : NULL;
}

int client_reserve(Client *client) {
        if (client->answer_count < client->answer_capacity)
                return 0;
        size_t capacity = MAX_OF(2 * client->answer_capacity, (size_t)ANSWERS_FIRST);
        Answer *answers = reallocarray(client->answers, capacity, sizeof(*answers));
        if (!answers)
                return -ENOMEM;
        client->answers = answers;
        client->answer_capacity = capacity;
        return 0;
}

void client_add_answer(Core *c, Client *client, Answer answer) {
        size_t i = answer_place(client, answer.seq);
        ASSERT(client->answer_count < client->answer_capacity);
        ASSERT(answer.kind == ANSWER_REFUSED || client->pending == 0 ||
               client->pending_turn == c->turn);
        memmove(&client->answers[i + 1], &client->answers[i],
                (client->answer_count - i) * sizeof(*client->answers));
        client->answers[i] = answer;
        client->answer_count++;
        if (answer.kind == ANSWER_REFUSED)
                return;
        client->answers[i].pending = true;
        client->pending++;
        client->pending_turn = c->turn;
        client_mark_dirty(c, client);
}

/* What the client holds needs not be remembered. A pending one is never held, whatever it says. */
static void client_prune(Client *client, uint64_t held) {
        if (held > client->held)
                client->held = held;
        size_t n = 0;
        while (n < client->answer_count && client->answers[n].seq <= client->held &&
               !client->answers[n].pending)
                answer_drop(&client->answers[n++]);
        client->answer_count -= n;
        if (n > 0)
                memmove(client->answers, client->answers + n,
                        client->answer_count * sizeof(*client->answers));
}

/* ---- admission ---- */

static void answer_send(Core *c, const Answer *a, const CoreOrigin *to) {
        if (a->kind == ANSWER_SUBMITTED) {
                WireSubmitted body = {.first_id = a->first_id, .count = a->count};
                c->ports->reply(c->userdata, to, WIRE_TYPE_SUBMITTED, &body);
                return;
        }
        if (a->kind == ANSWER_REFUSED) {
                core_reply_error(c, to, a->error->code, "%s", a->error->text);
                return;
        }
        const Outcome *o = a->outcome;
        if (a->kind == ANSWER_PURGED) {
                WirePurged body = {.purged = o->done,
                                   .unended = {o->left, o->left_count},
                                   .unknown = {o->unknown, o->unknown_count},
                                   .denied = {o->denied, o->denied_count}};
                c->ports->reply(c->userdata, to, WIRE_TYPE_PURGED, &body);
                return;
        }
        WireCancelled body = {
                .cancelled = o->done,
                .ended = o->ended,
                .unknown = {o->unknown, o->unknown_count},
                .denied = {o->denied, o->denied_count},
        };
        c->ports->reply(c->userdata, to, WIRE_TYPE_CANCELLED, &body);
}

static void answer_send_all(Core *c, const Answer *a) {
        for (size_t i = 0; i < origins_count(&a->origins); i++)
                answer_send(c, a, origins_at(&a->origins, i));
}

static bool client_answer_again(Core *c, Client *client, const CoreRequest *request,
                                CoreSubmitWait wait) {
        Answer *a = client_find_answer(client, request->seq);
        Deferred *d;
        if (a && a->pending) {
                origins_add(&a->origins, &request->origin);
                return true;
        }
        if (a) {
                answer_send(c, a, &request->origin);
                if (a->kind == ANSWER_SUBMITTED && wait == CORE_SUBMIT_AND_WAIT)
                        wait_for_submitted(c, &request->origin, a->first_id, a->count);
                return true;
        }
        DL_FOREACH (client->deferred, d) {
                if (d->request.seq == request->seq) {
                        origins_add(&d->more, &request->origin);
                        return true;
                }
        }
        return false;
}

static void client_forget(Core *c, Client *client) {
        if (client->stored)
                journal_persist(c, &(StoreOp){.kind = STORE_DROP_CLIENT,
                                              .client = {.id = client->id, .uid = client->uid}});
        client_free(c, client);
}

/* When it will have been idle for long enough to be forgotten. */
static usec_t client_due(const Core *c, const Client *client) {
        return usec_add(client->pending ? c->now.monotonic_usec : client->last_usec,
                        CORE_CLIENT_IDLE_USEC);
}

/* A recovered one may have been idle before, which only the wall clock can tell; but it has the
 * time to come back with what was not answered. */
static bool is_idle(const Core *c, const Client *client) {
        usec_t idle_usec = c->now.monotonic_usec - client->last_usec;
        bool was_idle =
                c->now.realtime_usec > usec_add(client->last_real_usec, CORE_CLIENT_KEPT_USEC);

        if (client->pending || client->deferred || client->dirty)
                return false;
        return idle_usec >= CORE_CLIENT_KEPT_USEC ||
               (was_idle && idle_usec >= CORE_CLIENT_BACK_USEC);
}

/* Forgets the one that has been idle for longest before its time: each `stint submit` is a client,
 * and its answer, if it was lost, is asked for again at once. */
static bool client_make_room(Core *c) {
        for (;;) {
                Client *client = CONTAINER_OF(heap_peek(&c->idle_clients), Client, idle_node);
                usec_t due = client_due(c, client);
                if (due == client->idle_usec) {
                        if (!is_idle(c, client))
                                return false;
                        client_forget(c, client);
                        return true;
                }
                client->idle_usec = due;
                heap_update(&c->idle_clients, &client->idle_node);
        }
}

static Client *client_get(Core *c, const CoreRequest *request) {
        Client *client = client_find(c, &request->client);
        if (!client && HASH_COUNT(c->clients) >= c->clients_max && !client_make_room(c)) {
                core_reply_error(c, &request->origin, EXIT_TRY_AGAIN,
                                 "too many clients are remembered; try again in a minute");
                return NULL;
        }
        if (!client)
                client = client_new(c, &request->client, request->uid, c->now.realtime_usec);
        if (!client)
                core_reply_error(c, &request->origin, EXIT_TRY_AGAIN, "out of memory; try again");
        return client;
}

static bool client_refuses(Core *c, const Client *client, const CoreRequest *request) {
        if (client->uid != request->uid)
                core_reply_error(c, &request->origin, EXIT_NO_PERMISSION,
                                 "this client id is another user's; make a new one");
        else if (request->seq == 0 || request->seq <= client->held)
                core_reply_error(c, &request->origin, EXIT_DATA,
                                 "request %llu was answered before, and the answer received",
                                 (unsigned long long)request->seq);
        else if (client->answer_count + client->deferred_count >= CLIENT_ANSWERS_MAX)
                core_reply_error(
                        c, &request->origin, EXIT_TRY_AGAIN,
                        "%u requests of this client wait for an answer or have one that it "
                        "does not hold; try again",
                        CLIENT_ANSWERS_MAX);
        else
                return false;
        return true;
}

ClientVerdict client_admit(Core *c, const CoreRequest *request, CoreSubmitWait wait, Client **ret) {
        Client *client = client_get(c, request);
        if (!client)
                return CLIENT_ANSWERED;
        if (client->uid == request->uid) {
                client->last_usec = c->now.monotonic_usec;
                client->last_real_usec = c->now.realtime_usec;
                client_prune(client, request->held);
                if (client_answer_again(c, client, request, wait))
                        return CLIENT_ANSWERED;
        }
        if (client_refuses(c, client, request))
                return CLIENT_ANSWERED;
        *ret = client;
        bool wait_turn = client->pending > 0 && client->pending_turn != c->turn;
        return wait_turn || client->deferred ? CLIENT_LATER : CLIENT_DO;
}

/* ---- deferred requests ---- */

Deferred *deferred_free(Deferred *d) {
        if (!d)
                return NULL;
        for (size_t i = 0; d->tasks && i < d->n; i++)
                task_record_done(&d->tasks[i]);
        free(d->tasks);
        free(d->delay_usec);
        free(d->ids);
        free(d->unknown);
        free(d->found);
        origins_done(&d->more);
        free(d);
        return NULL;
}

static void client_mark_runnable(Core *c, Client *client) {
        if (client->pending > 0 || !client->deferred || client->runnable)
                return;
        client->runnable = true;
        client->next_runnable = c->runnable_clients;
        c->runnable_clients = client;
}

void client_defer(Core *c, Client *client, Deferred *d) {
        DL_APPEND(client->deferred, d);
        client->deferred_count++;
        client_mark_runnable(c, client);
}

/* The others who asked for what was done only now. */
static void deferred_tell_others(Core *c, Client *client, const Deferred *d) {
        Answer *a = client_find_answer(client, d->request.seq);
        for (size_t i = 0; a && i < origins_count(&d->more); i++) {
                if (a->pending)
                        origins_add(&a->origins, origins_at(&d->more, i));
                else
                        answer_send(c, a, origins_at(&d->more, i));
        }
}

static void deferred_do(Core *c, Client *client, Deferred *d) {
        if (d->kind == ANSWER_SUBMITTED) {
                submit_do(c, client, &d->request, d->tasks, d->delay_usec, d->n, d->wait);
                free(d->tasks); /* what is in them was given away */
                d->tasks = NULL;
        } else if (d->kind == ANSWER_PURGED) {
                purge_do(c, client, &d->request, d->ids, d->found, d->n);
        } else {
                cancel_do(c, client, &d->request, d->ids, d->n, d->unknown, d->unknown_count,
                          d->signal);
        }
        deferred_tell_others(c, client, d);
}

static bool deferred_must_wait(const Core *c, const Deferred *d) {
        return d->kind == ANSWER_CANCELLED && cancel_must_wait(c, d->ids, d->n);
}

void client_run_deferred(Core *c) {
        Client *next;
        for (Client *client = take_ptr(c->runnable_clients); client; client = next) {
                next = client->next_runnable;
                client->runnable = false;
                for (Deferred *d; (d = client->deferred) && !deferred_must_wait(c, d);) {
                        DL_DELETE(client->deferred, d);
                        client->deferred_count--;
                        deferred_do(c, client, d);
                        deferred_free(d);
                }
                client_mark_runnable(c, client);
        }
}

/* ---- what became of it ---- */

static void client_settled(Core *c, Client *client) {
        client->pending--;
        client_mark_runnable(c, client);
}

void client_answer_done(Core *c, Client *client, Answer *a) {
        a->pending = false;
        client->stored = true;
        answer_send_all(c, a);
        client_settled(c, client);
}

static Error *error_copy(const Error *e) {
        Error *copy = malloc(sizeof(*copy));
        MUST(copy ? 0 : -1);
        *copy = *e;
        return copy;
}

void client_answer_failed(Core *c, Client *client, Answer *a, const Error *e) {
        a->pending = false;
        a->kind = ANSWER_REFUSED;
        a->outcome = outcome_free(a->outcome);
        a->error = error_copy(e);
        answer_send_all(c, a);
        client_settled(c, client);
}

void client_refuse(Core *c, Client *client, const CoreRequest *request, const Error *e) {
        MUST(client_reserve(client));
        client_add_answer(
                c, client,
                (Answer){.seq = request->seq, .kind = ANSWER_REFUSED, .error = error_copy(e)});
        core_reply_error(c, &request->origin, e->code, "%s", e->text);
}

/* ---- rows ---- */

void client_mark_dirty(Core *c, Client *client) {
        if (client->dirty)
                return;
        client->dirty = true;
        client->next_dirty = c->dirty_clients;
        c->dirty_clients = client;
}

void client_write_dirty(Core *c) {
        for (Client *client; (client = c->dirty_clients);) {
                StoreOp op = {
                        .kind = STORE_PUT_CLIENT,
                        .client = {.id = client->id,
                                   .uid = client->uid,
                                   .held = client->held,
                                   .last_usec = client->last_real_usec},
                };
                MUST(answers_write(client, &op.client.answers));
                c->dirty_clients = client->next_dirty;
                client->dirty = false;
                journal_persist(c, &op);
        }
}

/* The heap holds when a client was last put off, not each request: most are put off once in a
 * while. */
void client_expire(Core *c) {
        for (HeapNode *n; (n = heap_peek(&c->idle_clients));) {
                Client *client = CONTAINER_OF(n, Client, idle_node);
                if (client->idle_usec > c->now.monotonic_usec)
                        return;
                client->idle_usec = client_due(c, client);
                if (client->idle_usec > c->now.monotonic_usec) {
                        heap_update(&c->idle_clients, n);
                        continue;
                }
                client_forget(c, client);
        }
}
