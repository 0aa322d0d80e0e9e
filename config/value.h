/* Values of keys: from the text of a file into the field of a record and back, by type. A record is
 * a Config, a QueueConfig or a PoolConfig, as the key's group says. */
#pragma once

#include "config/parse.h"
#include "config/schema.h"

/* Stores the value in record. -EINVAL when it is none for key, and record is unchanged; -ENOMEM. */
int value_read(const ConfigKey *key, const Node *node, void *record);

/* Stores key's fallback; key must have one. */
void value_set_fallback(const ConfigKey *key, void *record);

/* What would be a value, for "must be …": `a number from 1 to 1024 or "auto"`. Returns buf. */
const char *value_expected(const ConfigKey *key, char *buf, size_t size);

ConfigPlace value_place(const ConfigKey *key, const void *record);
void value_set_place(const ConfigKey *key, void *record, ConfigPlace place);

/* The value of record's field as it is written in a file; value_read gives the same back. */
void value_write(const ConfigKey *key, const void *record, FILE *stream);
/* The same as text from malloc; NULL: no memory. */
char *value_text(const ConfigKey *key, const void *record);
