/* Turns header frames into the structs of wire.h, led by the tables of wire-tables.c.
 *
 * Three steps: the validator bounds depth and counts by the size of the frame, msgpack-c makes a
 * tree of objects in the reader's zone, and one loop copies the tree into the struct of the message
 * and checks every bound of the schema. Texts stay where they are in the frame; lists and the
 * struct itself lie in the zone too. The zone's first chunk survives from message to message and
 * grows to what the largest one so far needed, so that decoding does not allocate. Encoding is in
 * wire-encode.c. */
#include "common/wire.h"
#include "common/wire-validate.h"

#include <errno.h>
#include <msgpack/unpack.h>

/* Containers of our messages nest four deep; a newer peer's unknown fields may go further. */
#define DEPTH_MAX 8
/* More values than the largest message of the schema can have (STATUS_DATA, some 290,000); bounds
 * the tree to 12 MiB. */
#define VALUES_MAX     (1u << 19)
#define ARENA_FIRST    (64u << 10)
#define ARENA_KEEP_MAX (4u << 20)
#define PREFIX_COUNT   3 /* protocol, type, request id */

struct WireReader {
        msgpack_zone zone;
        size_t used; /* bytes that the present message took from the zone */
};

typedef struct List {
        const void *items;
        size_t count;
} List;

static int decode_struct(WireReader *r, const WireSchema *s, const msgpack_object *fields,
                         size_t count, char *body);

int wire_reader_new(WireReader **ret) {
        WireReader *r = calloc(1, sizeof *r);

        if (!r)
                return -ENOMEM;
        if (!msgpack_zone_init(&r->zone, ARENA_FIRST)) {
                free(r);
                return -ENOMEM;
        }
        *ret = r;
        return 0;
}

WireReader *wire_reader_free(WireReader *r) {
        if (!r)
                return NULL;
        msgpack_zone_destroy(&r->zone);
        free(r);
        return NULL;
}

/* Empties the zone; when the last message did not fit its first chunk, the next one of that size
 * will. */
static void arena_restart(WireReader *r) {
        size_t wanted = MIN_OF(r->used, (size_t)ARENA_KEEP_MAX);
        size_t chunk = r->zone.chunk_size;
        msgpack_zone larger;

        r->used = 0;
        while (chunk < wanted)
                chunk *= 2;
        if (chunk > r->zone.chunk_size && msgpack_zone_init(&larger, chunk)) {
                msgpack_zone_destroy(&r->zone);
                r->zone = larger;
                return;
        }
        msgpack_zone_clear(&r->zone);
}

static void *arena_alloc(WireReader *r, size_t count, size_t size) {
        void *p = msgpack_zone_malloc(&r->zone, count * size);

        if (p)
                memset(p, 0, count * size);
        r->used += count * size;
        return p;
}

static int decode_number(const msgpack_object *o, uint64_t *ret) {
        if (o->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
                return -EBADMSG;
        *ret = o->via.u64;
        return 0;
}

static int decode_signed(const msgpack_object *o, int64_t *ret) {
        if (o->type != MSGPACK_OBJECT_NEGATIVE_INTEGER &&
            (o->type != MSGPACK_OBJECT_POSITIVE_INTEGER || o->via.u64 > INT64_MAX))
                return -EBADMSG;
        *ret = o->via.i64;
        return 0;
}

static int decode_text(const msgpack_object *o, uint32_t max, WireText *ret) {
        if (o->type != MSGPACK_OBJECT_STR || o->via.str.size > max)
                return -EBADMSG;
        *ret = (WireText){.data = o->via.str.ptr, .size = o->via.str.size};
        return 0;
}

static int decode_bytes(const msgpack_object *o, uint32_t max, WireText *ret) {
        if (o->type != MSGPACK_OBJECT_BIN || o->via.bin.size > max)
                return -EBADMSG;
        *ret = (WireText){.data = o->via.bin.ptr, .size = o->via.bin.size};
        return 0;
}

static size_t item_size(const WireFieldSchema *f) {
        if (f->kind == WIRE_N)
                return sizeof(uint64_t);
        return f->kind == WIRE_S ? sizeof(WireText) : f->item->size;
}

static int decode_item(WireReader *r, const WireFieldSchema *f, const msgpack_object *o, void *at) {
        if (f->kind == WIRE_N)
                return decode_number(o, at);
        if (f->kind == WIRE_S)
                return decode_text(o, f->item_max, at);
        if (o->type != MSGPACK_OBJECT_ARRAY)
                return -EBADMSG;
        return decode_struct(r, f->item, o->via.array.ptr, o->via.array.size, at);
}

static int decode_list(WireReader *r, const WireFieldSchema *f, const msgpack_object *o, void *at) {
        List list = {};
        char *items;

        if (o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size > f->max)
                return -EBADMSG;
        if (o->via.array.size == 0)
                return 0;
        items = arena_alloc(r, o->via.array.size, item_size(f));
        if (!items)
                return -ENOMEM;
        for (uint32_t i = 0; i < o->via.array.size; i++) {
                int k = decode_item(r, f, &o->via.array.ptr[i], items + i * item_size(f));
                if (k < 0)
                        return k;
        }
        list = (List){.items = items, .count = o->via.array.size};
        memcpy(at, &list, sizeof list);
        return 0;
}

static int decode_field(WireReader *r, const WireFieldSchema *f, const msgpack_object *o,
                        void *at) {
        switch (f->kind) {
        case WIRE_U:
                return decode_number(o, at);
        case WIRE_I:
                return decode_signed(o, at);
        case WIRE_T:
                return decode_text(o, f->max, at);
        case WIRE_B:
                return decode_bytes(o, f->max, at);
        case WIRE_N:
        case WIRE_S:
        case WIRE_L:
                return decode_list(r, f, o, at);
        }
        return -EBADMSG;
}

/* body is zeroed: fields that an older peer does not send stay so. Fields that only a newer one
 * knows are passed over. */
static int decode_struct(WireReader *r, const WireSchema *s, const msgpack_object *fields,
                         size_t count, char *body) {
        for (size_t i = 0; i < MIN_OF(count, (size_t)s->field_count); i++) {
                int k = decode_field(r, &s->fields[i], &fields[i], body + s->fields[i].offset);
                if (k < 0)
                        return k;
        }
        return 0;
}

static int unpack(WireReader *r, const void *data, size_t size, msgpack_object *ret) {
        size_t values, offset = 0;

        if (size > WIRE_HEADER_MAX || wire_count_values(data, size, DEPTH_MAX, &values) < 0 ||
            values > VALUES_MAX)
                return -EBADMSG;
        r->used += values * sizeof(msgpack_object);
        switch (msgpack_unpack(data, size, &offset, &r->zone, ret)) {
        case MSGPACK_UNPACK_SUCCESS:
                return 0;
        case MSGPACK_UNPACK_NOMEM_ERROR:
                return -ENOMEM;
        default:
                return -EBADMSG;
        }
}

/* Reads what every protocol version has in common. */
static int decode_prefix(const msgpack_object *root, WireMessage *ret) {
        const msgpack_object *o = root->via.array.ptr;
        uint64_t type;

        if (root->type != MSGPACK_OBJECT_ARRAY || root->via.array.size < PREFIX_COUNT)
                return -EBADMSG;
        if (decode_number(&o[0], &ret->protocol) < 0 || decode_number(&o[1], &type) < 0 ||
            decode_number(&o[2], &ret->request_id) < 0 || type > UINT32_MAX)
                return -EBADMSG;
        ret->type = (WireType)type;
        return ret->protocol == WIRE_PROTOCOL ? 0 : -EPROTONOSUPPORT;
}

int wire_decode(WireReader *r, const void *data, size_t size, WireMessage *ret) {
        const WireSchema *s;
        msgpack_object root;
        char *body;
        int k;

        *ret = (WireMessage){};
        arena_restart(r);
        k = unpack(r, data, size, &root);
        if (k < 0)
                return k;
        k = decode_prefix(&root, ret);
        if (k < 0)
                return k;
        s = wire_schema((uint32_t)ret->type);
        if (!s)
                return -EOPNOTSUPP;
        body = arena_alloc(r, 1, s->size);
        if (!body)
                return -ENOMEM;
        k = decode_struct(r, s, root.via.array.ptr + PREFIX_COUNT,
                          root.via.array.size - PREFIX_COUNT, body);
        if (k < 0)
                return k;
        ret->body = body;
        return 0;
}
