/* The heap of heap.h: a plain binary heap over an array of pointers, in which every node knows its
 * place. A node moves only through heap_place, so that its index never goes stale. */
#include "common/heap.h"

#include "common/macro.h"

#include <errno.h>

#define HEAP_CAPACITY_FIRST 16u

static void heap_place(Heap *h, uint32_t i, HeapNode *n) {
        h->nodes[i] = n;
        n->index = i;
}

static void heap_sift_up(Heap *h, uint32_t i, HeapNode *n) {
        while (i > 0) {
                uint32_t parent = (i - 1) / 2;
                if (h->compare(n, h->nodes[parent]) >= 0)
                        break;
                heap_place(h, i, h->nodes[parent]);
                i = parent;
        }
        heap_place(h, i, n);
}

static void heap_sift_down(Heap *h, uint32_t i, HeapNode *n) {
        while (i < h->count / 2) { /* has a left child */
                uint32_t child = 2 * i + 1;
                if (child + 1 < h->count && h->compare(h->nodes[child + 1], h->nodes[child]) < 0)
                        child++;
                if (h->compare(n, h->nodes[child]) <= 0)
                        break;
                heap_place(h, i, h->nodes[child]);
                i = child;
        }
        heap_place(h, i, n);
}

/* Puts n, whose order towards its neighbours is unknown, near place i. */
static void heap_settle(Heap *h, uint32_t i, HeapNode *n) {
        if (i > 0 && h->compare(n, h->nodes[(i - 1) / 2]) < 0)
                heap_sift_up(h, i, n);
        else
                heap_sift_down(h, i, n);
}

static int heap_grow(Heap *h) {
        if (h->capacity > UINT32_MAX / 2)
                return -ENOMEM;
        uint32_t capacity = h->capacity ? h->capacity * 2 : HEAP_CAPACITY_FIRST;
        HeapNode **nodes = reallocarray(h->nodes, capacity, sizeof(*nodes));
        if (!nodes)
                return -ENOMEM;
        h->nodes = nodes;
        h->capacity = capacity;
        return 0;
}

void heap_init(Heap *h, HeapCompare compare) {
        *h = (Heap){.compare = compare};
}

void heap_done(Heap *h) {
        free(h->nodes);
        *h = (Heap){.compare = h->compare};
}

int heap_push(Heap *h, HeapNode *n) {
        ASSERT(!heap_node_queued(n));
        if (h->count == h->capacity) {
                int r = heap_grow(h);
                if (r < 0)
                        return r;
        }
        heap_sift_up(h, h->count++, n);
        return 0;
}

HeapNode *heap_pop(Heap *h) {
        HeapNode *top = heap_peek(h);
        if (top)
                heap_remove(h, top);
        return top;
}

void heap_remove(Heap *h, HeapNode *n) {
        uint32_t i = n->index;
        ASSERT(i < h->count && h->nodes[i] == n);

        HeapNode *last = h->nodes[--h->count];
        if (last != n)
                heap_settle(h, i, last);
        heap_node_init(n);
}

void heap_update(Heap *h, HeapNode *n) {
        ASSERT(n->index < h->count && h->nodes[n->index] == n);
        heap_settle(h, n->index, n);
}
