/* Text: names, numbers, sizes, escaping and suggestions. Shell words have a program of their own.
 */
#include "common/text.h"

#include "common/macro.h"
#include "tests/unit/common/random.h"

#include <errno.h>
#include <string.h>

#define TEXT(literal) literal, sizeof(literal) - 1

/* ---- names ---- */

Test(name, accepts_what_the_conventions_allow) {
        char longest[NAME_MAX_LENGTH + 1] = {0};
        memset(longest, 'x', NAME_MAX_LENGTH);
        cr_assert(name_is_valid("default"));
        cr_assert(name_is_valid("a"));
        cr_assert(name_is_valid("A-z_0.9"));
        cr_assert(name_is_valid("..."));
        cr_assert(name_is_valid(longest));
}

Test(name, refuses_everything_else) {
        static const char *const bad[] = {"", " ", "a b", "a/b", "a:b", "a\n", "é", "a=b", "*"};
        char too_long[NAME_MAX_LENGTH + 2] = {0};
        memset(too_long, 'x', NAME_MAX_LENGTH + 1);
        cr_assert(!name_is_valid(too_long));
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                cr_assert(!name_is_valid(bad[i]), "%s", bad[i]);
}

Test(name, with_a_size_needs_no_terminator_and_allows_none) {
        cr_assert(name_is_valid_n("mail!", 4));
        cr_assert(!name_is_valid_n("mail", 5));
        cr_assert(!name_is_valid_n("", 0));
}

Test(name, random_bytes_are_judged_byte_by_byte) {
        static const char allowed[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
        Random r = random_start();
        for (int i = 0; i < 100000; i++) {
                char text[70];
                size_t n = random_below(&r, sizeof(text) + 1);
                bool good = n >= 1 && n <= NAME_MAX_LENGTH;
                for (size_t j = 0; j < n; j++) {
                        text[j] = random_below(&r, 100)
                                          ? allowed[random_below(&r, sizeof(allowed) - 1)]
                                          : (char)random_u64(&r);
                        good &= text[j] && strchr(allowed, text[j]);
                }
                CHECK(&r, name_is_valid_n(text, n) == good);
        }
}

/* ---- UTF-8 ---- */

Test(utf8, accepts_every_length_and_its_limits) {
        cr_assert(utf8_is_valid(TEXT("")));
        cr_assert(utf8_is_valid(TEXT("plain \x7f\0 too")));
        cr_assert(utf8_is_valid(TEXT("\xC2\x80 \xDF\xBF")));
        cr_assert(utf8_is_valid(TEXT("\xE0\xA0\x80 \xED\x9F\xBF \xEE\x80\x80 \xEF\xBF\xBF")));
        cr_assert(utf8_is_valid(TEXT("\xF0\x90\x80\x80 \xF4\x8F\xBF\xBF")));
}

Test(utf8, refuses_overlong_surrogate_too_large_and_broken_sequences) {
        static const char *const bad[] = {
                "\x80",
                "\xBF",
                "\xC0\x80",
                "\xC1\xBF",
                "\xE0\x80\x80",
                "\xE0\x9F\xBF",
                "\xED\xA0\x80",
                "\xED\xBF\xBF",
                "\xC3",
                "\xE2\x82",
                "\xF0\x9F\x98",
                "\xC3(",
                "\xF0\x80\x80\x80",
                "\xFF",
                "\xF0\x8F\xBF\xBF",
                "\xFE",
                "\xF8\x90\x80\x80",
                "\xF4\x90\x80\x80",
                "\xF5\x80\x80\x80",
                "ok\xE2\x82",
                "\xE2(\xA1",
        };
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                cr_assert(!utf8_is_valid(bad[i], strlen(bad[i])), "case %zu", i);
}

/* ---- numbers ---- */

Test(number, whole_numbers_are_read_to_their_limits) {
        uint64_t u;
        int64_t i;
        cr_assert(u64_parse("0", &u) == 0 && u == 0);
        cr_assert(u64_parse("18446744073709551615", &u) == 0 && u == UINT64_MAX);
        cr_assert(i64_parse("9223372036854775807", &i) == 0 && i == INT64_MAX);
        cr_assert(i64_parse("-9223372036854775808", &i) == 0 && i == INT64_MIN);
        cr_assert(i64_parse("+5", &i) == 0 && i == 5);
        cr_assert(i64_parse("-0", &i) == 0 && i == 0);
        cr_assert_eq(u64_parse("18446744073709551616", &u), -ERANGE);
        cr_assert_eq(u64_parse("99999999999999999999999", &u), -ERANGE);
        cr_assert_eq(i64_parse("9223372036854775808", &i), -ERANGE);
        cr_assert_eq(i64_parse("-9223372036854775809", &i), -ERANGE);
}

Test(number, anything_beside_the_digits_is_refused) {
        static const char *const bad[] = {"",  " 1",  "1 ",  "1.0", "0x1", "1e3",
                                          "a", "--1", "+-1", "-",   "+"};
        uint64_t u = 42;
        int64_t i = 42;
        for (size_t k = 0; k < ARRAY_SIZE(bad); k++) {
                cr_assert_eq(u64_parse(bad[k], &u), -EINVAL, "%s", bad[k]);
                cr_assert_eq(i64_parse(bad[k], &i), -EINVAL, "%s", bad[k]);
        }
        cr_assert_eq(u64_parse("-1", &u), -EINVAL);
        cr_assert_eq(u64_parse("+1", &u), -EINVAL);
        cr_assert_eq(u64_parse("99999999999999999999999x", &u), -EINVAL);
        cr_assert(u == 42 && i == 42);
}

Test(number, what_printf_writes_is_read_back) {
        Random r = random_start();
        for (int k = 0; k < 100000; k++) {
                char text[32];
                uint64_t n = random_any_size(&r), u = 0;
                int64_t signed_n = (int64_t)n, i = 0;
                snprintf(text, sizeof(text), "%" PRIu64, n);
                CHECK(&r, u64_parse(text, &u) == 0 && u == n);
                snprintf(text, sizeof(text), "%" PRId64, signed_n);
                CHECK(&r, i64_parse(text, &i) == 0 && i == signed_n);
        }
}

/* ---- sizes ---- */

static void expect_size(const char *text, uint64_t expected) {
        uint64_t n = 0;
        cr_assert_eq(size_parse(text, &n), 0, "%s", text);
        cr_assert_eq(n, expected, "%s: %" PRIu64, text, n);
}

Test(size, letters_are_powers_of_1024) {
        expect_size("0", 0);
        expect_size("512", 512);
        expect_size("512B", 512);
        expect_size("64K", 64 << 10);
        expect_size("64k", 64 << 10);
        expect_size("512M", 512 << 20);
        expect_size("2G", (uint64_t)2 << 30);
        expect_size("1T", (uint64_t)1 << 40);
        expect_size("64KB", 64 << 10);
        expect_size("64KiB", 64 << 10);
        expect_size("007M", 7 << 20);
        expect_size("00000000000000000000000000000000000000001K", 1024);
        expect_size("0T", 0);
        expect_size("18446744073709551615", UINT64_MAX);
        expect_size("16777215T", (uint64_t)16777215 << 40);
}

Test(size, garbage_is_refused) {
        static const char *const bad[] = {"",    " ",   "K",     "-1",  "+1",   "1 K", "1.5G", "1X",
                                          "1KK", "1iB", "1Ki",   "1BK", "1KBB", "1b",  " 1",   "1 ",
                                          "0x1", "1P",  "1KiBs", "B",   ".",    "1\n"};
        uint64_t n = 42;
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                cr_assert_eq(size_parse(bad[i], &n), -EINVAL, "\"%s\"", bad[i]);
        cr_assert_eq(n, 42);
}

Test(size, more_than_64_bits_is_out_of_range) {
        static const char *const large[] = {
                "18446744073709551616", "18014398509481984K", "16777216T",
                "999999999999999999999999999999999999999999", "17179869184G"};
        uint64_t n = 42;
        for (size_t i = 0; i < ARRAY_SIZE(large); i++)
                cr_assert_eq(size_parse(large[i], &n), -ERANGE, "%s", large[i]);
        cr_assert_eq(n, 42);
}

Test(size, random_sizes_are_read_exactly_or_refused) {
        Random r = random_start();
        for (int i = 0; i < 100000; i++) {
                static const char letters[] = "KMGT";
                uint64_t n = random_any_size(&r), back = 0;
                unsigned power = (unsigned)random_below(&r, 4);
                bool fits = n <= UINT64_MAX >> (10 * (power + 1));
                char text[32];
                snprintf(text, sizeof(text), "%" PRIu64 "%c", n, letters[power]);
                int result = size_parse(text, &back);
                CHECK(&r, result == (fits ? 0 : -ERANGE));
                CHECK(&r, !fits || back == n << (10 * (power + 1)));
        }
}

static void expect_size_text(uint64_t bytes, const char *expected) {
        char buf[32];
        cr_assert_str_eq(size_format(bytes, buf, sizeof(buf)), expected);
}

Test(size, is_written_for_people_and_rounded_down) {
        expect_size_text(0, "0 B");
        expect_size_text(512, "512 B");
        expect_size_text(1023, "1023 B");
        expect_size_text(1024, "1 KiB");
        expect_size_text(1536, "1.5 KiB");
        expect_size_text((1 << 20) - 1, "1023.9 KiB");
        expect_size_text(1 << 20, "1 MiB");
        expect_size_text((uint64_t)2 << 30, "2 GiB");
        expect_size_text((uint64_t)1 << 40, "1 TiB");
        expect_size_text(UINT64_MAX, "15.9 EiB");
}

/* ---- escaping ---- */

static void expect_escaped(const char *data, size_t length, const char *expected) {
        char buf[256];
        cr_assert_str_eq(text_escape(data, length, buf, sizeof(buf)), expected);
}

Test(escape, leaves_plain_text_alone) {
        expect_escaped(TEXT(""), "");
        expect_escaped(TEXT("hello, 'world' \"x\" $y"), "hello, 'world' \"x\" $y");
        expect_escaped(TEXT("grüße €uro 😀"), "grüße €uro 😀");
}

Test(escape, controls_backslashes_and_broken_utf8_become_visible) {
        expect_escaped(TEXT("a\nb\tc\rd"), "a\\nb\\tc\\rd");
        expect_escaped(TEXT("\033[31mred\007"), "\\x1b[31mred\\x07");
        expect_escaped(TEXT("nul\0in"), "nul\\x00in");
        expect_escaped(TEXT("back\\slash"), "back\\\\slash");
        expect_escaped(TEXT("\x7f"), "\\x7f");
        expect_escaped(TEXT("\xC2\x9B"
                            "31m"),
                       "\\xc2\\x9b"
                       "31m"); /* CSI of C1 */
        expect_escaped(TEXT("bad \xFF \xC3"), "bad \\xff \\xc3");
        expect_escaped(TEXT("\xED\xA0\x80"), "\\xed\\xa0\\x80");
}

Test(escape, line_separators_and_direction_marks_become_visible) {
        expect_escaped(TEXT("a\u2028b"), "a\\xe2\\x80\\xa8b");
        expect_escaped(TEXT("a\u202eb"), "a\\xe2\\x80\\xaeb");
        expect_escaped(TEXT("a\u2066b"), "a\\xe2\\x81\\xa6b");
        expect_escaped(TEXT("a\u061cb"), "a\\xd8\\x9cb");
}

Test(escape, cuts_at_a_whole_character_with_an_ellipsis) {
        char buf[16];
        cr_assert_str_eq(text_escape(TEXT("abcdefg"), buf, 8), "abcdefg");
        cr_assert_str_eq(text_escape(TEXT("abcdefgh"), buf, 8), "abcd…");
        cr_assert_str_eq(text_escape(TEXT("abc😀efgh"), buf, 8), "abc…");
        cr_assert_str_eq(text_escape(TEXT("abc\nefgh"), buf, 8), "abc…");
        cr_assert_str_eq(text_escape(TEXT("ab\nefgh"), buf, 8), "ab\\n…");
        cr_assert_str_eq(text_escape(TEXT("abcd"), buf, 4), "…");
        cr_assert_str_eq(text_escape(TEXT("abcd"), buf, 3), "ab");
        cr_assert_str_eq(text_escape(TEXT("abcd"), buf, 1), "");
        cr_assert_str_eq(text_escape(TEXT("abcd"), buf, 0), "");
}

/* Mostly text, with every kind of trouble in it. */
static size_t random_text(Random *r, char *text, size_t max) {
        static const char *const pieces[] = {"a", "\n", "\\",       "é",
                                             "€", "😀",  "\xC2\x85", "\xE2\x80\xAE"};
        size_t n = 0, wanted = random_below(r, max - 4);
        while (n < wanted) {
                const char *piece = pieces[random_below(r, ARRAY_SIZE(pieces))];
                char byte[2] = {(char)random_u64(r), 0};
                if (random_below(r, 4) == 0)
                        piece = byte;
                size_t size = piece == byte ? 1 : strlen(piece);
                memcpy(text + n, piece, size);
                n += size;
        }
        return n;
}

static bool has_controls(const char *text) {
        for (const unsigned char *p = (const unsigned char *)text; *p; p++)
                if (*p < 0x20 || *p == 0x7F || (*p == 0xC2 && p[1] < 0xA0) ||
                    (*p == 0xE2 && p[1] == 0x80 && p[2] >= 0xA8 && p[2] <= 0xAE))
                        return true;
        return false;
}

/* Undoes text_escape. */
static size_t unescape(const char *text, char *ret) {
        size_t n = 0;
        for (const char *p = text; *p; p++) {
                if (*p != '\\') {
                        ret[n++] = *p;
                        continue;
                }
                p++;
                if (*p == 'x') {
                        ret[n++] = (char)strtoul((char[]){p[1], p[2], 0}, NULL, 16);
                        p += 2;
                } else
                        ret[n++] = *p == 'n' ? '\n' : *p == 't' ? '\t' : *p == 'r' ? '\r' : *p;
        }
        return n;
}

Test(escape, random_bytes_give_safe_valid_text_that_can_be_undone) {
        Random r = random_start();
        for (int i = 0; i < 50000; i++) {
                char data[64], whole[4 * sizeof(data) + 1], back[sizeof(whole)];
                size_t n = random_text(&r, data, sizeof(data));
                text_escape(data, n, whole, sizeof(whole));
                CHECK(&r, utf8_is_valid(whole, strlen(whole)));
                CHECK(&r, !has_controls(whole));
                CHECK(&r, unescape(whole, back) == n && memcmp(back, data, n) == 0);
        }
}

Test(escape, a_cut_text_is_safe_and_within_its_size) {
        Random r = random_start();
        for (int i = 0; i < 50000; i++) {
                char data[64], whole[4 * sizeof(data) + 1];
                size_t n = random_text(&r, data, sizeof(data)), size = 1 + random_below(&r, 80);
                text_escape(data, n, whole, sizeof(whole));
                char *cut = malloc(size); /* the sanitizer watches its ends */
                text_escape(data, n, cut, size);
                size_t length = strlen(cut);
                CHECK(&r, length < size && utf8_is_valid(cut, length) && !has_controls(cut));
                if (strlen(whole) < size)
                        CHECK(&r, strcmp(cut, whole) == 0);
                else if (size >= sizeof("…"))
                        CHECK(&r, length >= 3 && strcmp(cut + length - 3, "…") == 0 &&
                                          memcmp(cut, whole, length - 3) == 0);
                else
                        CHECK(&r, memcmp(cut, whole, length) == 0);
                free(cut);
        }
}

/* ---- suggestions ---- */

static const char *const commands[] = {"submit", "status", "list", "logs",   "show",
                                       "cancel", "run",    "wait", "result", "retry"};

static void expect_nearest(const char *word, const char *expected) {
        const char *found = text_nearest(word, commands, ARRAY_SIZE(commands));
        if (!expected)
                cr_assert_null(found, "%s gave %s", word, found);
        else
                cr_assert(found && strcmp(found, expected) == 0, "%s gave %s", word, found);
}

Test(nearest, finds_what_was_meant) {
        expect_nearest("sumbit", "submit"); /* a swap is one edit */
        expect_nearest("statsu", "status");
        expect_nearest("SHOW", "show");
        expect_nearest("lst", "list");
        expect_nearest("waitt", "wait");
        expect_nearest("cancle", "cancel");
        expect_nearest("rnu", "run");
        expect_nearest("log", "logs");
}

Test(nearest, says_nothing_when_nothing_is_near) {
        expect_nearest("", NULL);
        expect_nearest("xyz", NULL);
        expect_nearest("explode", NULL);
        expect_nearest("sta", NULL);
        cr_assert_null(text_nearest("run", commands, 0));
        cr_assert_null(text_nearest("a", (const char *[]){"b"}, 1));
}

Test(nearest, first_of_equals_wins) {
        cr_assert_str_eq(text_nearest("bat", (const char *[]){"cat", "hat", "mat"}, 3), "cat");
}

Test(nearest, of_equals_the_one_with_the_same_first_letter_wins) {
        cr_assert_str_eq(text_nearest("kll", (const char *[]){"ill", "kill", "koll"}, 3), "kill");
}

Test(nearest, long_words_are_near_to_nothing) {
        char word[200] = {0};
        memset(word, 'x', sizeof(word) - 1);
        cr_assert_null(text_nearest(word, (const char *[]){word}, 1));
        word[65] = '\0';
        cr_assert_null(text_nearest("xxx", (const char *[]){word}, 1));
        word[64] = '\0';
        cr_assert_str_eq(text_nearest(word, (const char *[]){word}, 1), word);
}

Test(nearest, one_random_edit_is_always_found) {
        Random r = random_start();
        for (int i = 0; i < 20000; i++) {
                const char *meant = commands[random_below(&r, ARRAY_SIZE(commands))];
                char word[16];
                strcpy(word, meant);
                size_t n = strlen(word), at = random_below(&r, n);
                switch (random_below(&r, 3)) {
                case 0:
                        word[at] = 'z';
                        break;
                case 1:
                        memmove(word + at, word + at + 1, n - at);
                        break;
                default:
                        memmove(word + at + 1, word + at, n - at + 1);
                        word[at] = 'z';
                }
                CHECK(&r, text_nearest(word, commands, ARRAY_SIZE(commands)) != NULL);
                CHECK(&r, text_nearest(word, &meant, 1) == meant);
        }
}
