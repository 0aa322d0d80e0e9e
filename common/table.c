/* The table of table.h over JudyL. The library's functions are called directly: its macros print
 * and exit when memory runs out. Deleting may need memory too (a node is copied into a smaller
 * one); a slot whose deletion fails keeps NULL as its value and counts as absent, so removal never
 * fails here. */
#include "common/table.h"

#include "common/macro.h"

#include <Judy.h>
#include <errno.h>

_Static_assert(sizeof(Word_t) == sizeof(uint64_t), "a key fits a word of Judy");

void table_done(Table *t) {
        JudyLFreeArray(&t->judy, PJE0);
        *t = (Table){0};
}

void *table_get(const Table *t, uint64_t key) {
        void **slot = JudyLGet(t->judy, key, PJE0);
        return slot ? *slot : NULL;
}

int table_put(Table *t, uint64_t key, void *value) {
        ASSERT(value);
        void **slot = JudyLIns(&t->judy, key, PJE0);
        if (!slot || slot == PPJERR)
                return -ENOMEM;
        if (!*slot)
                t->count++;
        *slot = value;
        return 0;
}

void *table_remove(Table *t, uint64_t key) {
        void **slot = JudyLGet(t->judy, key, PJE0);
        if (!slot || !*slot)
                return NULL;
        void *value = *slot;
        *slot = NULL;
        t->count--;
        (void)JudyLDel(&t->judy, key, PJE0);
        return value;
}

void *table_first_from(const Table *t, uint64_t *key) {
        Word_t at = *key;
        void **slot = JudyLFirst(t->judy, &at, PJE0);
        while (slot && !*slot)
                slot = JudyLNext(t->judy, &at, PJE0);
        if (!slot)
                return NULL;
        *key = at;
        return *slot;
}

void *table_last_to(const Table *t, uint64_t *key) {
        Word_t at = *key;
        void **slot = JudyLLast(t->judy, &at, PJE0);
        while (slot && !*slot)
                slot = JudyLPrev(t->judy, &at, PJE0);
        if (!slot)
                return NULL;
        *key = at;
        return *slot;
}
