/* Reads configuration text, expands @include and keeps a map of lines.
 *
 * libconfig could include files itself, but then a FIFO hangs it, relative names are not looked up
 * beside the including file, and mistakes are blamed on the wrong file; it also accepts what it
 * should not: integers wrap, an unterminated comment swallows the rest. A scanner that knows only
 * strings, comments, words, numbers and brackets is enough to close all of these; grammar and
 * values stay libconfig's. Everything is bounded: bytes, depth of files, depth of brackets. At the
 * first mistake the scan ends, as a parser's does.
 *
 * Integers that do not fit an int get libconfig's suffix L, so that they keep their value. */
#include "config/scan.h"

#include "common/text.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

typedef struct Output {
        Source *source;
        Report *report;
        FILE *stream;
        size_t limit_bytes, bytes_read; /* of all files together */
        bool in_line;                   /* the current line has its entry in the map */
        char last_code;                 /* the last character of code, 0 at first */
        unsigned nesting;               /* open brackets */
        SourceKind kind;
        SourceLine mark; /* where the next line came from; line_is_marked */
        bool line_is_marked;
} Output;

typedef struct Scan {
        Output *out;
        const char *at, *end;
        size_t file; /* index of the file's name */
        unsigned line, depth;
} Scan;

static int scan_text(Output *out, const char *name, const char *text, size_t size, unsigned depth,
                     ConfigPlace from);

/* ---- output ---- */

static ConfigPlace scan_place(const Scan *s) {
        return (ConfigPlace){.file = s->out->source->files[s->file], .line = s->line};
}

static int line_start(Scan *s) {
        Source *source = s->out->source;

        if (source->line_count == source->line_alloc) {
                size_t alloc = source->line_alloc ? 2 * source->line_alloc : 64;
                SourceLine *lines = reallocarray(source->lines, alloc, sizeof *lines);
                if (!lines)
                        return -ENOMEM;
                source->lines = lines;
                source->line_alloc = alloc;
        }
        source->lines[source->line_count++] =
                s->out->line_is_marked ? s->out->mark
                                       : (SourceLine){.file = s->file, .line = s->line};
        s->out->line_is_marked = false;
        s->out->in_line = true;
        return 0;
}

static int put(Scan *s, char c) {
        if (!s->out->in_line) {
                int r = line_start(s);
                if (r < 0)
                        return r;
        }
        if (putc_unlocked(c, s->out->stream) == EOF)
                return -ENOMEM;
        if (c == '\n')
                s->out->in_line = false;
        return 0;
}

/* Copies n characters of the input. */
static int copy(Scan *s, size_t n) {
        for (; n > 0; n--, s->at++) {
                int r = put(s, *s->at);
                if (r < 0)
                        return r;
                s->line += *s->at == '\n';
        }
        return 0;
}

static int copy_code(Scan *s, size_t n) {
        int r = 0;

        if (n > 0) {
                s->out->last_code = s->at[n - 1];
                r = copy(s, n);
        }
        if (r == 0 && s->out->in_line)
                s->out->source->lines[s->out->source->line_count - 1].code = true;
        return r;
}

/* ---- tokens ---- */

static size_t left(const Scan *s) {
        return (size_t)(s->end - s->at);
}

static bool at_text(const Scan *s, const char *text) {
        size_t n = strlen(text);
        return left(s) >= n && memcmp(s->at, text, n) == 0;
}

/* An escape of zero would cut the string without a word. */
static bool at_escaped_nul(const Scan *s) {
        return at_text(s, "\\x00") || at_text(s, "\\X00");
}

static int scan_string(Scan *s) {
        ConfigPlace start = scan_place(s);
        int r = copy_code(s, 1);

        while (r == 0 && s->at < s->end && *s->at != '"') {
                if (at_escaped_nul(s))
                        return report_add(s->out->report, -EINVAL, scan_place(s),
                                          "a string must not contain a NUL character");
                r = copy_code(s, *s->at == '\\' && left(s) > 1 ? 2 : 1);
        }
        if (r < 0)
                return r;
        if (s->at == s->end)
                return report_add(s->out->report, -EINVAL, start,
                                  "a string starts here and never ends: add the closing quote");
        return copy_code(s, 1);
}

static int scan_block_comment(Scan *s) {
        ConfigPlace start = scan_place(s);
        int r = copy(s, 2);

        while (r == 0 && s->at < s->end && !at_text(s, "*/"))
                r = copy(s, 1);
        if (r < 0)
                return r;
        if (s->at == s->end)
                return report_add(s->out->report, -EINVAL, start,
                                  "a comment starts here and never ends: add */");
        return copy(s, 2);
}

/* Index of the file of that name, which is n bytes long and belongs to the caller. */
static int file_index(Source *source, const char *name, size_t n, size_t *ret) {
        size_t i = 0;

        while (i < source->file_count &&
               (strlen(source->files[i]) != n || memcmp(source->files[i], name, n) != 0))
                i++;
        if (i == source->file_count) {
                char **files = reallocarray(source->files, i + 1, sizeof *files);
                if (!files)
                        return -ENOMEM;
                source->files = files;
                if (!(files[i] = calloc(1, n + 1)))
                        return -ENOMEM;
                memcpy(files[i], name, n);
                source->file_count++;
        }
        *ret = i;
        return 0;
}

static int scan_mark(Scan *s, const char *comment, size_t size) {
        const char *at = comment + strlen(SOURCE_MARK), *end = comment + size;
        unsigned line = 0;
        size_t file;

        while (at < end && isdigit((unsigned char)*at))
                line = 10 * line + (unsigned)(*at++ - '0');
        at += at < end;
        int r = file_index(s->out->source, at, (size_t)(end - at), &file);
        if (r < 0)
                return r;
        s->out->mark = (SourceLine){.file = file, .line = line};
        s->out->line_is_marked = true;
        return 0;
}

static int scan_line_comment(Scan *s) {
        const char *newline = memchr(s->at, '\n', left(s));
        size_t size = newline ? (size_t)(newline - s->at) : left(s);
        bool mark = s->out->kind == SOURCE_WITH_MARKS && at_text(s, SOURCE_MARK);
        const char *start = s->at;

        int r = copy(s, size);
        if (r < 0 || !mark)
                return r;
        return scan_mark(s, start, size);
}

static int scan_word(Scan *s) {
        size_t n = 0;

        while (n < left(s) && (isalnum((unsigned char)s->at[n]) || strchr("-_*", s->at[n])))
                n++;
        return copy_code(s, n);
}

static bool at_number(const Scan *s) {
        const char *c = s->at;

        if (left(s) > 1 && (*c == '-' || *c == '+'))
                c++;
        return isdigit((unsigned char)*c);
}

static int scan_number(Scan *s) {
        char digits[80], *rest;
        size_t n = 1;

        while (n < left(s) && (isalnum((unsigned char)s->at[n]) || s->at[n] == '.'))
                n++;
        snprintf(digits, sizeof digits, "%.*s", (int)MIN_OF(n, sizeof digits - 1), s->at);

        bool fraction = s->out->last_code == '.'; /* of a float such as .5 */
        bool hex = strchr(digits, 'x') || strchr(digits, 'X');
        errno = 0;
        long long value = strtoll(digits, &rest, hex ? 16 : 10);
        if (errno == ERANGE && (*rest == '\0' || *rest == 'L'))
                return report_add(s->out->report, -EINVAL, scan_place(s),
                                  "the number %s is too large", digits);

        int r = copy_code(s, n);
        if (r == 0 && *rest == '\0' && !fraction && (value < INT32_MIN || value > INT32_MAX))
                r = put(s, 'L');
        return r;
}

static int scan_bracket(Scan *s) {
        bool opens = strchr("([{", *s->at);

        if (opens && ++s->out->nesting > SOURCE_NESTING_MAX)
                return report_add(s->out->report, -EINVAL, scan_place(s),
                                  "brackets are nested more than %d deep", SOURCE_NESTING_MAX);
        if (!opens && s->out->nesting > 0)
                s->out->nesting--;
        if (strchr(")]", *s->at) && s->out->last_code == ',')
                return report_add(s->out->report, -EINVAL, scan_place(s),
                                  "a comma stands before the closing %c: remove the comma", *s->at);
        return copy_code(s, 1);
}

/* ---- include ---- */

/* The quoted name at s->at, with \" and \\ undone; advances behind it. NULL: none on this line. */
static char *include_name(Scan *s) {
        const char *c = s->at;
        char *name = malloc(left(s) + 1);
        size_t n = 0;

        if (!name)
                return NULL;
        while (c < s->end && (*c == ' ' || *c == '\t'))
                c++;
        if (c < s->end && *c == '"')
                for (c++; c < s->end && *c != '"' && *c != '\n'; c++) {
                        if (*c == '\\' && s->end - c > 1)
                                c++;
                        name[n++] = *c;
                }
        if (n == 0 || c == s->end || *c != '"') {
                free(name);
                return NULL;
        }
        name[n] = '\0';
        s->at = c + 1;
        return name;
}

/* A relative name is meant beside the including file. */
static char *include_path(const Scan *s, const char *name) {
        const char *includer = s->out->source->files[s->file], *slash = strrchr(includer, '/');
        char *path;

        if (name[0] == '/' || !slash)
                return strdup(name);
        return asprintf(&path, "%.*s/%s", (int)(slash - includer), includer, name) < 0 ? NULL
                                                                                       : path;
}

static int scan_include(Scan *s) {
        _cleanup_(freep) char *name = NULL, *path = NULL, *text = NULL;
        Report *report = s->out->report;
        char shown[256];
        size_t size;

        s->at += strlen("@include");
        name = include_name(s);
        if (!name)
                return report_add(report, -EINVAL, scan_place(s),
                                  "@include: needs the name of a file in quotes on the same line");
        path = include_path(s, name);
        if (!path)
                return -ENOMEM;
        text_escape(path, strlen(path), shown, sizeof shown);
        if (s->depth + 1 >= SOURCE_INCLUDE_MAX)
                return report_add(report, -EINVAL, scan_place(s),
                                  "@include: %s: files include each other more than %d deep", shown,
                                  SOURCE_INCLUDE_MAX);
        int r = source_read_file(path, &text, &size);
        if (r < 0)
                return report_add(report, r, scan_place(s), "@include: cannot read %s: %s", shown,
                                  source_read_error(r));
        r = scan_text(s->out, path, text, size, s->depth + 1, scan_place(s));
        return r < 0 || !s->out->in_line ? r : put(s, '\n');
}

/* ---- the whole ---- */

/* Nothing but blanks before s->at on its line. */
static bool at_line_start(const Scan *s, const char *begin) {
        const char *c = s->at;

        while (c > begin && (c[-1] == ' ' || c[-1] == '\t'))
                c--;
        return c == begin || c[-1] == '\n';
}

static int scan_token(Scan *s, const char *begin) {
        unsigned char c = (unsigned char)*s->at;

        if (c == '"')
                return scan_string(s);
        if (c == '#' || at_text(s, "//"))
                return scan_line_comment(s);
        if (at_text(s, "/*"))
                return scan_block_comment(s);
        if (at_text(s, "@include") && at_line_start(s, begin))
                return scan_include(s);
        if (isalpha(c) || c == '*')
                return scan_word(s);
        if (at_number(s))
                return scan_number(s);
        if (strchr("()[]{}", c))
                return scan_bracket(s);
        return isspace(c) ? copy(s, 1) : copy_code(s, 1);
}

static int check_bytes(Output *out, ConfigPlace at, const char *text, size_t size,
                       ConfigPlace from) {
        const char *nul = memchr(text, '\0', size);

        out->bytes_read += size;
        if (out->bytes_read > out->limit_bytes)
                return report_add(out->report, -EFBIG, from.file ? from : at,
                                  "larger than %zu bytes with all that it includes",
                                  out->limit_bytes);
        if (!nul)
                return 0;
        at.line = 1;
        for (const char *c = text; c < nul; c++)
                at.line += *c == '\n';
        return report_add(out->report, -EINVAL, at,
                          "contains a NUL character: this is no text file");
}

static int scan_text(Output *out, const char *name, const char *text, size_t size, unsigned depth,
                     ConfigPlace from) {
        static const char byte_order_mark[] = "\xef\xbb\xbf";
        Source *source = out->source;

        Scan s = {.out = out, .at = text, .end = text + size, .line = 1, .depth = depth};

        int r = file_index(source, name, strlen(name), &s.file);
        if (r < 0)
                return r;
        r = check_bytes(out, (ConfigPlace){.file = source->files[s.file]}, text, size, from);
        if (r == 0 && at_text(&s, byte_order_mark))
                s.at += strlen(byte_order_mark);
        while (r == 0 && s.at < s.end)
                r = scan_token(&s, text);
        if (r == 0 && out->in_line)
                r = put(&s, '\n');
        return r;
}

int scan_source(Source *s, SourceKind kind, const char *name, const char *text, size_t size,
                size_t limit_bytes, Report *report) {
        Output out = {.source = s, .report = report, .limit_bytes = limit_bytes, .kind = kind};

        out.stream = open_memstream(&s->text, &s->size);
        if (!out.stream)
                return -ENOMEM;
        int r = scan_text(&out, name, text, size, 0, (ConfigPlace){0});
        return fclose(out.stream) == 0 ? r : -ENOMEM;
}
