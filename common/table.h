/* Ordered map from a 64-bit key to a pointer, over Judy arrays: about 10 to 20 bytes an entry for
 * keys that come in order, no node to embed, and next/previous in key order, which a hash table
 * lacks. Task ids and run ids are kept in it. The table owns no value. */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct Table {
        void *judy; /* zero is an empty table */
        size_t count;
} Table;

void table_done(Table *t); /* frees the table, not what it points to */

void *table_get(const Table *t, uint64_t key);      /* NULL: not there */
int table_put(Table *t, uint64_t key, void *value); /* 0 or -ENOMEM; replaces; value not NULL */
void *table_remove(Table *t, uint64_t key);         /* what was there, or NULL */
void *table_first_from(const Table *t,
                       uint64_t *key); /* smallest key >= *key; sets *key; NULL: none */
void *table_last_to(const Table *t,
                    uint64_t *key); /* greatest key <= *key; sets *key; NULL: none */
