/* The canonical text: every key of the table, in its order, one a line, and before each a mark of
 * where a person wrote it. It is what a person would have to write to say all of it, and it is
 * parsed by the same code as what a person wrote. In a memfd it cannot change any more, whoever
 * holds the descriptor. */
#include "config/value.h"

#include "common/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void write_mark(ConfigPlace place, FILE *f) {
        char file[2 * PATH_MAX] = "";

        if (place.file)
                text_escape(place.file, strlen(place.file), file, sizeof file);
        fprintf(f, SOURCE_MARK "%u %s\n", place.line, file);
}

static void write_keys(const char *group, const void *record, const char *indent, FILE *f) {
        size_t n;
        const ConfigKey *keys = config_schema(&n);

        for (size_t i = 0; i < n; i++) {
                if (strcmp(keys[i].group, group) != 0)
                        continue;
                write_mark(value_place(&keys[i], record), f);
                fprintf(f, "%s%s = ", indent, keys[i].name);
                value_write(&keys[i], record, f);
                fputs(";\n", f);
        }
}

static void write_group(const char *group, const Config *c, FILE *f) {
        fprintf(f, "%s: {\n", group);
        write_keys(group, c, "  ", f);
        if (strcmp(group, "store") == 0) {
                fputs("  retention: {\n", f);
                write_keys("store.retention", c, "    ", f);
                fputs("  };\n", f);
        }
        fputs("};\n", f);
}

static void write_list(const char *group, const void *records, size_t size, size_t count, FILE *f) {
        fprintf(f, "%s: (\n", group);
        for (size_t i = 0; i < count; i++) {
                fputs("  {\n", f);
                write_keys(group, (const char *)records + i * size, "    ", f);
                fputs(i + 1 < count ? "  },\n" : "  }\n", f);
        }
        fputs(");\n", f);
}

static int config_text(const Config *c, char **ret_text, size_t *ret_size) {
        FILE *f = open_memstream(ret_text, ret_size);

        if (!f)
                return -ENOMEM;
        write_group("daemon", c, f);
        write_group("control", c, f);
        write_group("events", c, f);
        write_group("store", c, f);
        write_list("queues", c->queues, sizeof *c->queues, c->queue_count, f);
        write_list("pools", c->pools, sizeof *c->pools, c->pool_count, f);
        return fclose(f) == 0 ? 0 : -ENOMEM;
}

static int write_all(int fd, const char *text, size_t size) {
        for (size_t done = 0; done < size;) {
                ssize_t n = write(fd, text + done, size - done);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                done += (size_t)n;
        }
        return 0;
}

int config_seal(const Config *c, int *ret_fd) {
        _cleanup_(freep) char *text = NULL;
        size_t size;

        int r = config_text(c, &text, &size);
        if (r < 0)
                return r;
        int fd = memfd_create("stint-config", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;
        r = write_all(fd, text, size);
        if (r == 0 &&
            fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
                r = -errno;
        if (r < 0) {
                close(fd);
                return r;
        }
        *ret_fd = fd;
        return 0;
}
