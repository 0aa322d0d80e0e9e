/* JSON as stint prints it: one object keyed by a noun, with "schema": 1; ids and times are numbers;
 * bytes are text, with the same in base64 beside it where they are no UTF-8. */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* {"schema": 1, noun: value} on one line of stdout; takes value, aborts on lack of memory. */
void json_print_object(const char *noun, json_t *value);

/* Sets object[key], and object[key_base64] where they are no UTF-8. */
void json_set_bytes(json_t *object, const char *key, const void *data, size_t size);
void json_set_text(json_t *object, const char *key, const char *text); /* NULL: "" */
/* object[key] = usec as a number, or null for 0. */
void json_set_time(json_t *object, const char *key, uint64_t usec);
void json_set_number(json_t *object, const char *key, uint64_t value);

/* A string as a value of its own: text where it is UTF-8, which it is in practice; one that is not
 * becomes {"text": …, "text_base64": …}. */
json_t *json_text(const char *text);
/* NULL-terminated strings (NULL: none) as an array of these. */
json_t *json_texts(const char *const *texts);
