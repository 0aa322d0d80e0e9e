/* See map-progress.h. */
#include "client/cli/map-progress.h"

#include "client/cli/bytes.h"
#include "common/macro.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LINE_MAX_BYTES   160
#define COLUMNS_DEFAULT  80
#define RATE_MEMORY_SECS 5.0
#define ERASE            "\r\033[K"

void map_progress_init(MapProgress *p, int fd, usec_t now) {
        const char *terminal = getenv("TERM");
        bool dumb = !terminal || !*terminal || strcmp(terminal, "dumb") == 0;
        *p = (MapProgress){.fd = fd >= 0 && !dumb && isatty(fd) ? fd : -1,
                           .began_usec = now,
                           .drawn_usec = now};
}

usec_t map_progress_due(const MapProgress *p) {
        usec_t pause = p->hidden ? MAP_PROGRESS_HIDDEN_USEC : MAP_PROGRESS_USEC;
        return p->fd < 0 ? USEC_INFINITY : p->drawn_usec + pause;
}

typedef struct Line {
        char *buf;
        size_t size, used;
} Line;

static void line_add(Line *l, const char *format, ...) _printf_(2, 3);
static void line_add(Line *l, const char *format, ...) {
        va_list ap;
        va_start(ap, format);
        int n = vsnprintf(l->buf + l->used, l->size - l->used, format, ap);
        va_end(ap);
        l->used = MIN_OF(l->used + (size_t)MAX_OF(n, 0), l->size - 1);
}

const char *map_progress_text(const MapCounts *c, double per_sec, char *buf, size_t size) {
        Line l = {.buf = buf, .size = size};
        char left[64];
        bool known = c->total != UINT64_MAX;
        line_add(&l, "%" PRIu64, c->done);
        if (known)
                line_add(&l, "/%" PRIu64 "  %" PRIu64 "%%", c->total,
                         c->total ? (uint64_t)(100 * (double)c->done / (double)c->total) : 100);
        else
                line_add(&l, " done");
        line_add(&l, per_sec < 10 ? "  %.1f/s" : "  %.0f/s", per_sec);
        if (known && per_sec > 0 && c->done < c->total) {
                double secs = (double)(c->total - c->done) / per_sec;
                if (secs < (double)(DURATION_MAX / USEC_PER_SEC))
                        line_add(&l, "  ETA %s",
                                 duration_format_brief(((usec_t)secs + 1) * USEC_PER_SEC, left,
                                                       sizeof left));
        }
        if (c->failed)
                line_add(&l, "  %" PRIu64 " failed", c->failed);
        return buf;
}

static size_t columns(int fd) {
        struct winsize window;
        return ioctl(fd, TIOCGWINSZ, &window) == 0 && window.ws_col ? window.ws_col
                                                                    : COLUMNS_DEFAULT;
}

/* Tasks a second, lately; at first since the beginning. */
static void rate_update(MapProgress *p, uint64_t done, usec_t now) {
        double step = (double)(now - p->drawn_usec) / (double)USEC_PER_SEC;
        double all = (double)(now - p->began_usec) / (double)USEC_PER_SEC;
        if (all <= RATE_MEMORY_SECS) {
                p->per_sec = all > 0 ? (double)done / all : 0;
        } else if (step > 0) {
                double weight = step / (step + RATE_MEMORY_SECS);
                p->per_sec += weight * ((double)(done - p->drawn_done) / step - p->per_sec);
        }
        p->drawn_done = done;
        p->drawn_usec = now;
}

void map_progress_draw(MapProgress *p, const MapCounts *counts, usec_t now) {
        char text[LINE_MAX_BYTES], line[LINE_MAX_BYTES + sizeof ERASE];
        if (now < map_progress_due(p))
                return;
        if (!counts) {
                p->drawn_usec = now;
                return;
        }
        rate_update(p, counts->done, now);
        map_progress_text(counts, p->per_sec, text, sizeof text);
        int width = (int)MIN_OF(columns(p->fd) - 1, sizeof text - 1);
        int n = snprintf(line, sizeof line, ERASE "%.*s", width, text);
        write_all(p->fd, line, (size_t)n);
        p->drawn = true;
        p->hidden = false;
}

void map_progress_hide(MapProgress *p) {
        if (!p->drawn)
                return;
        write_all(p->fd, ERASE, strlen(ERASE));
        p->drawn = false;
        p->hidden = true;
}
