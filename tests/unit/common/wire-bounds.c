/* Bounds and tolerance of the wire, one frame at a time: what a hostile, an older and a newer peer
 * may send. */
#include "common/wire.h"

#include <criterion/criterion.h>
#include <errno.h>

static WireReader *reader;
static WireBuffer buffer;
static WireMessage message;

static void set_up(void) {
        cr_assert_eq(wire_reader_new(&reader), 0);
}

static void tear_down(void) {
        wire_reader_free(reader);
        wire_buffer_done(&buffer);
}

TestSuite(wire_bounds, .init = set_up, .fini = tear_down);

#define DECODE(...)                                                                                \
        ({                                                                                         \
                static const unsigned char frame[] = {__VA_ARGS__};                                \
                wire_decode(reader, frame, sizeof frame, &message);                                \
        })
#define VALIDATE(depth, ...)                                                                       \
        ({                                                                                         \
                static const unsigned char value[] = {__VA_ARGS__};                                \
                wire_validate(value, sizeof value, depth);                                         \
        })

enum { NIL = 0xc0, PONG = 74, LIST = 6, SHOW = 7, CANCEL = 3 };

Test(wire_bounds, an_exact_message_decodes) {
        const WirePong *p;

        cr_assert_eq(DECODE(0x95, 1, PONG, 7, 9, 0xcd, 1, 0), 0);
        p = message.body;
        cr_assert_eq(message.request_id, 7);
        cr_assert_eq(p->epoch, 9);
        cr_assert_eq(p->now_usec, 256);
}

Test(wire_bounds, fields_of_a_newer_peer_are_skipped) {
        cr_assert_eq(DECODE(0x98, 1, PONG, 7, 9, 8, 0x81, 1, 0x91, NIL, 0xd4, 5, 6, 0xcb, 0, 0, 0,
                            0, 0, 0, 0, 0),
                     0);
        cr_assert_eq(((const WirePong *)message.body)->now_usec, 8);
}

Test(wire_bounds, fields_that_an_older_peer_lacks_are_zero) {
        cr_assert_eq(DECODE(0x94, 1, PONG, 7, 9), 0);
        cr_assert_eq(((const WirePong *)message.body)->epoch, 9);
        cr_assert_eq(((const WirePong *)message.body)->now_usec, 0);
        cr_assert_eq(DECODE(0x93, 1, PONG, 7), 0);
        cr_assert_eq(((const WirePong *)message.body)->epoch, 0);
}

Test(wire_bounds, items_of_lists_grow_and_shrink_as_messages_do) {
        const WireWait *w;

        cr_assert_eq(DECODE(0x94, 1, 4, 7, 0x92, 0x91, 5, 0x93, 6, 7, NIL), 0);
        w = message.body;
        cr_assert_eq(w->ranges.count, 2);
        cr_assert_eq(w->ranges.items[0].first, 5);
        cr_assert_eq(w->ranges.items[0].count, 0);
        cr_assert_eq(w->ranges.items[1].count, 7);
}

Test(wire_bounds, unknown_type_and_protocol_are_told_apart) {
        cr_assert_eq(DECODE(0x94, 1, 99, 7, 0), -EOPNOTSUPP);
        cr_assert_eq(message.type, 99);
        cr_assert_eq(message.request_id, 7);
        cr_assert_eq(DECODE(0x94, 2, PONG, 8, NIL), -EPROTONOSUPPORT);
        cr_assert_eq(message.protocol, 2);
        cr_assert_eq(message.request_id, 8);
        cr_assert_null(message.body);
        cr_assert_eq(DECODE(0x93, 1, 0xcf, 1, 0, 0, 0, 0, 0, 0, PONG, 8), -EBADMSG);
}

Test(wire_bounds, what_is_no_message_is_refused) {
        cr_assert_eq(wire_decode(reader, "", 0, &message), -EBADMSG);
        cr_assert_eq(DECODE(0x92, 1, PONG), -EBADMSG);
        cr_assert_eq(DECODE(0x90), -EBADMSG);
        cr_assert_eq(DECODE(1), -EBADMSG);
        cr_assert_eq(DECODE(0xa3, 1, PONG, 7), -EBADMSG);
        cr_assert_eq(DECODE(0x82, 1, PONG, 7, 0), -EBADMSG);
        cr_assert_eq(DECODE(0x93, NIL, PONG, 7), -EBADMSG);
        cr_assert_eq(DECODE(0x93, 1, 0xff, 7), -EBADMSG);
        cr_assert_eq(DECODE(0x93, 1, PONG, 0xa0), -EBADMSG);
        cr_assert_eq(DECODE(0x93, 1, PONG, 7, 0), -EBADMSG, "bytes behind the message");
        cr_assert_eq(DECODE(0x94, 1, PONG, 7, 0xc1), -EBADMSG,
                     "a byte that MessagePack never uses");
}

Test(wire_bounds, each_kind_takes_its_own_type_only) {
        cr_assert_eq(DECODE(0x94, 1, PONG, 7, NIL), -EBADMSG);
        cr_assert_eq(DECODE(0x94, 1, PONG, 7, 0xff), -EBADMSG, "negative");
        cr_assert_eq(DECODE(0x94, 1, PONG, 7, 0xd0, 0x80), -EBADMSG, "negative");
        cr_assert_eq(DECODE(0x94, 1, PONG, 7, 0xd0, 0x05), 0, "positive, in a signed encoding");
        cr_assert_eq(DECODE(0x94, 1, PONG, 7, 0xca, 0, 0, 0, 0), -EBADMSG, "a float");
        cr_assert_eq(DECODE(0x94, 1, PONG, 7, 0xc3), -EBADMSG, "true");
        cr_assert_eq(DECODE(0x95, 1, 64, 7, 0, NIL), -EBADMSG, "nil for text");
        cr_assert_eq(DECODE(0x95, 1, 64, 7, 0, 0xc4, 0), -EBADMSG, "bytes for text");
        cr_assert_eq(DECODE(0x95, 1, 64, 7, 0, 0xa1, 'x'), 0);
        cr_assert_eq(DECODE(0x94, 1, CANCEL, 7, 0xa0), -EBADMSG, "text for bytes");
        cr_assert_eq(DECODE(0x94, 1, 4, 7, NIL), -EBADMSG, "nil for a list");
        cr_assert_eq(DECODE(0x94, 1, 4, 7, 0x80), -EBADMSG, "a map for a list");
        cr_assert_eq(DECODE(0x94, 1, 4, 7, 0x91, 5), -EBADMSG, "a number for a struct");
        cr_assert_eq(DECODE(0x94, 1, 0xcc, 133, 7, 0x91, 0xff), -EBADMSG, "negative in a list");
}

Test(wire_bounds, signed_fields_hold_int64_and_no_more) {
        WireEvent e = {.code = INT64_MIN};

        cr_assert_eq(wire_encode(&buffer, WIRE_TYPE_EVENT, 0, &e), 0);
        cr_assert_eq(wire_decode(reader, buffer.data, buffer.size, &message), 0);
        cr_assert_eq(((const WireEvent *)message.body)->code, INT64_MIN);
        cr_assert_eq(DECODE(0x9b, 1, 0xcc, 192, 7, 0, 0, 0, 0, 0xa0, 6, 1, 0xcf, 0x80, 0, 0, 0, 0,
                            0, 0, 0),
                     -EBADMSG);
}

Test(wire_bounds, texts_beyond_their_bound_are_refused_both_ways) {
        char text[WIRE_TEXT_MAX + 1];
        unsigned char frame[sizeof text + 8] = {0x95, 1, 64, 7, 0, 0xda, 2, 0};
        WireError e = {.text = wire_bytes(text, WIRE_TEXT_MAX)};

        memset(text, 'x', sizeof text);
        cr_assert_eq(wire_encode(&buffer, WIRE_TYPE_ERROR, 7, &e), 0);
        cr_assert_eq(wire_decode(reader, frame, 8 + WIRE_TEXT_MAX, &message), 0);
        e.text.size++;
        frame[7]++;
        cr_assert_eq(wire_encode(&buffer, WIRE_TYPE_ERROR, 7, &e), -EMSGSIZE);
        cr_assert_eq(buffer.size, 0);
        cr_assert_eq(wire_decode(reader, frame, sizeof frame, &message), -EBADMSG);
}

Test(wire_bounds, lists_beyond_their_bound_are_refused_both_ways) {
        static const uint64_t ids[WIRE_RUNS_MAX + 1];
        unsigned char frame[8 + WIRE_RUNS_MAX + 1] = {0x94, 1, 0xcc, 133, 7, 0xdc, 4, 0};
        WireAck a = {.runs = {.items = ids, .count = WIRE_RUNS_MAX}};

        cr_assert_eq(wire_encode(&buffer, WIRE_TYPE_ACK, 7, &a), 0);
        cr_assert_eq(wire_decode(reader, frame, sizeof frame - 1, &message), 0);
        a.runs.count++;
        frame[7]++;
        cr_assert_eq(wire_encode(&buffer, WIRE_TYPE_ACK, 7, &a), -EMSGSIZE);
        cr_assert_eq(wire_decode(reader, frame, sizeof frame, &message), -EBADMSG);
}

Test(wire_bounds, items_beyond_their_bound_are_refused_both_ways) {
        char long_label[WIRE_LABEL_MAX + 1] = {};
        WireText label = wire_bytes(long_label, sizeof long_label);
        WireTask task = {.labels = {.items = &label, .count = 1}};
        WireSubmit s = {.tasks = {.items = &task, .count = 1}};

        cr_assert_eq(wire_encode(&buffer, WIRE_TYPE_SUBMIT, 1, &s), -EMSGSIZE);
        label.size--;
        cr_assert_eq(wire_encode(&buffer, WIRE_TYPE_SUBMIT, 1, &s), 0);
        cr_assert_eq(wire_decode(reader, buffer.data, buffer.size, &message), 0);
}

Test(wire_bounds, a_frame_beyond_the_header_bound_is_refused_both_ways) {
        size_t size = WIRE_HEADER_MAX + 1;
        _cleanup_(freep) char *text = calloc(1, size);
        _cleanup_(freep) WireRow *rows = calloc(WIRE_TASKS_MAX, sizeof *rows);
        _cleanup_(freep) WireText *labels = calloc(WIRE_LABELS_MAX, sizeof *labels);
        WireRows answer = {.rows = {.items = rows, .count = WIRE_TASKS_MAX}};

        for (size_t i = 0; i < WIRE_LABELS_MAX; i++)
                labels[i] = wire_bytes(text, WIRE_LABEL_MAX);
        for (size_t i = 0; i < WIRE_TASKS_MAX; i++)
                rows[i].labels = (WireTexts){.items = labels, .count = WIRE_LABELS_MAX};
        cr_assert_eq(wire_encode(&buffer, WIRE_TYPE_ROWS, 1, &answer), -EMSGSIZE);
        cr_assert_leq(buffer.alloc, 2 * WIRE_HEADER_MAX);

        /* [1, PONG, 7, 0, 0, binary]: well-formed, were it not so long */
        memcpy(text, "\x96\x01\x4a\x07\x00\x00\xc6\x00\x3f\xff\xf6", 11);
        cr_assert_eq(wire_validate(text, size, 8), 0);
        cr_assert_eq(wire_decode(reader, text, size, &message), -EBADMSG);
}

Test(wire_bounds, counts_beyond_the_bytes_left_are_refused) {
        cr_assert_eq(DECODE(0xdd, 0xff, 0xff, 0xff, 0xff), -EBADMSG);
        cr_assert_eq(DECODE(0x94, 1, PONG, 7, 0xdd, 0x7f, 0xff, 0xff, 0xff), -EBADMSG);
        cr_assert_eq(DECODE(0x94, 1, PONG, 7, 0xdf, 0xff, 0xff, 0xff, 0xff), -EBADMSG);
        cr_assert_eq(DECODE(0x94, 1, PONG, 7, 0xc6, 0xff, 0xff, 0xff, 0xff), -EBADMSG);
        cr_assert_eq(DECODE(0x94, 1, PONG, 7, 0xdb, 0, 0, 0, 1), -EBADMSG);
        cr_assert_eq(DECODE(0x94, 1, PONG, 7, 0xc9, 0xff, 0xff, 0xff, 0xff, 1), -EBADMSG);
        cr_assert_eq(DECODE(0x96, 1, PONG, 7, 0, 0, 0xc7, 0, 1), 0);
        /* each of the two claims is possible alone, their sum is not */
        cr_assert_eq(DECODE(0x96, 1, PONG, 7, 0x93, 0, 0, 0), -EBADMSG);
}

Test(wire_bounds, more_values_than_any_message_has_are_refused) {
        size_t count = (1u << 19) + 1, size = count + 9;
        _cleanup_(freep) char *frame = calloc(1, size);

        memcpy(frame, "\x94\x01\x4a\x07\xdd\x00\x08\x00\x01", 9);
        cr_assert_eq(wire_validate(frame, size, 8), 0);
        cr_assert_eq(wire_decode(reader, frame, size, &message), -EBADMSG);
}

Test(wire_bounds, depth_bombs_are_refused) {
        unsigned char bomb[4096];

        memset(bomb, 0x91, sizeof bomb);
        bomb[sizeof bomb - 1] = 0;
        cr_assert_eq(wire_decode(reader, bomb, sizeof bomb, &message), -EBADMSG);
        cr_assert_eq(wire_validate(bomb, sizeof bomb, UINT32_MAX), -EBADMSG);
        memset(bomb, 0x81, sizeof bomb);
        cr_assert_eq(wire_decode(reader, bomb, sizeof bomb, &message), -EBADMSG);
        cr_assert_eq(wire_validate(bomb + sizeof bomb - WIRE_DEPTH_LIMIT - 1, 1, 8), -EBADMSG);
}

Test(wire_bounds, depth_counts_containers) {
        cr_assert_eq(VALIDATE(0, 5), 0);
        cr_assert_eq(VALIDATE(0, 0x90), -EBADMSG);
        cr_assert_eq(VALIDATE(1, 0x92, 1, 0xa1, 'x'), 0);
        cr_assert_eq(VALIDATE(1, 0x91, 0x90), -EBADMSG);
        cr_assert_eq(VALIDATE(2, 0x92, 0x90, 0x80), 0);
        cr_assert_eq(VALIDATE(2, 0x81, 0x91, 1, 0xcc, 2), 0);
        cr_assert_eq(VALIDATE(2, 0x81, 0x91, 1), -EBADMSG, "a key without a value");
        cr_assert_eq(VALIDATE(2, 1, 2), -EBADMSG, "two values");
}

/* The frozen four: these bytes may never change, or old workers and new dispatchers part ways. */
static void expect_bytes(WireType type, const void *body, const void *bytes, size_t size) {
        cr_assert_eq(wire_encode(&buffer, type, 0, body), 0);
        cr_assert_eq(buffer.size, size);
        cr_assert_eq(memcmp(buffer.data, bytes, size), 0);
}

Test(wire_bounds, frozen_messages_keep_their_bytes) {
        const uint64_t runs[] = {1, 300};
        const WireEndItem item = {
                1, 2, 6, 1, -3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 1, 13, wire_text("d")};

#define EXPECT(TYPE, Struct, bytes, ...)                                                           \
        expect_bytes(WIRE_TYPE_##TYPE, &(Struct){__VA_ARGS__}, bytes, sizeof bytes - 1)
        EXPECT(SYNC, WireSync, "\x96\x01\xcc\x80\x00\x05\x06\xc4\x02ss", 5, 6, wire_text("ss"));
        EXPECT(HELLO, WireHello,
               "\x9b\x01\xcc\x81\x00\x03\x05\x06\xc4\x01s\x92\x01\xcd\x01\x2c\x91\x01"
               "\x92\x01\xcd\x01\x2c\x91\x01",
               3, 5, 6, wire_text("s"), {runs, 2}, {runs, 1}, {runs, 2}, {runs, 1});
        EXPECT(END, WireEnd,
               "\x95\x01\xcc\x84\x00\x03\x91\xdc\x00\x11\x01\x02\x06\x01\xfd\x04\x05\x06\x07\x08"
               "\x09\x0a\x0b\x0c\x01\x0d\xa1"
               "d",
               3, {&item, 1});
        EXPECT(ACK, WireAck, "\x94\x01\xcc\x85\x00\x92\x01\xcd\x01\x2c", {runs, 2});
}
