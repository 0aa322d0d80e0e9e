/* See columns.h. libsmartcols is loaded when the first table is made: the commands that scripts
 * call thousands of times make none. What fails in here is lack of memory, and ends the program. */
#include "client/cli/columns.h"

#include "common/text.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <unistd.h>

#define LIBRARY   "libsmartcols.so.1"
#define CELL_SIZE 2048

/* The functions that are used, with the types of the header. */
#define FUNCTIONS(F)                                                                               \
        F(scols_new_table)                                                                         \
        F(scols_unref_table)                                                                       \
        F(scols_table_new_column)                                                                  \
        F(scols_table_new_line)                                                                    \
        F(scols_table_enable_maxout)                                                               \
        F(scols_table_enable_colors)                                                               \
        F(scols_line_set_data)                                                                     \
        F(scols_line_get_cell)                                                                     \
        F(scols_cell_set_color)                                                                    \
        F(scols_print_table)                                                                       \
        F(scols_table_is_empty)

#define FUNCTION_POINTER(name) __typeof__(name) *name;
/* clang-format off */
static struct {
        void *library;
        FUNCTIONS(FUNCTION_POINTER)
} lib;
/* clang-format on */

struct Columns {
        struct libscols_table *table;
        struct libscols_line *line;
        size_t cell;
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
        return general->color == COLOR_ALWAYS || isatty(STDOUT_FILENO);
}

Columns *columns_new(const Column *columns, size_t n, const GeneralOptions *general) {
        library_open();
        Columns *c = calloc(1, sizeof *c);
        ASSERT(c);
        c->table = lib.scols_new_table();
        ASSERT(c->table);
        c->color = color_is_wanted(general);
        lib.scols_table_enable_colors(c->table, c->color);
        for (size_t i = 0; i < n; i++) {
                int flags = columns[i].kind == COLUMN_NUMBER ? SCOLS_FL_RIGHT
                            : columns[i].kind == COLUMN_WIDE ? SCOLS_FL_TRUNC
                                                             : 0;
                ASSERT(lib.scols_table_new_column(c->table, columns[i].title, 0, flags));
        }
        return c;
}

Columns *columns_free(Columns *c) {
        if (!c)
                return NULL;
        lib.scols_unref_table(c->table);
        free(c);
        return NULL;
}

void columns_row(Columns *c) {
        c->line = lib.scols_table_new_line(c->table, NULL);
        ASSERT(c->line);
        c->cell = 0;
}

static void cell_set(Columns *c, const char *text) {
        ASSERT(lib.scols_line_set_data(c->line, c->cell++, text) == 0);
}

void columns_text(Columns *c, WireText text) {
        char escaped[CELL_SIZE];
        cell_set(c, text_escape(text.data, text.size, escaped, sizeof escaped));
}

void columns_number(Columns *c, uint64_t number) {
        char text[24];
        snprintf(text, sizeof text, "%" PRIu64, number);
        cell_set(c, text);
}

void columns_state(Columns *c, TaskState state) {
        static const char *const colors[TASK_STATE_MAX + 1] = {
                [TASK_RUNNING] = "cyan", [TASK_SUCCEEDED] = "green",  [TASK_FAILED] = "red",
                [TASK_EXPIRED] = "red",  [TASK_CANCELLED] = "yellow", [TASK_HELD] = "yellow",
        };
        const char *name = task_state_name(state);
        const char *color = name ? colors[state] : NULL;
        if (c->color && color)
                lib.scols_cell_set_color(lib.scols_line_get_cell(c->line, c->cell), color);
        cell_set(c, name ? name : "?");
}

void columns_print(Columns *c) {
        if (!lib.scols_table_is_empty(c->table))
                lib.scols_print_table(c->table);
}
