/* See top-screen.h. Nothing of ncurses but functions is used: its variables would need to be
 * imported, and one window of our own does for all of the screen. */
#include "client/cli/top-screen.h"

#include "client/cli/top-keys.h"

#include <dlfcn.h>
#include <langinfo.h>
#include <ncurses.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#define LIBRARY        "libncursesw.so.6"
#define COLUMNS_MAX    1024
#define ESCAPE_MSEC    25 /* within which the rest of a key's sequence comes */
#define REPLACEMENT    L'?'
#define CELL_TEXT_SIZE (4 * COLUMNS_MAX)

/* The functions that are used, with the types of the header. */
#define FUNCTIONS(F)                                                                               \
        F(newterm)                                                                                 \
        F(set_term)                                                                                \
        F(delscreen)                                                                               \
        F(newwin)                                                                                  \
        F(delwin)                                                                                  \
        F(endwin)                                                                                  \
        F(resizeterm)                                                                              \
        F(wresize)                                                                                 \
        F(cbreak)                                                                                  \
        F(noecho)                                                                                  \
        F(nonl)                                                                                    \
        F(keypad)                                                                                  \
        F(nodelay)                                                                                 \
        F(curs_set)                                                                                \
        F(set_escdelay)                                                                            \
        F(has_colors)                                                                              \
        F(start_color)                                                                             \
        F(use_default_colors)                                                                      \
        F(init_pair)                                                                               \
        F(wattr_set)                                                                               \
        F(werase)                                                                                  \
        F(wmove)                                                                                   \
        F(waddnwstr)                                                                               \
        F(wnoutrefresh)                                                                            \
        F(doupdate)                                                                                \
        F(redrawwin)                                                                               \
        F(clearok)                                                                                 \
        F(wget_wch)

#define FUNCTION_POINTER(name) __typeof__(name) *name;
/* clang-format off */
static struct {
        void *library;
        FUNCTIONS(FUNCTION_POINTER)
} lib;
/* clang-format on */

struct TopScreen {
        SCREEN *screen;
        WINDOW *window;
        unsigned rows, columns;
        bool color, utf8;
};

/* ---- opening ---- */

static int library_open(Error *error) {
        if (lib.library)
                return 0;
        lib.library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
        if (!lib.library)
                return error_set(error, EXIT_SOFTWARE,
                                 "cannot draw on the terminal: %s; install libncursesw6, or use "
                                 "`stint status`",
                                 dlerror());
#define FUNCTION_LOAD(name)                                                                        \
        *(void **)&lib.name = dlsym(lib.library, #name);                                           \
        ASSERT(lib.name);
        FUNCTIONS(FUNCTION_LOAD)
        return 0;
}

static void measure(TopScreen *s) {
        struct winsize size = {0};
        bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col;
        s->rows = known ? size.ws_row : 24;
        s->columns = known ? MIN_OF((unsigned)size.ws_col, (unsigned)COLUMNS_MAX) : 80;
}

/* Colours by style; the terminal's own background stays. */
static void colors_open(TopScreen *s) {
        static const struct {
                TopStyle style;
                short color;
        } pairs[] = {
                {TOP_STYLE_RUNNING, COLOR_CYAN},   {TOP_STYLE_GOOD, COLOR_GREEN},
                {TOP_STYLE_WARNING, COLOR_YELLOW}, {TOP_STYLE_BAD, COLOR_RED},
                {TOP_STYLE_BAR, COLOR_GREEN},      {TOP_STYLE_FOCUS, COLOR_CYAN},
        };
        s->color = lib.has_colors() && lib.start_color() == OK && lib.use_default_colors() == OK;
        for (size_t i = 0; s->color && i < ARRAY_SIZE(pairs); i++)
                lib.init_pair((short)pairs[i].style, pairs[i].color, -1);
}

int top_screen_open(TopColors colors, Error *error, TopScreen **ret) {
        int r = library_open(error);
        if (r < 0)
                return r;
        _cleanup_(top_screen_freep) TopScreen *s = calloc(1, sizeof *s);
        if (!s)
                return error_set(error, EXIT_SOFTWARE, "out of memory");
        const char *term = getenv("TERM");
        s->screen = lib.newterm(NULL, stdout, stdin);
        if (!s->screen)
                return error_set(error, EXIT_USAGE,
                                 "cannot draw on a terminal of type \"%s\": its description is "
                                 "missing or too poor; set TERM, or use `stint status`",
                                 term ? term : "");
        measure(s);
        lib.resizeterm((int)s->rows, (int)s->columns);
        s->window = lib.newwin(0, 0, 0, 0);
        ASSERT(s->window);
        s->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
        lib.cbreak();
        lib.noecho();
        lib.nonl();
        lib.keypad(s->window, true);
        lib.nodelay(s->window, true);
        lib.set_escdelay(ESCAPE_MSEC);
        lib.curs_set(0);
        if (colors == TOP_COLORS_WANTED)
                colors_open(s);
        *ret = take_ptr(s);
        return 0;
}

TopScreen *top_screen_free(TopScreen *s) {
        if (!s)
                return NULL;
        if (s->screen) {
                top_screen_leave(s);
                if (s->window)
                        lib.delwin(s->window);
                lib.delscreen(s->screen);
        }
        free(s);
        return NULL;
}

/* ---- size ---- */

unsigned top_screen_rows(const TopScreen *s) {
        return s->rows;
}

unsigned top_screen_columns(const TopScreen *s) {
        return s->columns;
}

bool top_screen_is_utf8(const TopScreen *s) {
        return s->utf8;
}

void top_screen_measure(TopScreen *s) {
        measure(s);
        lib.resizeterm((int)s->rows, (int)s->columns);
        lib.wresize(s->window, (int)s->rows, (int)s->columns);
        top_screen_forget(s);
}

/* ---- drawing ---- */

static void style_set(TopScreen *s, TopStyle style) {
        static const attr_t with_color[] = {
                [TOP_STYLE_PLAIN] = A_NORMAL,     [TOP_STYLE_DIM] = A_DIM,
                [TOP_STYLE_STRONG] = A_BOLD,      [TOP_STYLE_RUNNING] = A_NORMAL,
                [TOP_STYLE_GOOD] = A_NORMAL,      [TOP_STYLE_WARNING] = A_NORMAL,
                [TOP_STYLE_BAD] = A_NORMAL,       [TOP_STYLE_BAR] = A_NORMAL,
                [TOP_STYLE_TITLE] = A_UNDERLINE,  [TOP_STYLE_FOCUS] = A_REVERSE,
                [TOP_STYLE_SELECTED] = A_REVERSE,
        };
        static const attr_t without[] = {
                [TOP_STYLE_WARNING] = A_BOLD,
                [TOP_STYLE_BAD] = A_BOLD,
                [TOP_STYLE_SELECTED] = A_NORMAL,
        };
        bool has_pair = style != TOP_STYLE_SELECTED && style != TOP_STYLE_TITLE &&
                        style >= TOP_STYLE_RUNNING;
        attr_t attributes = with_color[style];
        if (!s->color && (size_t)style < ARRAY_SIZE(without))
                attributes |= without[style];
        lib.wattr_set(s->window, attributes, s->color && has_pair ? (short)style : (short)0, NULL);
}

void top_screen_begin(TopScreen *s) {
        lib.werase(s->window);
}

/* The next character of a text, and how many cells it has; what the locale cannot show becomes a
 * question mark. */
static wchar_t next_character(const char **text, mbstate_t *state, int *ret_width) {
        wchar_t c;
        size_t n = mbrtowc(&c, *text, MB_CUR_MAX, state);
        if (n == (size_t)-1 || n == (size_t)-2) {
                *state = (mbstate_t){0};
                c = REPLACEMENT;
                n = 1;
                while (((unsigned char)(*text)[n] & 0xC0) == 0x80) /* the rest of it */
                        n++;
        }
        *text += n;
        *ret_width = c ? wcwidth(c) : 0;
        if (*ret_width < 0) {
                c = REPLACEMENT;
                *ret_width = 1;
        }
        return c;
}

/* Of the text, what fits into width cells; returns how many of them it takes. */
static unsigned fit(const TopScreen *s, const char *text, unsigned width, wchar_t *ret,
                    size_t *ret_n) {
        mbstate_t state = {0};
        unsigned used = 0, used_before_last = 0;
        size_t n = 0, n_before_last = 0;
        while (*text) {
                int cells;
                wchar_t c = next_character(&text, &state, &cells);
                if (used + (unsigned)cells > width || n + 2 > CELL_TEXT_SIZE) {
                        n = n_before_last; /* room for the ellipsis */
                        used = used_before_last + 1;
                        ret[n++] = s->utf8 ? L'\u2026' : L'~';
                        break;
                }
                ret[n++] = c;
                used += (unsigned)cells;
                if (used < width) {
                        used_before_last = used;
                        n_before_last = n;
                }
        }
        *ret_n = n;
        return used;
}

void top_screen_put(TopScreen *s, unsigned row, unsigned column, unsigned width, TopAlign align,
                    TopStyle style, const char *text) {
        static wchar_t cells[CELL_TEXT_SIZE], blanks[COLUMNS_MAX];
        if (row >= s->rows || column >= s->columns)
                return;
        width = MIN_OF(width, s->columns - column);
        if (!width)
                return;
        if (!blanks[0])
                wmemset(blanks, L' ', COLUMNS_MAX);
        size_t n;
        unsigned used = fit(s, text, width, cells, &n);
        style_set(s, style);
        lib.wmove(s->window, (int)row, (int)column);
        if (align == TOP_ALIGN_RIGHT)
                lib.waddnwstr(s->window, blanks, (int)(width - used));
        lib.waddnwstr(s->window, cells, (int)n);
        if (align == TOP_ALIGN_LEFT)
                lib.waddnwstr(s->window, blanks, (int)(width - used));
}

void top_screen_end(TopScreen *s) {
        lib.wnoutrefresh(s->window);
        lib.doupdate();
}

void top_screen_forget(TopScreen *s) {
        lib.clearok(s->window, true);
}

/* ---- keys ---- */

int top_screen_key(TopScreen *s) {
        static const struct {
                int theirs, ours;
        } keys[] = {
                {KEY_UP, TOP_KEY_UP},         {KEY_DOWN, TOP_KEY_DOWN},
                {KEY_LEFT, TOP_KEY_LEFT},     {KEY_RIGHT, TOP_KEY_RIGHT},
                {KEY_PPAGE, TOP_KEY_PAGE_UP}, {KEY_NPAGE, TOP_KEY_PAGE_DOWN},
                {KEY_HOME, TOP_KEY_HOME},     {KEY_END, TOP_KEY_END},
                {KEY_BTAB, TOP_KEY_BACK_TAB}, {KEY_BACKSPACE, TOP_KEY_BACKSPACE},
                {KEY_ENTER, TOP_KEY_ENTER},   {KEY_F(1), TOP_KEY_F1},
        };
        for (;;) {
                wint_t c;
                int r = lib.wget_wch(s->window, &c);
                if (r == ERR)
                        return 0;
                if (r == OK)
                        return c == 127 || c == '\b' ? TOP_KEY_BACKSPACE : (int)c;
                for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                        if (keys[i].theirs == (int)c)
                                return keys[i].ours;
        }
}

/* ---- giving it away ---- */

void top_screen_leave(TopScreen *s) {
        lib.endwin();
}

void top_screen_return(TopScreen *s) {
        top_screen_measure(s);
        lib.doupdate();
}
