/* See progress.h. */
#include "worker/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define READ_SIZE      (16u << 10)
#define READS_PER_TURN 4
#define READS_AT_END   256 /* as in capture.c: a stranger may have been given the pipe */

int progress_open(Progress *p) {
        int ends[2];
        *p = PROGRESS_NONE;
        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        p->reader = ends[0];
        p->writer = ends[1];
        if (fcntl(p->reader, F_SETFL, O_NONBLOCK) < 0) {
                int r = -errno;
                progress_done(p);
                return r;
        }
        return 0;
}

void progress_done(Progress *p) {
        if (p->reader >= 0)
                (void)close(p->reader);
        if (p->writer >= 0)
                (void)close(p->writer);
        *p = PROGRESS_NONE;
}

/* ---- a line ---- */

static size_t count_digits(const char *text, size_t size) {
        size_t n = 0;
        while (n < size && text[n] >= '0' && text[n] <= '9')
                n++;
        return n;
}

/* `N%` or `N.N%` at the beginning of a line: how many bytes it takes, 0: it is none. */
static size_t parse_percent(const char *line, size_t size, unsigned *ret) {
        size_t digits = count_digits(line, size), at = digits;
        unsigned percent = 0, beyond = 0;
        if (digits == 0 || digits > 3)
                return 0;
        for (size_t i = 0; i < digits; i++)
                percent = 10 * percent + (unsigned)(line[i] - '0');
        if (at < size && line[at] == '.') {
                size_t fraction = count_digits(line + at + 1, size - at - 1);
                if (fraction == 0)
                        return 0;
                for (size_t i = 1; i <= fraction; i++)
                        beyond |= line[at + i] != '0';
                at += 1 + fraction;
        }
        if (at == size || line[at] != '%' || percent + beyond > 100)
                return 0;
        *ret = percent;
        return at + 1;
}

static bool is_blank(char c) {
        return c == ' ' || c == '\t' || c == '\r';
}

/* At most max bytes of text, no character in two. */
static size_t cut_text(const char *text, size_t size, size_t max) {
        if (size <= max)
                return size;
        size_t cut = max;
        while (cut > 0 && ((unsigned char)text[cut] & 0xc0) == 0x80)
                cut--;
        return cut;
}

/* true: it is one, and differs from what was told before. */
static bool take_line(Progress *p) {
        ProgressReport *latest = &p->latest;
        unsigned percent;
        size_t end = p->line_size, at = parse_percent(p->line, end, &percent);
        if (at == 0 || (at < end && !is_blank(p->line[at])))
                return false;
        while (at < end && is_blank(p->line[at]))
                at++;
        while (end > at && is_blank(p->line[end - 1]))
                end--;
        const char *text = p->line + at;
        size_t size = cut_text(text, end - at, WIRE_PROGRESS_MAX);
        if (latest->told && latest->percent == percent && latest->text_size == size &&
            memcmp(latest->text, text, size) == 0)
                return false;
        latest->told = true;
        latest->percent = percent;
        latest->text_size = size;
        memcpy(latest->text, text, size);
        return true;
}

/* ---- bytes ---- */

static bool take_bytes(Progress *p, const char *data, size_t size) {
        bool changed = false;
        while (size > 0) {
                const char *newline = memchr(data, '\n', size);
                size_t part = newline ? (size_t)(newline - data) : size;
                size_t kept = MIN_OF(part, sizeof p->line - p->line_size);
                memcpy(p->line + p->line_size, data, kept);
                p->line_size += kept;
                if (!newline)
                        break;
                changed = take_line(p) || changed;
                p->line_size = 0;
                data += part + 1;
                size -= part + 1;
        }
        return changed;
}

bool progress_read(Progress *p) {
        char data[READ_SIZE];
        bool changed = false;
        for (unsigned i = 0; i < READS_PER_TURN; i++) {
                ssize_t n = read(p->reader, data, sizeof data);
                if (n <= 0)
                        break; /* it is empty: the loop tells when it is not */
                p->used = true;
                changed = take_bytes(p, data, (size_t)n) || changed;
                if ((size_t)n < sizeof data)
                        break;
        }
        return changed;
}

void progress_reset(Progress *p) {
        char data[READ_SIZE];
        for (unsigned i = 0; i < READS_AT_END && read(p->reader, data, sizeof data) > 0; i++)
                p->used = true;
        if (!p->used)
                return;
        (void)fcntl(p->writer, F_SETFL, 0); /* it may have been made non-blocking */
        p->used = false;
        p->line_size = 0;
        p->latest.told = false;
}
