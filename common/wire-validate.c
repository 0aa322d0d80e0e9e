/* Checks that bytes are one well-formed MessagePack value before a library decodes them.
 *
 * A decoder believes a count when it reads it: an array header of five bytes makes it reserve
 * gigabytes, and nesting costs it stack. Here nothing is allocated and nothing recurses. The
 * invariant that bounds everything: the number of values that open containers still expect never
 * exceeds the bytes that are left, since a value takes at least one byte. Hence what a decoder
 * reserves afterwards is linear in the size of the frame.
 *
 * The format: https://github.com/msgpack/msgpack/blob/master/spec.md */
#include "common/wire-validate.h"
#include "common/wire.h"

#include <errno.h>

/* A value is its first byte, a big-endian length of length_bytes, then either fixed bytes plus that
 * length, or (each > 0) each values per element. */
typedef struct Shape {
        uint8_t length_bytes;
        uint8_t fixed_bytes;
        uint8_t each;
        uint8_t known;
} Shape;

/* clang-format off */
#define SCALAR(bytes)               {.fixed_bytes = (bytes), .known = 1}
#define STRING(length_size)         {.length_bytes = (length_size), .known = 1}
#define EXTENSION(length_size)      {.length_bytes = (length_size), .fixed_bytes = 1, .known = 1}
#define CONTAINER(length_size, per) {.length_bytes = (length_size), .each = (per), .known = 1}

/* Shapes of 0xc0 … 0xdf, four a line; what is below and above has its length in the byte itself. */
#define SHAPES_FIRST 0xc0
static const Shape shapes[] = {
        /* nil, (never used), false, true */
        SCALAR(0), {.known = 0}, SCALAR(0), SCALAR(0),
        /* bin 8, 16, 32, ext 8 */
        STRING(1), STRING(2), STRING(4), EXTENSION(1),
        /* ext 16, 32, float 32, 64 */
        EXTENSION(2), EXTENSION(4), SCALAR(4), SCALAR(8),
        /* uint 8, 16, 32, 64 */
        SCALAR(1), SCALAR(2), SCALAR(4), SCALAR(8),
        /* int 8, 16, 32, 64 */
        SCALAR(1), SCALAR(2), SCALAR(4), SCALAR(8),
        /* fixext 1, 2, 4, 8: the type and that many bytes */
        SCALAR(2), SCALAR(3), SCALAR(5), SCALAR(9),
        /* fixext 16, str 8, 16, 32 */
        SCALAR(17), STRING(1), STRING(2), STRING(4),
        /* array 16, 32, map 16, 32 */
        CONTAINER(2, 1), CONTAINER(4, 1), CONTAINER(2, 2), CONTAINER(4, 2),
};
/* clang-format on */
_Static_assert(SHAPES_FIRST + ARRAY_SIZE(shapes) == 0xe0, "one shape for each of 0xc0 … 0xdf");

typedef struct Cursor {
        const uint8_t *at, *end;
} Cursor;

/* What one value says of itself: bytes that follow it, or values inside it. */
typedef struct Head {
        uint64_t bytes;
        uint64_t children;
        bool is_container;
} Head;

static int read_long_head(Cursor *c, const Shape *s, Head *ret) {
        uint64_t length = 0;

        if (!s->known || (size_t)(c->end - c->at) < s->length_bytes)
                return -EBADMSG;
        for (unsigned i = 0; i < s->length_bytes; i++)
                length = length << 8 | *c->at++;

        if (s->each > 0)
                *ret = (Head){.children = length * s->each, .is_container = true};
        else
                *ret = (Head){.bytes = length + s->fixed_bytes};
        return 0;
}

static int read_head(Cursor *c, Head *ret) {
        uint8_t first = *c->at++;

        if (first < 0x80 || first >= 0xe0) /* small integers */
                *ret = (Head){};
        else if (first < 0x90) /* small map */
                *ret = (Head){.children = 2u * (first & 0x0fu), .is_container = true};
        else if (first < 0xa0) /* small array */
                *ret = (Head){.children = first & 0x0fu, .is_container = true};
        else if (first < 0xc0) /* small string */
                *ret = (Head){.bytes = first & 0x1fu};
        else
                return read_long_head(c, &shapes[first - SHAPES_FIRST], ret);
        return 0;
}

int wire_count_values(const void *data, size_t size, unsigned depth_max, size_t *ret_values) {
        Cursor c = {.at = data, .end = (const uint8_t *)data + size};
        uint64_t expected[WIRE_DEPTH_LIMIT]; /* values still to come in each open container */
        uint64_t pending = 1;                /* their sum */
        unsigned depth = 0;
        size_t values = 0;

        depth_max = MIN_OF(depth_max, (unsigned)WIRE_DEPTH_LIMIT);
        while (pending > 0) {
                Head h;

                if (c.at == c.end || read_head(&c, &h) < 0 || h.bytes > (uint64_t)(c.end - c.at))
                        return -EBADMSG;
                c.at += h.bytes;
                values++;
                pending += h.children - 1;
                if (pending > (uint64_t)(c.end - c.at))
                        return -EBADMSG;
                if (depth > 0)
                        expected[depth - 1]--;
                if (h.is_container) {
                        if (depth == depth_max)
                                return -EBADMSG;
                        expected[depth++] = h.children;
                }
                while (depth > 0 && expected[depth - 1] == 0)
                        depth--;
        }

        if (c.at != c.end)
                return -EBADMSG;
        *ret_values = values;
        return 0;
}

int wire_validate(const void *data, size_t size, unsigned depth_max) {
        size_t values;

        return wire_count_values(data, size, depth_max, &values);
}
