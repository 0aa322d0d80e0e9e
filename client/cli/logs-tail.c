/* See logs-tail.h. */
#include "client/cli/logs-tail.h"

#include "client/cli/command.h"

#define BLOCK_SIZE ((size_t)64 << 10)

typedef struct Tail {
        StintClient *client;
        uint64_t id;
        unsigned attempt;
        StintStream which;
        Error *error;
} Tail;

/* Bytes [offset, offset + size), as many as there are; how many, or -code. */
static int64_t tail_read(const Tail *t, uint64_t offset, char *buf, size_t size) {
        size_t have = 0;
        while (have < size) {
                int64_t n = stint_read(t->client, t->id, t->attempt, t->which, offset + have,
                                       buf + have, size - have, NULL);
                if (n < 0)
                        return client_error(t->client, (int)n, t->error);
                if (n == 0)
                        break;
                have += (size_t)n;
        }
        return (int64_t)have;
}

/* How many bytes can be read: what the task wrote, less what its output limit cut off. */
static int tail_size(const Tail *t, uint64_t *ret) {
        uint64_t total = 0, low = 0;
        char byte;
        int64_t n = stint_read(t->client, t->id, t->attempt, t->which, 0, &byte, 1, &total);
        if (n < 0)
                return client_error(t->client, (int)n, t->error);
        uint64_t high = total;
        if (high && tail_read(t, high - 1, &byte, 1) == 1)
                low = high;
        while (low < high) { /* the first offset with nothing behind it */
                uint64_t middle = low + (high - low) / 2;
                n = tail_read(t, middle, &byte, 1);
                if (n < 0)
                        return (int)n;
                if (n)
                        low = middle + 1;
                else
                        high = middle;
        }
        *ret = low;
        return 0;
}

int logs_size(StintClient *client, uint64_t id, unsigned attempt, StintStream which, uint64_t *ret,
              Error *error) {
        return tail_size(&(Tail){client, id, attempt, which, error}, ret);
}

int logs_tail(StintClient *client, uint64_t id, unsigned attempt, StintStream which, uint64_t lines,
              uint64_t *ret_offset, Error *error) {
        Tail t = {client, id, attempt, which, error};
        char block[BLOCK_SIZE];
        uint64_t size = 0, at;
        int r = tail_size(&t, &size);
        if (r < 0)
                return r;
        for (at = lines ? size : 0; at > 0;) {
                uint64_t start = at > sizeof block ? at - sizeof block : 0;
                int64_t n = tail_read(&t, start, block, (size_t)(at - start));
                if (n < 0)
                        return (int)n;
                for (; n > 0; n--) {
                        bool last = start + (uint64_t)n == size; /* it ends the last line */
                        if (block[n - 1] == '\n' && !last && --lines == 0) {
                                *ret_offset = start + (uint64_t)n;
                                return 0;
                        }
                }
                at = start;
        }
        *ret_offset = lines ? 0 : size;
        return 0;
}
