/* Findings: lines for people, bounded in number, owned by the caller's ConfigFindings. Lack of
 * memory is remembered as the error, so that a finding that could not be kept still fails the load.
 */
#include "config/findings.h"

#include "common/text.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

static int findings_push(ConfigFindings *f, char *line) {
        char **lines = reallocarray(f->lines, f->count + 1, sizeof *lines);
        if (!lines)
                return -ENOMEM;
        f->lines = lines;
        f->lines[f->count++] = line;
        return 0;
}

static char *place_format(ConfigPlace at) {
        char file[2 * PATH_MAX], *s = NULL;

        if (!at.file)
                return strdup("built-in defaults");
        text_escape(at.file, strlen(at.file), file, sizeof file);
        if (at.line == 0)
                return strdup(file);
        return asprintf(&s, "%s:%u", file, at.line) < 0 ? NULL : s;
}

_printf_(2, 0) static char *line_format(ConfigPlace at, const char *format, va_list ap) {
        _cleanup_(freep) char *where = place_format(at), *what = NULL;
        char *line;

        if (vasprintf(&what, format, ap) < 0) {
                what = NULL; /* undefined after a failure */
                return NULL;
        }
        if (!where || asprintf(&line, "%s: %s", where, what) < 0)
                return NULL;
        return line;
}

int report_add(Report *r, int error, ConfigPlace at, const char *format, ...) {
        if (!r->error)
                r->error = error;
        if (r->findings->count >= CONFIG_FINDINGS_MAX) {
                r->dropped++;
                return error;
        }

        va_list ap;
        va_start(ap, format);
        char *line = line_format(at, format, ap);
        va_end(ap);
        if (!line || findings_push(r->findings, line) < 0) {
                free(line);
                r->error = -ENOMEM;
        }
        return error;
}

int findings_add(ConfigFindings *f, const char *format, ...) {
        char *line;
        va_list ap;

        va_start(ap, format);
        int n = vasprintf(&line, format, ap);
        va_end(ap);
        if (n < 0)
                return -ENOMEM;
        int r = findings_push(f, line);
        if (r < 0)
                free(line);
        return r;
}

int report_end(Report *r) {
        char *line;

        if (r->dropped == 0)
                return r->error;
        if (asprintf(&line, "and %zu more findings; correct these first", r->dropped) < 0)
                return -ENOMEM;
        if (findings_push(r->findings, line) < 0) {
                free(line);
                return -ENOMEM;
        }
        r->dropped = 0;
        return r->error;
}

const char *config_findings_text(const ConfigFindings *f, char *buf, size_t size) {
        enum { MORE_SIZE = 48 }; /* room for the line that ends a cut text */
        size_t used = 0;

        ASSERT(size >= MORE_SIZE);
        snprintf(buf, size, "%s", f->count ? "" : "out of memory"); /* what cannot be told */
        for (size_t i = 0; i < f->count; i++) {
                const char *separator = i ? "\n" : "";
                size_t room = size - used - (i + 1 < f->count ? MORE_SIZE : 0);
                if (strlen(separator) + strlen(f->lines[i]) >= room) {
                        snprintf(buf + used, size - used, "%s… and %zu more", separator,
                                 f->count - i);
                        break;
                }
                used += (size_t)snprintf(buf + used, room, "%s%s", separator, f->lines[i]);
        }
        return buf;
}

void config_findings_done(ConfigFindings *f) {
        for (size_t i = 0; i < f->count; i++)
                free(f->lines[i]);
        free(f->lines);
        *f = (ConfigFindings){0};
}
