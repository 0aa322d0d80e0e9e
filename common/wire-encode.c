/* Turns the structs of wire.h into MessagePack, led by the tables of wire-tables.c: one loop for
 * every message. msgpack-c's packer writes straight into the caller's WireBuffer, which keeps its
 * memory from message to message. A bound of the schema is checked before anything of the field is
 * written, so what leaves here is always decodable by a peer. */
#include "common/wire.h"

#include <errno.h>
#include <msgpack/pack.h>

#define BUFFER_FIRST 4096

typedef struct Encoder {
        msgpack_packer packer;
        WireBuffer *buffer;
        int error; /* why the packer could not write */
} Encoder;

/* Lists of any item have this shape in their struct. */
typedef struct List {
        const void *items;
        size_t count;
} List;

static int encode_struct(Encoder *e, const WireSchema *s, const char *body, const uint64_t *prefix,
                         size_t prefix_count);

static int buffer_reserve(WireBuffer *b, size_t size) {
        size_t alloc = MAX_OF(b->alloc, (size_t)BUFFER_FIRST);
        char *data;

        if (size <= b->alloc)
                return 0;
        while (alloc < size)
                alloc *= 2;
        data = realloc(b->data, alloc);
        if (!data)
                return -ENOMEM;
        b->data = data;
        b->alloc = alloc;
        return 0;
}

static int append(void *data, const char *bytes, size_t size) {
        Encoder *e = data;
        WireBuffer *b = e->buffer;

        if (size > WIRE_HEADER_MAX - b->size) {
                e->error = -EMSGSIZE;
                return -1;
        }
        e->error = buffer_reserve(b, b->size + size);
        if (e->error < 0)
                return -1;
        memcpy(b->data + b->size, bytes, size);
        b->size += size;
        return 0;
}

static int encode_number(Encoder *e, uint64_t v) {
        return msgpack_pack_uint64(&e->packer, v) < 0 ? e->error : 0;
}

static int encode_signed(Encoder *e, int64_t v) {
        return msgpack_pack_int64(&e->packer, v) < 0 ? e->error : 0;
}

static int encode_text(Encoder *e, WireText t, uint32_t max) {
        if (t.size > max)
                return -EMSGSIZE;
        if (msgpack_pack_str(&e->packer, t.size) < 0)
                return e->error;
        return t.size > 0 && msgpack_pack_str_body(&e->packer, t.data, t.size) < 0 ? e->error : 0;
}

static int encode_bytes(Encoder *e, WireText t, uint32_t max) {
        if (t.size > max)
                return -EMSGSIZE;
        if (msgpack_pack_bin(&e->packer, t.size) < 0)
                return e->error;
        return t.size > 0 && msgpack_pack_bin_body(&e->packer, t.data, t.size) < 0 ? e->error : 0;
}

static int encode_item(Encoder *e, const WireFieldSchema *f, const void *items, size_t i) {
        if (f->kind == WIRE_N)
                return encode_number(e, ((const uint64_t *)items)[i]);
        if (f->kind == WIRE_S)
                return encode_text(e, ((const WireText *)items)[i], f->item_max);
        return encode_struct(e, f->item, (const char *)items + i * f->item->size, NULL, 0);
}

static int encode_list(Encoder *e, const WireFieldSchema *f, const char *at) {
        List list;

        memcpy(&list, at, sizeof list);
        if (list.count > f->max)
                return -EMSGSIZE;
        if (msgpack_pack_array(&e->packer, list.count) < 0)
                return e->error;
        for (size_t i = 0; i < list.count; i++) {
                int r = encode_item(e, f, list.items, i);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int encode_field(Encoder *e, const WireFieldSchema *f, const char *at) {
        switch (f->kind) {
        case WIRE_U:
                return encode_number(e, *(const uint64_t *)(const void *)at);
        case WIRE_I:
                return encode_signed(e, *(const int64_t *)(const void *)at);
        case WIRE_T:
                return encode_text(e, *(const WireText *)(const void *)at, f->max);
        case WIRE_B:
                return encode_bytes(e, *(const WireText *)(const void *)at, f->max);
        case WIRE_N:
        case WIRE_S:
        case WIRE_L:
                return encode_list(e, f, at);
        }
        return -EINVAL;
}

/* An array of the prefix's numbers, then the fields. */
static int encode_struct(Encoder *e, const WireSchema *s, const char *body, const uint64_t *prefix,
                         size_t prefix_count) {
        int r = 0;

        if (msgpack_pack_array(&e->packer, prefix_count + s->field_count) < 0)
                return e->error;
        for (size_t i = 0; i < prefix_count && r == 0; i++)
                r = encode_number(e, prefix[i]);
        for (size_t i = 0; i < s->field_count && r == 0; i++)
                r = encode_field(e, &s->fields[i], body + s->fields[i].offset);
        return r;
}

int wire_encode(WireBuffer *b, WireType type, uint64_t request_id, const void *body) {
        const uint64_t prefix[] = {WIRE_PROTOCOL, (uint64_t)type, request_id};
        const WireSchema *s = wire_schema((uint32_t)type);
        Encoder e = {.buffer = b};
        int r;

        ASSERT(s);
        b->size = 0;
        msgpack_packer_init(&e.packer, &e, append);
        r = encode_struct(&e, s, body, prefix, ARRAY_SIZE(prefix));
        if (r < 0)
                b->size = 0;
        return r;
}

void wire_buffer_done(WireBuffer *b) {
        free(b->data);
        *b = (WireBuffer){};
}

/* The longest heads of MessagePack: 9 bytes for a number, 5 before a text, a list or a struct. */
static size_t list_size(const WireFieldSchema *f, List list) {
        size_t size = 5;

        for (size_t i = 0; i < list.count; i++) {
                if (f->kind == WIRE_N)
                        size += 9;
                else if (f->kind == WIRE_S)
                        size += 5 + ((const WireText *)list.items)[i].size;
                else
                        size += wire_item_size(f->item,
                                               (const char *)list.items + i * f->item->size);
        }
        return size;
}

size_t wire_item_size(const WireSchema *part, const void *item) {
        size_t size = 5;

        for (size_t i = 0; i < part->field_count; i++) {
                const WireFieldSchema *f = &part->fields[i];
                const char *at = (const char *)item + f->offset;
                List list;

                if (f->kind == WIRE_U || f->kind == WIRE_I)
                        size += 9;
                else if (f->kind == WIRE_T || f->kind == WIRE_B)
                        size += 5 + ((const WireText *)(const void *)at)->size;
                else {
                        memcpy(&list, at, sizeof list);
                        size += list_size(f, list);
                }
        }
        return size;
}
