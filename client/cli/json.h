/* JSON as stint prints it: one object keyed by a noun, with "schema": 1; ids and times are numbers;
 * bytes are text, with the same in base64 beside it where they are no UTF-8. */
#pragma once

#include "common/wire.h"

#include <jansson.h>

/* {"schema": 1, noun: value} on one line of stdout; takes value, aborts on lack of memory. */
void json_print_object(const char *noun, json_t *value);

/* Sets object[key], and object[key_base64] where they are no UTF-8. */
void json_set_bytes(json_t *object, const char *key, const void *data, size_t size);
void json_set_text(json_t *object, const char *key, WireText text);
void json_set_number(json_t *object, const char *key, uint64_t value);
