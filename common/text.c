/* The text helpers of text.h. Whatever cuts text goes through a Cut, so that there is one place
 * that knows how to end at a whole character with an ellipsis and never write past a buffer. */
#include "common/text.h"

#include "common/macro.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define ELLIPSIS      "…"
#define ELLIPSIS_SIZE (sizeof(ELLIPSIS) - 1)

static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

static bool is_word_character(char c) {
        return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
               c == '.' || c == '-';
}

/* ---- names ---- */

bool name_is_valid_n(const char *text, size_t size) {
        if (size == 0 || size > NAME_MAX_LENGTH)
                return false;
        for (size_t i = 0; i < size; i++)
                if (!is_word_character(text[i]))
                        return false;
        return true;
}

bool name_is_valid(const char *text) {
        return name_is_valid_n(text, strnlen(text, NAME_MAX_LENGTH + 1));
}

/* ---- UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF) ---- */

/* Bytes of the character at p, 0 if it is none; its code point in ret. n is at least 1. */
static size_t utf8_character(const uint8_t *p, size_t n, uint32_t *ret) {
        static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
        size_t length = p[0] < 0x80 ? 1 : p[0] < 0xC2 ? 0 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
        if (length == 0 || length > n || p[0] > 0xF4)
                return 0;
        uint32_t code = length == 1 ? p[0] : p[0] & (0xFFu >> (length + 1));
        for (size_t i = 1; i < length; i++) {
                if ((p[i] & 0xC0) != 0x80)
                        return 0;
                code = code << 6 | (p[i] & 0x3Fu);
        }
        if (code < smallest[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
                return 0;
        *ret = code;
        return length;
}

bool utf8_is_valid(const void *data, size_t size) {
        const uint8_t *p = data;
        uint32_t code;
        for (size_t i = 0, n; i < size; i += n)
                if ((n = utf8_character(p + i, size - i, &code)) == 0)
                        return false;
        return true;
}

/* ---- numbers and sizes ---- */

static int digits_parse(const char *text, uint64_t *ret) {
        uint64_t value = 0;
        bool over = false;
        if (!is_digit(*text))
                return -EINVAL;
        for (; is_digit(*text); text++)
                over |= __builtin_mul_overflow(value, 10u, &value) ||
                        __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value);
        if (*text != '\0')
                return -EINVAL;
        if (over)
                return -ERANGE;
        *ret = value;
        return 0;
}

int u64_parse(const char *text, uint64_t *ret) {
        return digits_parse(text, ret);
}

int i64_parse(const char *text, int64_t *ret) {
        bool negative = *text == '-';
        uint64_t magnitude;
        int r = digits_parse(text + (negative || *text == '+'), &magnitude);
        if (r < 0)
                return r;
        if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0))
                return -ERANGE;
        *ret = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
        return 0;
}

int size_parse(const char *text, uint64_t *ret) {
        static const char letters[] = "KMGT";
        const char *end = text + strspn(text, "0123456789");
        const char *rest = end;
        unsigned shift = 0;
        if (*rest != '\0') {
                const char *letter = strchr(letters, toupper((unsigned char)*rest));
                if (letter) {
                        shift = 10 * (unsigned)(letter - letters + 1);
                        rest++;
                }
                if (strcmp(rest, "") != 0 && strcmp(rest, "B") != 0 &&
                    (shift == 0 || strcmp(rest, "iB") != 0))
                        return -EINVAL;
        }

        char digits[32]; /* 20 digits hold every number; more, without leading zeros, is too large
                          */
        text += MIN_OF(strspn(text, "0"), end > text ? (size_t)(end - text - 1) : 0);
        if ((size_t)(end - text) >= sizeof(digits))
                return -ERANGE;
        *(char *)mempcpy(digits, text, (size_t)(end - text)) = '\0';

        uint64_t value;
        int r = digits_parse(digits, &value);
        if (r < 0)
                return r;
        if (value > UINT64_MAX >> shift)
                return -ERANGE;
        *ret = value << shift;
        return 0;
}

const char *size_format(uint64_t bytes, char *buf, size_t size) {
        static const char letters[] = "KMGTPE";
        unsigned step = 0;
        while (step < sizeof(letters) - 1 && bytes >> (10 * step) >= 1024)
                step++;
        if (step == 0) {
                snprintf(buf, size, "%" PRIu64 " B", bytes);
                return buf;
        }
        uint64_t whole = bytes >> (10 * step);
        uint64_t below = bytes >> (10 * (step - 1)) & 1023; /* 1024ths of the unit */
        uint64_t tenth = below * 10 / 1024;
        if (tenth > 0)
                snprintf(buf, size, "%" PRIu64 ".%" PRIu64 " %ciB", whole, tenth,
                         letters[step - 1]);
        else
                snprintf(buf, size, "%" PRIu64 " %ciB", whole, letters[step - 1]);
        return buf;
}

/* ---- text that may be cut ---- */

typedef struct Cut {
        char *buf;
        size_t room;   /* bytes without the NUL */
        size_t length; /* written */
        size_t mark;   /* after the last whole piece that leaves room for the ellipsis */
} Cut;

static Cut cut_start(char *buf, size_t size) {
        return (Cut){.buf = buf, .room = size - 1};
}

/* Adds one piece whole, or ends the text; false: it is full. */
static bool cut_add(Cut *c, const void *piece, size_t size) {
        if (size > c->room - c->length) {
                if (c->room >= ELLIPSIS_SIZE) {
                        memcpy(c->buf + c->mark, ELLIPSIS, ELLIPSIS_SIZE);
                        c->length = c->mark + ELLIPSIS_SIZE;
                }
                return false;
        }
        memcpy(c->buf + c->length, piece, size);
        c->length += size;
        if (c->room - c->length >= ELLIPSIS_SIZE)
                c->mark = c->length;
        return true;
}

static const char *cut_end(Cut *c) {
        c->buf[c->length] = '\0';
        return c->buf;
}

/* ---- escaping ---- */

/* Moves the cursor, breaks the line or turns the direction in which a terminal writes. */
static bool is_control(uint32_t code) {
        return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x61C ||
               (code >= 0x200E && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) ||
               (code >= 0x2066 && code <= 0x2069);
}

static bool cut_add_escaped(Cut *c, uint8_t byte) {
        static const char named[] = "\\\\\nn\tt\rr"; /* pairs of the character and its letter */
        char piece[5];
        for (size_t i = 0; i + 1 < sizeof(named); i += 2)
                if (byte == (uint8_t)named[i])
                        return cut_add(c, (char[]){'\\', named[i + 1]}, 2);
        snprintf(piece, sizeof(piece), "\\x%02x", byte);
        return cut_add(c, piece, 4);
}

const char *text_escape(const void *data, size_t length, char *buf, size_t size) {
        const uint8_t *p = data, *end = p + length;
        if (size == 0)
                return "";
        Cut c = cut_start(buf, size);
        while (p < end) {
                uint32_t code = 0;
                size_t n = utf8_character(p, (size_t)(end - p), &code);
                if (n > 0 && code != '\\' && !is_control(code)) {
                        if (!cut_add(&c, p, n))
                                break;
                        p += n;
                } else if (!cut_add_escaped(&c, *p++))
                        break;
        }
        return cut_end(&c);
}

/* ---- shell words ---- */

/* Plain in a shell wherever it stands, but for the first word, which may be an assignment or a
 * keyword. */
static bool shell_word_is_plain(const char *word, bool first) {
        static const char *const keywords[] = {"case", "do",   "done",     "elif", "else", "esac",
                                               "fi",   "for",  "function", "if",   "in",   "select",
                                               "then", "time", "until",    "while"};
        if (*word == '\0')
                return false;
        for (const char *p = word; *p; p++)
                if (!is_word_character(*p) && !strchr("/:,+@%", *p) && (first || *p != '='))
                        return false;
        for (size_t i = 0; first && i < ARRAY_SIZE(keywords); i++)
                if (strcmp(word, keywords[i]) == 0)
                        return false;
        return true;
}

static bool cut_add_characters(Cut *c, const char *text, bool quoted) {
        size_t left = strlen(text);
        while (left > 0) {
                uint32_t code;
                size_t n = MAX_OF(utf8_character((const uint8_t *)text, left, &code), (size_t)1);
                bool added = quoted && *text == '\'' ? cut_add(c, "'\\''", 4) : cut_add(c, text, n);
                if (!added)
                        return false;
                text += n;
                left -= n;
        }
        return true;
}

const char *text_shell_quote(char *const *argv, size_t argc, char *buf, size_t size) {
        if (size == 0)
                return "";
        Cut c = cut_start(buf, size);
        for (size_t i = 0; i < argc; i++) {
                bool plain = shell_word_is_plain(argv[i], i == 0);
                if ((i > 0 && !cut_add(&c, " ", 1)) || (!plain && !cut_add(&c, "'", 1)) ||
                    !cut_add_characters(&c, argv[i], !plain) || (!plain && !cut_add(&c, "'", 1)))
                        break;
        }
        return cut_end(&c);
}

/* ---- suggestions ---- */

#define NEAREST_LENGTH_MAX 64

/* Optimal string alignment: insertions, deletions, replacements and swaps of neighbours cost 1
 * each. */
static unsigned edit_distance(const char *a, size_t n, const char *b, size_t m) {
        unsigned rows[3][NEAREST_LENGTH_MAX + 1];
        unsigned *before = rows[0], *last = rows[1], *row = rows[2];
        for (unsigned j = 0; j <= m; j++)
                last[j] = j;
        for (unsigned i = 1; i <= n; i++) {
                row[0] = i;
                for (size_t j = 1; j <= m; j++) {
                        int x = tolower((unsigned char)a[i - 1]),
                            y = tolower((unsigned char)b[j - 1]);
                        row[j] = MIN_OF(last[j - 1] + (x != y), MIN_OF(last[j], row[j - 1]) + 1);
                        if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
                            y == tolower((unsigned char)a[i - 2]))
                                row[j] = MIN_OF(row[j], before[j - 2] + 1);
                }
                unsigned *free_row = before;
                before = last;
                last = row;
                row = free_row;
        }
        return last[m];
}

const char *text_nearest(const char *word, const char *const *candidates, size_t n) {
        size_t length = strnlen(word, NEAREST_LENGTH_MAX + 1);
        if (length == 0 || length > NEAREST_LENGTH_MAX)
                return NULL;

        const char *nearest = NULL;
        unsigned bound = (unsigned)MAX_OF(length / 3, (size_t)1) + 1; /* a match is below it */
        for (size_t i = 0; i < n; i++) {
                size_t size = strnlen(candidates[i], NEAREST_LENGTH_MAX + 1);
                if (size > NEAREST_LENGTH_MAX)
                        continue;
                unsigned distance = edit_distance(word, length, candidates[i], size);
                bool better = distance < bound ||
                              (nearest && distance == bound && candidates[i][0] == word[0] &&
                               nearest[0] != word[0]); /* few get the first letter wrong */
                if (better && distance < MAX_OF(length, size)) {
                        bound = distance;
                        nearest = candidates[i];
                }
        }
        return nearest;
}
