/* See gather.h. Texts lie in blocks that never move, so that tasks can point to them while both
 * grow. */
#include "client/gather.h"

#include "client/future.h"
#include "client/grow.h"

#include <string.h>

#define BLOCK_SIZE (32u << 10)

struct TextBlock {
        TextBlock *next;
        size_t used, size;
        _Alignas(max_align_t) char data[];
};

Gather *gather_new(GatherEnds ends) {
        Gather *g = calloc(1, sizeof *g);
        if (!g)
                return NULL;
        g->waits = ends == GATHER_WITH_ENDS;
        g->header_size = HEADER_OVERHEAD;
        return g;
}

Gather *gather_free(Gather *g) {
        if (!g)
                return NULL;
        for (TextBlock *b = g->texts, *next; b; b = next) {
                next = b->next;
                free(b);
        }
        free(g->tasks);
        free(g->futures);
        free(g->payload);
        free(g);
        return NULL;
}

int gather_reserve(Gather *g, size_t count, size_t payload) {
        size_t alloc = g->alloc;
        int r = grow((void **)&g->tasks, &alloc, g->count + count, sizeof *g->tasks);
        if (r == 0 && g->waits && alloc != g->alloc) {
                size_t futures_alloc = g->alloc;
                r = grow((void **)&g->futures, &futures_alloc, g->count + count,
                         sizeof *g->futures);
        }
        if (r < 0)
                return r;
        g->alloc = alloc;
        return grow((void **)&g->payload, &g->payload_alloc, g->payload_size + payload, 1);
}

void gather_payload(Gather *g, const void *data, size_t size) {
        ASSERT(size <= g->payload_alloc - g->payload_size);
        if (size)
                memcpy(g->payload + g->payload_size, data, size);
        g->payload_size += size;
}

/* size bytes aligned for pointers, or NULL. */
static void *text_take(Gather *g, size_t size) {
        TextBlock *b = g->texts;
        size = (size + sizeof(void *) - 1) / sizeof(void *) * sizeof(void *);
        if (!b || size > b->size - b->used) {
                size_t room = MAX_OF(size, (size_t)BLOCK_SIZE);
                b = malloc(sizeof *b + room);
                if (!b)
                        return NULL;
                *b = (TextBlock){.next = g->texts, .size = room};
                g->texts = b;
        }
        void *taken = b->data + b->used;
        b->used += size;
        return taken;
}

static WireText text_copy(char **at, WireText text) {
        WireText copy = {.data = *at, .size = text.size};
        if (text.size)
                memcpy(*at, text.data, text.size);
        *at += text.size;
        return copy;
}

static size_t texts_size(const WireTask *t) {
        size_t size = t->queue.size + t->name.size + t->summary.size + t->group.size;
        for (size_t i = 0; i < t->labels.count; i++)
                size += t->labels.items[i].size;
        return size;
}

int gather_task(Gather *g, const WireTask *task, StintFuture *future) {
        size_t labels = task->labels.count;
        WireText *copies = text_take(g, labels * sizeof *copies + texts_size(task));
        if (!copies)
                return -ENOMEM;
        char *at = (char *)(copies + labels);
        WireTask *t = &g->tasks[g->count];
        *t = *task;
        t->queue = text_copy(&at, task->queue);
        t->name = text_copy(&at, task->name);
        t->summary = text_copy(&at, task->summary);
        t->group = text_copy(&at, task->group);
        for (size_t i = 0; i < labels; i++)
                copies[i] = text_copy(&at, task->labels.items[i]);
        t->labels = (WireTexts){copies, labels};
        if (g->waits) {
                g->futures[g->count] = future;
                future->place = FUTURE_GATHERED;
                future->index = g->count;
        }
        g->count++;
        return 0;
}
