/* See answers.h. Little-endian numbers: a version, then for each answer its seq, its kind, and
 *   SUBMITTED: first id, count
 *   CANCELLED: cancelled, ended, how many unknown, these, how many denied, these
 *   PURGED: the same (ended: 0), then how many unended, these
 * Rows are written on every request and hardly ever read: fixed sizes, nothing to save. */
#include "dispatcher/core/answers.h"

#include <errno.h>
#include <string.h>

#define ANSWERS_VERSION 1u

static size_t answer_size(const Answer *a) {
        size_t words = 2;
        if (a->kind == ANSWER_REFUSED)
                return 0;
        if (a->kind != ANSWER_SUBMITTED)
                words = 4 + a->outcome->unknown_count + a->outcome->denied_count;
        if (a->kind == ANSWER_PURGED)
                words += 1 + a->outcome->left_count;
        return 8 + 1 + 8 * words;
}

static char *put_u64(char *at, uint64_t value) {
        for (unsigned i = 0; i < 8; i++)
                at[i] = (char)(unsigned char)(value >> (8 * i));
        return at + 8;
}

static char *put_list(char *at, const uint64_t *items, size_t n) {
        at = put_u64(at, n);
        for (size_t i = 0; i < n; i++)
                at = put_u64(at, items[i]);
        return at;
}

static char *put_answer(char *at, const Answer *a) {
        if (a->kind == ANSWER_REFUSED)
                return at;
        at = put_u64(at, a->seq);
        *at++ = (char)a->kind;
        if (a->kind == ANSWER_SUBMITTED) {
                at = put_u64(at, a->first_id);
                return put_u64(at, a->count);
        }
        at = put_u64(at, a->outcome->done);
        at = put_u64(at, a->outcome->ended);
        at = put_list(at, a->outcome->unknown, a->outcome->unknown_count);
        at = put_list(at, a->outcome->denied, a->outcome->denied_count);
        return a->kind == ANSWER_PURGED ? put_list(at, a->outcome->left, a->outcome->left_count)
                                        : at;
}

int answers_write(const Client *client, BlobSlice *ret) {
        size_t size = 1;
        for (size_t i = 0; i < client->answer_count; i++)
                size += answer_size(&client->answers[i]);
        char *data = malloc(size), *at = data;
        if (!data)
                return -ENOMEM;
        *at++ = ANSWERS_VERSION;
        for (size_t i = 0; i < client->answer_count; i++)
                at = put_answer(at, &client->answers[i]);
        ASSERT(at == data + size);
        Blob *b = blob_new_take(data, size);
        if (!b) {
                free(data);
                return -ENOMEM;
        }
        *ret = blob_slice(b, 0, size);
        blob_unref(b);
        return 0;
}

/* ---- reading: what is on disk may be damaged ---- */

typedef struct Bytes {
        const unsigned char *at, *end;
        int error;
} Bytes;

static uint64_t get_u64(Bytes *b) {
        uint64_t value = 0;
        if (b->end - b->at < 8) {
                b->error = b->error ? b->error : -EBADMSG;
                b->at = b->end;
                return 0;
        }
        for (unsigned i = 0; i < 8; i++)
                value |= (uint64_t)b->at[i] << (8 * i);
        b->at += 8;
        return value;
}

static void get_list(Bytes *b, uint64_t **items, size_t *count) {
        uint64_t n = get_u64(b);
        if (n > (uint64_t)(b->end - b->at) / 8) {
                b->error = b->error ? b->error : -EBADMSG;
                return;
        }
        if (b->error || n == 0)
                return;
        *items = calloc(n, sizeof(**items));
        if (!*items) {
                b->error = -ENOMEM;
                return;
        }
        for (*count = 0; *count < n; ++*count)
                (*items)[*count] = get_u64(b);
}

static void get_answer(Bytes *b, Answer *a) {
        a->seq = get_u64(b);
        a->kind = b->at < b->end ? (AnswerKind)*b->at++ : 0;
        if (a->kind == ANSWER_SUBMITTED) {
                a->first_id = get_u64(b);
                a->count = get_u64(b);
                return;
        }
        if (a->kind != ANSWER_CANCELLED && a->kind != ANSWER_PURGED) {
                b->error = b->error ? b->error : -EBADMSG;
                return;
        }
        a->outcome = calloc(1, sizeof(*a->outcome));
        if (!a->outcome) {
                b->error = -ENOMEM;
                return;
        }
        a->outcome->done = get_u64(b);
        a->outcome->ended = get_u64(b);
        get_list(b, &a->outcome->unknown, &a->outcome->unknown_count);
        get_list(b, &a->outcome->denied, &a->outcome->denied_count);
        if (a->kind == ANSWER_PURGED)
                get_list(b, &a->outcome->left, &a->outcome->left_count);
}

int answers_read(Client *client, BlobSlice slice) {
        Bytes b = {.at = blob_slice_data(slice)};
        b.end = b.at + slice.size;
        if (slice.size == 0)
                return 0;
        if (*b.at++ != ANSWERS_VERSION)
                return -EBADMSG;
        while (b.at < b.end && !b.error) {
                Answer a = {0};
                if (client_reserve(client) < 0)
                        return -ENOMEM;
                get_answer(&b, &a);
                bool in_order = client->answer_count == 0 ||
                                client->answers[client->answer_count - 1].seq < a.seq;
                if (b.error || !in_order) {
                        outcome_free(a.outcome);
                        return b.error ? b.error : -EBADMSG;
                }
                client->answers[client->answer_count++] = a;
        }
        return b.error;
}
