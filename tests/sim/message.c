/* Messages and the queues that they wait in: plain values, each owned by one place at a time. */
#include "tests/sim/sim.h"

#include <string.h>

static Numbers numbers_copy(Numbers n) {
        Numbers copy = {.count = n.count};
        if (n.count) {
                copy.items = malloc(n.count * sizeof *n.items);
                ASSERT(copy.items);
                memcpy(copy.items, n.items, n.count * sizeof *n.items);
        }
        return copy;
}

Message *message_new(MessageKind kind) {
        Message *m = calloc(1, sizeof *m);
        ASSERT(m);
        m->kind = kind;
        return m;
}

Message *message_copy(const Message *m) {
        Message *copy = message_new(m->kind);
        *copy = *m;
        copy->next = NULL;
        copy->running = numbers_copy(m->running);
        copy->running_tasks = numbers_copy(m->running_tasks);
        copy->unacked = numbers_copy(m->unacked);
        copy->unacked_tasks = numbers_copy(m->unacked_tasks);
        copy->unknown = numbers_copy(m->unknown);
        copy->denied = numbers_copy(m->denied);
        copy->unended = numbers_copy(m->unended);
        ASSERT(!m->ends); /* only what travels twice is copied: requests and results */
        return copy;
}

void message_free(Message *m) {
        if (!m)
                return;
        free(m->running.items);
        free(m->running_tasks.items);
        free(m->unacked.items);
        free(m->unacked_tasks.items);
        free(m->unknown.items);
        free(m->denied.items);
        free(m->unended.items);
        free(m->ends);
        free(m);
}

void inbox_put(Inbox *i, Message *m) {
        m->next = NULL;
        if (i->tail)
                i->tail->next = m;
        else
                i->head = m;
        i->tail = m;
}

Message *inbox_take(Inbox *i) {
        Message *m = i->head;
        if (m) {
                i->head = m->next;
                if (!i->head)
                        i->tail = NULL;
                m->next = NULL;
        }
        return m;
}

Message *inbox_take_fair(Inbox *i, Random *random) {
        Message *before = i->head;
        while (before && before->next && before->next->incarnation == i->head->incarnation)
                before = before->next;
        if (!before || !before->next || random_chance(random, 500))
                return inbox_take(i);
        Message *m = before->next;
        before->next = m->next;
        if (i->tail == m)
                i->tail = before;
        m->next = NULL;
        return m;
}

void inbox_clear(Inbox *i) {
        for (Message *m; (m = inbox_take(i));)
                message_free(m);
}
