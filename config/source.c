/* Sources: reading files without trusting what their names lead to, and the way back from a line of
 * the whole text to a line of a file. What the text means to the scanner is in scan.c. */
#include "config/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int source_load(Source *s, SourceKind kind, const char *name, const char *text, size_t size,
                size_t limit_bytes, Report *report) {
        *s = (Source){0};
        int r = scan_source(s, kind, name, text, size, limit_bytes, report);
        if (r < 0 && !report->error)
                report->error = r;
        return r;
}

void source_done(Source *s) {
        for (size_t i = 0; i < s->file_count; i++)
                free(s->files[i]);
        free(s->files);
        free(s->lines);
        free(s->text);
        *s = (Source){0};
}

ConfigPlace source_place(const Source *s, unsigned line) {
        if (s->line_count == 0)
                return (ConfigPlace){.file = s->files[0]};
        const SourceLine *l = &s->lines[MIN_OF((size_t)MAX_OF(line, 1u), s->line_count) - 1];
        return (ConfigPlace){.file = s->files[l->file], .line = l->line};
}

ConfigPlace source_place_before(const Source *s, unsigned line) {
        ConfigPlace here = source_place(s, line);

        for (size_t i = MIN_OF((size_t)line, s->line_count + 1); i-- > 1;)
                if (s->lines[i - 1].code) {
                        ConfigPlace before = source_place(s, (unsigned)i);
                        return strcmp(before.file, here.file) != 0 ? before : (ConfigPlace){0};
                }
        return (ConfigPlace){0};
}

/* ---- files ---- */

static int read_all(int fd, char **ret_text, size_t *ret_size) {
        _cleanup_(freep) char *text = malloc(SOURCE_BYTES_MAX + 1);
        size_t size = 0;

        if (!text)
                return -ENOMEM;
        while (size <= SOURCE_BYTES_MAX) {
                ssize_t n = read(fd, text + size, SOURCE_BYTES_MAX + 1 - size);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                size += (size_t)n;
        }
        if (size > SOURCE_BYTES_MAX)
                return -EFBIG;
        *ret_text = take_ptr(text);
        *ret_size = size;
        return 0;
}

int source_read_file(const char *path, char **ret_text, size_t *ret_size) {
        struct stat st;
        int r, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                r = -errno;
        else if (S_ISDIR(st.st_mode))
                r = -EISDIR;
        else if (!S_ISREG(st.st_mode))
                r = -ENOTSUP;
        else
                r = read_all(fd, ret_text, ret_size);
        close(fd);
        return r;
}

const char *source_read_error(int error) {
        switch (error) {
        case -EISDIR:
                return "it is a directory, not a file";
        case -ENOTSUP:
        case -ENXIO: /* a socket refuses open */
                return "it is not a regular file";
        case -EFBIG:
                return "it is larger than 1 MiB";
        default:
                return strerrordesc_np(-error);
        }
}
