/* See wrap.h. */
#include "client/cli/wrap.h"

#include "client/cli/pager.h"

#include <stdio.h>
#include <string.h>

#define WIDTH_DEFAULT 80
#define WIDTH_LEAST   20

size_t wrap_width(size_t most) {
        size_t width = terminal_columns();
        return MIN_OF(most, width ? MAX_OF(width, (size_t)WIDTH_LEAST) : WIDTH_DEFAULT);
}

/* Columns on a terminal: bytes that begin a character, since nothing wider is printed here. */
static size_t columns_of(const char *text, size_t size) {
        size_t n = 0;
        for (size_t i = 0; i < size; i++)
                n += ((unsigned char)text[i] & 0xC0) != 0x80;
        return n;
}

static void put(Wrap *w, const char *word, size_t size) {
        size_t width = columns_of(word, size);
        bool begins = w->column <= w->indent; /* a line: only its indent is there */
        if (!begins && w->column + 1 + width > w->width) {
                printf("\n");
                w->column = 0;
                begins = true;
        }
        size_t blanks = begins ? w->indent - w->column : 1;
        printf("%*s%.*s", (int)blanks, "", (int)size, word);
        w->column += blanks + width;
}

void wrap_word(Wrap *w, const char *word) {
        put(w, word, strlen(word));
}

void wrap_end(Wrap *w) {
        if (w->column)
                printf("\n");
        w->column = 0;
}

void wrap_text(Wrap *w, const char *text) {
        for (const char *at = text; *at;) {
                size_t size = strcspn(at, " \n");
                put(w, at, size);
                at += size;
                size_t gap = strspn(at, " \n"), lines = 0;
                for (size_t i = 0; i < gap; i++)
                        lines += at[i] == '\n';
                if (lines > 1) {
                        wrap_end(w);
                        printf("\n");
                }
                at += gap;
        }
}
