/* Binary min-heap of intrusive nodes: the owner embeds a HeapNode, so that push, remove and update
 * are O(log n) without an allocation per element and a node knows whether it is queued. Ties are
 * the comparison's to break. The heap owns only its array of pointers. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HEAP_NOT_QUEUED UINT32_MAX

typedef struct HeapNode {
        uint32_t index; /* place in the array, HEAP_NOT_QUEUED outside; set by heap_node_init */
} HeapNode;

/* Negative: a leaves before b. Must be a strict weak order that does not change while both are
 * queued (call heap_update after a change). */
typedef int (*HeapCompare)(const HeapNode *a, const HeapNode *b);

typedef struct Heap {
        HeapNode **nodes;
        uint32_t count, capacity;
        HeapCompare compare;
} Heap;

void heap_init(Heap *h, HeapCompare compare);
void heap_done(Heap *h); /* frees the array, not the nodes; accepts a zeroed heap */

static inline void heap_node_init(HeapNode *n) {
        n->index = HEAP_NOT_QUEUED;
}
static inline int heap_node_queued(const HeapNode *n) {
        return n->index != HEAP_NOT_QUEUED;
}
static inline HeapNode *heap_peek(const Heap *h) {
        return h->count ? h->nodes[0] : NULL;
}

int heap_push(Heap *h, HeapNode *n);    /* 0 or -ENOMEM; n must not be queued */
HeapNode *heap_pop(Heap *h);            /* NULL when empty */
void heap_remove(Heap *h, HeapNode *n); /* n must be queued in h */
void heap_update(Heap *h, HeapNode *n); /* after n's order changed; n must be queued in h */
