/* The errors of error.h: filled where they are understood, printed once by the program's main. */
#include "common/error.h"

#include "common/text.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define ELLIPSIS "…"

int error_set(Error *e, int code, const char *format, ...) {
        if (!e)
                return -code;
        va_list ap;
        va_start(ap, format);
        int n = vsnprintf(e->text, sizeof(e->text), format, ap);
        va_end(ap);
        e->code = code;
        if (n >= (int)sizeof(e->text)) { /* cut: end at a whole character and show it */
                size_t end = sizeof(e->text) - sizeof(ELLIPSIS);
                while (end > 0 && ((unsigned char)e->text[end] & 0xC0) == 0x80)
                        end--;
                strcpy(e->text + end, ELLIPSIS);
        }
        return -code;
}

void error_print(const char *program, const Error *e) {
        char text[4 * ERROR_TEXT_MAX], line[sizeof(text) + 64];
        int n = snprintf(
                line, sizeof(line), "%.32s: %s\n", program,
                text_escape(e->text, strnlen(e->text, sizeof(e->text)), text, sizeof(text)));
        ssize_t written = write(STDERR_FILENO, line, (size_t)n);
        (void)written; /* there is nowhere left to complain */
}
