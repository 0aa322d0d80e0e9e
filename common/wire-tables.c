/* The lists of wire-schema.h as data: one table of fields for each message and part, and the names
 * of the values that travel in fields. Everything is constant and made by the preprocessor, so that
 * a field added to a list is encoded, decoded, bounded, fuzzed and documented without another line
 * of code. */
#include "common/wire.h"

/* clang-format off */
/* A list calls U(name), T(name, max) … without the struct that it describes. The macro that is
 * passed in is therefore two: the first half knows the struct and opens the entry, the second takes
 * the field and closes it. */
#define OPEN(Type)              {.offset = (uint32_t)__builtin_offsetof(Type,
#define CLOSE(field, ...)       field), .name = #field, __VA_ARGS__},
#define FIELD_U(field)          CLOSE(field, .kind = WIRE_U)
#define FIELD_I(field)          CLOSE(field, .kind = WIRE_I)
#define FIELD_T(field, limit)   CLOSE(field, .kind = WIRE_T, .max = (limit))
#define FIELD_B(field, limit)   CLOSE(field, .kind = WIRE_B, .max = (limit))
#define FIELD_N(field, limit)   CLOSE(field, .kind = WIRE_N, .max = (limit))
#define FIELD_S(field, limit, bytes) \
        CLOSE(field, .kind = WIRE_S, .max = (limit), .item_max = (bytes))
#define FIELD_L(field, Item, limit) \
        CLOSE(field, .kind = WIRE_L, .max = (limit), .item = &wire_part_##Item)

#define FIELD_TABLE(Type, FIELDS)                                                                  \
        static const WireFieldSchema fields_##Type[] = {                                           \
                FIELDS(OPEN(Type) FIELD_U, OPEN(Type) FIELD_I, OPEN(Type) FIELD_T,                 \
                       OPEN(Type) FIELD_B, OPEN(Type) FIELD_N, OPEN(Type) FIELD_S,                 \
                       OPEN(Type) FIELD_L)};

#define SCHEMA(text, n, Type)                                                                      \
        {                                                                                          \
                .name = text, .number = n, .size = sizeof(Type),                                   \
                .field_count = ARRAY_SIZE(fields_##Type), .fields = fields_##Type                  \
        }

#define PART_SCHEMA(Type, FIELDS)                                                                  \
        FIELD_TABLE(Type, FIELDS)                                                                  \
        const WireSchema wire_part_##Type = SCHEMA(#Type, 0, Type);
WIRE_PARTS(PART_SCHEMA)

#define MESSAGE_TABLE(number, NAME, Type, FIELDS) FIELD_TABLE(Type, FIELDS)
WIRE_MESSAGES(MESSAGE_TABLE)

enum {
#define MESSAGE_INDEX(number, NAME, Type, FIELDS) INDEX_##NAME,
        WIRE_MESSAGES(MESSAGE_INDEX)
        MESSAGE_COUNT,
};

static const WireSchema messages[] = {
#define MESSAGE_SCHEMA(number, NAME, Type, FIELDS) SCHEMA(#NAME, number, Type),
        WIRE_MESSAGES(MESSAGE_SCHEMA)
};

static const WireSchema *const by_number[] = {
#define MESSAGE_NUMBER(number, NAME, Type, FIELDS) [number] = &messages[INDEX_##NAME],
        WIRE_MESSAGES(MESSAGE_NUMBER)
};

static const char *const state_names[] = {
#define STATE_NAME(number, NAME, text) [number] = text,
        TASK_STATES(STATE_NAME)
};

static const char *const reason_names[] = {
#define REASON_NAME(number, NAME, text) [number] = text,
        END_REASONS(REASON_NAME)
};
/* clang-format on */

_Static_assert(ARRAY_SIZE(state_names) == TASK_STATE_MAX + 1, "TASK_STATE_MAX is the last state");
_Static_assert(ARRAY_SIZE(reason_names) == REASON_MAX + 1, "REASON_MAX is the last reason");

const WireSchema *wire_schema(uint32_t type) {
        return type < ARRAY_SIZE(by_number) ? by_number[type] : NULL;
}

const WireSchema *wire_schema_at(size_t index) {
        return index < MESSAGE_COUNT ? &messages[index] : NULL;
}

const char *task_state_name(TaskState s) {
        return (unsigned)s < ARRAY_SIZE(state_names) ? state_names[s] : NULL;
}

const char *end_reason_name(EndReason r) {
        return (unsigned)r < ARRAY_SIZE(reason_names) ? reason_names[r] : NULL;
}

bool task_state_is_end(TaskState s) {
        return s >= TASK_SUCCEEDED && s <= TASK_EXPIRED;
}
