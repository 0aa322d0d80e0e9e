/* See json.h. */
#include "client/cli/json.h"

#include "common/macro.h"
#include "common/text.h"

#include <stdio.h>
#include <string.h>

void json_print_object(const char *noun, json_t *value) {
        json_t *object = json_pack("{siso}", "schema", 1, noun, value);
        ASSERT(object);
        json_dumpf(object, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(object);
}

static char *base64(const uint8_t *data, size_t size) {
        static const char digits[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        char *text = malloc((size + 2) / 3 * 4 + 1), *at = text;
        ASSERT(text);
        for (size_t i = 0; i < size; i += 3) {
                size_t n = MIN_OF(size - i, (size_t)3);
                uint32_t group = (uint32_t)data[i] << 16 |
                                 (n > 1 ? (uint32_t)data[i + 1] << 8 : 0) |
                                 (n > 2 ? (uint32_t)data[i + 2] : 0);
                *at++ = digits[group >> 18];
                *at++ = digits[group >> 12 & 63];
                *at++ = n > 1 ? digits[group >> 6 & 63] : '=';
                *at++ = n > 2 ? digits[group & 63] : '=';
        }
        *at = '\0';
        return text;
}

/* The bytes with every one that is not part of a UTF-8 character replaced. */
static json_t *text_repaired(const char *data, size_t size) {
        static const char replacement[] = "\xef\xbf\xbd";
        char *text = malloc(3 * size + 1), *at = text;
        ASSERT(text);
        while (size) {
                size_t n = 1;
                while (n < 4 && n < size && !utf8_is_valid(data, n))
                        n++;
                bool good = utf8_is_valid(data, n);
                n = good ? n : 1;
                at = mempcpy(at, good ? data : replacement, good ? n : 3);
                data += n;
                size -= n;
        }
        json_t *string = json_stringn(text, (size_t)(at - text));
        free(text);
        return string;
}

void json_set_bytes(json_t *object, const char *key, const void *data, size_t size) {
        char encoded_key[64];
        json_t *string = json_stringn(data, size);
        if (!string) {
                char *encoded = base64(data, size);
                snprintf(encoded_key, sizeof encoded_key, "%s_base64", key);
                json_object_set_new(object, encoded_key, json_string(encoded));
                free(encoded);
                string = text_repaired(data, size);
        }
        json_object_set_new(object, key, string);
}

void json_set_text(json_t *object, const char *key, const char *text) {
        text = text ? text : "";
        json_set_bytes(object, key, text, strlen(text));
}

void json_set_time(json_t *object, const char *key, uint64_t usec) {
        json_object_set_new(object, key, usec ? json_integer((json_int_t)usec) : json_null());
}

json_t *json_text(const char *text) {
        json_t *string = json_string(text);
        if (string)
                return string;
        json_t *object = json_object();
        json_set_text(object, "text", text);
        return object;
}

json_t *json_texts(const char *const *texts) {
        json_t *array = json_array();
        for (; texts && *texts; texts++)
                json_array_append_new(array, json_text(*texts));
        return array;
}

void json_set_number(json_t *object, const char *key, uint64_t value) {
        json_object_set_new(object, key, json_integer((json_int_t)value));
}
