/* Messages of every type through the tables of the schema: what is encoded is decoded, whatever
 * arrives is bounded. */
#include "common/wire.h"
#include "tests/unit/common/wire-random.h"

#include <criterion/criterion.h>
#include <errno.h>

#define ROUNDS 60

static WireReader *reader;
static WireBuffer buffer;
static Bodies *bodies;
static Random rng;
static uint64_t seed;

static void set_up(void) {
        const char *s = getenv("STINT_SEED");

        seed = s ? strtoull(s, NULL, 0) : 0x5717;
        rng.state = seed | 1;
        cr_assert_eq(wire_reader_new(&reader), 0);
        bodies = bodies_new();
}

static void tear_down(void) {
        wire_reader_free(reader);
        wire_buffer_done(&buffer);
        bodies_free(bodies);
}

TestSuite(wire, .init = set_up, .fini = tear_down);

/* A copy of exactly its size, so that ASan sees a read behind its end. */
static int decode_exact(const void *data, size_t size, WireMessage *ret) {
        char *copy = malloc(size > 0 ? size : 1);
        int r;

        memcpy(copy, data, size);
        r = wire_decode(reader, copy, size, ret);
        free(copy);
        return r;
}

static void expect_round_trip(const WireSchema *s, Fullness fullness) {
        void *body = random_body(bodies, &rng, s, fullness);
        uint64_t id = random_next(&rng);
        WireMessage m;

        cr_assert_eq(wire_encode(&buffer, (WireType)s->number, id, body), 0, "%s, seed %#lx",
                     s->name, seed);
        cr_assert_leq(buffer.size, wire_item_size(s, body) + WIRE_LIST_ITEM_OVERHEAD, "%s",
                      s->name);
        cr_assert_eq(wire_validate(buffer.data, buffer.size, 8), 0);
        cr_assert_eq(wire_decode(reader, buffer.data, buffer.size, &m), 0, "%s, seed %#lx", s->name,
                     seed);
        cr_assert_eq(m.type, s->number);
        cr_assert_eq(m.protocol, WIRE_PROTOCOL);
        cr_assert_eq(m.request_id, id);
        cr_assert(bodies_equal(s, body, m.body), "%s, seed %#lx", s->name, seed);
}

Test(wire, every_message_survives_a_round_trip) {
        const WireSchema *s;

        for (size_t i = 0; (s = wire_schema_at(i)); i++)
                for (unsigned round = 0; round < ROUNDS; round++)
                        expect_round_trip(s, FULL_SMALL);
}

Test(wire, every_list_may_be_as_long_as_its_bound) {
        const WireSchema *s;

        for (size_t i = 0; (s = wire_schema_at(i)); i++)
                expect_round_trip(s, FULL_BOUNDS);
}

Test(wire, zeroed_structs_are_messages) {
        static const uint64_t nothing[128];
        const WireSchema *s;
        WireMessage m;

        for (size_t i = 0; (s = wire_schema_at(i)); i++) {
                cr_assert_leq(s->size, sizeof nothing);
                cr_assert_eq(wire_encode(&buffer, (WireType)s->number, 0, nothing), 0);
                cr_assert_eq(wire_decode(reader, buffer.data, buffer.size, &m), 0);
                cr_assert(bodies_equal(s, nothing, m.body), "%s", s->name);
        }
}

Test(wire, truncation_at_every_byte_is_refused) {
        const WireSchema *s;
        WireMessage m;

        for (size_t i = 0; (s = wire_schema_at(i)); i++) {
                void *body = random_body(bodies, &rng, s, FULL_SMALL);

                cr_assert_eq(wire_encode(&buffer, (WireType)s->number, 1, body), 0);
                for (size_t size = 0; size < buffer.size; size += 1 + size / 256)
                        cr_assert_eq(decode_exact(buffer.data, size, &m), -EBADMSG,
                                     "%s cut to %zu of %zu, seed %#lx", s->name, size, buffer.size,
                                     seed);
        }
}

/* What damage leaves decodable is still within every bound: it encodes again. */
Test(wire, damaged_messages_are_refused_or_within_bounds) {
        _cleanup_(wire_buffer_done) WireBuffer again = {};
        const WireSchema *s;

        for (size_t n = 0; n < 200 * ROUNDS; n++) {
                void *body;
                WireMessage m;

                s = wire_schema_at(n % 34);
                if (!s)
                        continue;
                body = random_body(bodies, &rng, s, FULL_SMALL);
                cr_assert_eq(wire_encode(&buffer, (WireType)s->number, 1, body), 0);
                for (uint64_t flips = 1 + random_below(&rng, 3); flips > 0; flips--) {
                        uint64_t at = random_below(&rng, MIN_OF(buffer.size, (size_t)200));
                        buffer.data[at] = (char)(buffer.data[at] ^ 1 << random_below(&rng, 8));
                }
                if (wire_decode(reader, buffer.data, buffer.size, &m) < 0)
                        cr_assert_null(m.body);
                else
                        cr_assert_eq(wire_encode(&again, m.type, m.request_id, m.body), 0,
                                     "%s, seed %#lx", s->name, seed);
                if (n % 100 == 0) {
                        bodies_free(bodies);
                        bodies = bodies_new();
                }
        }
}

Test(wire, noise_never_decodes_beyond_the_frame) {
        unsigned char noise[256];
        WireMessage m;

        for (size_t n = 0; n < 1000 * ROUNDS; n++) {
                size_t size = random_below(&rng, sizeof noise);

                for (size_t i = 0; i < size; i++)
                        noise[i] = (unsigned char)random_next(&rng);
                if (size > 3) {
                        noise[0] = (unsigned char)(0x93 + random_below(&rng, 13));
                        noise[1] = WIRE_PROTOCOL;
                        noise[2] = (unsigned char)random_below(&rng, 11);
                }
                (void)decode_exact(noise, size, &m);
        }
}

Test(wire, tables_are_in_order_and_complete) {
        const WireSchema *s, *before = NULL;

        for (size_t i = 0; (s = wire_schema_at(i)); i++) {
                cr_assert_eq(wire_schema(s->number), s);
                cr_assert(!before || before->number < s->number, "%s", s->name);
                before = s;
        }
        cr_assert_null(wire_schema(0));
        cr_assert_null(wire_schema(UINT32_MAX));
        cr_assert_str_eq(wire_schema(WIRE_TYPE_SUBMIT)->name, "SUBMIT");
        cr_assert_eq(wire_part_WireTask.size, sizeof(WireTask));
}

/* What the fuzzer begins with, made by tests/fuzz/wire-seeds. */
Test(wire, each_message_has_a_seed_that_decodes) {
        const WireSchema *s;
        char path[512];
        static uint8_t data[WIRE_HEADER_MAX];

        for (size_t i = 0; (s = wire_schema_at(i)); i++) {
                WireMessage m;
                (void)snprintf(path, sizeof path, "%s/%s", WIRE_CORPUS, s->name);
                FILE *f = fopen(path, "rb");
                cr_assert(f, "%s is not there: run wire-seeds again", path);
                size_t size = fread(data, 1, sizeof data, f);
                (void)fclose(f);
                cr_assert_eq(decode_exact(data, size, &m), 0, "%s: run wire-seeds again", path);
                cr_assert_eq(m.type, s->number, "%s", s->name);
        }
}

Test(wire, states_and_reasons_have_names) {
        cr_assert_str_eq(task_state_name(TASK_BLOCKED), "blocked");
        cr_assert_str_eq(task_state_name(TASK_EXPIRED), "expired");
        cr_assert_null(task_state_name((TaskState)0));
        cr_assert_null(task_state_name((TaskState)99));
        cr_assert_str_eq(end_reason_name(REASON_WORKER_LOST), "worker lost");
        cr_assert_null(end_reason_name((EndReason)99));
        cr_assert(!task_state_is_end(TASK_RUNNING));
        cr_assert(task_state_is_end(TASK_SUCCEEDED));
        cr_assert(task_state_is_end(TASK_EXPIRED));
}
