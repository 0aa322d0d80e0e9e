/* Clients: they submit, cancel and wait, repeat after a reconnect what was not answered, and
 * remember what was acknowledged to them. A client speaks over one connection at a time (route);
 * what is on its way to an older one is lost, what an older one had sent may still arrive. */
#include "tests/sim/sim.h"

#include <inttypes.h>
#include <string.h>

static bool request_over(const Request *r) {
        if (r->kind == REQUEST_WAIT)
                return r->ended;
        return r->answered && (!r->wait || r->refused || r->ended);
}

static size_t client_index(const World *w, const Client *c) {
        return (size_t)(c - w->clients);
}

/* ---- sending ---- */

/* The highest seq such that this and all below have been answered. */
static uint64_t client_held(const Client *c) {
        uint64_t held = 0;
        for (const Request *r = c->requests; r; r = r->next)
                if (r->seq == 0)
                        continue;
                else if (r->answered)
                        held = r->seq;
                else
                        break;
        return held;
}

static void request_arrives(World *w, uint64_t a, uint64_t b, Message *m) {
        dispatcher_post(w, m);
}

static void client_send(World *w, Client *c, Request *r, MessageKind kind) {
        uint64_t address[2] = {client_index(w, c), c->route};
        Message *m = message_new(kind);
        m->incarnation = w->dispatcher.incarnation;
        m->request = r;
        m->held = client_held(c);
        m->origin.request_id = r->request_id;
        m->origin.route_size = sizeof address;
        memcpy(m->origin.route, address, sizeof address);
        c->up_last = MAX_OF(c->up_last, w->now + latency(w));
        world_at(w, c->up_last, request_arrives, 0, 0, m);
}

/* The answer came, but the connection over which the ends would come is gone. */
static void request_becomes_wait(Request *r) {
        r->kind = REQUEST_WAIT;
        r->seq = 0;
        r->ranges[0] = (WireRange){.first = r->first_id, .count = r->count};
        r->range_count = 1;
}

static void request_send(World *w, Client *c, Request *r) {
        static const MessageKind kinds[] = {[REQUEST_SUBMIT] = MESSAGE_SUBMIT,
                                            [REQUEST_CANCEL] = MESSAGE_CANCEL,
                                            [REQUEST_WAIT] = MESSAGE_WAIT,
                                            [REQUEST_PURGE] = MESSAGE_PURGE};
        if (!c->connected)
                return;
        if (r->kind == REQUEST_SUBMIT && r->answered)
                request_becomes_wait(r);
        r->sent = true;
        memset(r->reported, 0, sizeof r->reported);
        client_send(w, c, r, kinds[r->kind]);
}

static void client_connects(World *w, uint64_t index, uint64_t incarnation, Message *m) {
        Client *c = &w->clients[index];
        if (c->connected || !w->dispatcher.core || w->dispatcher.incarnation != incarnation)
                return;
        c->connected = true;
        c->route++;
        c->up_last = c->down_last = w->now;
        for (Request *r = c->requests; r; r = r->next)
                if (!request_over(r))
                        request_send(w, c, r);
}

void clients_reconnect(World *w) {
        for (size_t i = 0; i < SIM_CLIENTS; i++)
                world_at(w, w->now + random_below(&w->random, 30000), client_connects, i,
                         w->dispatcher.incarnation, NULL);
}

void client_disconnect(World *w, Client *c) {
        if (!c->connected)
                return;
        trace(w, "client %zu loses its connection", client_index(w, c));
        c->connected = false;
        world_at(w, w->now + random_below(&w->random, 30000), client_connects, client_index(w, c),
                 w->dispatcher.incarnation, NULL);
}

/* ---- what they ask ---- */

static uint64_t draw_delay(Random *r) {
        return random_chance(r, 800) ? 0 : random_between(r, 1, 8000) * USEC_PER_MSEC;
}

static void draw_submit(World *w, Request *r) {
        Random *n = &w->random;
        r->count = random_between(n, 1, SIM_BATCH);
        r->wait = random_chance(n, 300);
        uint8_t queue = (uint8_t)random_below(n, SIM_QUEUES);
        for (size_t i = 0; i < r->count; i++) {
                TaskPolicy *p = &r->tasks[i].policy;
                *p = (TaskPolicy){.kind = TASK_KIND_MESSAGE,
                                  .grace_msec = 1000,
                                  .backoff_min_msec = (uint32_t)random_between(n, 1, 500),
                                  .priority = (int8_t)random_between(n, 0, 4)};
                p->priority = (int8_t)(p->priority - 2);
                p->backoff_max_msec = p->backoff_min_msec * (uint32_t)random_between(n, 1, 8);
                if (random_chance(n, 200))
                        p->at_most_once = true;
                else
                        p->retries = (uint16_t)random_below(n, 4);
                r->tasks[i].delay_usec = draw_delay(n);
                r->tasks[i].retry_of = i % 4 == 3 ? w->store.last_id + 1 - i / 4 : 0;
                r->tasks[i].queue =
                        random_chance(n, 900) ? queue : (uint8_t)random_below(n, SIM_QUEUES);
        }
        w->task_count += (unsigned)r->count;
}

static uint64_t draw_id(World *w) {
        return random_between(&w->random, 1, w->store.last_id + 3);
}

static void draw_cancel(World *w, Request *r) {
        r->count = random_between(&w->random, 1, 4);
        r->signal = random_chance(&w->random, 500) ? 0 : 15;
        uint64_t first = draw_id(w), stride = random_between(&w->random, 1, 3);
        for (size_t i = 0; i < r->count; i++)
                r->ids[i] = first + i * stride;
}

static void draw_purge(World *w, Request *r) {
        r->count = random_between(&w->random, 1, SIM_BATCH);
        uint64_t first = draw_id(w);
        for (size_t i = 0; i < r->count; i++)
                r->ids[i] = first + i;
}

static void draw_wait(World *w, Request *r) {
        r->range_count = random_between(&w->random, 1, 2);
        r->ranges[0] = (WireRange){.first = draw_id(w), .count = random_between(&w->random, 1, 12)};
        r->ranges[1] =
                (WireRange){.first = r->ranges[0].first + r->ranges[0].count + 1, .count = 5};
}

static Request *request_new(World *w, Client *c) {
        Request *r = calloc(1, sizeof *r);
        ASSERT(r);
        unsigned kind = (unsigned)random_below(&w->random, 100);
        r->kind = kind < 60   ? REQUEST_SUBMIT
                  : kind < 75 ? REQUEST_CANCEL
                  : kind < 92 ? REQUEST_WAIT
                              : REQUEST_PURGE;
        r->client = (uint32_t)client_index(w, c);
        r->request_id = ++c->request_ids;
        r->seq = r->kind == REQUEST_WAIT ? 0 : ++c->seq;
        if (r->kind == REQUEST_SUBMIT)
                draw_submit(w, r);
        else if (r->kind == REQUEST_CANCEL)
                draw_cancel(w, r);
        else if (r->kind == REQUEST_PURGE)
                draw_purge(w, r);
        else
                draw_wait(w, r);
        if (c->last)
                c->last->next = r;
        else
                c->requests = r;
        c->last = r;
        c->open++;
        return r;
}

/* Gives up one of its waits. */
static void client_forgets(World *w, Client *c) {
        for (Request *r = c->requests; r; r = r->next)
                if (r->kind == REQUEST_WAIT && r->sent && !request_over(r) && c->connected) {
                        client_send(w, c, r, MESSAGE_FORGET);
                        r->ended = true;
                        c->open--;
                        return;
                }
}

static void client_acts(World *w, uint64_t index, uint64_t b, Message *m) {
        Client *c = &w->clients[index];
        if (w->faults_over || w->task_count >= w->plan.tasks_max)
                return;
        if (random_chance(&w->random, 20))
                client_forgets(w, c);
        if (c->open < 4)
                request_send(w, c, request_new(w, c));
        world_at(w, w->now + random_between(&w->random, 1, 2 * w->plan.request_usec), client_acts,
                 index, 0, NULL);
}

void clients_start(World *w) {
        static const uint32_t uids[SIM_CLIENTS] = {1000, 1001, 1002, 0};
        for (size_t i = 0; i < SIM_CLIENTS; i++) {
                Client *c = &w->clients[i];
                c->id.bytes[0] = (uint8_t)(i + 1);
                c->uid = uids[i];
                if (i < w->plan.clients)
                        world_at(w, random_below(&w->random, w->plan.request_usec), client_acts, i,
                                 0, NULL);
        }
}

/* ---- what they hear ---- */

static void hear_submitted(World *w, Client *c, Request *r, const Message *m) {
        if (r->answered && (r->refused || r->first_id != m->first))
                broken(w, "a request is answered once",
                       "client %u, seq %" PRIu64 ": %" PRIu64 " after %" PRIu64, r->client, r->seq,
                       m->first, r->first_id);
        r->answered = true;
        r->first_id = m->first;
        for (size_t i = 0; i < r->count; i++)
                store_task(w, m->first + i)->acked = true;
}

static bool listed(const Numbers *n, uint64_t id) {
        for (size_t i = 0; i < n->count; i++)
                if (n->items[i] == id)
                        return true;
        return false;
}

static void hear_cancelled(World *w, Client *c, Request *r, const Message *m) {
        uint64_t all = m->first + m->count + m->unknown.count + m->denied.count;
        if (all != r->count)
                broken(w, "every id is answered for", "%" PRIu64 " of %zu", all, r->count);
        r->answered = true;
        for (size_t i = 0; i < r->count; i++) {
                Task *t = store_task(w, r->ids[i]);
                if (listed(&m->unknown, r->ids[i]) || listed(&m->denied, r->ids[i]))
                        continue;
                if (!t || (!t->ended && !t->cancel_requested))
                        broken(w, "an acknowledged cancel is durable", "task %" PRIu64, r->ids[i]);
                t->cancel_acked = true;
        }
}

static void hear_purged(World *w, Client *c, Request *r, const Message *m) {
        uint64_t all = m->first + m->unended.count + m->unknown.count + m->denied.count;
        if (all != r->count)
                broken(w, "every id is answered for", "%" PRIu64 " of %zu", all, r->count);
        if (r->answered && (r->refused || r->first_id != m->first))
                broken(w, "a request is answered once", "client %u, seq %" PRIu64, r->client,
                       r->seq);
        r->answered = true;
        r->first_id = m->first;
        for (size_t i = 0; i < r->count; i++) {
                const Task *t = store_task(w, r->ids[i]);
                if (listed(&m->unknown, r->ids[i]) || listed(&m->denied, r->ids[i]) ||
                    listed(&m->unended, r->ids[i]))
                        continue;
                if (!t || !t->ended || !t->purged)
                        broken(w, "an acknowledged purge is durable", "task %" PRIu64, r->ids[i]);
        }
}

static void hear_error(World *w, Client *c, Request *r, const Message *m) {
        if (r->kind == REQUEST_WAIT)
                broken(w, "waits are answered", "request %" PRIu64 " with error %d", r->request_id,
                       m->error);
        if (r->answered && !r->refused)
                broken(w, "a request is answered once",
                       "client %u, seq %" PRIu64 ": error %d after success", r->client, r->seq,
                       m->error);
        r->answered = r->refused = true;
        for (size_t i = 0; i < r->count && r->kind == REQUEST_SUBMIT; i++)
                if (r->tasks[i].durable)
                        broken(w, "what is refused is not done", "task %" PRIu64, r->tasks[i].id);
}

/* Which of the ids that r waits for this is; SIM_WAIT_IDS: none. */
static size_t wait_index(const Request *r, uint64_t id) {
        WireRange own = {.first = r->first_id, .count = r->count};
        const WireRange *ranges = r->kind == REQUEST_WAIT ? r->ranges : &own;
        size_t n = r->kind == REQUEST_WAIT ? r->range_count : 1, before = 0;
        for (size_t i = 0; i < n; before += ranges[i++].count)
                if (id >= ranges[i].first && id < ranges[i].first + ranges[i].count)
                        return before + (size_t)(id - ranges[i].first);
        return SIM_WAIT_IDS;
}

static size_t wait_count(const Request *r) {
        if (r->kind != REQUEST_WAIT)
                return r->count;
        return (size_t)(r->ranges[0].count + (r->range_count > 1 ? r->ranges[1].count : 0));
}

static void hear_ended(World *w, Client *c, Request *r, const Message *m) {
        for (size_t i = 0; i < m->end_count + m->unknown.count; i++) {
                uint64_t id = i < m->end_count ? m->ends[i].id : m->unknown.items[i - m->end_count];
                size_t index = wait_index(r, id);
                if (index == SIM_WAIT_IDS || r->reported[index]++ > 0)
                        broken(w, "a wait tells of each id once",
                               "request %" PRIu64 ", task %" PRIu64, r->request_id, id);
        }
        if (m->more)
                return;
        for (size_t i = 0; i < wait_count(r); i++)
                if (!r->reported[i])
                        broken(w, "a wait tells of each id", "request %" PRIu64 ", number %zu",
                               r->request_id, i);
        r->ended = true;
}

static void client_hears(World *w, uint64_t index, uint64_t b, Message *m) {
        Client *c = &w->clients[index];
        Request *r = m->request;
        bool was_over = request_over(r);
        if (!c->connected || m->route != c->route || (was_over && r->kind == REQUEST_WAIT)) {
                message_free(m);
                return;
        }
        trace(w, "client %zu hears %d for request %" PRIu64 " (%s)", (size_t)index, (int)m->reply,
              r->request_id,
              r->kind == REQUEST_SUBMIT   ? "submit"
              : r->kind == REQUEST_CANCEL ? "cancel"
              : r->kind == REQUEST_PURGE  ? "purge"
                                          : "wait");
        if (m->reply == WIRE_TYPE_SUBMITTED)
                hear_submitted(w, c, r, m);
        else if (m->reply == WIRE_TYPE_CANCELLED)
                hear_cancelled(w, c, r, m);
        else if (m->reply == WIRE_TYPE_PURGED)
                hear_purged(w, c, r, m);
        else if (m->reply == WIRE_TYPE_ENDED)
                hear_ended(w, c, r, m);
        else
                hear_error(w, c, r, m);
        if (!was_over && request_over(r))
                c->open--;
        message_free(m);
}

void client_reply(World *w, Message *m) {
        Client *c = &w->clients[m->request->client];
        c->down_last = MAX_OF(c->down_last, w->now + latency(w));
        world_at(w, c->down_last, client_hears, m->request->client, 0, m);
}

void clients_lose_store(World *w) {
        for (size_t i = 0; i < SIM_CLIENTS; i++)
                for (Request *r = w->clients[i].requests; r; r = r->next)
                        for (size_t j = 0; j < r->count; j++)
                                r->tasks[j].durable = 0;
}

bool clients_done(const World *w) {
        for (size_t i = 0; i < SIM_CLIENTS; i++)
                if (w->clients[i].open > 0)
                        return false;
        return true;
}

void clients_check_done(World *w) {
        for (size_t i = 0; i < SIM_CLIENTS; i++)
                for (const Request *r = w->clients[i].requests; r; r = r->next)
                        for (size_t j = 0; j < r->count && r->answered && !r->refused; j++)
                                if (r->kind != REQUEST_PURGE && r->first_id &&
                                    !store_task(w, r->first_id + j)->ended)
                                        broken(w, "every acknowledged task ends", "%" PRIu64,
                                               r->first_id + j);
}

void clients_free(World *w) {
        for (size_t i = 0; i < SIM_CLIENTS; i++)
                for (Request *r; (r = w->clients[i].requests);) {
                        w->clients[i].requests = r->next;
                        free(r);
                }
}
