/* See map-input.h. */
#include "client/cli/map-input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define AHEAD_BYTES ((size_t)1 << 20)
#define READ_BYTES  ((size_t)1 << 16)

struct MapInput {
        MapInputOptions options;
        size_t next_operand;
        int fd;
        bool ended; /* of the stream */
        char *data; /* from start on: what was read and not taken; room for one byte more */
        size_t start, searched, end, alloc;
        uint64_t records; /* seen in the stream, without a last one that has no separator yet */
};

int map_input_new(const MapInputOptions *options, Error *error, MapInput **ret) {
        _cleanup_(map_input_freep) MapInput *in = calloc(1, sizeof *in);
        if (!in)
                return error_set(error, EXIT_SOFTWARE, "out of memory");
        in->options = *options;
        in->fd = -1;
        if (!options->operands && options->file && strcmp(options->file, "-") != 0) {
                in->fd = open(options->file, O_RDONLY | O_CLOEXEC);
                if (in->fd < 0)
                        return error_set(error, EXIT_IO, "cannot read the inputs from %s: %s",
                                         options->file, strerror(errno));
        } else if (!options->operands) {
                in->fd = STDIN_FILENO;
        }
        *ret = take_ptr(in);
        return 0;
}

MapInput *map_input_free(MapInput *in) {
        if (!in)
                return NULL;
        if (in->fd > STDIN_FILENO)
                close(in->fd);
        free(in->data);
        free(in);
        return NULL;
}

int map_input_fd(const MapInput *in) {
        bool full = in->end - in->start >= AHEAD_BYTES && in->searched < in->end;
        return in->ended || full ? -1 : in->fd;
}

/* Room for READ_BYTES more, moving what is left to the front first. */
static int make_room(MapInput *in) {
        if (in->start && in->alloc - in->end <= READ_BYTES) {
                memmove(in->data, in->data + in->start, in->end - in->start);
                in->searched -= in->start;
                in->end -= in->start;
                in->start = 0;
        }
        if (in->alloc - in->end > READ_BYTES)
                return 0;
        size_t alloc = MAX_OF(2 * in->alloc, 2 * READ_BYTES);
        char *data = realloc(in->data, alloc);
        if (!data)
                return -ENOMEM;
        in->data = data;
        in->alloc = alloc;
        return 0;
}

static void count_records(MapInput *in, size_t size) {
        const char *at = in->data + in->end, *end = at + size;
        while ((at = memchr(at, in->options.separator, (size_t)(end - at)))) {
                in->records++;
                at++;
        }
}

int map_input_read(MapInput *in, Error *error) {
        if (in->searched == in->end && in->end - in->start > MAP_INPUT_MAX)
                return error_set(error, EXIT_DATA,
                                 "an input has more than 8 MiB: is it separated by %s?",
                                 in->options.separator ? "NUL bytes (--null)" : "newlines");
        if (make_room(in) < 0)
                return error_set(error, EXIT_SOFTWARE, "out of memory");
        ssize_t n = read(in->fd, in->data + in->end, READ_BYTES);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
                return 0;
        if (n < 0)
                return error_set(error, EXIT_IO, "cannot read the inputs: %s", strerror(errno));
        if (n == 0) {
                in->ended = true;
                in->records +=
                        in->end > in->start && in->data[in->end - 1] != in->options.separator;
                return 0;
        }
        count_records(in, (size_t)n);
        in->end += (size_t)n;
        return 0;
}

static MapInputState next_operand(MapInput *in, const char **ret, size_t *ret_size) {
        if (in->next_operand == in->options.operand_count)
                return MAP_INPUT_END;
        *ret = in->options.operands[in->next_operand++];
        *ret_size = strlen(*ret);
        return MAP_INPUT_TAKEN;
}

MapInputState map_input_next(MapInput *in, const char **ret, size_t *ret_size) {
        if (in->options.operands)
                return next_operand(in, ret, ret_size);
        if (in->start == in->end)
                return in->ended ? MAP_INPUT_END : MAP_INPUT_LATER;
        char *end = memchr(in->data + in->searched, in->options.separator, in->end - in->searched);
        if (!end && !in->ended) {
                in->searched = in->end;
                return MAP_INPUT_LATER;
        }
        *ret = in->data + in->start;
        *ret_size = (size_t)((end ? end : in->data + in->end) - *ret);
        in->data[in->start + *ret_size] = '\0';
        in->start = MIN_OF(in->start + *ret_size + 1, in->end);
        in->searched = in->start;
        return MAP_INPUT_TAKEN;
}

bool map_input_total(const MapInput *in, uint64_t *ret) {
        if (!in->options.operands && !in->ended)
                return false;
        *ret = in->options.operands ? in->options.operand_count : in->records;
        return true;
}
