/* Writes the seeds of the wire's fuzz corpus: one random message of each type, by its name, into
 * the directory that is given. The seed is fixed, so that the files change only with the schema. */
#include "common/wire.h"
#include "tests/unit/common/wire-random.h"

#define SEED 0x57175eed

static int write_seed(const char *directory, const char *name, const WireBuffer *b) {
        char path[4096];
        FILE *f;
        size_t written;

        (void)snprintf(path, sizeof path, "%s/%s", directory, name);
        f = fopen(path, "wb");
        if (!f)
                return -1;
        written = fwrite(b->data, 1, b->size, f);
        return fclose(f) == 0 && written == b->size ? 0 : -1;
}

int main(int argc, char **argv) {
        _cleanup_(bodies_freep) Bodies *bodies = bodies_new();
        _cleanup_(wire_buffer_done) WireBuffer buffer = {};
        Random rng = {.state = SEED};
        const WireSchema *s;

        if (argc != 2 || !bodies) {
                fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
                return 64;
        }
        for (size_t i = 0; (s = wire_schema_at(i)); i++) {
                const void *body = random_body(bodies, &rng, s, FULL_SMALL);

                if (wire_encode(&buffer, (WireType)s->number, i, body) < 0 ||
                    write_seed(argv[1], s->name, &buffer) < 0) {
                        fprintf(stderr, "%s: %s/%s cannot be written: %m\n", argv[0], argv[1],
                                s->name);
                        return 74;
                }
        }
        return 0;
}
