/* Bytes in JSON: text where they are UTF-8, else both forms. */
#include "client/cli/json.h"

#include <criterion/criterion.h>
#include <string.h>

/* Compact JSON of the object that holds the bytes under "b". */
static const char *shown(const char *data, size_t size) {
        static char text[256];
        json_t *o = json_object();
        json_set_bytes(o, "b", data, size);
        char *dumped = json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_SORT_KEYS);
        snprintf(text, sizeof text, "%s", dumped);
        free(dumped);
        json_decref(o);
        return text;
}

#define SHOWN(literal) shown(literal, sizeof(literal) - 1)

Test(json, text_is_text) {
        cr_assert_str_eq(SHOWN(""), "{\"b\":\"\"}");
        cr_assert_str_eq(SHOWN("a\nb\0c"), "{\"b\":\"a\\nb\\u0000c\"}");
        cr_assert_str_eq(SHOWN("\xc3\xa9"), "{\"b\":\"\\u00E9\"}");
}

Test(json, other_bytes_are_there_in_base64_too) {
        cr_assert_str_eq(SHOWN("\xff"), "{\"b\":\"\\uFFFD\",\"b_base64\":\"/w==\"}");
        cr_assert_str_eq(SHOWN("a\xff"), "{\"b\":\"a\\uFFFD\",\"b_base64\":\"Yf8=\"}");
        cr_assert_str_eq(SHOWN("\xff\xfe\xfd"),
                         "{\"b\":\"\\uFFFD\\uFFFD\\uFFFD\",\"b_base64\":\"//79\"}");
        cr_assert_str_eq(SHOWN("\xc3\xa9\xc3"), "{\"b\":\"\\u00E9\\uFFFD\",\"b_base64\":\"w6nD\"}");
}

Test(json, long_texts_keep_their_end) {
        char data[5000];
        memset(data, 'x', sizeof data);
        json_t *o = json_object();
        json_set_bytes(o, "b", data, sizeof data);
        cr_assert_eq(json_string_length(json_object_get(o, "b")), sizeof data);
        json_decref(o);
}
