/* Encodes and decodes the messages of wire-schema.h as MessagePack.
 *
 * A decoder first runs a validator over the raw bytes (depth, every count against the bytes left
 * and against the schema's bound), because an array header of five bytes makes a MessagePack
 * library reserve gigabytes. What is decoded points into the caller's frame (texts, bytes) or into
 * the reader's arena (lists); both are valid until the next wire_decode with that reader or until
 * the frame is released, whichever comes first. One reader and one buffer are reused for ever, so
 * that the hot path does not allocate. Not thread-safe: one reader a thread. */
#pragma once

#include "common/macro.h"
#include "common/wire-schema.h"

#include <stdbool.h>
#include <string.h>

/* Bytes of a text or binary field; text is not NUL-terminated and not checked for UTF-8. */
typedef struct WireText {
        const char *data;
        size_t size;
} WireText;

typedef struct WireNumbers {
        const uint64_t *items;
        size_t count;
} WireNumbers;

typedef struct WireTexts {
        const WireText *items;
        size_t count;
} WireTexts;

#define WIRE_FIELD_U(name)           uint64_t name;
#define WIRE_FIELD_I(name)           int64_t name;
#define WIRE_FIELD_T(name, max)      WireText name;
#define WIRE_FIELD_B(name, max)      WireText name;
#define WIRE_FIELD_N(name, max)      WireNumbers name;
#define WIRE_FIELD_S(name, max, len) WireTexts name;
#define WIRE_FIELD_L(name, Type, max)                                                              \
        struct {                                                                                   \
                const Type *items;                                                                 \
                size_t count;                                                                      \
        } name;
#define WIRE_STRUCT(Type, FIELDS)                                                                  \
        typedef struct Type {                                                                      \
                FIELDS(WIRE_FIELD_U, WIRE_FIELD_I, WIRE_FIELD_T, WIRE_FIELD_B, WIRE_FIELD_N,       \
                       WIRE_FIELD_S, WIRE_FIELD_L)                                                 \
        } Type;
#define WIRE_MESSAGE_STRUCT(number, NAME, Type, FIELDS) WIRE_STRUCT(Type, FIELDS)

/* clang-format off */
WIRE_PARTS(WIRE_STRUCT)
WIRE_MESSAGES(WIRE_MESSAGE_STRUCT)

#define WIRE_ENUM(number, NAME, Type, FIELDS) WIRE_TYPE_##NAME = number,
typedef enum WireType { WIRE_MESSAGES(WIRE_ENUM) } WireType;
/* clang-format on */

/* ---- values that travel in fields; one list each for enum and name ---- */

/* States of a task; there are no others. Numbers are stored and travel: never change one. */
#define TASK_STATES(S)                                                                             \
        S(1, BLOCKED, "blocked")                                                                   \
        S(2, DELAYED, "delayed")                                                                   \
        S(3, HELD, "held")                                                                         \
        S(4, READY, "ready")                                                                       \
        S(5, RUNNING, "running")                                                                   \
        S(6, SUCCEEDED, "succeeded")                                                               \
        S(7, FAILED, "failed")                                                                     \
        S(8, CANCELLED, "cancelled")                                                               \
        S(9, EXPIRED, "expired")

/* Why an attempt or a task ended. code is the exit code for EXIT, the signal for SIGNAL, an errno
 * for COULD_NOT_START, the uid for CANCELLED. */
#define END_REASONS(R)                                                                             \
        R(0, NONE, "none")                                                                         \
        R(1, EXIT, "exit code")                                                                    \
        R(2, SIGNAL, "signal")                                                                     \
        R(3, TIMEOUT, "timeout")                                                                   \
        R(4, OUT_OF_MEMORY, "out of memory")                                                       \
        R(5, COULD_NOT_START, "could not start")                                                   \
        R(6, WORKER_LOST, "worker lost")                                                           \
        R(7, CANCELLED, "cancelled")                                                               \
        R(8, DEPENDENCY_FAILED, "dependency failed")                                               \
        R(9, EXPIRED, "expired")                                                                   \
        R(10, INTERRUPTED, "interrupted")                                                          \
        R(11, HANDLER, "handler failed")

#define WIRE_VALUE_STATE(number, NAME, text)  TASK_##NAME = number,
#define WIRE_VALUE_REASON(number, NAME, text) REASON_##NAME = number,
typedef enum TaskState { TASK_STATES(WIRE_VALUE_STATE) TASK_STATE_MAX = 9 } TaskState;
typedef enum EndReason { END_REASONS(WIRE_VALUE_REASON) REASON_MAX = 11 } EndReason;

typedef enum TaskKind { TASK_KIND_COMMAND = 1, TASK_KIND_MESSAGE } TaskKind;
typedef enum StreamKind { STREAM_RESULT = 0, STREAM_STDOUT = 1, STREAM_STDERR = 2 } StreamKind;
typedef enum StopWhy {
        STOP_CANCEL = 1,
        STOP_INTERRUPT,
        STOP_FOREIGN /* a run of another store */
} StopWhy;
typedef enum SelectorKind {
        SELECTOR_IDS = 1, /* first, count */
        SELECTOR_LAST,    /* this user's newest */
        SELECTOR_ALL,
        SELECTOR_STATE,
        SELECTOR_QUEUE,
        SELECTOR_NAME,
        SELECTOR_LABEL,
        SELECTOR_GROUP,
} SelectorKind;

enum {
        WIRE_TASK_AT_MOST_ONCE = 1 << 0, /* WireTask.flags, WireRow.flags */
        WIRE_SUBMIT_WAIT = 1 << 0, /* WireSubmit.flags: SUBMITTED is followed by ENDED as after
                                      WAIT, under the same request id */
        WIRE_LIST_IDS = 1 << 0,    /* WireList.flags: answer IDS instead of ROWS */
        WIRE_LIST_ALL_USERS = 1 << 1,
        WIRE_FILE_OUT = 1 << 0, /* WireEndItem.files: the stream is in STATE/output */
        WIRE_FILE_ERR = 1 << 1,
        WIRE_OUTPUTS_OUT = 1 << 0, /* WireOutputsItem.flags: stdout is left out, ask OUTPUT */
        WIRE_OUTPUTS_ERR = 1 << 1,
        WIRE_OUTPUTS_RESULT = 1 << 2,
};

const char *task_state_name(TaskState s); /* NULL for a number that is no state */
const char *end_reason_name(EndReason r);
bool task_state_is_end(TaskState s);

/* ---- encoding ---- */

/* A growing buffer for header frames; zero is empty. Reused: wire_encode starts it anew. */
typedef struct WireBuffer {
        char *data;
        size_t size, alloc;
} WireBuffer;

void wire_buffer_done(WireBuffer *b);

/* Encodes body (the struct of type) into b. 0; -ENOMEM; -EMSGSIZE when a bound of the schema or
 * WIRE_HEADER_MAX is exceeded. */
int wire_encode(WireBuffer *b, WireType type, uint64_t request_id, const void *body);

/* What a header frame needs beside the items of its lists, at most: to fill messages up to their
 * bounds together with wire_item_size. */
#define WIRE_LIST_ITEM_OVERHEAD 16

/* ---- decoding ---- */

typedef struct WireReader WireReader;

int wire_reader_new(WireReader **ret);
WireReader *wire_reader_free(WireReader *r); /* accepts NULL, returns NULL */
DEFINE_CLEANUP(WireReader *, wire_reader_free)

typedef struct WireMessage {
        WireType type;
        uint64_t protocol;
        uint64_t request_id;
        const void *body; /* the struct of type, zeroed before its fields were read */
} WireMessage;

/* 0; -EBADMSG: not well-formed or beyond a bound; -EPROTONOSUPPORT: another protocol (ret->protocol
 * and request_id are set); -EOPNOTSUPP: unknown type (the same); -ENOMEM. */
int wire_decode(WireReader *r, const void *data, size_t size, WireMessage *ret);

/* Depth and bounds only, no allocation: 0 when data is exactly one well-formed value whose
 * containers nest at most depth_max deep (itself counted, at most WIRE_DEPTH_LIMIT), else -EBADMSG.
 * For blobs of MessagePack that are not messages as well. */
#define WIRE_DEPTH_LIMIT 32
int wire_validate(const void *data, size_t size, unsigned depth_max);

/* ---- small helpers ---- */

static inline WireText wire_text(const char *s) {
        return (WireText){.data = s ? s : "", .size = s ? strlen(s) : 0};
}
static inline WireText wire_bytes(const void *data, size_t size) {
        return (WireText){.data = data, .size = size};
}
static inline bool wire_text_is(WireText t, const char *s) {
        return t.size == strlen(s) && memcmp(t.data, s, t.size) == 0;
}

/* ---- description, for docs, fuzz seeds and tests ---- */

typedef enum WireKind { WIRE_U, WIRE_I, WIRE_T, WIRE_B, WIRE_N, WIRE_S, WIRE_L } WireKind;

typedef struct WireSchema WireSchema;
typedef struct WireFieldSchema {
        const char *name;
        WireKind kind;
        uint32_t offset;        /* in the struct */
        uint32_t max, item_max; /* bytes or items; bytes of a text in a list */
        const WireSchema *item; /* of a list of structs */
} WireFieldSchema;
struct WireSchema {
        const char *name; /* "SUBMIT", or "WireTask" for a part */
        uint32_t number;  /* 0 for a part */
        uint32_t size;    /* of the struct */
        uint32_t field_count;
        const WireFieldSchema *fields;
};

/* The parts: wire_part_WireTask and so on. */
#define WIRE_PART_DECLARE(Type, FIELDS) extern const WireSchema wire_part_##Type;
WIRE_PARTS(WIRE_PART_DECLARE)

/* An upper bound of the encoded size of one list item, such as wire_item_size(&wire_part_WireTask,
 * &task). */
size_t wire_item_size(const WireSchema *part, const void *item);

const WireSchema *wire_schema(uint32_t type); /* NULL: unknown */
const WireSchema *
wire_schema_at(size_t index); /* every message in order of its number; NULL behind the last */
