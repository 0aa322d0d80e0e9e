/* The text of one configuration file with everything that it includes, and where each line came
 * from. */
#pragma once

#include "config/findings.h"

#define SOURCE_BYTES_MAX   (1024 * 1024) /* of a file */
#define SOURCE_INCLUDE_MAX 8             /* files inside each other */
#define SOURCE_NESTING_MAX 32            /* brackets inside each other */

typedef struct SourceLine {
        size_t file; /* index in Source.files */
        unsigned line;
        bool code; /* anything but blanks and comments */
} SourceLine;

typedef struct Source {
        char *text; /* NUL-terminated, free of NULs and of @include */
        size_t size;
        char **files;
        size_t file_count;
        SourceLine *lines; /* of text, line 1 first */
        size_t line_count, line_alloc;
} Source;

/* Opens a regular file without ever blocking. -ENOENT and so on; -EISDIR; -ENOTSUP: neither file
 * nor directory; -EFBIG: beyond SOURCE_BYTES_MAX. Reports nothing. */
int source_read_file(const char *path, char **ret_text, size_t *ret_size);
const char *source_read_error(int error); /* the reason, for people */

/* What a program wrote may say where its lines came from at first: a comment "#@ LINE FILE" speaks
 * of the line behind it, and "#@ 0 " says that it came from no file, which gives "" as the file. */
#define SOURCE_MARK "#@ "
typedef enum SourceKind { SOURCE_OF_PERSON, SOURCE_WITH_MARKS } SourceKind;

/* Scans text, the contents of the file name, and reads what it includes. A relative include is
 * looked up beside the including file. limit_bytes bounds all of it together. 0 or what was
 * reported; s needs source_done in any case. */
int source_load(Source *s, SourceKind kind, const char *name, const char *text, size_t size,
                size_t limit_bytes, Report *report);
void source_done(Source *s);

/* Where line (from 1) of the text came from. Lines behind the end give the last one. */
ConfigPlace source_place(const Source *s, unsigned line);

/* The last line with code before line, if it is in another file: a mistake at the end of an
 * included file is noticed only behind it. line 0: there is none. */
ConfigPlace source_place_before(const Source *s, unsigned line);
