/* See map-order.h. A word with its lowest bit set is no pointer: the next bit says whether the rest
 * is an id or a place in the file, where an entry is an id, a size and the input. */
#include "client/cli/map-order.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define ALLOC_FIRST 1024u
#define DEFERRED    1u
#define IN_FILE     2u
#define SHIFT       2

typedef struct Entry {
        uint64_t id, size;
} Entry;

void map_order_init(MapOrder *o) {
        *o = (MapOrder){.file = -1};
}

void map_order_done(MapOrder *o) {
        free(o->words);
        if (o->file >= 0)
                close(o->file);
        map_order_init(o);
}

bool map_order_is_empty(const MapOrder *o) {
        return o->first == o->next;
}

static uint64_t *word(const MapOrder *o, uint64_t number) {
        ASSERT(number >= o->first && number < o->next);
        return &o->words[number & (o->alloc - 1)];
}

static int make_larger(MapOrder *o) {
        size_t alloc = MAX_OF(2 * o->alloc, (size_t)ALLOC_FIRST);
        uint64_t *words = realloc(o->words, alloc * sizeof *words);
        if (!words)
                return -ENOMEM;
        /* What lay behind the fold goes to where its numbers point now. */
        for (uint64_t i = o->first; i < o->next; i++)
                if ((i & (alloc - 1)) != (i & (o->alloc - 1)))
                        words[i & (alloc - 1)] = words[i & (o->alloc - 1)];
        o->words = words;
        o->alloc = alloc;
        return 0;
}

int map_order_push(MapOrder *o, MapTask *t, uint64_t *ret) {
        if (o->next - o->first == o->alloc && make_larger(o) < 0)
                return -ENOMEM;
        *ret = o->next++;
        map_order_set(o, *ret, t);
        return 0;
}

void map_order_pop(MapOrder *o) {
        ASSERT(!map_order_is_empty(o));
        o->first++;
}

MapTask *map_order_task(const MapOrder *o, uint64_t number) {
        uint64_t w = *word(o, number);
        return w & DEFERRED ? NULL : (MapTask *)(uintptr_t)w;
}

void map_order_set(MapOrder *o, uint64_t number, MapTask *t) {
        *word(o, number) = (uintptr_t)t;
}

static int write_at(int fd, const void *data, size_t size, uint64_t at) {
        const char *from = data;
        while (size) {
                ssize_t n = pwrite(fd, from, size, (off_t)at);
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0) {
                        from += n;
                        at += (uint64_t)n;
                        size -= (size_t)n;
                }
        }
        return 0;
}

static int read_at(int fd, void *data, size_t size, uint64_t at) {
        char *to = data;
        while (size) {
                ssize_t n = pread(fd, to, size, (off_t)at);
                if (n == 0 || (n < 0 && errno != EINTR))
                        return n ? -errno : -EIO;
                if (n > 0) {
                        to += n;
                        at += (uint64_t)n;
                        size -= (size_t)n;
                }
        }
        return 0;
}

/* A file without a name. */
static int file_open(MapOrder *o) {
        if (o->file >= 0)
                return 0;
        const char *directory = getenv("TMPDIR");
        char path[4096];
        int n = snprintf(path, sizeof path, "%s/stint-map-XXXXXX",
                         directory && *directory ? directory : "/tmp");
        if (n >= (int)sizeof path)
                return -ENAMETOOLONG;
        o->file = mkostemp(path, O_CLOEXEC);
        if (o->file < 0)
                return -errno;
        unlink(path);
        return 0;
}

int map_order_defer(MapOrder *o, uint64_t number, uint64_t id, const char *input, size_t size) {
        uint64_t *w = word(o, number);
        if (!input) {
                *w = id << SHIFT | DEFERRED;
                return 0;
        }
        Entry e = {.id = id, .size = size};
        int r = file_open(o);
        if (r == 0)
                r = write_at(o->file, &e, sizeof e, o->file_size);
        if (r == 0)
                r = write_at(o->file, input, size, o->file_size + sizeof e);
        if (r < 0)
                return r;
        *w = o->file_size << SHIFT | DEFERRED | IN_FILE;
        o->file_size += sizeof e + size;
        return 0;
}

int map_order_deferred(const MapOrder *o, uint64_t number, uint64_t *ret_id, char **ret_input,
                       size_t *ret_size) {
        uint64_t w = *word(o, number);
        uint64_t rest = w >> SHIFT;
        *ret_input = NULL;
        *ret_size = 0;
        if (!(w & IN_FILE)) {
                *ret_id = rest;
                return 0;
        }
        Entry e;
        int r = read_at(o->file, &e, sizeof e, rest);
        if (r < 0)
                return r;
        _cleanup_(freep) char *input = malloc((size_t)e.size + 1);
        if (!input)
                return -ENOMEM;
        r = read_at(o->file, input, (size_t)e.size, rest + sizeof e);
        if (r < 0)
                return r;
        *ret_id = e.id;
        *ret_input = take_ptr(input);
        *ret_size = (size_t)e.size;
        return 0;
}
