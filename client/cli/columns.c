/* See columns.h. Cells are gathered, then cut to what the terminal has room for: libsmartcols cuts
 * queues before it cuts commands. It is loaded when the first table is printed: the commands that
 * scripts call thousands of times make none. What fails in here is lack of memory, and ends the
 * program. */
#include "client/cli/columns.h"

#include "client/cli/pager.h"
#include "common/text.h"
#include "common/time.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <string.h>
#include <wchar.h>

#define LIBRARY    "libsmartcols.so.1"
#define CELL_SIZE  2048
#define WIDE_LEAST 16 /* columns that a WIDE one keeps while a CUT one can give way */
#define CUT_LEAST  5

/* The functions that are used, with the types of the header. */
#define FUNCTIONS(F)                                                                               \
        F(scols_new_table)                                                                         \
        F(scols_unref_table)                                                                       \
        F(scols_table_new_column)                                                                  \
        F(scols_table_new_line)                                                                    \
        F(scols_table_enable_colors)                                                               \
        F(scols_line_set_data)                                                                     \
        F(scols_line_get_cell)                                                                     \
        F(scols_cell_set_color)                                                                    \
        F(scols_print_table)                                                                       \
        F(scols_table_set_termforce)

#define FUNCTION_POINTER(name) __typeof__(name) *name;
/* clang-format off */
static struct {
        void *library;
        FUNCTIONS(FUNCTION_POINTER)
} lib;
/* clang-format on */

typedef struct Cell {
        char *text;
        const char *color; /* NULL: plain */
} Cell;

struct Columns {
        Column columns[COLUMNS_MAX]; /* those that are shown */
        bool shown[COLUMNS_MAX];     /* of the caller's, which of them are */
        size_t count, asked;         /* how many columns are shown; the caller's next one */
        Cell *cells;                 /* row after row */
        size_t cell_count, cell_room;
        size_t width; /* of the terminal, 0: none */
        bool color;
};

static void library_open(void) {
        if (lib.library)
                return;
        lib.library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
        if (!lib.library) {
                Error error;
                error_set(&error, EXIT_SOFTWARE,
                          "cannot print a table: %s; install libsmartcols1, or use --json",
                          dlerror());
                error_print("stint", &error);
                exit(EXIT_SOFTWARE);
        }
#define FUNCTION_LOAD(name)                                                                        \
        *(void **)&lib.name = dlsym(lib.library, #name);                                           \
        ASSERT(lib.name);
        FUNCTIONS(FUNCTION_LOAD)
}

bool color_is_wanted(const GeneralOptions *general) {
        const char *none = getenv("NO_COLOR");
        if (general->color == COLOR_NEVER || (none && none[0]))
                return false;
        return general->color == COLOR_ALWAYS || terminal_is_output();
}

Columns *columns_new(const Column *columns, size_t n, const GeneralOptions *general) {
        Columns *c = calloc(1, sizeof *c);
        ASSERT(c && n <= COLUMNS_MAX);
        c->color = color_is_wanted(general);
        c->width = terminal_columns();
        for (size_t i = 0; i < n; i++) {
                c->shown[i] = !c->width || c->width >= columns[i].from_width;
                if (c->shown[i])
                        c->columns[c->count++] = columns[i];
        }
        return c;
}

Columns *columns_free(Columns *c) {
        if (!c)
                return NULL;
        for (size_t i = 0; i < c->cell_count; i++)
                free(c->cells[i].text);
        free(c->cells);
        free(c);
        return NULL;
}

/* ---- filling ---- */

void columns_row(Columns *c) {
        if (c->cell_count + c->count > c->cell_room) {
                c->cell_room = 2 * c->cell_room + c->count;
                c->cells = reallocarray(c->cells, c->cell_room, sizeof *c->cells);
                ASSERT(c->cells);
        }
        c->asked = 0;
}

static void cell_set(Columns *c, const char *text, const char *color) {
        if (!c->shown[c->asked++])
                return;
        char *copy = strdup(text);
        ASSERT(copy);
        c->cells[c->cell_count++] = (Cell){copy, color};
}

void columns_text(Columns *c, const char *text) {
        char escaped[CELL_SIZE];
        cell_set(c, text_escape(text, strlen(text), escaped, sizeof escaped), NULL);
}

void columns_number(Columns *c, uint64_t number) {
        char text[24];
        snprintf(text, sizeof text, "%" PRIu64, number);
        cell_set(c, text, NULL);
}

void columns_duration(Columns *c, uint64_t from_usec, uint64_t to_usec) {
        char text[64] = "";
        if (from_usec)
                duration_format_brief(to_usec > from_usec ? to_usec - from_usec : 0, text,
                                      sizeof text);
        cell_set(c, text, NULL);
}

const char *color_of_state(StintState state) {
        static const char *const colors[STINT_EXPIRED + 1] = {
                [STINT_RUNNING] = "\033[36m",     [STINT_SUCCEEDED] = "\033[32m",
                [STINT_TASK_FAILED] = "\033[31m", [STINT_EXPIRED] = "\033[31m",
                [STINT_CANCELLED] = "\033[33m",   [STINT_HELD] = "\033[33m",
        };
        return stint_state_name(state) && colors[state] ? colors[state] : "";
}

void columns_state(Columns *c, StintState state) {
        const char *name = stint_state_name(state), *color = color_of_state(state);
        cell_set(c, name ? name : "?", c->color && color[0] ? color : NULL);
}

/* ---- fitting ---- */

/* Columns of a terminal that the first bytes of text take, at most max; *ret_size: how many bytes
 * those are. */
static size_t text_width(const char *text, size_t max, size_t *ret_size) {
        mbstate_t state = {0};
        size_t width = 0, at = 0, left = strlen(text);
        while (left) {
                wchar_t character;
                size_t n = mbrtowc(&character, text + at, left, &state);
                int columns = n <= left ? wcwidth(character) : 1;
                if (n > left || n == 0)
                        n = 1, memset(&state, 0, sizeof state);
                if (width + (size_t)MAX_OF(columns, 0) > max)
                        break;
                width += (size_t)MAX_OF(columns, 0);
                at += n;
                left -= n;
        }
        *ret_size = at;
        return width;
}

/* How wide each column would like to be. */
static void measure(const Columns *c, size_t *widths) {
        size_t size;
        for (size_t i = 0; i < c->count; i++)
                widths[i] = text_width(c->columns[i].title, SIZE_MAX, &size);
        for (size_t i = 0; i < c->cell_count; i++) {
                size_t width = text_width(c->cells[i].text, SIZE_MAX, &size);
                widths[i % c->count] = MAX_OF(widths[i % c->count], width);
        }
}

/* Takes what is too much from the columns of a kind, always from the widest of them. */
static size_t shrink(const Columns *c, ColumnKind kind, size_t least, size_t excess,
                     size_t *widths) {
        for (; excess; excess--) {
                size_t widest = c->count;
                for (size_t i = 0; i < c->count; i++)
                        if (c->columns[i].kind == kind && widths[i] > least &&
                            (widest == c->count || widths[i] > widths[widest]))
                                widest = i;
                if (widest == c->count)
                        break;
                widths[widest]--;
        }
        return excess;
}

static void cut(char **text, size_t width) {
        size_t size;
        if (text_width(*text, SIZE_MAX, &size) <= width)
                return;
        text_width(*text, width - 1, &size);
        char *shorter;
        ASSERT(asprintf(&shorter, "%.*s…", (int)size, *text) >= 0);
        free(*text);
        *text = shorter;
}

static void fit(Columns *c) {
        size_t widths[COLUMNS_MAX], sum = 0;
        measure(c, widths);
        for (size_t i = 0; i < c->count; i++)
                sum += widths[i] + (i > 0);
        if (sum <= c->width)
                return;
        size_t excess = shrink(c, COLUMN_WIDE, WIDE_LEAST, sum - c->width, widths);
        excess = shrink(c, COLUMN_CUT, CUT_LEAST, excess, widths);
        shrink(c, COLUMN_WIDE, CUT_LEAST, excess, widths);
        for (size_t i = 0; i < c->cell_count; i++)
                cut(&c->cells[i].text, widths[i % c->count]);
}

/* ---- printing ---- */

static void add_rows(const Columns *c, struct libscols_table *table) {
        for (size_t i = 0; i < c->cell_count; i += c->count) {
                struct libscols_line *line = lib.scols_table_new_line(table, NULL);
                ASSERT(line);
                for (size_t n = 0; n < c->count; n++) {
                        const Cell *cell = &c->cells[i + n];
                        ASSERT(lib.scols_line_set_data(line, n, cell->text) == 0);
                        if (cell->color)
                                lib.scols_cell_set_color(lib.scols_line_get_cell(line, n),
                                                         cell->color);
                }
        }
}

void columns_print(Columns *c) {
        if (!c->cell_count)
                return;
        library_open();
        if (c->width)
                fit(c);
        struct libscols_table *table = lib.scols_new_table();
        ASSERT(table);
        lib.scols_table_enable_colors(table, c->color);
        lib.scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER); /* it has been fitted */
        for (size_t i = 0; i < c->count; i++)
                ASSERT(lib.scols_table_new_column(
                        table, c->columns[i].title, 0,
                        c->columns[i].kind == COLUMN_NUMBER ? SCOLS_FL_RIGHT : 0));
        add_rows(c, table);
        lib.scols_print_table(table);
        lib.scols_unref_table(table);
}
